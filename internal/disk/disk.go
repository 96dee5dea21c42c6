// Package disk writes files so that nobody is told of one before it is there.
//
// A power cut keeps only what was synced: the bytes of a file by a sync of the
// file, its name by a sync of the folder that holds it. A file that is written
// here appears under its name whole or not at all, and when the call has
// returned it stays. Only its owner may read it, whatever the umask is: the data
// folder holds citizens' words, and may itself be open to everybody.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Dir makes a folder and those above it, where they are missing; their names
// survive a power cut.
func Dir(path string) error {
	path = filepath.Clean(path)
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("%s is not a folder", path)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	above := filepath.Dir(path)
	if err := Dir(above); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(above)
}

// SyncDir puts the names in a folder on the disk.
func SyncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// File is a new file that has no name of its own yet.
type File struct{ *os.File }

// Create begins a file in a folder; pattern as for os.CreateTemp tells whose it
// is, should a crash leave it. End with Keep or Drop.
func Create(dir, pattern string) (File, error) {
	f, err := os.CreateTemp(dir, pattern) // mode 0600
	return File{f}, err
}

// Keep syncs the file, gives it its name, replacing what had it, and syncs the
// name. The folder is on the same file system as the one of Create.
func (f File) Keep(path string) error {
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		os.Remove(f.Name())
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		os.Remove(f.Name())
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// KeepNew is Keep for a name that nobody has yet: of two that want it at the same
// moment one gets it, and the other fs.ErrExist.
func (f File) KeepNew(path string) error {
	defer os.Remove(f.Name())
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	// A rename replaces what has the name. Where files take no second name (FAT,
	// some network shares) an empty file claims it first.
	switch err := os.Link(f.Name(), path); {
	case errors.Is(err, fs.ErrExist):
		return err
	case err != nil:
		claim, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if err := errors.Join(claim.Close(), os.Rename(f.Name(), path)); err != nil {
			os.Remove(path)
			return err
		}
	}
	return SyncDir(filepath.Dir(path))
}

// Drop forgets the file.
func (f File) Drop() {
	f.Close()
	os.Remove(f.Name())
}

// Private takes a file from everybody but its owner; one that is not there is no
// error.
func Private(path string) error {
	info, err := os.Stat(path)
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = os.Chmod(path, info.Mode().Perm()&^0o077)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// IsFull reports whether an error says that no byte more can be kept.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsFailing reports whether an error says that the disk takes no writing at all:
// mounted for reading only, as the kernel does after an error, or broken.
func IsFailing(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EIO)
}

// Free is how many bytes a folder's file system still has for us.
func Free(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("space of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

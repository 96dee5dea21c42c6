package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"codeberg.org/arengo/arengo/internal/disk"
	"codeberg.org/arengo/arengo/internal/fault"
)

// Disk keeps contents in a folder: ab/cd/abcd…, so that no folder grows beyond
// what a file system likes. A backup may copy it at any time: a file is either
// there and whole, or not there.
type Disk struct {
	dir    string
	create func(dir string) (name string, w io.WriteCloser, err error)
}

var _ Store = (*Disk)(nil)

// incoming is the folder of what is not yet whole, on the same file system so
// that a rename is enough.
const incoming = "incoming"

// NewDisk opens or creates the folder dir.
func NewDisk(dir string) (*Disk, error) {
	if err := disk.Dir(filepath.Join(dir, incoming)); err != nil {
		return nil, fmt.Errorf("open media folder: %w", err)
	}
	return &Disk{dir: dir, create: createTemp}, nil
}

func createTemp(dir string) (string, io.WriteCloser, error) {
	f, err := os.CreateTemp(dir, "put-")
	if err != nil {
		return "", nil, err
	}
	return f.Name(), f, nil
}

func (d *Disk) path(hash string) string {
	return filepath.Join(d.dir, hash[:2], hash[2:4], hash)
}

// Put writes beside the place, and moves the whole into it.
func (d *Disk) Put(ctx context.Context, r io.Reader) (Blob, error) {
	temp, w, err := d.create(filepath.Join(d.dir, incoming))
	if err != nil {
		return Blob{}, full(fmt.Errorf("store media: %w", err))
	}
	defer os.Remove(temp) // a no-op after the rename
	s := &spool{file: w}
	if err := s.fill(ctx, r); err != nil {
		return Blob{}, fmt.Errorf("store media: %w", err)
	}
	b := s.blob()
	path := d.path(b.Hash)
	if err := disk.Dir(filepath.Dir(path)); err != nil {
		return Blob{}, full(fmt.Errorf("store media: %w", err))
	}
	if err := os.Rename(temp, path); err != nil {
		return Blob{}, full(fmt.Errorf("store media: %w", err))
	}
	// The names must survive a power cut as well as the bytes. Folders that were
	// there are synced too: another upload may have made them a moment ago.
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if err := disk.SyncDir(dir); err != nil {
			return Blob{}, full(fmt.Errorf("store media: %w", err))
		}
		if len(dir) <= len(filepath.Clean(d.dir)) {
			return b, nil
		}
	}
}

// Open reads a content.
func (d *Disk) Open(_ context.Context, hash string) (io.ReadSeekCloser, int64, error) {
	if err := checkHash(hash); err != nil {
		return nil, 0, err
	}
	f, err := os.Open(d.path(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fault.Missing("media.missing").Because(err)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open media: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("open media: %w", err)
	}
	return f, info.Size(), nil
}

// Delete forgets a content.
func (d *Disk) Delete(_ context.Context, hash string) error {
	if err := checkHash(hash); err != nil {
		return err
	}
	if err := os.Remove(d.path(hash)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete media: %w", err)
	}
	return nil
}

// Sweep removes what a crash left half written before the given time, and
// returns how many files that were. Uploads still running are younger.
func (d *Disk) Sweep(ctx context.Context, before time.Time) (int, error) {
	entries, err := os.ReadDir(filepath.Join(d.dir, incoming))
	if err != nil {
		return 0, fmt.Errorf("sweep media: %w", err)
	}
	n := 0
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		info, err := e.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue // gone meanwhile, or young
		}
		if err := os.Remove(filepath.Join(d.dir, incoming, e.Name())); err == nil {
			n++
		}
	}
	return n, nil
}

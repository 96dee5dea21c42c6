package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"codeberg.org/arengo/arengo/internal/disk"
)

// Ring is a key file while its current key is being replaced: Begin, seal anew
// what the old keys sealed, Retire. Each step leaves a file with which everything
// opens, and can be repeated.
type Ring struct {
	path string
	keys []key
}

// OpenRing reads a key file, which must be there.
func OpenRing(path string) (*Ring, error) {
	keys, err := readFile(path)
	return &Ring{path, keys}, err
}

// masters are the keys that seal and open, the current one first.
func (r *Ring) masters() (all []key) {
	return slices.DeleteFunc(slices.Clone(r.keys), func(k key) bool { return k.retired })
}

// Begin puts a new current key before the others, unless an earlier rotation did
// and was interrupted. The file as it was is kept beside it, for backups that were
// made with the old key; kept is its name.
func (r *Ring) Begin() (resumed bool, kept string, err error) {
	masters := r.masters()
	old := masters[len(masters)-1]
	kept = r.path + ".before-" + old.id
	if len(masters) > 1 {
		return true, kept, nil
	}
	if err := r.write(kept, r.keys); err != nil {
		return false, "", err
	}
	r.keys = append([]key{freshKey()}, r.keys...)
	return false, kept, r.write(r.path, r.keys)
}

// Box seals with the current key and opens with all that are not retired.
func (r *Ring) Box() (*Box, error) { return newBox(r.keys) }

// Retire takes all keys but the current one away. Of each the key that makes
// look-up values stays: with it alone nothing can be opened, but links in letters
// that were sent, codes on paper and the pseudonyms of authors go on to be known.
func (r *Ring) Retire() error {
	for n, k := range r.keys {
		if n == 0 || k.retired {
			continue
		}
		mac, err := macKey(k)
		if err != nil {
			return err
		}
		r.keys[n] = key{id: k.id, bytes: mac, retired: true}
	}
	return r.write(r.path, r.keys)
}

// write puts keys into a file, safe on the disk, in one step.
func (r *Ring) write(path string, keys []key) error {
	temp, err := writeTemp(path, keys)
	if err != nil {
		return fmt.Errorf("write master key: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(fmt.Errorf("write master key: %w", err), os.Remove(temp))
	}
	return disk.SyncDir(filepath.Dir(path))
}

// exists reports whether there is something at a path.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

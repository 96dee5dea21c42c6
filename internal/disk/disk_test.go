package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"codeberg.org/arengo/arengo/internal/disk"
)

// Many who want the same new name at once: one has it whole, the others know that
// they do not, and nothing else is left in the folder.
func TestNewNameIsGivenOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "copy.zip")
	var kept, refused atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			f, err := disk.Create(dir, "copy.zip.*.part")
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := f.WriteString("all of it"); err != nil {
				t.Error(err)
			}
			switch err := f.KeepNew(path); {
			case err == nil:
				kept.Add(1)
			case errors.Is(err, fs.ErrExist):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if kept.Load() != 1 || refused.Load() != 19 {
		t.Errorf("%d have the name, %d know that they do not", kept.Load(), refused.Load())
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "all of it" {
		t.Errorf("the file: %q, %v", text, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left in the folder: %v", left)
	}
}

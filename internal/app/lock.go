package app

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockFolder makes this process the only one on a data folder. The lock goes
// with the process, however it ends.
func lockFolder(dir string) (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "arengo.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return func() {}, fmt.Errorf("lock data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return func() {}, fmt.Errorf("another Arengo is using %s: stop it first, or choose another folder with --data", dir)
	}
	return func() { f.Close() }, nil
}

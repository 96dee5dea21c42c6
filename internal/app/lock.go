package app

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/disk"
	"codeberg.org/arengo/arengo/internal/fault"
)

// hold makes this process the only one that serves, migrates or restores a
// SQLite file. The lock goes with the process, however it ends. On PostgreSQL
// there may be many nodes: only the folder is made.
func hold(c config.Config) (release func(), err error) {
	release = func() {}
	if err := disk.Dir(c.Data); err != nil {
		return release, fmt.Errorf("data folder: %w", err)
	}
	if c.Database != "" {
		return release, nil
	}
	f, err := os.OpenFile(filepath.Join(c.Data, "arengo.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return release, fmt.Errorf("lock data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return release, fault.Clash("fault.folder_taken", c.Data)
	}
	return func() { f.Close() }, nil
}

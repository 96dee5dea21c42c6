package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/disk"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/secret"
)

const (
	littleSpace = 2 << 30   // bytes: time to look
	noSpace     = 256 << 20 // bytes: the next photographs fill the disk
	clockError  = 5 * time.Second
	staleStats  = 30 * 24 * time.Hour
	manyRows    = 1_000 // below it the planner's guesses do no harm
)

// files looks at the data folder: may we write, may others read, is there room.
func (x *doctor) files() {
	f, err := os.CreateTemp(x.c.Data, ".doctor-")
	if err != nil {
		x.failed("data", x.c.Data, err)
	} else {
		f.Close()
		os.Remove(f.Name())
		x.well("data", x.c.Data)
		if free, err := disk.Free(x.c.Data); err != nil {
			x.failed("space", x.c.Data, err)
		} else {
			x.room(free)
		}
	}
	private := []string{x.c.MasterKey}
	if x.c.Database == "" {
		private = append(private, address(x.c), address(x.c)+"-wal")
	}
	if x.c.File != "" {
		x.configFile()
	}
	if x.c.SMTP.DKIMKey != "" {
		private = append(private, x.c.SMTP.DKIMKey)
	}
	for _, path := range private {
		x.private(path)
	}
}

// room judges what is free on the disk, in bytes.
func (x *doctor) room(free uint64) {
	switch {
	case free < noSpace:
		x.bad("space", x.c.Data, "full", free>>20)
	case free < littleSpace:
		x.note("space", x.c.Data, "little", free>>20)
	default:
		x.well("space", x.c.Data)
	}
}

// private finds a file that others than its owner, and on purpose its group, read.
func (x *doctor) private(path string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return // whoever needs it says so
	case err != nil:
		x.failed("permissions", path, err)
		return
	}
	mode := info.Mode().Perm()
	if open := mode & 0o007; open != 0 && !hidden(path) || path == x.c.MasterKey && mode&0o077 != 0 {
		x.bad("permissions", path, "open", mode.String())
		return
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && os.Getuid() != 0 && int(s.Uid) != os.Getuid() {
		x.bad("permissions", path, "owner", s.Uid, os.Getuid())
		return
	}
	x.well("permissions", path)
}

// hidden reports whether a folder above keeps everybody else out.
func hidden(path string) bool {
	path, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o005 == 0 {
			return true
		}
	}
	return false
}

// configFile finds a password in a configuration that everybody reads.
func (x *doctor) configFile() {
	info, err := os.Stat(x.c.File)
	if err != nil {
		x.failed("permissions", x.c.File, err)
		return
	}
	if info.Mode().Perm()&0o004 != 0 && !hidden(x.c.File) && x.c.HoldsSecret() {
		x.bad("permissions", x.c.File, "secret", info.Mode().Perm().String())
		return
	}
	x.well("permissions", x.c.File)
}

// database looks at the version and at what the planner knows.
func (x *doctor) database(ctx context.Context) {
	version, stale := "", false
	err := x.d.Read(ctx, func(tx *db.Tx) (err error) {
		if tx.Engine() == db.SQLite {
			if err = tx.QueryRow(ctx, `SELECT sqlite_version()`).Scan(&version); err != nil {
				return err
			}
			stale, err = sqliteStale(ctx, tx, manyRows)
			return err
		}
		if err = tx.QueryRow(ctx, `SELECT current_setting('server_version')`).Scan(&version); err != nil {
			return err
		}
		var n int
		err = tx.QueryRow(ctx, `
			SELECT count(*) FROM pg_stat_user_tables WHERE n_live_tup > $1
				AND COALESCE(GREATEST(last_analyze, last_autoanalyze), 'epoch') < CAST($2 AS timestamptz)`, manyRows, x.Now.Add(-staleStats)).Scan(&n)
		stale = n > 0
		return err
	})
	switch {
	case err != nil:
		x.failed("database", x.place(), err)
		return
	case stale:
		x.bad("statistics", x.place(), "old")
	default:
		x.well("statistics", x.place())
	}
	x.add(Finding{"database", x.place(), Well, "version", []any{string(x.d.Engine), version}})
}

// sqliteStale reports whether a database of some size was never analysed.
func sqliteStale(ctx context.Context, tx *db.Tx, many int) (bool, error) {
	var rows, known int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM publication`).Scan(&rows); err != nil || rows < many {
		return false, err
	}
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'`).Scan(&known); err != nil || known == 0 {
		return true, err
	}
	err := tx.QueryRow(ctx, `SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'publication'`).Scan(&known)
	return known == 0, err
}

// key looks at the master key: readable by us alone, and the one of this database.
func (x *doctor) key(ctx context.Context) {
	box, err := secret.Read(x.c.MasterKey)
	if err != nil {
		x.failed("key", x.c.MasterKey, err)
		return
	}
	if x.d != nil {
		var id string
		if err := x.d.Read(ctx, func(tx *db.Tx) (err error) { id, err = registeredKey(ctx, tx); return err }); err != nil {
			x.failed("key", x.c.MasterKey, err)
			return
		}
		if id != "" && !box.Has(id) {
			x.failed("key", x.c.MasterKey, fault.New(fault.Unavailable, "secret.other", x.c.MasterKey, id))
			return
		}
	}
	if box.Rotating() {
		x.bad("key", x.c.MasterKey, "rotating")
		return
	}
	if left, _ := filepath.Glob(x.c.MasterKey + ".before-*"); len(left) > 0 {
		x.note("key", x.c.MasterKey, "kept", left[0])
		return
	}
	x.well("key", x.c.MasterKey)
}

// clock compares the machine's clock with the kernel's opinion of it, with the
// disk's and with the database server's: signatures and schedules stand on it.
func (x *doctor) clock(ctx context.Context) {
	var t syscall.Timex
	const unsynchronised = 5 // TIME_ERROR, adjtimex(2)
	if state, err := syscall.Adjtimex(&t); err == nil && state == unsynchronised {
		x.note("clock", "", "no_ntp")
	}
	if f, err := os.CreateTemp(x.c.Data, ".doctor-"); err == nil {
		info, err := f.Stat()
		f.Close()
		os.Remove(f.Name())
		if d := apart(info, err); d > clockError {
			x.bad("clock", x.c.Data, "disk", d.Round(time.Second).String())
		}
	}
	if x.d == nil || x.d.Engine != db.Postgres {
		x.well("clock", "")
		return
	}
	var theirs float64
	err := x.d.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(ctx, `SELECT EXTRACT(EPOCH FROM clock_timestamp())`).Scan(&theirs)
	})
	switch d := time.Since(time.UnixMicro(int64(theirs * 1e6))).Abs(); {
	case err != nil:
		x.failed("clock", x.place(), err)
	case d > clockError:
		x.bad("clock", x.place(), "server", d.Round(time.Second).String())
	default:
		x.well("clock", x.place())
	}
}

func apart(info fs.FileInfo, err error) time.Duration {
	if err != nil {
		return 0
	}
	return time.Since(info.ModTime()).Abs()
}

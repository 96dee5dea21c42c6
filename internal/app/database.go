package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// address is where the configured database is.
func address(c config.Config) string {
	if c.Database != "" {
		return c.Database
	}
	return filepath.Join(c.Data, "arengo.db")
}

// FoundDB opens the configured database, makes it where there is none, and
// brings it up to date: for the few commands that may begin an installation. A
// server that runs on the same SQLite file keeps it from changing the tables.
func FoundDB(ctx context.Context, c config.Config, log *slog.Logger) (*db.DB, error) {
	d, err := UpToDateDB(ctx, c)
	if err == nil || !fault.Is(err, fault.Unavailable) {
		return d, err
	}
	release, err := hold(c)
	if err != nil {
		return nil, err
	}
	defer release()
	return openDB(ctx, c, log)
}

// UpToDateDB opens the database of an installation that is there and needs no
// migration: for a command that works beside the server and must change nothing
// behind its back. Faults: Unavailable with what to do.
func UpToDateDB(ctx context.Context, c config.Config) (*db.DB, error) {
	d, pending, err := ExistingDB(ctx, c)
	if err == nil && len(pending) > 0 {
		err = errors.Join(fault.New(fault.Unavailable, "fault.database_older", pending[0]), d.Close())
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// ExistingDB opens the database of an installation that is there, of this version
// or an earlier one, and changes nothing; pending are the migrations that it
// lacks. A mistyped folder is an Unavailable fault, not a new installation.
func ExistingDB(ctx context.Context, c config.Config) (d *db.DB, pending []string, err error) {
	where := address(c)
	none := fault.New(fault.Unavailable, "fault.database_empty")
	if c.Database == "" {
		none = fault.New(fault.Unavailable, "fault.database_none", where)
		if _, err := os.Stat(where); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, none
		} else if err != nil {
			return nil, nil, fmt.Errorf("open database: %w", err)
		}
	}
	if d, err = db.Open(ctx, where); err != nil {
		return nil, nil, err
	}
	pending, err = d.Pending(ctx)
	if err == nil {
		var done []string
		if done, err = d.Applied(ctx); err == nil && len(done) == 0 {
			err = none
		}
	}
	if err == nil && len(pending) == 0 {
		d.Marker, err = marker(ctx, c, d)
	}
	if err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}
	return d, pending, nil
}

// openDB opens the database and brings it up to date. On SQLite the caller holds
// the folder, and a copy is kept before anything changes.
func openDB(ctx context.Context, c config.Config, log *slog.Logger) (*db.DB, error) {
	d, err := db.Open(ctx, address(c))
	if err != nil {
		return nil, err
	}
	if err = upgrade(ctx, c, d, log); err == nil {
		d.Marker, err = marker(ctx, c, d)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func upgrade(ctx context.Context, c config.Config, d *db.DB, log *slog.Logger) error {
	pending, err := d.Pending(ctx)
	if err != nil || len(pending) == 0 {
		return err
	}
	done, err := d.Applied(ctx)
	if err != nil {
		return err
	}
	if d.Engine == db.SQLite && len(done) > 0 {
		keep := filepath.Join(c.Data, "before-"+pending[0]+".db")
		if err := d.Snapshot(ctx, keep); err != nil {
			return fmt.Errorf("copy before migrating: %w", err)
		}
		log.Info("kept a copy of the database", "file", keep)
	}
	n, err := d.Migrate(ctx)
	if n > 0 {
		log.Info("brought the database up to date", "migrations", n)
	}
	return err
}

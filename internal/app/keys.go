package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/secret"
)

// registeredKey is the name of the master key with which this database is sealed;
// "" when none was used yet.
func registeredKey(ctx context.Context, tx *db.Tx) (id string, err error) {
	err = tx.QueryRow(ctx, `SELECT id FROM master_key`).Scan(&id)
	if errors.Is(err, db.ErrNone) {
		return "", nil
	}
	return id, err
}

func registerKey(ctx context.Context, tx *db.Tx, id string, now time.Time) error {
	if _, err := tx.Exec(ctx, `DELETE FROM master_key`); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO master_key (id, since) VALUES ($1, $2)`, id, db.At(now))
	return err
}

// openBox reads the key file. Where the database was never sealed it is made when
// it is missing; later a missing or another file is refused, instead of beginning
// with a key that opens nothing. Faults: Unavailable, with what to do.
func openBox(ctx context.Context, c config.Config, d *db.DB, now time.Time) (*secret.Box, error) {
	var id string
	if err := d.Read(ctx, func(tx *db.Tx) (err error) { id, err = registeredKey(ctx, tx); return err }); err != nil {
		return nil, err
	}
	box, err := readBox(c, id)
	if err != nil || id != "" {
		return box, err
	}
	return box, d.InTx(ctx, func(tx *db.Tx) error {
		// Nodes that start together on an empty database agree on the first.
		if id, err := registeredKey(ctx, tx); err != nil || id != "" {
			return err
		}
		return registerKey(ctx, tx, box.Current(), now)
	})
}

// readBox reads the key file of a database that is sealed with the named key; for
// one that was never sealed the file is made when it is missing.
func readBox(c config.Config, id string) (*secret.Box, error) {
	if id == "" {
		return secret.Load(c.MasterKey)
	}
	box, err := secret.Read(c.MasterKey)
	if err == nil && !box.Has(id) {
		return nil, fault.New(fault.Unavailable, "secret.other", c.MasterKey, id)
	}
	return box, err
}

// sealer signs the records of the audit log with the master key, which it reads
// when it is first needed: a command that records nothing needs no key.
type sealer struct {
	open func() (*secret.Box, error)
}

// lazily is a sealer of the configured key, for a database that is sealed with the
// named one; "" when none was used yet. It asks the database nothing: it is needed
// within transactions.
func lazily(c config.Config, id string) sealer {
	return sealer{sync.OnceValues(func() (*secret.Box, error) { return readBox(c, id) })}
}

// marker is lazily for a database that is open and up to date.
func marker(ctx context.Context, c config.Config, d *db.DB) (db.Marker, error) {
	var id string
	err := d.Read(ctx, func(tx *db.Tx) (err error) { id, err = registeredKey(ctx, tx); return err })
	return lazily(c, id), err
}

// Mark is the keyed hash of data for a purpose.
func (s sealer) Mark(purpose, data string) (string, error) {
	box, err := s.open()
	if err != nil {
		return "", err
	}
	return box.MAC(purpose, data), nil
}

// Marked reports whether mark was made with a key that is in use.
func (s sealer) Marked(purpose, data, mark string) (bool, error) {
	box, err := s.open()
	if err != nil {
		return false, err
	}
	return box.SameNow(purpose, data, mark), nil
}

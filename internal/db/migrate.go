package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/disk"
	"codeberg.org/arengo/arengo/internal/fault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one numbered file of SQL.
type migration struct {
	name, text, sum string
}

func migrations() ([]migration, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	out := make([]migration, len(names))
	for i, name := range names {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		h := sha256.Sum256(text)
		out[i] = migration{path.Base(name), string(text), hex.EncodeToString(h[:8])}
	}
	return out, nil
}

// Pending lists the migrations that have not run yet. A database that knows a
// migration this binary does not is newer: an Unavailable fault.
func (db *DB) Pending(ctx context.Context) (names []string, err error) {
	all, err := migrations()
	if err != nil {
		return nil, err
	}
	err = db.Read(ctx, func(tx *Tx) error {
		done, err := applied(ctx, tx)
		if err != nil {
			return err
		}
		for _, m := range all {
			if _, ok := done[m.name]; !ok {
				names = append(names, m.name)
			}
			delete(done, m.name)
		}
		return newer(done)
	})
	return names, err
}

func newer(unknown map[string]string) error {
	for name := range unknown {
		return fault.New(fault.Unavailable, "fault.database_newer", name)
	}
	return nil
}

// applied maps the name of each migration that has run to its checksum.
func applied(ctx context.Context, tx *Tx) (map[string]string, error) {
	done := map[string]string{}
	exists := `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'migration'`
	if tx.Engine() == Postgres {
		exists = `SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'migration'`
	}
	var n int
	if err := tx.QueryRow(ctx, exists).Scan(&n); err != nil || n == 0 {
		return done, err
	}
	_, err := All(ctx, tx, func(s Scanner) (struct{}, error) {
		var name, sum string
		err := s.Scan(&name, &sum)
		done[name] = sum
		return struct{}{}, err
	}, `SELECT name, sum FROM migration`)
	return done, err
}

// Migrate applies the pending migrations in one transaction. Nodes that start
// together wait for each other. It refuses a file that changed after it ran, a
// new file that sorts before one already applied, and a database of a newer
// version; then nothing is changed.
func (db *DB) Migrate(ctx context.Context) (ran int, err error) { return db.MigrateTo(ctx, "") }

// MigrateTo is Migrate up to the named migration; empty is the last.
func (db *DB) MigrateTo(ctx context.Context, last string) (ran int, err error) {
	return ran, db.InTx(ctx, func(tx *Tx) (err error) {
		ran, err = tx.Migrate(ctx, last)
		return err
	})
}

// Migrate is MigrateTo within a transaction.
func (t *Tx) Migrate(ctx context.Context, last string) (ran int, err error) {
	all, err := migrations()
	if err != nil {
		return 0, err
	}
	all = slices.DeleteFunc(all, func(m migration) bool { return last != "" && m.name > last })
	if t.Engine() == Postgres {
		if _, err := t.Exec(ctx, `SELECT pg_advisory_xact_lock(`+migrating+`)`); err != nil {
			return 0, err
		}
	} // SQLite: BEGIN IMMEDIATE already holds the write lock.
	if _, err := t.Exec(ctx, `CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, sum TEXT NOT NULL, ran_at BIGINT NOT NULL)`); err != nil {
		return 0, err
	}
	done, err := applied(ctx, t)
	if err != nil {
		return 0, err
	}
	var newest string
	for name := range done {
		newest = max(newest, name)
	}
	for _, m := range all {
		sum, have := done[m.name]
		delete(done, m.name)
		switch {
		case have && sum != m.sum:
			return ran, fmt.Errorf("migration %s changed after it was applied", m.name)
		case have:
			continue
		case m.name < newest:
			return ran, fmt.Errorf("migration %s sorts before %s, which was applied already", m.name, newest)
		}
		if err := run(ctx, t, m); err != nil {
			return ran, err
		}
		ran++
	}
	return ran, newer(done)
}

// migrating is PostgreSQL's advisory lock of whoever changes the schema.
const migrating = "7203115"

// Alone runs fn while no other node changes the schema: for tables that are not
// made by our migrations. fn uses connections of its own. On SQLite the holder of
// the data folder is alone anyway.
func (db *DB) Alone(ctx context.Context, fn func() error) error {
	if db.Engine == SQLite {
		return fn()
	}
	return db.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(`+migrating+`)`); err != nil {
			return err
		}
		return fn()
	})
}

func run(ctx context.Context, tx *Tx, m migration) error {
	for _, stmt := range statements(m.text, tx.Engine()) {
		if _, err := tx.Exec(ctx, stmt); err != nil {
			return fmt.Errorf("migration %s: %w in %.60q", m.name, err, stmt)
		}
	}
	_, err := tx.Exec(ctx, `INSERT INTO migration (name, sum, ran_at) VALUES ($1, $2, $3)`, m.name, m.sum, At(time.Now()))
	return err
}

// statements splits a migration at lines holding only ";;" and drops the parts
// that start with "-- only: ENGINE" for another engine.
func statements(text string, e Engine) (out []string) {
	for part := range strings.SplitSeq(text, "\n;;\n") {
		part = strings.TrimSpace(part)
		if rest, ok := strings.CutPrefix(part, "-- only: "); ok && !strings.HasPrefix(rest, string(e)) {
			continue
		}
		if part = strings.TrimSuffix(part, "\n;;"); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// Tables lists the application's tables as the migrations create them, so that a
// table comes after those it refers to. River's are not among them.
func Tables() ([]string, error) { return tables(func(string) bool { return true }) }

// TablesOf is Tables of an earlier schema, to which the named migrations lead.
func TablesOf(names []string) ([]string, error) {
	return tables(func(name string) bool { return slices.Contains(names, name) })
}

func tables(in func(migration string) bool) (names []string, err error) {
	all, err := migrations()
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if !in(m.name) {
			continue
		}
		for _, found := range tableMade.FindAllStringSubmatch(m.text, -1) {
			switch made, name := found[1] == "CREATE", found[2]; {
			case !made:
				names = slices.DeleteFunc(names, func(n string) bool { return n == name })
			case !slices.Contains(names, name): // else a table that was built anew
				names = append(names, name)
			}
		}
	}
	return names, nil
}

var tableMade = regexp.MustCompile(`(?m)^(CREATE|DROP) TABLE (\w+)`)

// Applied lists the migrations that have run, in order.
func (db *DB) Applied(ctx context.Context) (names []string, err error) {
	err = db.Read(ctx, func(tx *Tx) error {
		done, err := applied(ctx, tx)
		names = slices.Sorted(maps.Keys(done))
		return err
	})
	return names, err
}

// Snapshot writes a consistent copy of the SQLite database to a new file, while
// it is in use. On PostgreSQL it is an error: backup reads the tables there.
func (db *DB) Snapshot(ctx context.Context, file string) error {
	if db.Engine != SQLite {
		return errors.New("snapshot: only for SQLite")
	}
	d, err := sql.Open("sqlite", sqliteDSN(db.path, "deferred"))
	if err != nil {
		return err
	}
	defer d.Close()
	// SQLite takes an empty file, and does not sync what it writes into it.
	f, err := disk.Create(filepath.Dir(file), filepath.Base(file)+".*.part")
	if err != nil {
		return err
	}
	if _, err := d.ExecContext(ctx, `VACUUM INTO ?`, f.Name()); err != nil {
		f.Drop()
		return classify(err)
	}
	return f.Keep(file)
}

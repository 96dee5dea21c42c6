package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"codeberg.org/arengo/arengo/internal/fault"
)

// classify maps the drivers' errors to ours. A full or broken disk and a server
// that does not serve are Unavailable faults, so that a person reads what to do.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return classifyPostgres(pg, err)
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return fault.New(fault.Unavailable, "fault.database_away").Because(err)
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return classifySQLite(lite.Code(), err)
	}
	return err
}

// classifyPostgres goes by the codes of PostgreSQL's manual, appendix A.
func classifyPostgres(pg *pgconn.PgError, err error) error {
	switch pg.Code {
	case "23505":
		return fmt.Errorf("%w: %w", ErrExists, err)
	case "53100":
		return fault.New(fault.Unavailable, "fault.disk_full").Because(err)
	case "40001", "40P01":
		return fault.New(fault.Unavailable, "fault.busy").Because(err)
	case "25006", "58030": // a standby or a server set to reading only; a broken disk
		return fault.New(fault.Unavailable, "fault.disk_failing").Because(err)
	case "57P01", "57P02", "57P03", "53300": // shut down, crashed, starting, no connection left
		return fault.New(fault.Unavailable, "fault.database_away").Because(err)
	}
	return err
}

func classifySQLite(code int, err error) error {
	switch code & 0xff {
	case sqlitelib.SQLITE_CONSTRAINT:
		if code == sqlitelib.SQLITE_CONSTRAINT_UNIQUE || code == sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY {
			return fmt.Errorf("%w: %w", ErrExists, err)
		}
	case sqlitelib.SQLITE_FULL:
		return fault.New(fault.Unavailable, "fault.disk_full").Because(err)
	case sqlitelib.SQLITE_BUSY:
		return fault.New(fault.Unavailable, "fault.busy").Because(err)
	case sqlitelib.SQLITE_READONLY, sqlitelib.SQLITE_IOERR, sqlitelib.SQLITE_CANTOPEN:
		return fault.New(fault.Unavailable, "fault.disk_failing").Because(err)
	}
	return err
}

// unopened is classify for the start of the program: whoever starts it can put the
// file right, and is told which one.
func unopened(path string, err error) error {
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return err
	}
	switch lite.Code() & 0xff {
	case sqlitelib.SQLITE_READONLY, sqlitelib.SQLITE_CANTOPEN:
		return fault.New(fault.Unavailable, "fault.database_unwritable", path).Because(err)
	case sqlitelib.SQLITE_NOTADB, sqlitelib.SQLITE_CORRUPT:
		return fault.New(fault.Unavailable, "fault.database_damaged", path).Because(err)
	}
	return classify(err)
}

// away is classify for an error of the connection itself: where the driver has no
// answer of the server, there is no server. The caller's own end is none of that.
func (db *DB) away(ctx context.Context, err error) error {
	var answered *pgconn.PgError
	if db.Engine == SQLite || ctx.Err() != nil || errors.As(err, &answered) || errors.Is(err, ErrNone) || errors.Is(err, sql.ErrTxDone) {
		return classify(err)
	}
	return fault.New(fault.Unavailable, "fault.database_away").Because(err)
}

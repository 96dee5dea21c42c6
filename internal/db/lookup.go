package db

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Lookup is a query for one row that is asked for very often, such as a version
// with each page. It is prepared once for each connection and runs outside any
// transaction: like every single statement it sees one state of the database.
type Lookup struct {
	db *DB
	q  string

	mu   sync.Mutex
	stmt *sql.Stmt // nil on PostgreSQL, whose driver keeps statements by itself
}

// Lookup prepares a query at its first use.
func (db *DB) Lookup(q string) *Lookup { return &Lookup{db: db, q: db.rebind(q)} }

// Scan asks for the row of one argument and stores its columns in dest. ErrNone when
// there is none.
func (l *Lookup) Scan(ctx context.Context, arg any, dest ...any) error {
	return l.ScanAll(ctx, []any{arg}, dest...)
}

// ScanAll is Scan for a query of several arguments.
func (l *Lookup) ScanAll(ctx context.Context, args []any, dest ...any) error {
	count(ctx)
	if l.db.pool != nil {
		err := none(l.db.pool.QueryRow(ctx, l.q, args...).Scan(dest...))
		if err == nil {
			return nil
		}
		return l.db.away(ctx, err)
	}
	stmt, err := l.prepared(ctx)
	if err != nil {
		return classify(err)
	}
	return classify(stmt.QueryRowContext(ctx, args...).Scan(dest...))
}

// none gives the driver's word for "no row" our name.
func none(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNone
	}
	return err
}

func (l *Lookup) prepared(ctx context.Context) (*sql.Stmt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stmt == nil {
		stmt, err := l.db.read.PrepareContext(ctx, l.q)
		if err != nil {
			return nil, err
		}
		l.stmt = stmt
	}
	return l.stmt, nil
}

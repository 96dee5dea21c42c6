// Package db lets one SQL text serve SQLite and PostgreSQL.
//
// SQL is written with $1, $2 placeholders and the subset both engines share:
// ON CONFLICT, RETURNING, FILTER, common table expressions, window functions,
// UPDATE … FROM. Identifiers are UUIDv7 as TEXT made in Go, times are BIGINT
// microseconds UTC (At, When), money BIGINT cents, JSON is TEXT checked in Go.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"codeberg.org/arengo/arengo/internal/disk"
	"codeberg.org/arengo/arengo/internal/fault"
)

// ErrExists reports that a row breaks a unique constraint.
var ErrExists = errors.New("already exists")

// ErrNone reports that a query for one row found none.
var ErrNone = sql.ErrNoRows

// Engine names the database behind a DB.
type Engine string

// The two engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// DB is the application's connection to either engine.
type DB struct {
	Engine Engine

	// write and read are the same pool on PostgreSQL. On SQLite there is one
	// writer, so that writers queue in Go rather than poll the file's lock, and
	// readers that cannot write and never wait for it.
	write, read *sql.DB
	pool        *pgxpool.Pool // nil on SQLite
	path        string        // of the SQLite file
	bus         bus

	// Marker signs rows that nobody may write behind our back; nil in tests that
	// have no key. It is set before the first transaction.
	Marker Marker
}

// Marker makes keyed hashes, and knows them again.
type Marker interface {
	Mark(purpose, data string) (string, error)
	Marked(purpose, data, mark string) (bool, error)
}

// Open connects to where: "postgres://…" or the path of a SQLite file.
func Open(ctx context.Context, where string) (*DB, error) {
	if strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://") {
		return openPostgres(ctx, where)
	}
	return openSQLite(ctx, where)
}

func openPostgres(ctx context.Context, where string) (*DB, error) {
	cfg, err := pgxpool.ParseConfig(where)
	if err != nil {
		return nil, fmt.Errorf("database address: %w", err)
	}
	if !strings.Contains(where, "pool_max_conns") {
		cfg.MaxConns = 24
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	std := stdlib.OpenDBFromPool(pool)
	return &DB{Engine: Postgres, write: std, read: std, pool: pool}, nil
}

// sqliteDSN is the address of the file with the pragmas every connection needs.
// Synchronous is FULL: a commit is on the disk before we answer, or before we say
// something that cannot be taken back. NORMAL would lose, in a power cut, what
// was acknowledged, and repeat what had gone out.
func sqliteDSN(path, txlock string, more ...string) string {
	q := []string{
		"_pragma=busy_timeout(10000)", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)",
		"_pragma=foreign_keys(ON)", "_pragma=temp_store(MEMORY)", "_pragma=cache_size(-8000)", "_txlock=" + txlock,
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: strings.Join(append(q, more...), "&")}
	return u.String()
}

func openSQLite(ctx context.Context, path string) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := private(path); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	write, err := sql.Open("sqlite", sqliteDSN(path, "immediate"))
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	write.SetMaxOpenConns(1)
	if err := write.PingContext(ctx); err != nil {
		write.Close()
		return nil, fmt.Errorf("open database %s: %w", path, unopened(path, err))
	}
	read, err := sql.Open("sqlite", sqliteDSN(path, "deferred", "_pragma=query_only(ON)"))
	if err != nil {
		write.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	read.SetConnMaxLifetime(readerLife)
	return &DB{Engine: SQLite, write: write, read: read, path: path}, nil
}

// private makes the file, where there is none, and keeps others from reading it;
// what SQLite puts beside it has the file's mode. A file that is there is never
// opened here: closing it would end the locks of this process.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, part := range []string{"", "-wal", "-shm", "-journal"} {
		if err := disk.Private(path + part); err != nil {
			return err
		}
	}
	return nil
}

// Close ends all connections.
func (db *DB) Close() error {
	err := db.write.Close()
	if db.read != db.write {
		err = errors.Join(err, db.read.Close())
	}
	if db.pool != nil {
		db.pool.Close()
	}
	return err
}

// Pool is PostgreSQL's connection pool for package jobs; nil on SQLite.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Separate opens a further single connection to the SQLite file, for package
// jobs, which must not queue behind the application's writer.
func (db *DB) Separate() (*sql.DB, error) {
	d, err := sql.Open("sqlite", sqliteDSN(db.path, "immediate"))
	if err == nil {
		d.SetMaxOpenConns(1)
	}
	return d, err
}

// Ping proves that the database answers.
func (db *DB) Ping(ctx context.Context) error {
	var n int
	return db.read.QueryRowContext(ctx, `SELECT 1`).Scan(&n)
}

// InTx runs fn in a transaction that may write, and commits it when fn returns
// nil. A panic in fn rolls back. Transactions do not nest: fn passes its Tx on.
func (db *DB) InTx(ctx context.Context, fn func(*Tx) error) error {
	return db.inTx(ctx, db.write, nil, fn)
}

// Read runs fn in a transaction that sees one state of the database and cannot
// write. On SQLite it does not wait for a writer.
func (db *DB) Read(ctx context.Context, fn func(*Tx) error) error {
	return db.inTx(ctx, db.read, &sql.TxOptions{ReadOnly: db.Engine == Postgres, Isolation: isolation(db.Engine)}, fn)
}

func isolation(e Engine) sql.IsolationLevel {
	if e == Postgres {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault
}

func (db *DB) inTx(ctx context.Context, pool *sql.DB, opts *sql.TxOptions, fn func(*Tx) error) error {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return db.away(ctx, err)
	}
	defer conn.Close()
	t := &Tx{db: db}
	if db.Engine == Postgres {
		if err := conn.Raw(func(dc any) error { t.pg = dc.(*stdlib.Conn).Conn(); return nil }); err != nil {
			return err
		}
	}
	if t.tx, err = conn.BeginTx(ctx, opts); err != nil {
		return db.away(ctx, err)
	}
	defer t.tx.Rollback()
	if err := fn(t); err != nil {
		if t.pg != nil && t.pg.IsClosed() && fault.Is(err, fault.Internal) {
			return db.away(ctx, err) // whatever fn makes of it, the server left us
		}
		return classify(err)
	}
	if err := t.tx.Commit(); err != nil {
		return db.away(ctx, err)
	}
	db.bus.publish(t.notices)
	return nil
}

// Tx is a transaction on either engine.
type Tx struct {
	tx      *sql.Tx
	pg      *pgx.Conn // the connection under tx; nil on SQLite
	db      *DB
	notices []Notice
}

// Mark is the keyed hash of data for a purpose; empty where there is no key.
func (t *Tx) Mark(purpose, data string) (string, error) {
	if t.db.Marker == nil {
		return "", nil
	}
	return t.db.Marker.Mark(purpose, data)
}

// Marked reports whether a hash was made by Mark with the key that is in use.
func (t *Tx) Marked(purpose, data, mark string) (bool, error) {
	if t.db.Marker == nil {
		return false, errors.New("no key to check a mark with")
	}
	return t.db.Marker.Marked(purpose, data, mark)
}

// Engine names the engine, for the few texts that must differ.
func (t *Tx) Engine() Engine { return t.db.Engine }

// SQL is the transaction for package jobs, which enqueues in it.
func (t *Tx) SQL() *sql.Tx { return t.tx }

// PG is PostgreSQL's connection under the transaction; nil on SQLite.
func (t *Tx) PG() *pgx.Conn { return t.pg }

// Exec runs a statement.
func (t *Tx) Exec(ctx context.Context, q string, args ...any) (sql.Result, error) {
	count(ctx)
	r, err := t.tx.ExecContext(ctx, t.db.rebind(q), args...)
	return r, classify(err)
}

// Change runs a statement and returns how many rows it touched.
func (t *Tx) Change(ctx context.Context, q string, args ...any) (int64, error) {
	r, err := t.Exec(ctx, q, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Query runs a query; prefer All.
func (t *Tx) Query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	count(ctx)
	r, err := t.tx.QueryContext(ctx, t.db.rebind(q), args...)
	return r, classify(err)
}

// QueryRow runs a query for one row; Scan returns ErrNone when there is none.
func (t *Tx) QueryRow(ctx context.Context, q string, args ...any) *sql.Row {
	count(ctx)
	return t.tx.QueryRowContext(ctx, t.db.rebind(q), args...)
}

// Scanner is a row being read.
type Scanner interface{ Scan(dest ...any) error }

// All collects the rows of a query, each read by scan.
func All[T any](ctx context.Context, t *Tx, scan func(Scanner) (T, error), q string, args ...any) ([]T, error) {
	rows, err := t.Query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// Col reads a row of one column.
func Col[T any](s Scanner) (v T, err error) { err = s.Scan(&v); return v, err }

// rebind turns $1 into ?1: in SQLite $1 is a named parameter, bound by order of
// first appearance, so that "$2, $1" would silently swap its arguments.
func (db *DB) rebind(q string) string {
	if db.Engine == Postgres {
		return q
	}
	b := []byte(q)
	for i := 0; i+1 < len(b); i++ {
		if b[i] == '$' && b[i+1] >= '1' && b[i+1] <= '9' {
			b[i] = '?'
		}
	}
	return string(b)
}

// NewID returns a fresh identifier: a UUIDv7, so that identifiers sort by time.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// At is a time as it is stored: microseconds UTC. The zero time is 0.
func At(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// When is the time of a stored value.
func When(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

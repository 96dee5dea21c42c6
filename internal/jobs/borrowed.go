package jobs

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// borrowedTx lends River the pgx connection under a transaction that
// database/sql owns: it runs statements and never commits or rolls back.
type borrowedTx struct {
	pgx.Tx // nil: the methods not listed here are not called for an insert
	conn   *pgx.Conn
}

func (t *borrowedTx) Conn() *pgx.Conn { return t.conn }

func (t *borrowedTx) Exec(ctx context.Context, q string, a ...any) (pgconn.CommandTag, error) {
	return t.conn.Exec(ctx, q, a...)
}

func (t *borrowedTx) Query(ctx context.Context, q string, a ...any) (pgx.Rows, error) {
	return t.conn.Query(ctx, q, a...)
}

func (t *borrowedTx) QueryRow(ctx context.Context, q string, a ...any) pgx.Row {
	return t.conn.QueryRow(ctx, q, a...)
}

func (t *borrowedTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return t.conn.SendBatch(ctx, b)
}

func (t *borrowedTx) CopyFrom(ctx context.Context, table pgx.Identifier, cols []string, src pgx.CopyFromSource) (int64, error) {
	return t.conn.CopyFrom(ctx, table, cols, src)
}

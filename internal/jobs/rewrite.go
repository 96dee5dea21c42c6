package jobs

import (
	"context"
	"encoding/json"

	"codeberg.org/arengo/arengo/internal/db"
)

// Rewrite changes the arguments of the work of a kind that is not done yet, and
// returns of how much. It is for the time when no pool works.
func Rewrite(ctx context.Context, d *db.DB, kind string, change func(json.RawMessage) (json.RawMessage, error)) (n int, err error) {
	type job struct {
		id   int64
		args string
	}
	read, write := `args::text`, `CAST($2 AS jsonb)`
	if d.Engine == db.SQLite {
		read, write = `json(args)`, `jsonb($2)`
	}
	err = d.InTx(ctx, func(tx *db.Tx) error {
		if there, err := hasQueue(ctx, tx); err != nil || !there {
			return err
		}
		all, err := db.All(ctx, tx, func(s db.Scanner) (j job, err error) { return j, s.Scan(&j.id, &j.args) },
			`SELECT id, `+read+` FROM river_job WHERE kind = $1 AND state NOT IN ('completed', 'cancelled', 'discarded')`, kind)
		if err != nil {
			return err
		}
		for _, j := range all {
			fresh, err := change(json.RawMessage(j.args))
			if err != nil {
				return err
			}
			if string(fresh) == j.args {
				continue
			}
			if _, err := tx.Exec(ctx, `UPDATE river_job SET args = `+write+` WHERE id = $1`, j.id, string(fresh)); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// hasQueue reports whether a server ever ran on the database: River's tables are
// made by the first.
func hasQueue(ctx context.Context, tx *db.Tx) (bool, error) {
	q := `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'river_job'`
	if tx.Engine() == db.Postgres {
		q = `SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'river_job'`
	}
	var n int
	err := tx.QueryRow(ctx, q).Scan(&n)
	return n > 0, err
}

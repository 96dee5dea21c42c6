package newsletter

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// Restored makes a restored backup safe: a letter that the backup saw waiting may
// have left since, so it is unconfirmed and not sent by itself, and the next
// digest tells only what is published from now on.
func Restored(ctx context.Context, tx *db.Tx, now time.Time) error {
	for _, q := range []string{
		`UPDATE recipient SET state = 'unconfirmed', code = 'restored', changed_at = $1 WHERE state IN ('waiting', 'attempting')`,
		`UPDATE issue SET state = 'done', done_at = $1, lease = '', lease_until = 0 WHERE state IN ('sending', 'paused')`,
		`UPDATE issue SET until_at = $1 WHERE kind IN ('daily', 'weekly') AND until_at < $1`,
	} {
		if _, err := tx.Exec(ctx, q, db.At(now)); err != nil {
			return err
		}
	}
	return nil
}

// Recover gives back all leases: for the start of the only process on a SQLite
// file, whose earlier workers are all dead.
func (l *List) Recover(ctx context.Context) error {
	err := l.db.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE issue SET lease = '', lease_until = 0 WHERE lease <> ''`)
		return err
	})
	if err != nil {
		return err
	}
	return l.goOn(ctx, l.clock())
}

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

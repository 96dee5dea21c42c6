package webmention

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// Restored makes a restored backup safe: a page that the backup saw waiting to be
// told may know since. It is told of the message's next revision.
func Restored(ctx context.Context, tx *db.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE webmention_out SET state = 'given_up', code = 'restored', updated_at = $1 WHERE state = 'waiting'`, db.At(now))
	return err
}

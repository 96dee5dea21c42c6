package webhook

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// Restored makes a restored backup safe: a notice that the backup saw waiting may
// have arrived since, so it is given up, and the deadlines that have passed count
// as told.
func Restored(ctx context.Context, tx *db.Tx, now time.Time) error {
	if _, err := tx.Exec(ctx, `UPDATE webhook_delivery SET state = 'failed', error = 'webhook.restored', changed_at = $1 WHERE state = 'waiting'`, db.At(now)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO webhook_overdue (institution_id, conversation_id, due_at)
		SELECT institution_id, id, due_at FROM conversation WHERE state = 'open' AND waiting AND due_at > 0 AND due_at < $1
		ON CONFLICT DO NOTHING`, db.At(now))
	return err
}

package activitypub

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// Restored makes a restored backup safe: what the backup saw on its way may have
// arrived since, and may have been corrected or withdrawn since, so that a server
// which has forgotten it would show it again. It is given up. Deletions go on:
// repeating one shows nothing to anybody.
func Restored(ctx context.Context, tx *db.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE ap_delivery SET state = 'given_up', code = 'restored', changed_at = $1
		WHERE state = 'waiting' AND NOT EXISTS (SELECT 1 FROM ap_activity a
			WHERE a.institution_id = ap_delivery.institution_id AND a.id = ap_delivery.activity_id AND a.type = 'Delete')`, db.At(now))
	return err
}

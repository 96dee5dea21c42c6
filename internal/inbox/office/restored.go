package office

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// Restored makes a restored backup safe: of the deadlines that have passed since,
// and of those near enough to be reminded of, the offices may have been told; they
// are not told again. A new deadline is.
func Restored(ctx context.Context, tx *db.Tx, now time.Time) error {
	for kind, until := range map[letterKind]time.Time{letterAlarm: now, letterReminder: now.Add(reminderHorizon)} {
		for _, from := range []string{
			`conversation s WHERE s.state = 'open' AND s.waiting AND s.office_id <> ''`,
			`office_request s WHERE s.state = 'open'`,
		} {
			_, err := tx.Exec(ctx, `
				INSERT INTO office_alarm (institution_id, kind, subject_id, due_at, at, told)
				SELECT s.institution_id, CAST($1 AS TEXT), s.id, s.due_at, CAST($2 AS BIGINT), '' FROM `+from+` AND s.due_at > 0 AND s.due_at <= $3
				ON CONFLICT DO NOTHING`, string(kind), db.At(now), db.At(until))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

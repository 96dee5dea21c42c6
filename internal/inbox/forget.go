package inbox

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// forget takes away all that an author said and who it was, and returns the
// conversations that must be summed up. A blocked author keeps the platform's name,
// without which the block would end; the counts of what it said stay.
func (in *Inbox) forget(ctx context.Context, tx *db.Tx, institutionID, authorID string, now time.Time) ([]string, error) {
	words, err := db.All(ctx, tx, scanComment, `SELECT `+commentColumns+` FROM comment m WHERE m.institution_id = $1 AND m.author_id = $2`, institutionID, authorID)
	if err != nil {
		return nil, err
	}
	touched := map[string]bool{}
	for _, c := range words {
		touched[c.ConversationID] = true
		if err := eraseWords(ctx, tx, c, now); err != nil {
			return nil, err
		}
	}
	for _, drop := range []string{
		`DELETE FROM reaction WHERE institution_id = $1 AND author_id = $2`,
		`UPDATE author SET handle = '', name = '', url = '', avatar = '',
			remote_id = CASE WHEN blocked_at > 0 THEN remote_id ELSE 'gone:' || id END WHERE institution_id = $1 AND id = $2`,
	} {
		if _, err := tx.Exec(ctx, drop, institutionID, authorID); err != nil {
			return nil, err
		}
	}
	for id := range touched {
		if err := in.restem(ctx, tx, institutionID, id); err != nil {
			return nil, err
		}
	}
	return sortedKeys(touched), nil
}

package inbox

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
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
		// Letters put aside; their files go with the next tidy.
		`DELETE FROM letter_aside WHERE institution_id = $1
			AND author_id = (SELECT a.remote_id FROM author a WHERE a.institution_id = $1 AND a.id = $2)
			AND channel_id IN (SELECT c.id FROM channel c JOIN author a ON a.institution_id = c.institution_id AND a.platform = c.platform WHERE c.institution_id = $1 AND a.id = $2)`,
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

// Forget takes away all that is kept of somebody outside, because they asked for
// it: what they said, who they were, in the moderation log too. Counts stay.
// Faults: NotFound, Forbidden.
func (in *Inbox) Forget(ctx context.Context, institutionID, authorID string) error {
	if _, err := people.Can(ctx, people.Moderate, institutionID); err != nil {
		return err
	}
	now := in.clock()
	return in.db.InTx(ctx, func(tx *db.Tx) error {
		i, err := institution.ByID(ctx, tx, institutionID)
		if err != nil {
			return err
		}
		if _, err := AuthorByID(ctx, tx, institutionID, authorID); err != nil {
			return err
		}
		for n := allReactions; n == allReactions; {
			if n, err = tallyReactions(ctx, tx, i, allReactions, `r.author_id = $2`, authorID); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `
			UPDATE moderation SET text = '', author = '', appeal = '' WHERE institution_id = $1
				AND comment_id IN (SELECT id FROM comment WHERE institution_id = $1 AND author_id = $2)`, institutionID, authorID); err != nil {
			return err
		}
		touched, err := in.forget(ctx, tx, institutionID, authorID, now)
		if err != nil {
			return err
		}
		for _, id := range touched {
			if err := in.sumUp(ctx, tx, institutionID, id, now); err != nil {
				return err
			}
		}
		if err := audit.Record(ctx, tx, institutionID, "author.forget", authorID, nil, now); err != nil {
			return err
		}
		return tx.Notify(ctx, Topic, institutionID)
	})
}

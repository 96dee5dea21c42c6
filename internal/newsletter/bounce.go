package newsletter

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/mail"
)

// ReceiveBounce reads a letter that came back (RFC 3464) and counts it. The
// Message-ID tells which of our letters it is about: it was never shown to
// anybody but its reader, so nobody can stop the letters of somebody else by
// writing one. Letters that are no report, or about none of ours, change
// nothing; n is how many were counted.
func ReceiveBounce(ctx context.Context, d *db.DB, letter io.Reader, now time.Time) (n int, err error) {
	all, err := mail.ParseBounce(letter)
	if errors.Is(err, mail.ErrNoReport) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	err = d.InTx(ctx, func(tx *db.Tx) error {
		n = 0
		for _, b := range all {
			if b.Action != "failed" || b.MessageID == "" {
				continue
			}
			var institutionID, issueID, subscriberID string
			err := tx.QueryRow(ctx, `
				UPDATE recipient SET state = 'refused', code = $2, changed_at = $3
				WHERE message_id = $1 AND state IN ('sent', 'unconfirmed', 'attempting')
				RETURNING institution_id, issue_id, subscriber_id`, b.MessageID, b.Status, db.At(now)).Scan(&institutionID, &issueID, &subscriberID)
			if errors.Is(err, db.ErrNone) {
				continue
			}
			if err != nil {
				return err
			}
			if err := bounced(ctx, tx, institutionID, subscriberID, b.Permanent() && strings.HasPrefix(b.Status, "5.1."), now); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

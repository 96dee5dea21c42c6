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
			subscriberID, issueID, ours := readMessageID(b.MessageID)
			if b.Action != "failed" || !ours {
				continue
			}
			var institutionID string
			err := tx.QueryRow(ctx, `
				UPDATE recipient SET state = 'refused', code = $3, changed_at = $4
				WHERE institution_id = (SELECT institution_id FROM issue WHERE id = $1) AND issue_id = $1 AND subscriber_id = $2
					AND state IN ('sent', 'unconfirmed', 'attempting')
				RETURNING institution_id`, issueID, subscriberID, b.Status, db.At(now)).Scan(&institutionID)
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

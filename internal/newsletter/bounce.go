package newsletter

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/mail"
)

// ReceiveBounce reads a letter that came back, or a reader's complaint, and counts
// it. The Message-ID tells which of our letters it is about: it was never shown to
// anybody but its reader, so nobody can stop the letters of somebody else by writing
// one. Letters that are no report, or about none of ours, change nothing; n is how
// many were counted. Every error is one that may be gone later.
func ReceiveBounce(ctx context.Context, d *db.DB, letter io.Reader, now time.Time) (n int, err error) {
	raw, err := io.ReadAll(io.LimitReader(letter, mail.MaxReport))
	if err != nil {
		return 0, err
	}
	r, ok := mail.ParseReport(raw)
	if !ok {
		return 0, nil
	}
	err = d.InTx(ctx, func(tx *db.Tx) (err error) {
		n, err = Reported(ctx, tx, r, now)
		return err
	})
	return n, err
}

// Reported counts what a report says of letters of ours, and returns how many there
// were. Telling it twice changes nothing.
func Reported(ctx context.Context, tx *db.Tx, r mail.Report, now time.Time) (n int, err error) {
	failed, hard, status := verdict(r)
	if !failed && !r.Complaint {
		return 0, nil
	}
	for _, id := range r.IDs {
		subscriberID, issueID, ours := readMessageID(id)
		if !ours {
			continue
		}
		counted := false
		if r.Complaint {
			counted, err = complained(ctx, tx, subscriberID, issueID, now)
		} else {
			counted, err = undelivered(ctx, tx, subscriberID, issueID, status, hard, now)
		}
		if err != nil {
			return n, err
		}
		if counted {
			n++
		}
	}
	return n, nil
}

// verdict is what a report says of the one reader that a letter has. Where the
// address stands for several people, one who still has the letter is enough.
func verdict(r mail.Report) (failed, hard bool, status string) {
	hard = true
	for _, b := range r.Recipients {
		if b.Action != "failed" {
			hard = false
			continue
		}
		failed = true
		if status == "" || !b.Hard() {
			status = b.Status
		}
		hard = hard && b.Hard()
	}
	return failed, failed && hard, status
}

// undelivered counts a letter that did not arrive, once.
func undelivered(ctx context.Context, tx *db.Tx, subscriberID, issueID, status string, hard bool, now time.Time) (bool, error) {
	var institutionID string
	err := tx.QueryRow(ctx, `
		UPDATE recipient SET state = 'refused', code = $3, changed_at = $4
		WHERE institution_id = (SELECT institution_id FROM issue WHERE id = $1) AND issue_id = $1 AND subscriber_id = $2
			AND state IN ('sent', 'unconfirmed', 'attempting')
		RETURNING institution_id`, issueID, subscriberID, status, db.At(now)).Scan(&institutionID)
	if errors.Is(err, db.ErrNone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, bounced(ctx, tx, institutionID, subscriberID, hard, now)
}

// complained ends the subscription of a reader who called a letter spam: whoever does
// not find the link to unsubscribe has said as much.
func complained(ctx context.Context, tx *db.Tx, subscriberID, issueID string, now time.Time) (bool, error) {
	var institutionID string
	err := tx.QueryRow(ctx, `
		SELECT r.institution_id FROM recipient r
		JOIN subscriber s ON s.institution_id = r.institution_id AND s.id = r.subscriber_id AND s.state <> 'ended'
		WHERE r.institution_id = (SELECT institution_id FROM issue WHERE id = $1) AND r.issue_id = $1 AND r.subscriber_id = $2
			AND r.state <> 'waiting'`, issueID, subscriberID).Scan(&institutionID)
	if errors.Is(err, db.ErrNone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, forget(ctx, tx, institutionID, subscriberID, now)
}

// isID reports whether a word has the form of our identifiers.
func isID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

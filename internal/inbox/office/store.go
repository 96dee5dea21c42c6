package office

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// messageTitle is the title of a message of ours, empty when there is none.
func messageTitle(ctx context.Context, tx *db.Tx, institutionID, messageID string) (title string, err error) {
	if messageID == "" {
		return "", nil
	}
	err = tx.QueryRow(ctx, `SELECT title FROM publication WHERE institution_id = $1 AND message_id = $2`, institutionID, messageID).Scan(&title)
	if errors.Is(err, db.ErrNone) {
		err = nil
	}
	return title, err
}

// line is one thing said in a conversation, as an office sees it: nothing of who the
// citizen is.
type line struct {
	At      time.Time
	By      string // citizen, institution or office
	Text    string
	Signed  string // by the office's employee
	Another bool   // another citizen than the one who began
	Files   int    // that came with it; they may name the citizen, and are not handed out
}

// Who said a line.
const (
	byCitizen     = "citizen"
	byInstitution = "institution"
	byOffice      = "office"
)

// maxLines bounds what an office is shown: the newest.
const maxLines = 200

// lines are what was said in a conversation, in order, for an office: the citizens'
// words that may be seen, our answers that are out, and what this office wrote.
// Officers' notes and what other offices wrote are not for it.
func lines(ctx context.Context, tx *db.Tx, institutionID, conversationID, officeID string) ([]line, error) {
	all, err := db.All(ctx, tx, func(s db.Scanner) (l line, err error) {
		var at int64
		err = s.Scan(&at, &l.By, &l.Text, &l.Signed, &l.Another, &l.Files)
		l.At = db.When(at)
		return l, err
	}, `
		SELECT at, by_whom, text, signed, another, files FROM (
			SELECT c.said_at AS at, CASE WHEN c.ours THEN 'institution' ELSE 'citizen' END AS by_whom,
				CASE WHEN c.subject <> '' THEN c.subject || ': ' || c.text ELSE c.text END AS text, '' AS signed,
				NOT c.ours AND c.author_id <> v.author_id AS another, c.id AS id,
				(SELECT count(*) FROM letter_file f WHERE f.institution_id = c.institution_id AND f.channel_id = c.channel_id AND f.remote_id = c.remote_id) AS files
			FROM comment c JOIN conversation v ON v.institution_id = c.institution_id AND v.id = c.conversation_id
			WHERE c.institution_id = $1 AND c.conversation_id = $2 AND NOT c.held AND c.hidden_at = 0 AND c.deleted_at = 0
			UNION ALL
			SELECT sent_at, 'institution', text, '', FALSE, id, 0 FROM answer WHERE institution_id = $1 AND conversation_id = $2 AND state = 'sent'
			UNION ALL
			SELECT at, 'office', text, signed, FALSE, id, 0 FROM note WHERE institution_id = $1 AND conversation_id = $2 AND office_id = $3
		) AS said ORDER BY at DESC, id DESC LIMIT $4`, institutionID, conversationID, officeID, maxLines)
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all, err
}

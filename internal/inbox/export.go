package inbox

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
)

// Export writes all that is kept of somebody outside as JSON, row by row: the
// answer to a request for access to personal data (GDPR, articles 15 and 20).
// Faults: NotFound and Forbidden, before anything is written.
func (in *Inbox) Export(ctx context.Context, institutionID, authorID string, w io.Writer) error {
	if _, err := people.Can(ctx, people.Moderate, institutionID); err != nil {
		return err
	}
	err := in.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := AuthorByID(ctx, tx, institutionID, authorID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "author.export", authorID, nil, in.clock())
	})
	if err != nil {
		return err
	}
	return in.db.Read(ctx, func(tx *db.Tx) error {
		author, err := AuthorByID(ctx, tx, institutionID, authorID)
		if err != nil {
			return err
		}
		x := exporting{w: w}
		x.text(`{"author": `)
		x.value(exportedAuthor{author.Platform, author.RemoteID, author.Handle, author.Name, author.URL, author.Avatar, author.BlockedAt})
		for _, part := range exportParts() {
			x.text(",\n\"" + part.name + "\": [")
			if err := x.rows(ctx, tx, part.scan, part.query, institutionID, authorID); err != nil {
				return err
			}
			x.text("]")
		}
		x.text("}\n")
		return x.err
	})
}

// The members of an export. Moments are RFC 3339; a member that was never set is
// left out.
type (
	exportedAuthor struct {
		Platform  channel.Platform `json:"platform"`
		ID        string           `json:"id"`
		Handle    string           `json:"handle"`
		Name      string           `json:"name"`
		URL       string           `json:"url,omitempty"`
		Avatar    string           `json:"avatar,omitempty"`
		BlockedAt time.Time        `json:"blocked_at,omitzero"`
	}
	exportedComment struct {
		ID         string              `json:"id"`
		InReplyTo  string              `json:"in_reply_to,omitempty"`
		URL        string              `json:"url,omitempty"`
		Subject    string              `json:"subject,omitempty"`
		Text       string              `json:"text"`
		Whole      string              `json:"whole,omitempty"`
		Lang       string              `json:"lang,omitempty"`
		Private    bool                `json:"private"`
		Media      []channel.SaidMedia `json:"media,omitempty"`
		Stance     Stance              `json:"stance,omitempty"`
		SaidAt     time.Time           `json:"said_at"`
		ReceivedAt time.Time           `json:"received_at"`
		EditedAt   time.Time           `json:"edited_at,omitzero"`
		DeletedAt  time.Time           `json:"deleted_at,omitzero"`
		HiddenAt   time.Time           `json:"hidden_at,omitzero"`
	}
	exportedAside struct {
		ID      string    `json:"id"`
		Subject string    `json:"subject,omitempty"`
		Text    string    `json:"text"`
		Whole   string    `json:"whole,omitempty"`
		At      time.Time `json:"at"`
	}
	exportedFile struct {
		Comment     string `json:"comment"`
		Name        string `json:"name"`
		ContentType string `json:"content_type,omitempty"`
		Size        int64  `json:"size"`
	}
	exportedEarlier struct {
		Comment string    `json:"comment"`
		Text    string    `json:"text"`
		Until   time.Time `json:"until"`
	}
	exportedReaction struct {
		Reaction string    `json:"reaction"`
		To       string    `json:"to"`
		At       time.Time `json:"at"`
	}
	exportedAnswer struct {
		To   string    `json:"to"`
		Text string    `json:"text"`
		At   time.Time `json:"at"`
	}
	exportedNote struct {
		Text string    `json:"text"`
		At   time.Time `json:"at"`
	}
	exportedModeration struct {
		Act     ModerationAct `json:"act"`
		Rule    string        `json:"rule"`
		Reason  string        `json:"reason,omitempty"`
		Text    string        `json:"text"`
		Warning string        `json:"warning,omitempty"`
		Appeal  string        `json:"appeal,omitempty"`
		Outcome Outcome       `json:"outcome,omitempty"`
		At      time.Time     `json:"at"`
	}
)

// exportPart is one list of an export.
type exportPart struct {
	name, query string
	scan        func(db.Scanner) (any, error)
}

func exportParts() []exportPart {
	return []exportPart{
		{"comments", `SELECT ` + commentColumns + ` FROM comment m WHERE m.institution_id = $1 AND m.author_id = $2 ORDER BY m.said_at, m.id`, func(s db.Scanner) (any, error) {
			c, err := scanComment(s)
			return exportedComment{c.RemoteID, c.ParentID, c.URL, c.Subject, c.Text, c.Whole, c.Lang, c.Private, c.Media, c.Stance, c.SaidAt, c.ReceivedAt, c.EditedAt, c.DeletedAt, c.HiddenAt}, err
		}},
		{"letters_put_aside", `
		SELECT l.remote_id, l.subject, l.said, l.said_at FROM letter_aside l
		JOIN channel c ON c.institution_id = l.institution_id AND c.id = l.channel_id
		JOIN author a ON a.institution_id = l.institution_id AND a.id = $2 AND a.platform = c.platform AND a.remote_id = l.author_id
		WHERE l.institution_id = $1 AND l.said <> '' ORDER BY l.said_at, l.remote_id`, func(s db.Scanner) (any, error) {
			var id, subject, said string
			var at int64
			if err := s.Scan(&id, &subject, &said, &at); err != nil {
				return nil, err
			}
			var l channel.Said
			err := json.Unmarshal([]byte(said), &l)
			return exportedAside{id, subject, l.Text, l.Whole, db.When(at)}, err
		}},
		{"files", `
		SELECT f.remote_id, f.name, f.content_type, f.size FROM letter_file f
		JOIN comment m ON m.institution_id = f.institution_id AND m.channel_id = f.channel_id AND m.remote_id = f.remote_id
		WHERE m.institution_id = $1 AND m.author_id = $2 AND f.hash <> '' ORDER BY m.said_at, f.remote_id, f.n`, func(s db.Scanner) (any, error) {
			var f exportedFile
			err := s.Scan(&f.Comment, &f.Name, &f.ContentType, &f.Size)
			return f, err
		}},
		{"earlier_texts", `
		SELECT m.remote_id, e.text, e.until FROM comment_earlier e JOIN comment m ON m.institution_id = e.institution_id AND m.id = e.comment_id
		WHERE m.institution_id = $1 AND m.author_id = $2 ORDER BY e.until`, func(s db.Scanner) (any, error) {
			var e exportedEarlier
			var at int64
			err := s.Scan(&e.Comment, &e.Text, &at)
			e.Until = db.When(at)
			return e, err
		}},
		{"reactions", `SELECT reaction, target, at FROM reaction WHERE institution_id = $1 AND author_id = $2 ORDER BY at`, func(s db.Scanner) (any, error) {
			var r exportedReaction
			var at int64
			err := s.Scan(&r.Reaction, &r.To, &at)
			r.At = db.When(at)
			return r, err
		}},
		{"answers", `
		SELECT m.remote_id, a.text, a.sent_at FROM answer a JOIN comment m ON m.institution_id = a.institution_id AND m.id = a.comment_id
		WHERE m.institution_id = $1 AND m.author_id = $2 AND a.sent_rev > 0 ORDER BY a.sent_at`, func(s db.Scanner) (any, error) {
			var a exportedAnswer
			var at int64
			err := s.Scan(&a.To, &a.Text, &at)
			a.At = db.When(at)
			return a, err
		}},
		{"notes", `
		SELECT n.text, n.at FROM note n JOIN conversation c ON c.institution_id = n.institution_id AND c.id = n.conversation_id
		WHERE n.institution_id = $1 AND c.author_id = $2 ORDER BY n.at`, func(s db.Scanner) (any, error) {
			var n exportedNote
			var at int64
			err := s.Scan(&n.Text, &at)
			n.At = db.When(at)
			return n, err
		}},
		{"moderation", `
		SELECT ` + moderationColumns + ` FROM moderation WHERE institution_id = $1
			AND comment_id IN (SELECT id FROM comment WHERE institution_id = $1 AND author_id = $2) ORDER BY id`, func(s db.Scanner) (any, error) {
			l, err := scanModeration(s)
			return exportedModeration{l.Act, l.Rule, l.Reason, l.Text, l.Warning, l.Appeal, l.Outcome, l.At}, err
		}},
	}
}

// exporting writes until the first error, and keeps it.
type exporting struct {
	w   io.Writer
	err error
}

func (x *exporting) text(s string) {
	if x.err == nil {
		_, x.err = io.WriteString(x.w, s)
	}
}

func (x *exporting) value(v any) {
	b, err := json.Marshal(v)
	if x.err == nil {
		x.err = err
	}
	x.text(string(b))
}

func (x *exporting) rows(ctx context.Context, tx *db.Tx, scan func(db.Scanner) (any, error), query string, args ...any) error {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for gap := "\n"; rows.Next() && x.err == nil; gap = ",\n" {
		v, err := scan(rows)
		if err != nil {
			return err
		}
		x.text(gap)
		x.value(v)
	}
	return rows.Err()
}

package office

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
)

// Link is a letter's link as it is stored.
type Link struct {
	ID, Kind, OfficeID        string
	ConversationID, RequestID string // one of the two
	Question, AskedBy, Email  string
	CreatedAt, ExpiresAt      time.Time
	RevokedAt                 time.Time
	Answers                   int
}

// Live reports whether the link still opens something.
func (l Link) Live(now time.Time) bool { return l.RevokedAt.IsZero() && now.Before(l.ExpiresAt) }

const linkColumns = `l.id, l.kind, l.office_id, l.conversation_id, l.request_id, l.question, l.asked_by, l.email, l.created_at, l.expires_at, l.revoked_at,
	(SELECT count(*) FROM office_answer a WHERE a.institution_id = l.institution_id AND a.link_id = l.id)`

func scanLink(s db.Scanner) (l Link, err error) {
	var created, expires, revoked int64
	err = s.Scan(&l.ID, &l.Kind, &l.OfficeID, &l.ConversationID, &l.RequestID, &l.Question, &l.AskedBy, &l.Email, &created, &expires, &revoked, &l.Answers)
	l.CreatedAt, l.ExpiresAt, l.RevokedAt = db.When(created), db.When(expires), db.When(revoked)
	return l, err
}

// Links lists the links to a conversation or to a request, newest first.
func Links(ctx context.Context, tx *db.Tx, institutionID, subjectID string) ([]Link, error) {
	return db.All(ctx, tx, scanLink, `
		SELECT `+linkColumns+` FROM office_link l
		WHERE l.institution_id = $1 AND (l.conversation_id = $2 OR l.request_id = $2) ORDER BY l.created_at DESC, l.id DESC LIMIT 50`, institutionID, subjectID)
}

// maxToken bounds what is looked up.
const maxToken = 100

// open finds what a token opens. Fault: NotFound, which says what to do: the token
// was never ours, was revoked, or is too old.
func (o *Offices) open(ctx context.Context, tx *db.Tx, h house, token string, now time.Time) (l Link, err error) {
	whom := h.inst.Email
	if whom == "" {
		whom = h.inst.Name
	}
	if len(token) > maxToken {
		return l, fault.Missing("offices.link.bad", whom)
	}
	l, err = scanLink(tx.QueryRow(ctx, `SELECT `+linkColumns+` FROM office_link l WHERE l.institution_id = $1 AND l.hash = $2`, h.inst.ID, hash(token)))
	switch {
	case errors.Is(err, db.ErrNone):
		return l, fault.Missing("offices.link.bad", whom)
	case err != nil:
		return l, err
	case !l.RevokedAt.IsZero():
		return l, fault.Missing("offices.link.revoked", whom)
	case !now.Before(l.ExpiresAt):
		return l, fault.Missing("offices.link.old", whom)
	}
	return l, nil
}

// Limits of what comes through a link.
const (
	maxInformation = 10_000 // characters
	maxSigned      = 120
	maxAnswers     = 50 // of one link
)

// information is what an office sends through a link.
type information struct {
	Once         string // made with the form: sent twice it counts once
	Text, Signed string
}

// supply keeps what an office sent through a link, once, and tells who waits for it.
// Faults: NotFound for a link that opens nothing, Conflict when the conversation or
// the request is closed, or the link was used too often.
func (o *Offices) supply(ctx context.Context, tx *db.Tx, h house, l Link, in information) error {
	now := o.Clock()
	n, err := tx.Change(ctx, `
		INSERT INTO office_answer (institution_id, id, link_id, request_id, signed, text, at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		h.inst.ID, in.Once, l.ID, l.RequestID, in.Signed, textOf(l, in), db.At(now))
	if err != nil || n == 0 {
		return err
	}
	if l.Answers >= maxAnswers {
		return fault.Clash("offices.link.often", maxAnswers)
	}
	if l.RequestID != "" {
		return o.supplyRequest(ctx, tx, h, l, now)
	}
	return o.supplyConversation(ctx, tx, h, l, in, now)
}

// textOf is the text kept beside the link: that of a conversation's information is
// in its note, and ends with it.
func textOf(l Link, in information) string {
	if l.RequestID != "" {
		return in.Text
	}
	return ""
}

func (o *Offices) supplyConversation(ctx context.Context, tx *db.Tx, h house, l Link, in information, now time.Time) error {
	c, err := inbox.Find(ctx, tx, h.inst.ID, l.ConversationID)
	if err != nil {
		return err
	}
	if c.State != inbox.Open {
		return fault.Clash("offices.link.closed")
	}
	note, err := o.Note(ctx, tx, h.inst.ID, inbox.Note{ConversationID: c.ID, OfficeID: l.OfficeID, Signed: in.Signed, Text: in.Text}, now)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE office_answer SET note_id = $4 WHERE institution_id = $1 AND link_id = $2 AND id = $3`, h.inst.ID, l.ID, in.Once, note.ID); err != nil {
		return err
	}
	officer := l.AskedBy
	if officer == "" {
		officer = c.PersonID
	}
	return o.report(ctx, tx, h, officer, h.name(l.OfficeID), conversationPath(c.ID)+"?da-nota="+note.ID, nil)
}

func (o *Offices) supplyRequest(ctx context.Context, tx *db.Tx, h house, l Link, now time.Time) error {
	r, err := lockRequest(ctx, tx, h.inst.ID, l.RequestID)
	if err != nil {
		return err
	}
	if r.State == RequestClosed {
		return fault.Clash("offices.link.closed")
	}
	if _, err := tx.Exec(ctx, `
		UPDATE office_request SET state = 'answered', answered_at = CASE WHEN answered_at = 0 THEN $3 ELSE answered_at END
		WHERE institution_id = $1 AND id = $2`, h.inst.ID, r.ID, db.At(now)); err != nil {
		return err
	}
	if err := audit.Record(ctx, tx, h.inst.ID, "office.request.answer", r.ID, map[string]any{"link": l.ID}, now); err != nil {
		return err
	}
	if r.MessageID == "" {
		if err := o.jobs.Enqueue(ctx, tx, draftJob{h.inst.ID, r.ID}, jobs.When{}); err != nil {
			return err
		}
	}
	return o.report(ctx, tx, h, r.CreatedBy, h.name(l.OfficeID), requestPath(r.ID), &r)
}

// Ask sends a question about a conversation to an office, with a link; to whom the
// conversation is assigned stays. The question is kept as a note. Faults: Invalid,
// NotFound, Conflict for a closed conversation, Forbidden.
func (o *Offices) Ask(ctx context.Context, institutionID, conversationID, officeID, question string) error {
	actor, err := people.Can(ctx, people.Answer, institutionID)
	if err != nil {
		return err
	}
	return o.DB.InTx(ctx, func(tx *db.Tx) error {
		h, err := read(ctx, tx, institutionID)
		if err != nil {
			return err
		}
		to, err := o.addressee(h, officeID)
		if err != nil {
			return err
		}
		c, err := inbox.Find(ctx, tx, institutionID, conversationID)
		if err != nil {
			return err
		}
		if c.State != inbox.Open {
			return fault.Clash("offices.ask.closed")
		}
		now := o.Clock()
		p := o.Bundle.For(h.inst.Locale, h.inst.Location())
		if _, err := o.Note(ctx, tx, institutionID, inbox.Note{ConversationID: c.ID, PersonID: actor.PersonID, Text: p.T("offices.ask.note", bare(to.Name), question)}, now); err != nil {
			return err
		}
		if err := o.write(ctx, tx, h, letter{kind: letterAsked, office: to, to: to.Email, name: to.Name, question: question, askedBy: actor.PersonID, conversation: &c}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "office.ask", c.ID, map[string]any{"office": to.ID}, now)
	})
}

// RevokeLinks ends all links to a conversation or a request. Faults: Forbidden.
func (o *Offices) RevokeLinks(ctx context.Context, institutionID, subjectID string) error {
	if _, err := people.Can(ctx, people.Answer, institutionID); err != nil {
		return err
	}
	now := o.Clock()
	return o.DB.InTx(ctx, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `UPDATE office_link SET revoked_at = $3 WHERE institution_id = $1 AND (conversation_id = $2 OR request_id = $2) AND revoked_at = 0`,
			institutionID, subjectID, db.At(now))
		if err != nil || n == 0 {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "office.link.revoke", subjectID, map[string]any{"links": n}, now)
	})
}

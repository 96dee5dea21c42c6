package office

import (
	"context"
	"errors"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
)

// RequestState is where a request to an office stands.
type RequestState string

// The states. An answered request may be answered again until somebody closes it.
const (
	RequestOpen     RequestState = "open"
	RequestAnswered RequestState = "answered"
	RequestClosed   RequestState = "closed"
)

// Request is a text or an information that we need from an office by a moment.
type Request struct {
	InstitutionID, ID string
	OfficeID          string
	ProfileID         string // whose message the answer becomes
	Title, Question   string
	DueAt             time.Time
	State             RequestState
	MessageID         string // the draft that the answer became
	CreatedBy         string
	CreatedAt         time.Time
	AnsweredAt        time.Time // the first answer's
	ClosedAt          time.Time
	ClosedBy          string
}

// Late reports whether the answer should have come by now.
func (r Request) Late(now time.Time) bool { return r.State == RequestOpen && now.After(r.DueAt) }

// Supplied is what an office sent in answer to a request.
type Supplied struct {
	Text, Signed string
	At           time.Time
}

// Limits of a request.
const (
	maxTitle    = 200
	maxQuestion = 3000
)

const requestColumns = `institution_id, id, office_id, profile_id, title, question, due_at, state, message_id, created_by, created_at, answered_at, closed_at, closed_by`

func scanRequest(s db.Scanner) (r Request, err error) {
	var due, created, answered, closed int64
	err = s.Scan(&r.InstitutionID, &r.ID, &r.OfficeID, &r.ProfileID, &r.Title, &r.Question, &due, &r.State, &r.MessageID, &r.CreatedBy, &created, &answered, &closed, &r.ClosedBy)
	r.DueAt, r.CreatedAt, r.AnsweredAt, r.ClosedAt = db.When(due), db.When(created), db.When(answered), db.When(closed)
	return r, err
}

// RequestByID returns a request. Fault: NotFound.
func RequestByID(ctx context.Context, tx *db.Tx, institutionID, id string) (Request, error) {
	r, err := scanRequest(tx.QueryRow(ctx, `SELECT `+requestColumns+` FROM office_request WHERE institution_id = $1 AND id = $2`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return r, fault.Missing("offices.request.missing")
	}
	return r, err
}

// lockRequest is RequestByID, and nobody changes the row until the transaction ends.
func lockRequest(ctx context.Context, tx *db.Tx, institutionID, id string) (Request, error) {
	if _, err := tx.Exec(ctx, `UPDATE office_request SET state = state WHERE institution_id = $1 AND id = $2`, institutionID, id); err != nil {
		return Request{}, err
	}
	return RequestByID(ctx, tx, institutionID, id)
}

// maxRequests bounds a list.
const maxRequests = 200

// Requests lists an institution's requests: those that wait, by deadline, or those
// that are closed, newest first.
func Requests(ctx context.Context, tx *db.Tx, institutionID string, closed bool) ([]Request, error) {
	if closed {
		return db.All(ctx, tx, scanRequest, `SELECT `+requestColumns+` FROM office_request
			WHERE institution_id = $1 AND state = 'closed' ORDER BY due_at DESC, id DESC LIMIT $2`, institutionID, maxRequests)
	}
	return db.All(ctx, tx, scanRequest, `SELECT `+requestColumns+` FROM office_request
		WHERE institution_id = $1 AND state IN ('open', 'answered') ORDER BY state DESC, due_at, id LIMIT $2`, institutionID, maxRequests)
}

// Answers lists what an office sent in answer to a request, in order.
func Answers(ctx context.Context, tx *db.Tx, institutionID, requestID string) ([]Supplied, error) {
	return db.All(ctx, tx, func(s db.Scanner) (a Supplied, err error) {
		var at int64
		err = s.Scan(&a.Text, &a.Signed, &at)
		a.At = db.When(at)
		return a, err
	}, `SELECT text, signed, at FROM office_answer WHERE institution_id = $1 AND request_id = $2 ORDER BY at, id`, institutionID, requestID)
}

// addressee is an office that can be written to. Fault: Invalid.
func (o *Offices) addressee(h house, officeID string) (institution.Office, error) {
	to, err := h.office(officeID)
	if err != nil {
		return to, fault.InvalidField("office", "offices.rule.office.missing")
	}
	if to.Email == "" {
		return to, fault.InvalidField("office", "offices.ask.no_email", to.Name)
	}
	return to, nil
}

// Request asks an office for a text or an information by a moment and sends the
// letter. Faults: Invalid, Forbidden.
func (o *Offices) Request(ctx context.Context, institutionID string, r Request) (Request, error) {
	actor, err := people.Can(ctx, people.Write, institutionID)
	if err != nil {
		return r, err
	}
	now := o.Clock()
	var f fault.Fields
	if r.Title == "" {
		f.Add("title", "fault.field.missing")
	}
	if r.Question == "" {
		f.Add("question", "fault.field.missing")
	}
	if r.DueAt.IsZero() {
		f.Add("due", "fault.field.missing")
	} else if !r.DueAt.After(now) {
		f.Add("due", "offices.request.past")
	} else if r.DueAt.After(now.AddDate(2, 0, 0)) {
		f.Add("due", "offices.request.far")
	}
	if err := f.Err(); err != nil {
		return r, err
	}
	r.InstitutionID, r.ID, r.State, r.CreatedBy, r.CreatedAt = institutionID, db.NewID(), RequestOpen, actor.PersonID, now
	return r, o.DB.InTx(ctx, func(tx *db.Tx) error {
		h, err := read(ctx, tx, institutionID)
		if err != nil {
			return err
		}
		to, err := o.addressee(h, r.OfficeID)
		if err != nil {
			return err
		}
		if p, err := institution.ProfileByID(ctx, tx, institutionID, r.ProfileID); err != nil || !p.ArchivedAt.IsZero() {
			return fault.InvalidField("profile", "fault.field.choice")
		}
		if _, err := tx.Exec(ctx, `INSERT INTO office_request (institution_id, id, office_id, profile_id, title, question, due_at, state, created_by, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9)`, institutionID, r.ID, r.OfficeID, r.ProfileID, r.Title, r.Question, db.At(r.DueAt), r.CreatedBy, db.At(now)); err != nil {
			return err
		}
		if err := o.write(ctx, tx, h, letter{kind: letterRequest, office: to, to: to.Email, name: to.Name, question: r.Question, askedBy: actor.PersonID, request: &r}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "office.request", r.ID, map[string]any{"office": to.ID}, now)
	})
}

// Remind writes to the office once more. Faults: NotFound, Conflict when the request
// is closed or was answered, or the last letter is not an hour old; Forbidden.
func (o *Offices) Remind(ctx context.Context, institutionID, id string) error {
	return o.changeRequest(ctx, institutionID, id, "office.request.remind", func(tx *db.Tx, h house, r Request, now time.Time) error {
		if r.State != RequestOpen {
			return fault.Clash("offices.request.not_open")
		}
		links, err := Links(ctx, tx, institutionID, id)
		if err != nil {
			return err
		}
		if len(links) > 0 && now.Sub(links[0].CreatedAt) < time.Hour {
			return fault.Clash("offices.request.soon")
		}
		to, err := o.addressee(h, r.OfficeID)
		if err != nil {
			return err
		}
		return o.write(ctx, tx, h, letter{kind: letterReminder, office: to, to: to.Email, name: to.Name, question: r.Question, askedBy: r.CreatedBy, request: &r})
	})
}

// CloseRequest ends a request; its links open nothing more. Faults: NotFound,
// Conflict when it is closed already, Forbidden.
func (o *Offices) CloseRequest(ctx context.Context, institutionID, id string) error {
	return o.changeRequest(ctx, institutionID, id, "office.request.close", func(tx *db.Tx, _ house, r Request, now time.Time) error {
		if r.State == RequestClosed {
			return fault.Clash("offices.request.closed")
		}
		actor, _ := people.From(ctx)
		_, err := tx.Exec(ctx, `UPDATE office_request SET state = 'closed', closed_at = $3, closed_by = $4 WHERE institution_id = $1 AND id = $2`,
			institutionID, id, db.At(now), actor.PersonID)
		return err
	})
}

func (o *Offices) changeRequest(ctx context.Context, institutionID, id, action string, do func(tx *db.Tx, h house, r Request, now time.Time) error) error {
	if _, err := people.Can(ctx, people.Write, institutionID); err != nil {
		return err
	}
	now := o.Clock()
	return o.DB.InTx(ctx, func(tx *db.Tx) error {
		h, err := read(ctx, tx, institutionID)
		if err != nil {
			return err
		}
		r, err := lockRequest(ctx, tx, institutionID, id)
		if err != nil {
			return err
		}
		if err := do(tx, h, r, now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, action, id, nil, now)
	})
}

// draftJob makes the draft that a request asked for.
type draftJob struct {
	InstitutionID string `json:"institution"`
	RequestID     string `json:"request"`
}

// Kind names the work.
func (draftJob) Kind() string { return "office.draft" }

// errDrafted ends the making of a draft that exists already.
var errDrafted = fault.Clash("offices.request.drafted")

// workDraft makes the draft as the person who asked for the text: hers is the
// message, so somebody else approves it. When she may not write any more, the draft
// is left to a person (MakeDraft).
func (o *Offices) workDraft(ctx context.Context, j draftJob) error {
	var r Request
	var m people.Member
	err := o.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if r, err = RequestByID(ctx, tx, j.InstitutionID, j.RequestID); err != nil {
			return err
		}
		m, err = people.MemberByID(ctx, tx, j.InstitutionID, r.CreatedBy)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	a := people.Actor{PersonID: m.ID, Name: m.Name, Email: m.Email, Locale: m.Locale, InstitutionID: j.InstitutionID, Roles: m.Roles}
	if !m.DisabledAt.IsZero() || !a.May(people.Write) {
		return nil
	}
	err = o.MakeDraft(people.With(ctx, a), j.InstitutionID, j.RequestID)
	switch fault.Of(err).Kind {
	case fault.Conflict, fault.NotFound, fault.Invalid, fault.Forbidden:
		if err != nil {
			return jobs.Never(err) // trying again would change nothing: a person sees the answer
		}
	}
	return err
}

// MakeDraft turns the answer to a request into the draft of a message, once. Faults:
// NotFound, Forbidden, Conflict when there is one already or nothing was answered.
func (o *Offices) MakeDraft(ctx context.Context, institutionID, id string) error {
	if _, err := people.Can(ctx, people.Write, institutionID); err != nil {
		return err
	}
	var r Request
	var answers []Supplied
	err := o.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if r, err = RequestByID(ctx, tx, institutionID, id); err != nil {
			return err
		}
		answers, err = Answers(ctx, tx, institutionID, id)
		return err
	})
	if err != nil {
		return err
	}
	if r.MessageID != "" {
		return errDrafted
	}
	if len(answers) == 0 {
		return fault.Clash("offices.request.unanswered")
	}
	texts := make([]string, len(answers))
	for i, a := range answers {
		texts[i] = a.Text
	}
	d := Draft{ProfileID: r.ProfileID, Title: r.Title, Body: strings.Join(texts, "\n\n")}
	return o.Draft(ctx, institutionID, d, func(ctx context.Context, tx *db.Tx, messageID string) error {
		n, err := tx.Change(ctx, `UPDATE office_request SET message_id = $3 WHERE institution_id = $1 AND id = $2 AND message_id = ''`, institutionID, id, messageID)
		if err == nil && n == 0 {
			return errDrafted
		}
		return err
	})
}

package office

import (
	"context"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// Route gives a new conversation to the office of the first rule that fits, with a
// deadline; it is inbox.Options.Opened. One that no rule fits is nobody's.
func (o *Offices) Route(ctx context.Context, tx *db.Tx, c inbox.Conversation, asked inbox.Comment) error {
	if c.OfficeID != "" {
		return nil
	}
	rules, err := Rules(ctx, tx, c.InstitutionID)
	if err != nil || len(rules) == 0 {
		return err
	}
	h, err := read(ctx, tx, c.InstitutionID)
	if err != nil {
		return err
	}
	q, err := question(ctx, tx, c, asked)
	if err != nil {
		return err
	}
	r, ok := first(rules, h, q)
	if !ok {
		return nil
	}
	now := o.Clock()
	to := inbox.To{OfficeID: r.OfficeID, PersonID: c.PersonID, DueAt: h.due(r.OfficeID, r.Target, now)}
	if err := o.Assign(ctx, tx, c.InstitutionID, c.ID, to, now); err != nil {
		return err
	}
	return o.tell(ctx, tx, h, c.ID, false)
}

// question is what a citizen's first words give to the rules.
func question(ctx context.Context, tx *db.Tx, c inbox.Conversation, asked inbox.Comment) (q Question, err error) {
	q = Question{Text: strings.TrimSpace(asked.Subject + "\n" + asked.Text), Lang: asked.Lang, ProfileID: c.ProfileID, Platform: c.Platform}
	if c.MessageID == "" {
		return q, nil
	}
	m, err := publishing.ByID(ctx, tx, c.InstitutionID, c.MessageID)
	if fault.Is(err, fault.NotFound) {
		return q, nil
	}
	q.Tags, q.Category = m.Content.Tags, m.Content.Category
	if m.Content.Place != nil {
		q.Places = append(q.Places, m.Content.Place.Name)
	}
	if m.Content.Event != nil {
		q.Places = append(q.Places, m.Content.Event.Where)
	}
	return q, err
}

// Heard gives a conversation a new deadline when the citizen wants a further answer
// from the office that has it, and tells the office; it is inbox.Options.Heard.
func (o *Offices) Heard(ctx context.Context, tx *db.Tx, c inbox.Conversation, _ inbox.Comment) error {
	if c.OfficeID == "" || !c.DueAt.IsZero() || !c.Waiting || c.Comments < 2 {
		return nil
	}
	h, err := read(ctx, tx, c.InstitutionID)
	if err != nil {
		return err
	}
	if _, err := h.office(c.OfficeID); err != nil {
		return nil // the office is gone: an officer sees to it
	}
	now := o.Clock()
	if due := h.due(c.OfficeID, 0, now); !due.IsZero() {
		if err := o.Assign(ctx, tx, c.InstitutionID, c.ID, inbox.To{OfficeID: c.OfficeID, PersonID: c.PersonID, DueAt: due}, now); err != nil {
			return err
		}
	}
	return o.tell(ctx, tx, h, c.ID, true)
}

// Changed follows what is done with a conversation; it is inbox.Options.Changed.
// Whoever it is assigned to by hand is told like anybody, and whoever had it before
// cannot open it any more.
func (o *Offices) Changed(ctx context.Context, tx *db.Tx, institutionID, conversationID, what string) error {
	if !slices.Contains([]string{inbox.EventAssigned, inbox.EventReleased, inbox.EventReopened}, what) {
		return nil
	}
	h, err := read(ctx, tx, institutionID)
	if err != nil {
		return err
	}
	return o.tell(ctx, tx, h, conversationID, false)
}

// tell writes to the office that a conversation is theirs, unless it knows already
// (again: also then), and ends the links of the offices that had it before. Nothing
// is sent about words that others may not see yet.
func (o *Offices) tell(ctx context.Context, tx *db.Tx, h house, conversationID string, again bool) error {
	c, err := inbox.Find(ctx, tx, h.inst.ID, conversationID)
	if err != nil {
		return err
	}
	now := o.Clock()
	if _, err := tx.Exec(ctx, `
		UPDATE office_link SET revoked_at = $4
		WHERE institution_id = $1 AND conversation_id = $2 AND office_id <> $3 AND kind <> 'asked' AND revoked_at = 0`,
		h.inst.ID, c.ID, c.OfficeID, db.At(now)); err != nil {
		return err
	}
	to, err := h.office(c.OfficeID)
	if err != nil || to.Email == "" || !h.setting(to.ID).Letters || c.State != inbox.Open || !c.Waiting {
		return nil
	}
	var shown, told int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM comment WHERE institution_id = $1 AND conversation_id = $2 AND NOT held AND hidden_at = 0 AND deleted_at = 0`,
		h.inst.ID, c.ID).Scan(&shown); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM office_link WHERE institution_id = $1 AND conversation_id = $2 AND office_id = $3 AND kind = 'assigned' AND revoked_at = 0`,
		h.inst.ID, c.ID, to.ID).Scan(&told); err != nil {
		return err
	}
	if shown == 0 || told > 0 && !again {
		return nil
	}
	kind := letterAssigned
	if told > 0 {
		kind = letterAgain
	}
	return o.write(ctx, tx, h, letter{kind: kind, office: to, to: to.Email, name: to.Name, conversation: &c})
}

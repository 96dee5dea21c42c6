package inbox

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
)

// MaxAtOnce bounds the conversations of one act.
const MaxAtOnce = 200

// MaxNote bounds a note, in characters.
const MaxNote = 10_000

// each does something with several conversations in one transaction: all, or none.
// Faults: Invalid, NotFound, and those of do.
func (in *Inbox) each(ctx context.Context, institutionID string, ids []string, do func(tx *db.Tx, c Conversation, by people.Actor, now time.Time) error) error {
	actor, err := people.Can(ctx, people.Answer, institutionID)
	if err != nil {
		return err
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	switch {
	case len(ids) == 0:
		return fault.InvalidField("id", "inbox.none_chosen")
	case len(ids) > MaxAtOnce:
		return fault.InvalidField("id", "inbox.too_many", MaxAtOnce)
	}
	now := in.clock()
	return in.db.InTx(ctx, func(tx *db.Tx) error {
		for _, id := range ids {
			c, err := lock(ctx, tx, institutionID, id)
			if err != nil {
				return err
			}
			if err := do(tx, c, actor, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// Assign gives conversations to an office, to a person, or to neither, with or
// without a deadline: exactly as To says. Faults: Invalid, NotFound, Forbidden.
func (in *Inbox) Assign(ctx context.Context, institutionID string, ids []string, to To) error {
	return in.each(ctx, institutionID, ids, func(tx *db.Tx, c Conversation, by people.Actor, now time.Time) error {
		return in.assign(ctx, tx, c, to, by.PersonID, now)
	})
}

// AssignTx is Assign of one conversation by the server: a rule, a new deadline.
// Faults: Invalid, NotFound.
func (in *Inbox) AssignTx(ctx context.Context, tx *db.Tx, institutionID, id string, to To, now time.Time) error {
	c, err := lock(ctx, tx, institutionID, id)
	if err != nil {
		return err
	}
	return in.assign(ctx, tx, c, to, "", now)
}

func (in *Inbox) assign(ctx context.Context, tx *db.Tx, c Conversation, to To, personID string, now time.Time) error {
	to.DueAt = to.DueAt.UTC().Truncate(time.Microsecond)
	moved, again := to.OfficeID != c.OfficeID || to.PersonID != c.PersonID, !to.DueAt.Equal(c.DueAt)
	if !moved && !again {
		return nil
	}
	if err := canTake(ctx, tx, c.InstitutionID, to); err != nil {
		return err
	}
	if moved {
		c.AssignedAt = now
	}
	if again {
		// A new deadline is reminded of, and missed, on its own.
		c.RemindedAt, c.AlarmedAt = time.Time{}, time.Time{}
	}
	if to.DueAt.Unix() <= 0 {
		to.DueAt = time.Time{}
	}
	_, err := tx.Exec(ctx, `
		UPDATE conversation SET office_id = $3, person_id = $4, due_at = $5, assigned_at = $6, reminded_at = $7, alarmed_at = $8, version = version + 1
		WHERE institution_id = $1 AND id = $2`,
		c.InstitutionID, c.ID, to.OfficeID, to.PersonID, db.At(to.DueAt), db.At(c.AssignedAt), db.At(c.RemindedAt), db.At(c.AlarmedAt))
	if err != nil {
		return err
	}
	if moved {
		err = in.happened(ctx, tx, c.InstitutionID, c.ID, EventAssigned, to.OfficeID, personID, now)
	}
	if err == nil && again {
		due := ""
		if !to.DueAt.IsZero() {
			due = to.DueAt.Format(time.RFC3339)
		}
		err = in.happened(ctx, tx, c.InstitutionID, c.ID, EventDeadline, due, personID, now)
	}
	if err != nil {
		return err
	}
	return audit.Record(ctx, tx, c.InstitutionID, "conversation.assign", c.ID, map[string]any{"office": to.OfficeID, "person": to.PersonID, "due": db.At(to.DueAt)}, now)
}

// canTake checks that office and person are of the institution.
func canTake(ctx context.Context, tx *db.Tx, institutionID string, to To) error {
	var office, person bool
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1 FROM office WHERE institution_id = $1 AND id = $2), EXISTS (SELECT 1 FROM membership WHERE institution_id = $1 AND person_id = $3)`,
		institutionID, to.OfficeID, to.PersonID).Scan(&office, &person)
	switch {
	case err != nil:
		return err
	case to.OfficeID != "" && !office:
		return fault.InvalidField("office", "inbox.assign.office")
	case to.PersonID != "" && !person:
		return fault.InvalidField("person", "inbox.assign.person")
	}
	return nil
}

// Close ends conversations. A new word of the citizen opens them again.
func (in *Inbox) Close(ctx context.Context, institutionID string, ids []string) error {
	return in.each(ctx, institutionID, ids, func(tx *db.Tx, c Conversation, by people.Actor, now time.Time) error {
		if c.State == Closed {
			return nil
		}
		if _, err := tx.Exec(ctx, `
			UPDATE conversation SET state = 'closed', waiting = FALSE, closed_at = $3, version = version + 1 WHERE institution_id = $1 AND id = $2`,
			institutionID, c.ID, db.At(now)); err != nil {
			return err
		}
		if err := in.happened(ctx, tx, institutionID, c.ID, EventClosed, "", by.PersonID, now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "conversation.close", c.ID, nil, now)
	})
}

// Reopen takes closing back. Fault: Conflict where nothing is left to answer.
func (in *Inbox) Reopen(ctx context.Context, institutionID string, ids []string) error {
	return in.each(ctx, institutionID, ids, func(tx *db.Tx, c Conversation, by people.Actor, now time.Time) error {
		if c.State == Open {
			return nil
		}
		if !c.ReducedAt.IsZero() {
			return fault.Clash("inbox.reopen.reduced")
		}
		if err := in.reopen(ctx, tx, c, by.PersonID, now); err != nil {
			return err
		}
		if now, err := Find(ctx, tx, institutionID, c.ID); err != nil || now.State == Closed {
			if err == nil {
				err = fault.Clash("inbox.reopen.empty")
			}
			return err
		}
		return audit.Record(ctx, tx, institutionID, "conversation.reopen", c.ID, nil, now)
	})
}

func (in *Inbox) reopen(ctx context.Context, tx *db.Tx, c Conversation, personID string, now time.Time) error {
	if _, err := tx.Exec(ctx, `UPDATE conversation SET state = 'open', closed_at = 0 WHERE institution_id = $1 AND id = $2`, c.InstitutionID, c.ID); err != nil {
		return err
	}
	if err := in.sumUp(ctx, tx, c.InstitutionID, c.ID, now); err != nil {
		return err
	}
	return in.happened(ctx, tx, c.InstitutionID, c.ID, EventReopened, "", personID, now)
}

// Note keeps what an officer says among us about a conversation. Faults: Invalid,
// NotFound, Forbidden.
func (in *Inbox) Note(ctx context.Context, institutionID, id, text string) (n Note, err error) {
	err = in.each(ctx, institutionID, []string{id}, func(tx *db.Tx, c Conversation, by people.Actor, now time.Time) error {
		n, err = in.note(ctx, tx, institutionID, Note{ConversationID: c.ID, PersonID: by.PersonID, Signed: by.Name, Text: text}, now)
		return err
	})
	return n, err
}

// NoteTx keeps a note in the caller's transaction, without asking who may: the
// information that an office gave through a link, or what a program wrote for
// somebody. n says the conversation, the office or the person, who signed, the text.
// Faults: Invalid, NotFound.
func (in *Inbox) NoteTx(ctx context.Context, tx *db.Tx, institutionID string, n Note, now time.Time) (Note, error) {
	c, err := lock(ctx, tx, institutionID, n.ConversationID)
	if err != nil {
		return n, err
	}
	n.ConversationID = c.ID
	return in.note(ctx, tx, institutionID, n, now)
}

func (in *Inbox) note(ctx context.Context, tx *db.Tx, institutionID string, n Note, now time.Time) (Note, error) {
	n.Text = strings.TrimSpace(paragraphs(n.Text, len(n.Text)))
	switch {
	case n.Text == "":
		return n, fault.InvalidField("text", "inbox.note.empty")
	case utf8.RuneCountInString(n.Text) > MaxNote:
		return n, fault.InvalidField("text", "fault.field.long", MaxNote)
	}
	n.ID, n.At, n.Signed = db.NewID(), now, line(n.Signed, maxLine)
	_, err := tx.Exec(ctx, `INSERT INTO note (institution_id, id, conversation_id, person_id, office_id, signed, text, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		institutionID, n.ID, n.ConversationID, n.PersonID, n.OfficeID, n.Signed, n.Text, db.At(now))
	if err != nil {
		return n, err
	}
	if err := in.happened(ctx, tx, institutionID, n.ConversationID, EventNoted, n.ID, n.PersonID, now); err != nil {
		return n, err
	}
	return n, audit.Record(ctx, tx, institutionID, "conversation.note", n.ConversationID, map[string]string{"note": n.ID}, now)
}

// SetStance says what a comment says of what it answers, better than a rule could;
// what a person chose is kept as a label, and no rule changes it. Faults: Invalid,
// NotFound, Forbidden.
func (in *Inbox) SetStance(ctx context.Context, institutionID, commentID string, s Stance) error {
	actor, err := people.Can(ctx, people.Answer, institutionID)
	if err != nil {
		return err
	}
	if !slices.Contains([]Stance{Agrees, Against, Neutral, Question}, s) {
		return fault.InvalidField("stance", "inbox.stance.unknown")
	}
	now := in.clock()
	return in.db.InTx(ctx, func(tx *db.Tx) error {
		c, err := CommentByID(ctx, tx, institutionID, commentID)
		if err != nil {
			return err
		}
		if c.Ours {
			return fault.Clash("inbox.stance.ours")
		}
		if _, err := tx.Exec(ctx, `UPDATE comment SET stance = $3, stance_by = $4 WHERE institution_id = $1 AND id = $2`, institutionID, commentID, s, actor.PersonID); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, institutionID, "comment.stance", commentID, map[string]string{"stance": string(s)}, now); err != nil {
			return err
		}
		return tx.Notify(ctx, Topic, institutionID)
	})
}

package publishing

import (
	"context"
	"errors"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/prose"
)

// Create stores a new draft and returns it. Half-written content is welcome;
// only what is beyond any limit is refused. Faults: Invalid, Forbidden.
func (d *Desk) Create(ctx context.Context, institutionID string, c Content) (m Message, err error) {
	actor, err := people.Can(ctx, people.Write, institutionID)
	if err != nil {
		return m, err
	}
	now := d.clock()
	c = c.Tidy()
	if err := c.check(); err != nil {
		return m, err
	}
	m = Message{
		InstitutionID: institutionID, ID: db.NewID(), AuthorID: actor.PersonID, State: Draft,
		Content: c, Rev: 1, Hash: c.Hash(), EditedBy: actor.PersonID, CreatedAt: now, UpdatedAt: now,
	}
	return m, d.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := institution.ProfileByID(ctx, tx, institutionID, c.ProfileID); err != nil {
			return err
		}
		if err := checkVariants(ctx, tx, institutionID, c); err != nil {
			return err
		}
		if err := put(ctx, tx, m); err != nil {
			return err
		}
		if err := keepVersion(ctx, tx, m); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, institutionID, "message.create", m.ID, nil, now); err != nil {
			return err
		}
		return along(ctx, tx, m)
	})
}

type alongKey struct{}

// Along returns a context under which do runs in the transaction of each change
// of a message, after it: both happen, or neither.
func Along(ctx context.Context, do func(context.Context, *db.Tx, Message) error) context.Context {
	return context.WithValue(ctx, alongKey{}, do)
}

func along(ctx context.Context, tx *db.Tx, m Message) error {
	if do, ok := ctx.Value(alongKey{}).(func(context.Context, *db.Tx, Message) error); ok {
		return do(ctx, tx, m)
	}
	return nil
}

// Save stores a new revision over rev, the one the person started from. When
// somebody else saved in between it is a Conflict and nothing changes: the page
// keeps what was typed beside what is stored. Saving equal content is no change.
// An edit takes back an approval; a chosen moment stays.
func (d *Desk) Save(ctx context.Context, institutionID, id string, rev int64, c Content) (m Message, err error) {
	actor, err := people.Can(ctx, people.Write, institutionID)
	if err != nil {
		return m, err
	}
	c = c.Tidy()
	if err := c.check(); err != nil {
		return m, err
	}
	return m, d.change(ctx, institutionID, id, &m, "message.save", func(tx *db.Tx, now time.Time) (any, error) {
		if err := m.canEdit(); err != nil {
			return nil, err
		}
		if m.Rev != rev {
			return nil, fault.Clash("message.edited")
		}
		if c.Hash() == m.Hash {
			return nil, errSame
		}
		if m.Live() && c.ProfileID != m.Content.ProfileID {
			return nil, fault.InvalidField("profile", "message.profile.live")
		}
		if _, err := institution.ProfileByID(ctx, tx, institutionID, c.ProfileID); err != nil {
			return nil, err
		}
		if err := checkVariants(ctx, tx, institutionID, c); err != nil {
			return nil, err
		}
		m.Content, m.Hash, m.EditedBy, m.UpdatedAt = c, c.Hash(), actor.PersonID, now
		m.Rev++
		m.State, m.ApprovedBy, m.ApprovedAt, m.ApprovedHash = Draft, "", time.Time{}, ""
		return map[string]any{"rev": m.Rev}, keepVersion(ctx, tx, m)
	})
}

// errSame ends a change that would change nothing, as success.
var errSame = errors.New("nothing to change")

// change locks a message, lets do alter it, stores it with the audit record that
// do returns, all in one transaction.
func (d *Desk) change(ctx context.Context, institutionID, id string, m *Message, action string, do func(tx *db.Tx, now time.Time) (detail any, err error)) error {
	now := d.clock()
	err := d.db.InTx(ctx, func(tx *db.Tx) (err error) {
		if *m, err = lock(ctx, tx, institutionID, id); err != nil {
			return err
		}
		detail, err := do(tx, now)
		if err != nil {
			return err
		}
		m.UpdatedAt = now
		if err := put(ctx, tx, *m); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, institutionID, action, id, detail, now); err != nil {
			return err
		}
		return along(ctx, tx, *m)
	})
	if errors.Is(err, errSame) {
		return nil
	}
	return err
}

// Submit asks for approval. The content must be complete: title, text, alt text
// of each picture. On a profile without four eyes it is approved at once.
func (d *Desk) Submit(ctx context.Context, institutionID, id string) (m Message, err error) {
	actor, err := people.Can(ctx, people.Write, institutionID)
	if err != nil {
		return m, err
	}
	return m, d.change(ctx, institutionID, id, &m, "message.submit", func(tx *db.Tx, now time.Time) (any, error) {
		switch m.State {
		case Draft:
		case Submitted:
			return nil, errSame
		default:
			return nil, fault.Clash("message.state.not_draft")
		}
		profile, err := d.ready(ctx, tx, m)
		if err != nil {
			return nil, err
		}
		m.State, m.SubmittedBy, m.SubmittedAt, m.SentBack = Submitted, actor.PersonID, now, ""
		if !profile.FourEyes {
			m.ApprovedBy, m.ApprovedAt, m.ApprovedHash = actor.PersonID, now, m.Hash
			err = d.afterApproval(ctx, tx, &m, now)
		}
		return map[string]any{"hash": m.Hash}, err
	})
}

// ready checks that a message's content is complete, and returns its profile.
func (d *Desk) ready(ctx context.Context, tx *db.Tx, m Message) (institution.Profile, error) {
	profile, err := institution.ProfileByID(ctx, tx, m.InstitutionID, m.Content.ProfileID)
	if err != nil {
		return profile, err
	}
	inst, err := institution.ByID(ctx, tx, m.InstitutionID)
	if err != nil {
		return profile, err
	}
	media, err := mediaOf(ctx, tx, m.InstitutionID, m.Content.Media)
	if err != nil {
		return profile, err
	}
	return profile, m.Content.ready(media, inst.Location())
}

// Approve lets a message go out as it is. hash is of the content the approver
// read; when it is no longer the same, it is a Conflict. A message with a moment
// is scheduled by this. Faults: Conflict, Forbidden to who wrote it.
func (d *Desk) Approve(ctx context.Context, institutionID, id, hash string) (m Message, err error) {
	actor, err := people.Can(ctx, people.Approve, institutionID)
	if err != nil {
		return m, err
	}
	return m, d.change(ctx, institutionID, id, &m, "message.approve", func(tx *db.Tx, now time.Time) (any, error) {
		profile, err := institution.ProfileByID(ctx, tx, institutionID, m.Content.ProfileID)
		if err != nil {
			return nil, err
		}
		if err := m.canApprove(actor.PersonID, hash, profile.FourEyes); err != nil {
			return nil, err
		}
		m.ApprovedBy, m.ApprovedAt, m.ApprovedHash = actor.PersonID, now, m.Hash
		return map[string]any{"hash": m.Hash}, d.afterApproval(ctx, tx, &m, now)
	})
}

// afterApproval moves an approved message on: to its schedule when its moment
// lies ahead, else to wait for somebody to choose one.
func (d *Desk) afterApproval(ctx context.Context, tx *db.Tx, m *Message, now time.Time) error {
	m.State = Approved
	if m.Live() || !m.Plan.Set() || !m.Plan.Due.At.After(now) {
		return nil
	}
	return d.schedule(ctx, tx, m)
}

// SendBack returns a submitted message to its author with a reason.
func (d *Desk) SendBack(ctx context.Context, institutionID, id, reason string) (m Message, err error) {
	if _, err := people.Can(ctx, people.Approve, institutionID); err != nil {
		return m, err
	}
	reason = strings.TrimSpace(prose.Clean(reason))
	if reason == "" {
		return m, fault.InvalidField("reason", "message.send_back.reason")
	}
	return m, d.change(ctx, institutionID, id, &m, "message.send_back", func(tx *db.Tx, now time.Time) (any, error) {
		if m.State != Submitted {
			return nil, fault.Clash("message.state.not_submitted")
		}
		m.State, m.SentBack = Draft, reason
		return nil, nil
	})
}

// Schedule chooses the moment of a message. Approved content is scheduled at
// once; a draft keeps the moment for its approval, so that the calendar shows it.
func (d *Desk) Schedule(ctx context.Context, institutionID, id, due, notAfter string) (Message, error) {
	return d.plan(ctx, institutionID, id, notAfter, func(*db.Tx, Message, *time.Location, time.Time) (string, error) { return due, nil })
}

// ScheduleNext is Schedule at the next free moment of the profile's week. Two who
// ask at the same time get two moments. Fault: Invalid when none is free.
func (d *Desk) ScheduleNext(ctx context.Context, institutionID, id, notAfter string) (Message, error) {
	return d.plan(ctx, institutionID, id, notAfter, func(tx *db.Tx, m Message, loc *time.Location, now time.Time) (string, error) {
		// The profile's row lets one through after the other.
		if _, err := tx.Exec(ctx, `UPDATE profile SET position = position WHERE institution_id = $1 AND id = $2`, institutionID, m.Content.ProfileID); err != nil {
			return "", err
		}
		slot, free, err := FreeSlot(ctx, tx, institutionID, m.Content.ProfileID, loc, now)
		if err == nil && !free {
			err = fault.InvalidField("due", "message.slot.none")
		}
		return slot.Text, err
	})
}

// plan gives a message the moment that choose says, as a wall time.
func (d *Desk) plan(ctx context.Context, institutionID, id, notAfter string, choose func(tx *db.Tx, m Message, loc *time.Location, now time.Time) (string, error)) (m Message, err error) {
	if _, err := people.Can(ctx, people.Publish, institutionID); err != nil {
		return m, err
	}
	return m, d.change(ctx, institutionID, id, &m, "message.schedule", func(tx *db.Tx, now time.Time) (any, error) {
		inst, err := institution.ByID(ctx, tx, institutionID)
		if err != nil {
			return nil, err
		}
		if m.Live() || m.State == Withdrawn {
			return nil, fault.Clash("message.state.live")
		}
		due, err := choose(tx, m, inst.Location(), now)
		if err != nil {
			return nil, err
		}
		if m.Plan, err = ParsePlan(due, notAfter, inst.Location(), now); err != nil {
			return nil, err
		}
		m.Held = ""
		detail := map[string]any{"due": m.Plan.Due.Text, "not_after": m.Plan.NotAfter.Text}
		if m.State == Scheduled || m.State == Approved {
			return detail, d.schedule(ctx, tx, &m)
		}
		return detail, nil
	})
}

// schedule enters the job that will send the message out at its moment.
func (d *Desk) schedule(ctx context.Context, tx *db.Tx, m *Message) error {
	if !m.approvedNow() {
		return fault.Clash("message.state.not_approved")
	}
	m.State = Scheduled
	return d.appoint(ctx, tx, *m)
}

// Unschedule takes a moment away: the message stays approved, or a draft.
func (d *Desk) Unschedule(ctx context.Context, institutionID, id string) (m Message, err error) {
	if _, err := people.Can(ctx, people.Publish, institutionID); err != nil {
		return m, err
	}
	return m, d.change(ctx, institutionID, id, &m, "message.unschedule", func(tx *db.Tx, now time.Time) (any, error) {
		if m.Live() || m.State == Withdrawn {
			return nil, fault.Clash("message.state.live")
		}
		m.Plan, m.Held = Plan{}, ""
		if m.State == Scheduled {
			m.State = Approved
		}
		return nil, nil
	})
}

// PublishNow sends an approved message out at once; of a message that is out,
// its approved correction, with the note that citizens read.
func (d *Desk) PublishNow(ctx context.Context, institutionID, id, note string) (m Message, err error) {
	if _, err := people.Can(ctx, people.Publish, institutionID); err != nil {
		return m, err
	}
	note = strings.TrimSpace(prose.Clean(note))
	return m, d.change(ctx, institutionID, id, &m, "message.publish", func(tx *db.Tx, now time.Time) (any, error) {
		if m.State != Approved && m.State != Scheduled || !m.approvedNow() {
			return nil, fault.Clash("message.state.not_approved")
		}
		if m.Live() {
			return map[string]any{"rev": m.Rev, "correction": true}, d.correct(ctx, tx, &m, note, now)
		}
		frozen, err := frozenFor(ctx, tx, institutionID, m.Content.Category)
		if err != nil {
			return nil, err
		}
		if frozen {
			return nil, fault.Clash("message.frozen")
		}
		m.Held = ""
		if !m.Plan.Set() || m.Plan.Due.At.After(now) {
			inst, err := institution.ByID(ctx, tx, institutionID)
			if err != nil {
				return nil, err
			}
			m.Plan = Plan{Due: Wall{Text: FormatWall(now, inst.Location()), At: now}, Zone: inst.Zone}
		}
		return map[string]any{"rev": m.Rev}, d.goOut(ctx, tx, &m, now)
	})
}

// Correct publishes the approved correction of a message that is out, with the
// note that citizens read. Fault: Conflict when it is not out.
func (d *Desk) Correct(ctx context.Context, institutionID, id, note string) (m Message, err error) {
	err = d.db.Read(ctx, func(tx *db.Tx) error {
		if m, err = find(ctx, tx, institutionID, id); err == nil && !m.Live() {
			return fault.Clash("message.state.not_live")
		}
		return err
	})
	if err != nil {
		return m, err
	}
	return d.PublishNow(ctx, institutionID, id, note)
}

// Withdraw takes a message back from the site and from every copy. Before it is
// out, it only ends the plan. The reason is shown where the page was.
func (d *Desk) Withdraw(ctx context.Context, institutionID, id, reason string) (m Message, err error) {
	if _, err := people.Can(ctx, people.Publish, institutionID); err != nil {
		return m, err
	}
	reason = strings.TrimSpace(prose.Clean(reason))
	if reason == "" {
		return m, fault.InvalidField("reason", "message.withdraw.reason")
	}
	return m, d.change(ctx, institutionID, id, &m, "message.withdraw", func(tx *db.Tx, now time.Time) (any, error) {
		if m.State == Withdrawn {
			return nil, errSame
		}
		wasLive := m.Live()
		m.State, m.WithdrawnAt, m.Plan, m.Held = Withdrawn, now, Plan{}, ""
		if !wasLive {
			return nil, nil
		}
		if err := withdrawPublication(ctx, tx, m, reason, now); err != nil {
			return nil, err
		}
		return nil, d.withdrawCopies(ctx, tx, m, now)
	})
}

package publishing

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/prose"
)

// Freeze is a time in which nothing that was scheduled goes out by itself, but
// for the categories allowed: an earthquake, a mourning, an election period
// (law 28/2000, art. 9).
type Freeze struct {
	ID      string
	Reason  string
	Allowed []Category
	Since   time.Time
	ByID    string // person; empty when the server froze itself after a restore
}

// CurrentFreeze returns the freeze in force; ok is false when there is none.
func CurrentFreeze(ctx context.Context, tx *db.Tx, institutionID string) (f Freeze, ok bool, err error) {
	var allowed string
	var since int64
	err = tx.QueryRow(ctx, `SELECT id, reason, allowed, since, by_person FROM freeze_period WHERE institution_id = $1 AND lifted_at = 0`, institutionID).
		Scan(&f.ID, &f.Reason, &allowed, &since, &f.ByID)
	if errors.Is(err, db.ErrNone) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	f.Since = db.When(since)
	return f, true, json.Unmarshal([]byte(allowed), &f.Allowed)
}

// frozenFor reports whether a category must wait.
func frozenFor(ctx context.Context, tx *db.Tx, institutionID string, c Category) (bool, error) {
	f, ok, err := CurrentFreeze(ctx, tx, institutionID)
	return ok && !slices.Contains(f.Allowed, c), err
}

// Freeze stops all that is scheduled, from this moment on.
func (d *Desk) Freeze(ctx context.Context, institutionID, reason string, allowed []Category) error {
	actor, err := people.Can(ctx, people.Freeze, institutionID)
	if err != nil {
		return err
	}
	reason = strings.TrimSpace(prose.Clean(reason))
	if reason == "" {
		return fault.InvalidField("reason", "freeze.reason.missing")
	}
	for _, c := range allowed {
		if c != Answers && !slices.Contains(categories, c) {
			return fault.InvalidField("allowed", "message.category.unknown")
		}
	}
	now := d.clock()
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		if err := enterFreeze(ctx, tx, institutionID, Freeze{Reason: reason, Allowed: allowed, Since: now, ByID: actor.PersonID}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "freeze", institutionID, map[string]any{"allowed": allowed}, now)
	})
}

func enterFreeze(ctx context.Context, tx *db.Tx, institutionID string, f Freeze) error {
	if f.Allowed == nil {
		f.Allowed = []Category{}
	}
	n, err := tx.Change(ctx, `
		INSERT INTO freeze_period (institution_id, id, reason, allowed, since, by_person) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (institution_id) WHERE lifted_at = 0 DO NOTHING`,
		institutionID, db.NewID(), f.Reason, asJSON(f.Allowed), db.At(f.Since), f.ByID)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Clash("freeze.already")
	}
	return tx.Notify(ctx, "message", institutionID)
}

// FreezeRestored freezes every institution of a restored backup, and marks as
// uncertain whatever the backup saw on its way: it may have gone out since.
// Channels that can be read are asked before anything is sent again. A freeze that
// the backup holds already stops everything from now on: nobody has chosen what
// may pass after a restore.
func FreezeRestored(ctx context.Context, tx *db.Tx, reason string, now time.Time) error {
	ids, err := db.All(ctx, tx, db.Col[string], `SELECT id FROM institution`)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := enterFreeze(ctx, tx, id, Freeze{Reason: reason, Since: now})
		if fault.Is(err, fault.Conflict) {
			_, err = tx.Exec(ctx, `UPDATE freeze_period SET reason = reason || ' – ' || $2, allowed = '[]' WHERE institution_id = $1 AND lifted_at = 0`, id, reason)
		}
		if err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `
		UPDATE delivery SET state = 'attempting', lease = '', lease_until = 0, next_at = $1, attempted_at = $1, attempted_rev = rev, absent_at = 0
		WHERE state = 'waiting'`, db.At(now))
	return err
}

// Verdict is a person's decision about one message when a freeze is lifted.
type Verdict string

// The verdicts. A message without one keeps its moment if that lies ahead, and
// stays held if it has passed.
const (
	Keep Verdict = "keep" // goes out at its moment, or now if that has passed
	Drop Verdict = "drop" // back to approved, without a moment
)

// Frozen lists the scheduled messages that a freeze concerns, by moment.
func Frozen(ctx context.Context, tx *db.Tx, institutionID string) ([]Message, error) {
	return List(ctx, tx, institutionID, Filter{States: []State{Scheduled}, ByDue: true, Limit: 500})
}

// Unfreeze lifts the freeze with a verdict for each message that is still
// timely, or no longer.
func (d *Desk) Unfreeze(ctx context.Context, institutionID string, verdicts map[string]Verdict) error {
	actor, err := people.Can(ctx, people.Freeze, institutionID)
	if err != nil {
		return err
	}
	now := d.clock()
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `UPDATE freeze_period SET lifted_at = $2, lifted_by = $3 WHERE institution_id = $1 AND lifted_at = 0`,
			institutionID, db.At(now), actor.PersonID)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Clash("freeze.none")
		}
		for id := range verdicts {
			if _, err := find(ctx, tx, institutionID, id); fault.Is(err, fault.NotFound) {
				return fault.InvalidField("keep", "freeze.verdict.unknown", id)
			} else if err != nil {
				return err
			}
		}
		messages, err := Frozen(ctx, tx, institutionID)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if err := d.decide(ctx, tx, m, verdicts[m.ID], now); err != nil {
				return err
			}
		}
		ids, err := db.All(ctx, tx, db.Col[string], `SELECT id FROM delivery WHERE institution_id = $1 AND `+wanted, institutionID)
		if err != nil {
			return err
		}
		if err := d.enqueueAll(ctx, tx, institutionID, ids); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "unfreeze", institutionID, verdicts, now)
	})
}

// decide applies a verdict to a scheduled message.
func (d *Desk) decide(ctx context.Context, tx *db.Tx, m Message, v Verdict, now time.Time) error {
	passed := !m.Plan.Due.At.After(now)
	switch {
	case v == Drop:
		m.State, m.Held, m.Plan = Approved, "", Plan{}
	case v == Keep && passed:
		// A person says it is still timely: its own moment no longer counts.
		m.Held, m.Plan = "", Plan{Due: Wall{Text: FormatWall(now, zoneOf(m)), At: now}, Zone: m.Plan.Zone}
		if err := d.knock(ctx, tx, m.InstitutionID, m.ID, m.Content.Category); err != nil {
			return err
		}
	case passed && m.Held == "":
		m.Held = HeldFreeze
	default:
		return nil
	}
	m.UpdatedAt = now
	return put(ctx, tx, m)
}

func zoneOf(m Message) *time.Location {
	if loc, err := time.LoadLocation(m.Plan.Zone); err == nil {
		return loc
	}
	return time.UTC
}

// Decide is a person's verdict about one held message, outside a freeze.
func (d *Desk) Decide(ctx context.Context, institutionID, id string, v Verdict) error {
	if _, err := people.Can(ctx, people.Publish, institutionID); err != nil {
		return err
	}
	now := d.clock()
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		m, err := lock(ctx, tx, institutionID, id)
		if err != nil {
			return err
		}
		if m.Held == "" || m.State != Scheduled {
			return fault.Clash("message.state.not_held")
		}
		frozen, err := frozenFor(ctx, tx, institutionID, m.Content.Category)
		if err != nil {
			return err
		}
		if frozen && v == Keep {
			return fault.Clash("message.frozen")
		}
		if v == Keep && m.Held == HeldSame {
			m.Held = ""
			if err := d.goOut(ctx, tx, &m, now); err != nil {
				return err
			}
			m.UpdatedAt = now
			err = put(ctx, tx, m)
		} else {
			err = d.decide(ctx, tx, m, v, now)
		}
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "message.decide", id, map[string]any{"verdict": v}, now)
	})
}

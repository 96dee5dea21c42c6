package publishing

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

// maxSlots bounds the weekly moments of one profile: one for each hour of a week
// is more than anybody can fill.
const maxSlots = 168

func scanSlot(s db.Scanner) (v Slot, err error) {
	var weekday int // 1 is Monday
	err = s.Scan(&v.ID, &v.ProfileID, &weekday, &v.Minute)
	v.Weekday = time.Weekday(weekday % 7)
	return v, err
}

// SlotsOf lists the weekly moments of an institution's profiles, from Monday
// midnight on.
func SlotsOf(ctx context.Context, tx *db.Tx, institutionID string) ([]Slot, error) {
	return db.All(ctx, tx, scanSlot, `
		SELECT id, profile_id, weekday, minute FROM slot WHERE institution_id = $1 ORDER BY weekday, minute, profile_id`, institutionID)
}

// AddSlot gives a profile one more weekly moment. minute counts from local
// midnight. Faults: Forbidden, NotFound for the profile, Invalid for a time that
// is none, Conflict when the profile has that moment already.
func (d *Desk) AddSlot(ctx context.Context, institutionID, profileID string, weekday time.Weekday, minute int) (s Slot, err error) {
	if _, err := people.Can(ctx, people.Configure, institutionID); err != nil {
		return s, err
	}
	if weekday < time.Sunday || weekday > time.Saturday {
		return s, fault.InvalidField("weekday", "slot.weekday.form")
	}
	if minute < 0 || minute >= 24*60 {
		return s, fault.InvalidField("time", "slot.time.form")
	}
	s = Slot{ID: db.NewID(), ProfileID: profileID, Weekday: weekday, Minute: minute}
	now := d.clock()
	return s, d.db.InTx(ctx, func(tx *db.Tx) error {
		p, err := institution.ProfileByID(ctx, tx, institutionID, profileID)
		if err != nil {
			return err
		}
		if !p.ArchivedAt.IsZero() {
			return fault.Missing("profile.missing")
		}
		if err := keepSlot(ctx, tx, institutionID, s); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "slot.add", s.ID, slotDetail(s), now)
	})
}

func keepSlot(ctx context.Context, tx *db.Tx, institutionID string, s Slot) error {
	var n int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM slot WHERE institution_id = $1 AND profile_id = $2`, institutionID, s.ProfileID).Scan(&n)
	if err != nil {
		return err
	}
	if n >= maxSlots {
		return fault.InvalidField("time", "slot.many", maxSlots)
	}
	added, err := tx.Change(ctx, `
		INSERT INTO slot (institution_id, id, profile_id, weekday, minute) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (institution_id, profile_id, weekday, minute) DO NOTHING`,
		institutionID, s.ID, s.ProfileID, isoWeekday(s.Weekday), s.Minute)
	if err == nil && added == 0 {
		return fault.Clash("slot.taken")
	}
	return err
}

// isoWeekday counts from Monday, 1, to Sunday, 7 (ISO 8601).
func isoWeekday(d time.Weekday) int { return (int(d)+6)%7 + 1 }

// slotDetail is what the record of changes keeps of a slot.
func slotDetail(s Slot) map[string]any {
	return map[string]any{"profile": s.ProfileID, "weekday": isoWeekday(s.Weekday), "minute": s.Minute}
}

// RemoveSlot takes a weekly moment away and returns it. What was scheduled at it
// stays. Faults: Forbidden, NotFound.
func (d *Desk) RemoveSlot(ctx context.Context, institutionID, id string) (s Slot, err error) {
	if _, err := people.Can(ctx, people.Configure, institutionID); err != nil {
		return s, err
	}
	now := d.clock()
	return s, d.db.InTx(ctx, func(tx *db.Tx) (err error) {
		s, err = scanSlot(tx.QueryRow(ctx, `
			DELETE FROM slot WHERE institution_id = $1 AND id = $2 RETURNING id, profile_id, weekday, minute`, institutionID, id))
		if errors.Is(err, db.ErrNone) {
			return fault.Missing("slot.missing")
		}
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "slot.remove", id, slotDetail(s), now)
	})
}

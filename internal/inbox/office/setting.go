package office

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox/office/hours"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

// Setting is how an office works.
type Setting struct {
	OfficeID            string
	HeadName, HeadEmail string // who is told when the office is silent
	OwnWeek             bool   // Week counts, not the institution's
	Week                hours.Week
	Target              time.Duration // working time until the first answer; 0: no deadline
	Reminder            time.Duration // working time before the deadline; 0: no reminder
	Letters             bool          // the office gets a letter for what is assigned to it
}

// Usual is the setting of an office of which nothing was said: two working days of
// eight hours, a reminder half a day before.
func Usual(officeID string) Setting {
	return Setting{OfficeID: officeID, Target: 16 * time.Hour, Reminder: 4 * time.Hour, Letters: true}
}

// maxTarget bounds a target: 30 days of 24 hours.
const maxTarget = 720 * time.Hour

// maxClosings bounds the closing days of an institution.
const maxClosings = 200

// check refuses what would never come due.
func (s *Setting) check() error {
	var f fault.Fields
	if address, ok := people.Address(s.HeadEmail); ok {
		s.HeadEmail = address
	} else if s.HeadEmail != "" {
		f.Add("head_email", "people.email.form")
	}
	if s.Target < 0 || s.Target > maxTarget {
		f.Add("target", "fault.field.range", 0, int(maxTarget.Hours()))
	}
	if s.Reminder < 0 || s.Reminder > maxTarget {
		f.Add("reminder", "fault.field.range", 0, int(maxTarget.Hours()))
	}
	if s.OwnWeek && s.Week.Minutes() == 0 {
		f.Add("own_week", "offices.week.empty")
	}
	return f.Err()
}

// Closing is a closing day of the institution as it is stored.
type Closing struct {
	ID string
	hours.Closing
}

// house is what an institution's deadlines are reckoned with.
type house struct {
	inst     institution.Institution
	week     hours.Week
	closings []Closing
	offices  []institution.Office
	settings map[string]Setting // by office; Usual for those not in it
}

// read reads a house, in a fixed number of queries. Fault: NotFound.
func read(ctx context.Context, tx *db.Tx, institutionID string) (h house, err error) {
	if h.inst, err = institution.ByID(ctx, tx, institutionID); err != nil {
		return h, err
	}
	if h.offices, err = institution.Offices(ctx, tx, institutionID); err != nil {
		return h, err
	}
	if h.week, err = opening(ctx, tx, institutionID); err != nil {
		return h, err
	}
	if h.closings, err = closings(ctx, tx, institutionID); err != nil {
		return h, err
	}
	h.settings, err = settings(ctx, tx, institutionID)
	return h, err
}

// office is one of the offices. Fault: NotFound.
func (h house) office(id string) (institution.Office, error) {
	for _, o := range h.offices {
		if o.ID == id {
			return o, nil
		}
	}
	return institution.Office{}, fault.Missing("office.missing")
}

// name is an office's name, empty for one that is gone.
func (h house) name(id string) string {
	o, _ := h.office(id)
	return o.Name
}

func (h house) setting(officeID string) Setting {
	if s, ok := h.settings[officeID]; ok {
		return s
	}
	return Usual(officeID)
}

// calendar is when an office works.
func (h house) calendar(officeID string) hours.Calendar {
	c := hours.Calendar{Week: h.week, Zone: h.inst.Location()}
	if s := h.setting(officeID); s.OwnWeek {
		c.Week = s.Week
	}
	for _, k := range h.closings {
		c.Closings = append(c.Closings, k.Closing)
	}
	return c
}

// due is by when an office should answer what it got at from; target 0 is the
// office's own. Zero without a deadline, also for an office that never opens.
func (h house) due(officeID string, target time.Duration, from time.Time) time.Time {
	if target == 0 {
		target = h.setting(officeID).Target
	}
	if target == 0 {
		return time.Time{}
	}
	due, ok := h.calendar(officeID).Add(from, target)
	if !ok {
		return time.Time{}
	}
	return due
}

// Due is by when an office should answer what it gets at from, by its own target.
// Zero when it has no deadline. Fault: NotFound.
func Due(ctx context.Context, tx *db.Tx, institutionID, officeID string, from time.Time) (time.Time, error) {
	h, err := read(ctx, tx, institutionID)
	if err != nil {
		return time.Time{}, err
	}
	if _, err := h.office(officeID); err != nil {
		return time.Time{}, err
	}
	return h.due(officeID, 0, from), nil
}

func opening(ctx context.Context, tx *db.Tx, institutionID string) (w hours.Week, err error) {
	var text string
	err = tx.QueryRow(ctx, `SELECT week FROM opening WHERE institution_id = $1`, institutionID).Scan(&text)
	if errors.Is(err, db.ErrNone) {
		return hours.Default(), nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &w)
	}
	return w, err
}

func closings(ctx context.Context, tx *db.Tx, institutionID string) ([]Closing, error) {
	return db.All(ctx, tx, func(s db.Scanner) (c Closing, err error) {
		err = s.Scan(&c.ID, &c.Year, &c.Month, &c.Day, &c.Name)
		return c, err
	}, `SELECT id, year, month, day, name FROM closing_day WHERE institution_id = $1 ORDER BY year, month, day`, institutionID)
}

func settings(ctx context.Context, tx *db.Tx, institutionID string) (map[string]Setting, error) {
	all := map[string]Setting{}
	_, err := db.All(ctx, tx, func(s db.Scanner) (struct{}, error) {
		var v Setting
		var week string
		var target, reminder int64
		if err := s.Scan(&v.OfficeID, &v.HeadName, &v.HeadEmail, &v.OwnWeek, &week, &target, &reminder, &v.Letters); err != nil {
			return struct{}{}, err
		}
		if v.OwnWeek {
			if err := json.Unmarshal([]byte(week), &v.Week); err != nil {
				return struct{}{}, fmt.Errorf("week of office %s: %w", v.OfficeID, err)
			}
		}
		v.Target, v.Reminder = time.Duration(target)*time.Minute, time.Duration(reminder)*time.Minute
		all[v.OfficeID] = v
		return struct{}{}, nil
	}, `SELECT office_id, head_name, head_email, own_week, week, target, reminder, letters FROM office_setting WHERE institution_id = $1`, institutionID)
	return all, err
}

// SaveSetting changes how an office works. What already has a deadline keeps it.
// Faults: Invalid, NotFound, Forbidden.
func (o *Offices) SaveSetting(ctx context.Context, institutionID string, s Setting) error {
	if err := s.check(); err != nil {
		return err
	}
	return o.configure(ctx, institutionID, "office.setting", s.OfficeID, func(tx *db.Tx) error {
		h, err := read(ctx, tx, institutionID)
		if err != nil {
			return err
		}
		if _, err := h.office(s.OfficeID); err != nil {
			return err
		}
		week, err := json.Marshal(s.Week)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO office_setting (institution_id, office_id, head_name, head_email, own_week, week, target, reminder, letters)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (institution_id, office_id) DO UPDATE SET head_name = excluded.head_name, head_email = excluded.head_email,
				own_week = excluded.own_week, week = excluded.week, target = excluded.target, reminder = excluded.reminder, letters = excluded.letters`,
			institutionID, s.OfficeID, s.HeadName, s.HeadEmail, s.OwnWeek, string(week), int64(s.Target.Minutes()), int64(s.Reminder.Minutes()), s.Letters)
		return err
	})
}

// SaveOpening changes the institution's opening hours. Faults: Invalid, Forbidden.
func (o *Offices) SaveOpening(ctx context.Context, institutionID string, w hours.Week) error {
	if w.Minutes() == 0 {
		return fault.InvalidField("day1", "offices.week.empty")
	}
	week, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return o.configure(ctx, institutionID, "office.opening", institutionID, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO opening (institution_id, week) VALUES ($1, $2)
			ON CONFLICT (institution_id) DO UPDATE SET week = excluded.week`, institutionID, string(week))
		return err
	})
}

// AddClosing adds a closing day. Faults: Invalid, Conflict when the day is one
// already, Forbidden.
func (o *Offices) AddClosing(ctx context.Context, institutionID string, c hours.Closing) error {
	return o.configure(ctx, institutionID, "office.closing.add", c.Text(), func(tx *db.Tx) error {
		all, err := closings(ctx, tx, institutionID)
		if err != nil {
			return err
		}
		if len(all) >= maxClosings {
			return fault.Clash("offices.closing.many", maxClosings)
		}
		n, err := tx.Change(ctx, `INSERT INTO closing_day (institution_id, id, year, month, day, name) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			institutionID, db.NewID(), c.Year, int(c.Month), c.Day, c.Name)
		if err == nil && n == 0 {
			return fault.Clash("offices.closing.twice", c.Text())
		}
		return err
	})
}

// RemoveClosing takes a closing day away. Faults: NotFound, Forbidden.
func (o *Offices) RemoveClosing(ctx context.Context, institutionID, id string) error {
	return o.configure(ctx, institutionID, "office.closing.remove", id, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `DELETE FROM closing_day WHERE institution_id = $1 AND id = $2`, institutionID, id)
		if err == nil && n == 0 {
			return fault.Missing("offices.closing.missing")
		}
		return err
	})
}

// configure runs a change of settings with its record.
func (o *Offices) configure(ctx context.Context, institutionID, action, subject string, do func(tx *db.Tx) error) error {
	if _, err := people.Can(ctx, people.Configure, institutionID); err != nil {
		return err
	}
	return o.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, action, subject, nil, o.Clock())
	})
}

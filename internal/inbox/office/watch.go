package office

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox"
)

// watchEvery is how often deadlines are looked at.
const watchEvery = 2 * time.Minute

// reminderHorizon is how far ahead deadlines are looked at for a reminder: no
// reminder of a few working hours begins earlier.
const reminderHorizon = 45 * 24 * time.Hour

// watchBatch bounds the deadlines looked at in one go; the rest follow.
const watchBatch = 2000

// watch is the work of reminding before deadlines and telling after them.
type watch struct{}

// Kind names the work.
func (watch) Kind() string { return "office.watch" }

// deadline is something that an office should do by a moment.
type deadline struct {
	institutionID, subjectID string
	request                  bool
	officeID                 string
	dueAt                    time.Time
}

// workWatch reminds of what is near its deadline and tells the heads of what is
// past it. Each goes in a transaction of its own, so that one that fails keeps back
// no other.
func (o *Offices) workWatch(ctx context.Context, _ watch) error {
	now := o.Clock()
	var due []deadline
	err := o.DB.Read(ctx, func(tx *db.Tx) (err error) {
		due, err = deadlines(ctx, tx, now)
		return err
	})
	if err != nil {
		return err
	}
	houses := map[string]house{}
	var failed []error
	for _, d := range due {
		if err := o.look(ctx, houses, d, now); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// deadlines lists what still has a reminder or an alarm to come, first what is past,
// then what is near.
func deadlines(ctx context.Context, tx *db.Tx, now time.Time) (all []deadline, err error) {
	for _, from := range []struct {
		kind    string
		request bool
		after   time.Time
		until   time.Time
	}{
		{"alarm", false, time.Time{}, now}, {"alarm", true, time.Time{}, now},
		{"reminder", false, now, now.Add(reminderHorizon)}, {"reminder", true, now, now.Add(reminderHorizon)},
	} {
		q := `SELECT s.institution_id, s.id, s.office_id, s.due_at FROM conversation s
			WHERE s.state = 'open' AND s.waiting AND s.due_at > 0 AND s.office_id <> '' AND s.due_at > $1 AND s.due_at <= $2`
		if from.request {
			q = `SELECT s.institution_id, s.id, s.office_id, s.due_at FROM office_request s WHERE s.state = 'open' AND s.due_at > $1 AND s.due_at <= $2`
		}
		some, err := db.All(ctx, tx, func(s db.Scanner) (d deadline, err error) {
			var at int64
			err = s.Scan(&d.institutionID, &d.subjectID, &d.officeID, &at)
			d.dueAt, d.request = db.When(at), from.request
			return d, err
		}, q+` AND NOT EXISTS (SELECT 1 FROM office_alarm a WHERE a.institution_id = s.institution_id AND a.kind = $3 AND a.subject_id = s.id AND a.due_at = s.due_at)
			ORDER BY s.due_at LIMIT $4`, db.At(from.after), db.At(from.until), from.kind, watchBatch)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// look decides about one deadline. Offices and hours are read once for each
// institution in a run.
func (o *Offices) look(ctx context.Context, houses map[string]house, d deadline, now time.Time) error {
	h, known := houses[d.institutionID]
	if !known {
		err := o.DB.Read(ctx, func(tx *db.Tx) (err error) {
			h, err = read(ctx, tx, d.institutionID)
			return err
		})
		if err != nil {
			return err
		}
		houses[d.institutionID] = h
	}
	kind := letterAlarm
	if d.dueAt.After(now) {
		s := h.setting(d.officeID)
		if s.Reminder == 0 || h.calendar(d.officeID).Between(now, d.dueAt) > s.Reminder {
			return nil
		}
		kind = letterReminder
	}
	return o.DB.InTx(ctx, func(tx *db.Tx) error { return o.warn(ctx, tx, h, d, kind, now) })
}

// warn gives a reminder or an alarm, once for each deadline: the row in office_alarm
// and the letter are one transaction. Nothing is sent when the office has supplied
// what it knows: then it is the officer who is to answer.
func (o *Offices) warn(ctx context.Context, tx *db.Tx, h house, d deadline, kind letterKind, now time.Time) error {
	l := letter{kind: kind}
	var err error
	if l.office, err = h.office(d.officeID); err != nil {
		return o.given(ctx, tx, d, kind, "", now, nil)
	}
	stands, err := o.load(ctx, tx, d, &l)
	if err != nil || !stands {
		return err
	}
	s := h.setting(d.officeID)
	l.to, l.name = l.office.Email, l.office.Name
	if kind == letterAlarm {
		l.to, l.name = s.HeadEmail, s.HeadName
	}
	quiet, err := o.supplied(ctx, tx, d)
	if err != nil {
		return err
	}
	if quiet || kind == letterReminder && !s.Letters {
		l.to = ""
	}
	return o.given(ctx, tx, d, kind, l.to, now, func() error {
		if l.to == "" {
			return nil
		}
		return o.write(ctx, tx, h, l)
	})
}

// load reads what the deadline is of; stands is false when it was answered, closed or
// given to another office since, or has another deadline now.
func (o *Offices) load(ctx context.Context, tx *db.Tx, d deadline, l *letter) (stands bool, err error) {
	if d.request {
		r, err := lockRequest(ctx, tx, d.institutionID, d.subjectID)
		if err != nil {
			return false, err
		}
		l.request, l.question = &r, r.Question
		return r.State == RequestOpen && r.DueAt.Equal(d.dueAt), nil
	}
	c, err := inbox.Find(ctx, tx, d.institutionID, d.subjectID)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	l.conversation = &c
	return c.ID == d.subjectID && c.State == inbox.Open && c.Waiting && c.OfficeID == d.officeID && c.DueAt.Equal(d.dueAt), err
}

// supplied reports whether the office has written what it knows since the
// conversation is its own.
func (o *Offices) supplied(ctx context.Context, tx *db.Tx, d deadline) (bool, error) {
	if d.request {
		return false, nil // an answered request is not open
	}
	var n int
	err := tx.QueryRow(ctx, `
		SELECT count(*) FROM note n JOIN conversation c ON c.institution_id = n.institution_id AND c.id = n.conversation_id
		WHERE n.institution_id = $1 AND n.conversation_id = $2 AND n.office_id = $3 AND n.at >= c.assigned_at`, d.institutionID, d.subjectID, d.officeID).Scan(&n)
	return n > 0, err
}

// given enters a reminder or an alarm in the ledger and, only if it was not there,
// does what belongs to it.
func (o *Offices) given(ctx context.Context, tx *db.Tx, d deadline, kind letterKind, told string, now time.Time, do func() error) error {
	n, err := tx.Change(ctx, `INSERT INTO office_alarm (institution_id, kind, subject_id, due_at, at, told) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		d.institutionID, string(kind), d.subjectID, db.At(d.dueAt), db.At(now), told)
	if err != nil || n == 0 || do == nil {
		return err
	}
	if !d.request {
		column := "reminded_at"
		if kind == letterAlarm {
			column = "alarmed_at"
		}
		if _, err := tx.Exec(ctx, `UPDATE conversation SET `+column+` = $3 WHERE institution_id = $1 AND id = $2`, d.institutionID, d.subjectID, db.At(now)); err != nil {
			return err
		}
		if err := tx.Notify(ctx, inbox.Topic, d.institutionID); err != nil {
			return err
		}
	}
	return do()
}

package publishing

import (
	"context"
	"errors"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// DeliveryState is where a delivery stands.
//
//	waiting ─▶ attempting ─▶ out ─▶ withdrawn
//	   ▲            ├─▶ waiting       nothing happened, proven: try again
//	   │            ├─▶ refused       the platform will never take it as it is
//	   │            └─▶ unconfirmed   it may have happened, and nobody but a person can tell
//	   └── refused, unconfirmed, given_up: by a person's retry
type DeliveryState string

// The states. Between Attempting and its successor lies the irreversible call.
const (
	Waiting     DeliveryState = "waiting"
	Attempting  DeliveryState = "attempting"
	Delivered   DeliveryState = "out"
	Refused     DeliveryState = "refused"
	Unconfirmed DeliveryState = "unconfirmed"
	GivenUp     DeliveryState = "given_up"
	TakenBack   DeliveryState = "withdrawn"
	ByHand      DeliveryState = "by_hand" // withdrawn here; a person must remove the copy
)

// Codes of our own beside those of package channel.
const (
	CodeFrozen       = "frozen"
	CodeExpired      = "expired"
	CodeDisconnected = "disconnected"
)

// LateAfter is how long after its moment an unfinished delivery is called late.
const LateAfter = 10 * time.Minute

// giveUpAfter is how long after its moment a delivery without a not-after stops
// being tried.
const giveUpAfter = 48 * time.Hour

// Delivery is one variant's way to one channel, or an answer's way to where it
// was asked.
type Delivery struct {
	InstitutionID, ID    string
	Kind                 string // of what it brings: a message, or what a Carrier has
	MessageID, ChannelID string // MessageID names what it brings
	State                DeliveryState
	Rev, OutRev          int64 // what should be out, and what is
	Withdraw             bool  // nothing should be out
	Urgent               bool  // of an emergency: it has a lane of its own
	DueAt, NextAt        time.Time
	SlotAt               time.Time // booked by the channel's pace; zero: none
	Attempts             int
	Progress             channel.Progress
	Remote               channel.Remote
	Class                channel.Class // of the last error
	Code, Detail         string
	AttemptedAt, OutAt   time.Time
	AttemptedRev         int64     // the revision that the last attempt carried
	AbsentAt             time.Time // when a reading first found nothing of the last attempt; zero: none did
	UpdatedAt            time.Time

	lease string
}

// Expired reports whether the delivery was given up because its time was past, and
// nobody has said yet that this may be so.
func (d Delivery) Expired() bool { return d.State == GivenUp && d.Code == CodeExpired }

// Late reports whether the delivery should long have been out.
func (d Delivery) Late(now time.Time) bool {
	return d.Expired() || (d.State == Waiting || d.State == Attempting) && now.Sub(d.DueAt) > LateAfter
}

// Open reports whether something is still to be done without a person.
func (d Delivery) Open() bool {
	return d.State == Waiting || d.State == Attempting || d.State == Delivered && (d.Withdraw || d.Rev > d.OutRev)
}

const deliveryColumns = `institution_id, id, kind, message_id, channel_id, state, rev, out_rev, withdraw, urgent, due_at, next_at, slot_at, attempts, progress,
	remote_id, remote_url, error_class, error_code, error_detail, attempted_at, attempted_rev, absent_at, out_at, updated_at`

func scanDelivery(s db.Scanner) (d Delivery, err error) {
	var progress string
	var due, next, slot, attempted, absent, out, updated int64
	err = s.Scan(&d.InstitutionID, &d.ID, &d.Kind, &d.MessageID, &d.ChannelID, &d.State, &d.Rev, &d.OutRev, &d.Withdraw, &d.Urgent, &due, &next, &slot, &d.Attempts, &progress,
		&d.Remote.ID, &d.Remote.URL, &d.Class, &d.Code, &d.Detail, &attempted, &d.AttemptedRev, &absent, &out, &updated)
	if progress != "" {
		d.Progress = channel.Progress(progress)
	}
	d.SlotAt, d.AbsentAt = db.When(slot), db.When(absent)
	d.DueAt, d.NextAt, d.AttemptedAt, d.OutAt, d.UpdatedAt = db.When(due), db.When(next), db.When(attempted), db.When(out), db.When(updated)
	return d, err
}

// lateSince is Delivery.Late in SQL, of one that was due before the parameter.
func lateSince(parameter string) string {
	return `((state = 'given_up' AND error_code = 'expired') OR (state IN ('waiting', 'attempting') AND due_at < ` + parameter + `))`
}

// wanted is true of a delivery that a worker should take.
const wanted = `(state IN ('waiting', 'attempting') OR (state = 'out' AND (withdraw OR rev > out_rev)))`

// claim gives this worker a delivery's lease if there is something to do and
// nobody else has it. ok is false otherwise.
func (d *Desk) claim(ctx context.Context, institutionID, id string) (del Delivery, ok bool, err error) {
	now := d.clock()
	lease := db.NewID()
	err = d.db.InTx(ctx, func(tx *db.Tx) error {
		del, err = scanDelivery(tx.QueryRow(ctx, `
			UPDATE delivery SET lease = $3, lease_until = $4, next_at = $4
			WHERE institution_id = $1 AND id = $2 AND lease_until < $5 AND `+wanted+`
			RETURNING `+deliveryColumns, institutionID, id, lease, db.At(now.Add(d.lease)), db.At(now)))
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		ok = err == nil
		return err
	})
	del.lease = lease
	return del, ok, err
}

// errLost says that the lease went to somebody else: stop, and write nothing.
var errLost = errors.New("the delivery's lease was lost")

// held runs a statement on the delivery if this worker still has its lease.
func held(ctx context.Context, tx *db.Tx, del Delivery, set string, args ...any) error {
	n, err := tx.Change(ctx, `UPDATE delivery SET `+set+` WHERE institution_id = $1 AND id = $2 AND lease = $3`,
		append([]any{del.InstitutionID, del.ID, del.lease}, args...)...)
	if err == nil && n == 0 {
		return errLost
	}
	return err
}

// renew extends the lease of a worker that is still at it.
func (d *Desk) renew(ctx context.Context, del Delivery) error {
	until := db.At(d.clock().Add(d.lease))
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		return held(ctx, tx, del, `lease_until = $4, next_at = $4`, until)
	})
}

// saveProgress stores what preparation has done so far, so that a crash costs
// one step.
func (d *Desk) saveProgress(ctx context.Context, del Delivery, p channel.Progress) error {
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		return held(ctx, tx, del, `progress = $4`, string(p))
	})
}

// attempt commits "attempting" just before the irreversible call: from here on
// only the channel itself, or a person, can say whether it happened. It is
// refused (errMoot) when meanwhile the message was withdrawn, corrected or
// frozen, or its channel disconnected.
func (d *Desk) attempt(ctx context.Context, del *Delivery, cat Category) error {
	now := d.clock()
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		frozen, err := frozenFor(ctx, tx, del.InstitutionID, cat)
		if err != nil {
			return err
		}
		if frozen {
			return errMoot
		}
		n, err := tx.Change(ctx, `
			UPDATE delivery SET state = 'attempting', slot_at = 0, attempts = attempts + 1, attempted_at = $4, attempted_rev = rev, absent_at = 0, updated_at = $4, lease_until = $5, next_at = $5
			WHERE institution_id = $1 AND id = $2 AND lease = $3 AND state = 'waiting' AND NOT withdraw AND rev = $6
				AND EXISTS (SELECT 1 FROM channel c WHERE c.institution_id = $1 AND c.id = delivery.channel_id AND c.state IN ('connected', 'failing'))`,
			del.InstitutionID, del.ID, del.lease, db.At(now), db.At(now.Add(d.lease)), del.Rev)
		if err != nil {
			return err
		}
		if n == 0 {
			return errMoot
		}
		del.State, del.AttemptedAt, del.AttemptedRev, del.AbsentAt, del.SlotAt = Attempting, now, del.Rev, time.Time{}, time.Time{}
		del.Attempts++
		return event(ctx, tx, *del, "attempting", "", "", now)
	})
}

// errMoot says that what was about to be done is no longer wanted as it was.
var errMoot = errors.New("the delivery's aim changed meanwhile")

// settle stores how a step ended, gives the lease back, and enqueues the next
// step when there is one. del.NextAt is when; zero is at once. It is done also when
// the step's own time is up or the server stops: what is known must not be lost.
func (d *Desk) settle(ctx context.Context, del Delivery, what string, more ...func(context.Context, *db.Tx) error) error {
	ctx = context.WithoutCancel(ctx)
	now := d.clock()
	next := del.NextAt
	if next.Before(now) {
		next = now
	}
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		err := held(ctx, tx, del, `state = $4, out_rev = $5, attempts = $6, progress = $7, remote_id = $8, remote_url = $9,
			error_class = $10, error_code = $11, error_detail = $12, out_at = $13, updated_at = $14, next_at = $15, slot_at = $16, absent_at = $17, lease = '', lease_until = 0`,
			del.State, del.OutRev, del.Attempts, string(del.Progress), del.Remote.ID, del.Remote.URL,
			del.Class, del.Code, del.Detail, db.At(del.OutAt), db.At(now), db.At(next.Add(sweepGrace)), db.At(del.SlotAt), db.At(del.AbsentAt))
		if err != nil {
			return err
		}
		if what != "" {
			if err := event(ctx, tx, del, what, del.Code, del.Detail, now); err != nil {
				return err
			}
		}
		for _, do := range more {
			if err := do(ctx, tx); err != nil {
				return err
			}
		}
		if err := d.tell(ctx, tx, del); err != nil {
			return err
		}
		// withdraw and rev may have changed while the worker was away.
		var open bool
		if err := tx.QueryRow(ctx, `SELECT `+wanted+` FROM delivery WHERE institution_id = $1 AND id = $2`, del.InstitutionID, del.ID).Scan(&open); err != nil || !open {
			return err
		}
		return d.jobs.Enqueue(ctx, tx, deliver{del.InstitutionID, del.ID}, jobs.When{At: next, Queue: laneOf(del.Urgent)})
	})
}

// event records what happened to a delivery and wakes the pages that show it.
func event(ctx context.Context, tx *db.Tx, del Delivery, what, code, detail string, now time.Time) error {
	return personEvent(ctx, tx, del, what, code, detail, "", now)
}

func personEvent(ctx context.Context, tx *db.Tx, del Delivery, what, code, detail, personID string, now time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO delivery_event (institution_id, id, delivery_id, at, what, code, detail, person_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, del.InstitutionID, db.NewID(), del.ID, db.At(now), what, code, detail, personID)
	if err != nil {
		return err
	}
	return tx.Notify(ctx, "delivery", del.InstitutionID)
}

// The kinds of tasks.
const (
	taskEdit     = "edit"     // a copy says what is no longer right
	taskWithdraw = "withdraw" // a copy should not be there any more
	taskStray    = "stray"    // a second copy went out
	taskExpired  = "expired"  // nothing went out in time
)

// endTasks closes a delivery's open tasks of a kind, because what they asked for is
// no longer to be done.
func endTasks(ctx context.Context, tx *db.Tx, del Delivery, kind string, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE task SET done_at = $4 WHERE institution_id = $1 AND delivery_id = $2 AND kind = $3 AND done_at = 0`,
		del.InstitutionID, del.ID, kind, db.At(now))
	return err
}

// task asks a person for what no program can do.
func task(ctx context.Context, tx *db.Tx, del Delivery, kind string, now time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO task (institution_id, id, kind, message_id, delivery_id, channel_id, link, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		del.InstitutionID, db.NewID(), kind, del.MessageID, del.ID, del.ChannelID, del.Remote.URL, db.At(now))
	return err
}

// bringUp asks each delivery of a message to bring its copy to the revision that
// is out now. A refused one is tried again, since the text may have been why.
func (d *Desk) bringUp(ctx context.Context, tx *db.Tx, m Message, now time.Time) error {
	ids, err := db.All(ctx, tx, db.Col[string], `
		UPDATE delivery SET rev = $3, next_at = $4, updated_at = $5, urgent = $6,
			state = CASE WHEN state = 'refused' THEN 'waiting' ELSE state END,
			due_at = CASE WHEN state = 'refused' THEN $5 ELSE due_at END,
			progress = CASE WHEN state IN ('waiting', 'refused') THEN '' ELSE progress END
		WHERE institution_id = $1 AND message_id = $2 AND NOT withdraw
		RETURNING id`, m.InstitutionID, m.ID, m.OutRev, db.At(now.Add(sweepGrace)), db.At(now), m.Content.Category.urgent())
	if err != nil {
		return err
	}
	return d.enqueueAll(ctx, tx, m.InstitutionID, ids)
}

// withdrawCopies asks each delivery of a message to take its copy back.
func (d *Desk) withdrawCopies(ctx context.Context, tx *db.Tx, m Message, now time.Time) error {
	ids, err := db.All(ctx, tx, db.Col[string], `
		UPDATE delivery SET withdraw = TRUE, next_at = $3, updated_at = $4,
			state = CASE WHEN state = 'unconfirmed' THEN 'attempting' WHEN state IN ('refused', 'given_up') THEN 'withdrawn' ELSE state END
		WHERE institution_id = $1 AND message_id = $2 AND NOT withdraw
		RETURNING id`, m.InstitutionID, m.ID, db.At(now.Add(sweepGrace)), db.At(now))
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := endTasks(ctx, tx, Delivery{InstitutionID: m.InstitutionID, ID: id}, taskExpired, now); err != nil {
			return err
		}
	}
	return d.enqueueAll(ctx, tx, m.InstitutionID, ids)
}

func (d *Desk) enqueueAll(ctx context.Context, tx *db.Tx, institutionID string, ids []string) error {
	if err := tx.Notify(ctx, "delivery", institutionID); err != nil {
		return err
	}
	lanes := map[bool][]jobs.Args{}
	for some := range slices.Chunk(ids, 200) {
		urgent, err := urgentAmong(ctx, tx, institutionID, some)
		if err != nil {
			return err
		}
		for _, id := range some {
			is := slices.Contains(urgent, id)
			lanes[is] = append(lanes[is], deliver{institutionID, id})
		}
	}
	for urgent, work := range lanes {
		if err := d.jobs.EnqueueAll(ctx, tx, work, jobs.When{Queue: laneOf(urgent)}); err != nil {
			return err
		}
	}
	return nil
}

// Deliveries lists a message's deliveries.
func Deliveries(ctx context.Context, tx *db.Tx, institutionID, messageID string) ([]Delivery, error) {
	return db.All(ctx, tx, scanDelivery, `
		SELECT `+deliveryColumns+` FROM delivery WHERE institution_id = $1 AND message_id = $2 ORDER BY id`, institutionID, messageID)
}

// delivery returns one delivery. Fault: NotFound.
func delivery(ctx context.Context, tx *db.Tx, institutionID, id string) (Delivery, error) {
	del, err := scanDelivery(tx.QueryRow(ctx, `SELECT `+deliveryColumns+` FROM delivery WHERE institution_id = $1 AND id = $2`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return del, fault.Missing("delivery.missing")
	}
	return del, err
}

// Happening is one thing that happened to a delivery.
type Happening struct {
	DeliveryID, What, Code, Detail, PersonID string
	At                                       time.Time
}

// History lists what happened to the deliveries of a message, oldest first.
func History(ctx context.Context, tx *db.Tx, institutionID, messageID string) ([]Happening, error) {
	return db.All(ctx, tx, func(s db.Scanner) (h Happening, err error) {
		var at int64
		err = s.Scan(&h.DeliveryID, &h.What, &h.Code, &h.Detail, &h.PersonID, &at)
		h.At = db.When(at)
		return h, err
	}, `
		SELECT e.delivery_id, e.what, e.code, e.detail, e.person_id, e.at
		FROM delivery_event e JOIN delivery d ON d.institution_id = e.institution_id AND d.id = e.delivery_id
		WHERE d.institution_id = $1 AND d.message_id = $2 ORDER BY e.at, e.id`, institutionID, messageID)
}

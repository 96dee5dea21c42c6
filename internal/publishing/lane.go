package publishing

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// urgent reports whether what is said in a category cannot wait behind anything
// else.
func (c Category) urgent() bool { return c == Emergency }

// laneOf is where a delivery, or a message on its way out, is worked on.
func laneOf(urgent bool) string { return jobs.LaneOf(urgent, jobs.Delivery) }

// urgentAmong returns those of a few deliveries that belong to an emergency.
func urgentAmong(ctx context.Context, tx *db.Tx, institutionID string, ids []string) ([]string, error) {
	args := []any{institutionID}
	var places []string
	for _, id := range ids {
		args = append(args, id)
		places = append(places, fmt.Sprintf("$%d", len(args)))
	}
	return db.All(ctx, tx, db.Col[string], `
		SELECT id FROM delivery WHERE institution_id = $1 AND urgent AND id IN (`+strings.Join(places, ", ")+`)`, args...)
}

// appoint enters the job that will send a message out at its moment.
func (d *Desk) appoint(ctx context.Context, tx *db.Tx, m Message) error {
	return d.jobs.Enqueue(ctx, tx, sendOut{m.InstitutionID, m.ID}, jobs.When{At: m.Plan.Due.At, Queue: laneOf(m.Content.Category.urgent())})
}

// again makes another appointment when the job came a little too early: the clock
// of the database is not ours. What is planned for later has its own.
func (d *Desk) again(ctx context.Context, tx *db.Tx, m Message, now time.Time) error {
	if m.Plan.Due.At.Sub(now) > time.Minute {
		return nil
	}
	return d.appoint(ctx, tx, m)
}

// knock sends a message out at once, if that is still what is wanted.
func (d *Desk) knock(ctx context.Context, tx *db.Tx, institutionID, id string, c Category) error {
	return d.jobs.Enqueue(ctx, tx, sendOut{institutionID, id}, jobs.When{Queue: laneOf(c.urgent())})
}

// shift is how long a worker goes on with what was put aside before it lets the
// queue decide again.
const shift = time.Minute

// workDeliver takes one step of a delivery, if there is room where it goes to, and
// then of those that waited for this room. The job only wakes; what is to be done,
// and whether, is read from the ledger.
func (d *Desk) workDeliver(ctx context.Context, j deliver) error {
	began := time.Now()
	t, ok, err := d.destination(ctx, j)
	if err != nil || !ok || !d.gate.enter(t) {
		return err
	}
	for {
		err := d.take(context.WithValue(ctx, ticketKey{}, t), t.deliver)
		next, wake := d.gate.leave(t, err == nil && !jobs.Stopping(ctx) && time.Since(began) < shift)
		if err = errors.Join(err, d.wake(ctx, wake)); err != nil || next == nil {
			return err
		}
		t = next
		jobs.Next(ctx)
	}
}

// putDown gives the lease of a delivery back that was cut because the process stops,
// whatever the ledger says of it: that stays.
func (d *Desk) putDown(ctx context.Context, del Delivery) error {
	lasting, done := jobs.Lasting(ctx)
	defer done()
	err := d.db.InTx(lasting, func(tx *db.Tx) error {
		return held(lasting, tx, del, `lease = '', lease_until = 0, next_at = $4`, db.At(d.clock()))
	})
	if errors.Is(err, errLost) {
		return nil
	}
	return err
}

// wake gives deliveries that were put aside back to the queue. When the process
// stops, the sweep of whoever goes on finds them.
func (d *Desk) wake(ctx context.Context, all []deliver) error {
	if len(all) == 0 || jobs.Stopping(ctx) {
		return nil
	}
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		for _, j := range all {
			if err := d.enqueueAll(ctx, tx, j.InstitutionID, []string{j.DeliveryID}); err != nil {
				return err
			}
		}
		return nil
	})
}

// destination reads where a delivery goes to. ok is false when there is no such
// delivery or nothing to do.
func (d *Desk) destination(ctx context.Context, j deliver) (t *ticket, ok bool, err error) {
	t = &ticket{deliver: j}
	var server string
	err = d.db.Read(ctx, func(tx *db.Tx) error {
		err := tx.QueryRow(ctx, `
			SELECT channel_id, urgent, coalesce((SELECT c.server FROM channel c WHERE c.institution_id = $1 AND c.id = delivery.channel_id), '')
			FROM delivery WHERE institution_id = $1 AND id = $2 AND `+wanted, j.InstitutionID, j.DeliveryID).
			Scan(&t.channelID, &t.urgent, &server)
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		ok = err == nil
		return err
	})
	t.host = hostOf(server)
	return t, ok, err
}

// hostOf is the host of a channel's server, by which several channels share one
// fate; empty for a square that is this house.
func hostOf(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

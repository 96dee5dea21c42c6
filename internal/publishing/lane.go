package publishing

import (
	"context"
	"fmt"
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

package publishing

import (
	"context"
	"encoding/json"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// maxCalendar bounds what one page of the calendar reads: fifty messages a day
// for six weeks.
const maxCalendar = 2100

// Moment is when a message stands in the calendar: when it went out, else when it
// is due. It is zero for a message that has no moment.
func (m Message) Moment() time.Time {
	if !m.OutAt.IsZero() {
		return m.OutAt
	}
	return m.Plan.Due.At
}

// Movable reports whether another moment may be chosen for the message.
func (m Message) Movable() bool { return !m.Live() && m.State != Withdrawn }

// Calendar lists the messages whose moment lies from one instant to before
// another, in order: planned ones in any state, and what went out, also if it was
// withdrawn since.
func Calendar(ctx context.Context, tx *db.Tx, institutionID string, from, to time.Time) ([]Message, error) {
	return db.All(ctx, tx, scanMessage, `
		SELECT `+messageColumns+` FROM message
		WHERE institution_id = $1
			AND CASE WHEN out_at > 0 THEN out_at ELSE due_at END >= $2 AND CASE WHEN out_at > 0 THEN out_at ELSE due_at END < $3
		ORDER BY CASE WHEN out_at > 0 THEN out_at ELSE due_at END, id LIMIT $4`,
		institutionID, max(db.At(from), 1), db.At(to), maxCalendar) // 0 is no moment
}

// Coming lists the messages that have a moment ahead and are not out, in order.
func Coming(ctx context.Context, tx *db.Tx, institutionID string, now time.Time, limit int) ([]Message, error) {
	return db.All(ctx, tx, scanMessage, `
		SELECT `+messageColumns+` FROM message
		WHERE institution_id = $1 AND state IN ('draft', 'submitted', 'approved', 'scheduled') AND out_at = 0 AND due_at > $2
		ORDER BY due_at, id LIMIT $3`, institutionID, db.At(now), limit)
}

// Board says which deliveries the delivery board shows. Zero values do not
// restrict.
type Board struct {
	// Since is the earliest last change of a delivery that has come to its end;
	// one that waits for something or somebody is shown however old it is.
	Since     time.Time
	State     DeliveryState
	Late      bool // only those that should long have been out
	ChannelID string
	After     string // the last delivery of the page before; one that is unknown: nothing
	Limit     int
}

// OnBoard lists deliveries with what they concern, those that were entered last
// first. now decides what is late.
func OnBoard(ctx context.Context, tx *db.Tx, institutionID string, b Board, now time.Time) ([]Trouble, error) {
	late := int64(0)
	if b.Late {
		late = db.At(now.Add(-LateAfter))
	}
	return db.All(ctx, tx, scanTrouble, `
		SELECT `+troubleColumns+` FROM delivery
		WHERE institution_id = $1 AND id IN (`+boarded+`)
			AND ($3 = '' OR state = $3) AND ($4 = '' OR channel_id = $4)
			AND (CAST($5 AS BIGINT) = 0 OR `+lateSince("$5")+`)
			AND ($7 = '' OR (created_at, message_id, id) < (SELECT created_at, message_id, id FROM delivery WHERE institution_id = $1 AND id = $7))
		ORDER BY created_at DESC, message_id DESC, id DESC LIMIT $6`,
		institutionID, db.At(b.Since), string(b.State), b.ChannelID, late, b.Limit, b.After)
}

// boarded selects what is on the board: what changed lately, and what waits for
// something or somebody. Each part has an index of its own; together, as one
// condition, they would have none.
const boarded = `
	SELECT id FROM delivery WHERE institution_id = $1 AND updated_at >= $2
		AND state IN ('waiting', 'attempting', 'out', 'refused', 'unconfirmed', 'given_up', 'by_hand', 'withdrawn')
	UNION ALL SELECT id FROM delivery WHERE institution_id = $1 AND state IN ('waiting', 'attempting', 'refused', 'unconfirmed', 'by_hand')
	UNION ALL SELECT id FROM delivery WHERE institution_id = $1 AND state = 'given_up' AND error_code = 'expired'
	UNION ALL SELECT id FROM delivery WHERE institution_id = $1 AND ` + wanted + ` AND rev > out_rev`

func scanTrouble(s db.Scanner) (t Trouble, err error) {
	t.Delivery, err = scanDelivery(wider{s, []any{&t.Title, &t.Channel, &t.Platform}})
	return t, err
}

const troubleColumns = deliveryColumns + `,
	coalesce((SELECT m.title FROM message m WHERE m.institution_id = delivery.institution_id AND m.id = delivery.message_id), title),
	coalesce((SELECT c.name FROM channel c WHERE c.institution_id = delivery.institution_id AND c.id = delivery.channel_id), ''),
	coalesce((SELECT c.platform FROM channel c WHERE c.institution_id = delivery.institution_id AND c.id = delivery.channel_id), '')`

// OpenByChannel counts the deliveries that each channel still has before it.
func OpenByChannel(ctx context.Context, tx *db.Tx, institutionID string) (map[string]int, error) {
	open := map[string]int{}
	_, err := db.All(ctx, tx, func(s db.Scanner) (id string, err error) {
		var n int
		err = s.Scan(&id, &n)
		open[id] = n
		return id, err
	}, `SELECT channel_id, count(*) FROM delivery WHERE institution_id = $1 AND `+wanted+` GROUP BY channel_id`, institutionID)
	return open, err
}

// PastFreeze is a freeze that was lifted.
type PastFreeze struct {
	Freeze
	LiftedAt time.Time
	LiftedBy string // person
}

// PastFreezes lists the freezes that were lifted, the last first.
func PastFreezes(ctx context.Context, tx *db.Tx, institutionID string, limit int) ([]PastFreeze, error) {
	return db.All(ctx, tx, func(s db.Scanner) (f PastFreeze, err error) {
		var allowed string
		var since, lifted int64
		if err := s.Scan(&f.ID, &f.Reason, &allowed, &since, &f.ByID, &lifted, &f.LiftedBy); err != nil {
			return f, err
		}
		f.Since, f.LiftedAt = db.When(since), db.When(lifted)
		return f, json.Unmarshal([]byte(allowed), &f.Allowed)
	}, `
		SELECT id, reason, allowed, since, by_person, lifted_at, lifted_by FROM freeze_period
		WHERE institution_id = $1 AND lifted_at > 0 ORDER BY lifted_at DESC, id LIMIT $2`, institutionID, limit)
}

package publishing

import (
	"context"
	"net/url"
	"strings"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
)

// Retry lets a delivery that ended badly be tried again. For an unconfirmed one
// it is the person's word that nothing is on the channel. Faults: Conflict when
// it is not one of those.
func (d *Desk) Retry(ctx context.Context, institutionID, id string) error {
	return d.steer(ctx, institutionID, id, "delivery.retry", func(tx *db.Tx, del Delivery) (string, error) {
		switch del.State {
		case Refused, GivenUp, Unconfirmed:
		case Waiting:
			return "retry", nil // at once instead of later
		default:
			return "", fault.Clash("delivery.state.retry")
		}
		c, err := channel.ByID(ctx, tx, institutionID, del.ChannelID)
		if err != nil {
			return "", err
		}
		if !c.State.Usable() {
			return "", fault.Clash("delivery.channel", c.Name)
		}
		now := d.clock()
		_, err = tx.Exec(ctx, `
			UPDATE delivery SET state = 'waiting', due_at = $3, attempts = 0, progress = '', error_class = '', error_code = '', error_detail = '',
				rev = coalesce((SELECT m.out_rev FROM message m WHERE m.institution_id = $1 AND m.id = delivery.message_id), rev)
			WHERE institution_id = $1 AND id = $2`, institutionID, id, db.At(now))
		if err != nil {
			return "", err
		}
		return "retry", endTasks(ctx, tx, del, taskExpired, now)
	})
}

// GiveUp ends a delivery for good, or says of one that ended because its time was
// past that this may be so.
func (d *Desk) GiveUp(ctx context.Context, institutionID, id string) error {
	return d.steer(ctx, institutionID, id, "delivery.give_up", func(tx *db.Tx, del Delivery) (string, error) {
		switch del.State {
		case Waiting, Refused, Unconfirmed:
		default:
			if !del.Expired() {
				return "", fault.Clash("delivery.state.give_up")
			}
		}
		_, err := tx.Exec(ctx, `UPDATE delivery SET state = 'given_up', error_code = '' WHERE institution_id = $1 AND id = $2`, institutionID, id)
		if err != nil {
			return "", err
		}
		return "given_up", endTasks(ctx, tx, del, taskExpired, d.clock())
	})
}

// Confirm is a person's word that an unconfirmed delivery is out, at address.
func (d *Desk) Confirm(ctx context.Context, institutionID, id, address string) error {
	address = strings.TrimSpace(address)
	if u, err := url.Parse(address); address != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return fault.InvalidField("address", "delivery.address.form")
	}
	return d.steer(ctx, institutionID, id, "delivery.confirm", func(tx *db.Tx, del Delivery) (string, error) {
		if del.State != Unconfirmed {
			return "", fault.Clash("delivery.state.confirm")
		}
		_, err := tx.Exec(ctx, `
			UPDATE delivery SET state = 'out', out_rev = CASE WHEN attempted_rev > 0 THEN attempted_rev ELSE rev END, out_at = $3, remote_url = $4, error_class = '', error_code = '', error_detail = ''
			WHERE institution_id = $1 AND id = $2`, institutionID, id, db.At(d.clock()), address)
		return "confirmed", err
	})
}

// steer is a person's act on a delivery that no worker has at the moment.
func (d *Desk) steer(ctx context.Context, institutionID, id, action string, do func(*db.Tx, Delivery) (what string, err error)) error {
	actor, err := people.Can(ctx, people.Publish, institutionID)
	if err != nil {
		return err
	}
	now := d.clock()
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `
			UPDATE delivery SET next_at = $3, updated_at = $4 WHERE institution_id = $1 AND id = $2 AND lease_until < $4`,
			institutionID, id, db.At(now.Add(sweepGrace)), db.At(now))
		if err != nil {
			return err
		}
		del, err := delivery(ctx, tx, institutionID, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Clash("delivery.busy")
		}
		what, err := do(tx, del)
		if err != nil {
			return err
		}
		if err := personEvent(ctx, tx, del, what, "", "", actor.PersonID, now); err != nil {
			return err
		}
		if err := d.tell(ctx, tx, del); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, institutionID, action, id, map[string]any{"was": del.State}, now); err != nil {
			return err
		}
		return d.enqueueAll(ctx, tx, institutionID, []string{id})
	})
}

// Resume wakes the waiting deliveries of a channel that was connected again.
func (d *Desk) Resume(ctx context.Context, tx *db.Tx, institutionID, channelID string) error {
	ids, err := db.All(ctx, tx, db.Col[string], `SELECT id FROM delivery WHERE institution_id = $1 AND channel_id = $2 AND `+wanted, institutionID, channelID)
	if err != nil {
		return err
	}
	return d.enqueueAll(ctx, tx, institutionID, ids)
}

// Task is what only a person can do, with a link to where.
type Task struct {
	ID, Kind, MessageID, DeliveryID, ChannelID, Link string
	CreatedAt                                        int64 // µs UTC
	Title                                            string
	Channel                                          string
	Brings                                           string // Delivery.Kind of what it is about
}

// Tasks lists what waits for a person's hand, oldest first.
func Tasks(ctx context.Context, tx *db.Tx, institutionID string) ([]Task, error) {
	return db.All(ctx, tx, func(s db.Scanner) (t Task, err error) {
		err = s.Scan(&t.ID, &t.Kind, &t.MessageID, &t.DeliveryID, &t.ChannelID, &t.Link, &t.CreatedAt, &t.Title, &t.Channel, &t.Brings)
		return t, err
	}, `
		SELECT t.id, t.kind, t.message_id, t.delivery_id, t.channel_id, t.link, t.created_at, coalesce(m.title, d.title, ''), coalesce(c.name, ''), coalesce(d.kind, 'message')
		FROM task t
		LEFT JOIN message m ON m.institution_id = t.institution_id AND m.id = t.message_id
		LEFT JOIN channel c ON c.institution_id = t.institution_id AND c.id = t.channel_id
		LEFT JOIN delivery d ON d.institution_id = t.institution_id AND d.id = t.delivery_id
		WHERE t.institution_id = $1 AND t.done_at = 0 ORDER BY t.created_at LIMIT 200`, institutionID)
}

// DoneTask records that a person did a task. A copy removed by hand is withdrawn; a
// delivery whose time was past is no trouble any more.
func (d *Desk) DoneTask(ctx context.Context, institutionID, id string) error {
	actor, err := people.Can(ctx, people.Write, institutionID)
	if err != nil {
		return err
	}
	now := d.clock()
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `UPDATE task SET done_at = $3, done_by = $4 WHERE institution_id = $1 AND id = $2 AND done_at = 0`,
			institutionID, id, db.At(now), actor.PersonID)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Missing("task.missing")
		}
		for _, q := range []string{
			`UPDATE delivery SET state = 'withdrawn', updated_at = $3
			WHERE institution_id = $1 AND state = 'by_hand' AND id = (SELECT delivery_id FROM task WHERE institution_id = $1 AND id = $2 AND kind = 'withdraw')`,
			`UPDATE delivery SET error_code = '', updated_at = $3
			WHERE institution_id = $1 AND state = 'given_up' AND id = (SELECT delivery_id FROM task WHERE institution_id = $1 AND id = $2 AND kind = 'expired')`,
		} {
			if _, err := tx.Exec(ctx, q, institutionID, id, db.At(now)); err != nil {
				return err
			}
		}
		if err := tx.Notify(ctx, "delivery", institutionID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "task.done", id, nil, now)
	})
}

package publishing

import (
	"context"
	"errors"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// aMessage is the kind of a delivery that brings a message.
const aMessage = "message"

// Carrier has something that is no message and goes out through the ledger too,
// under the same promise: an answer to a citizen.
type Carrier interface {
	// Outgoing returns a revision of it, ready to go: text, language, what it
	// answers, and a title for the delivery board. Where it cannot go any more (what
	// it answers was deleted) the error is a channel.Error of class Refused.
	Outgoing(ctx context.Context, tx *db.Tx, institutionID, id string, rev int64) (channel.Post, error)
	// Settled is told, in the same transaction, of each step of its delivery.
	Settled(ctx context.Context, tx *db.Tx, del Delivery) error
}

// Carries lets the ledger bring what c has. It is called before the work starts.
func (d *Desk) Carries(kind string, c Carrier) { d.carriers[kind] = c }

// Carry enters a delivery for something of a Carrier, once: a second call for the
// same thing and channel changes nothing. Fault: whatever keeps it from going.
func (d *Desk) Carry(ctx context.Context, tx *db.Tx, institutionID, kind, id, channelID string, rev int64, now time.Time) error {
	post, err := d.carriers[kind].Outgoing(ctx, tx, institutionID, id, rev)
	if err != nil {
		return err
	}
	del := Delivery{InstitutionID: institutionID, Kind: kind, MessageID: id, ChannelID: channelID, Rev: rev, DueAt: now}
	del.ID, _, err = enter(ctx, tx, del, post.Title, now)
	if err != nil {
		return err
	}
	return d.enqueueAll(ctx, tx, institutionID, []string{del.ID})
}

// Recarry asks the deliveries of something to bring their copies to a newer
// revision.
func (d *Desk) Recarry(ctx context.Context, tx *db.Tx, institutionID, id string, rev int64, now time.Time) error {
	return d.bringUp(ctx, tx, Message{InstitutionID: institutionID, ID: id, OutRev: rev}, now)
}

// TakeBack asks the deliveries of something to take their copies back.
func (d *Desk) TakeBack(ctx context.Context, tx *db.Tx, institutionID, id string, now time.Time) error {
	return d.withdrawCopies(ctx, tx, Message{InstitutionID: institutionID, ID: id}, now)
}

// loadCarried reads what a Carrier wants to go out.
func (d *Desk) loadCarried(ctx context.Context, tx *db.Tx, p *parcel) (func(context.Context) error, error) {
	c := d.carriers[p.Kind]
	if c == nil {
		return nil, fault.Missing("delivery.missing")
	}
	p.category = Answers
	post, err := c.Outgoing(ctx, tx, p.InstitutionID, p.MessageID, p.Rev)
	if e := (*channel.Error)(nil); err != nil && (!errors.As(err, &e) || p.State == Waiting) {
		return nil, err
	}
	return func(context.Context) error {
		p.post = post
		p.post.Due = p.DueAt
		p.problems = channel.Check(post, p.caps)
		if post.To != nil && !p.caps.Answers {
			return &channel.Error{Class: channel.Refused, Code: channel.CodeCannotAnswer}
		}
		return nil
	}, nil
}

// tell lets the Carrier of a delivery know where it stands now.
func (d *Desk) tell(ctx context.Context, tx *db.Tx, del Delivery) error {
	c := d.carriers[del.Kind]
	if c == nil {
		return nil
	}
	now, err := delivery(ctx, tx, del.InstitutionID, del.ID)
	if err != nil {
		return err
	}
	return c.Settled(ctx, tx, now)
}

// enter writes a delivery into the ledger, unless it is there already.
func enter(ctx context.Context, tx *db.Tx, del Delivery, title string, now time.Time) (id string, entered bool, err error) {
	id = deliveryID(del.MessageID, del.ChannelID)
	n, err := tx.Change(ctx, `
		INSERT INTO delivery (institution_id, id, kind, message_id, channel_id, state, rev, title, urgent, due_at, next_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, $11, $8, $9, $10, $10)
		ON CONFLICT (institution_id, message_id, channel_id) DO NOTHING`,
		del.InstitutionID, id, del.Kind, del.MessageID, del.ChannelID, del.Rev, title, db.At(del.DueAt), db.At(now.Add(sweepGrace)), db.At(now), del.Urgent)
	return id, n == 1, err
}

// remember keeps the platform's own names for what is out: by them a reply finds
// what it answers, and an echo of our own is known.
func remember(del Delivery) func(context.Context, *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error {
		for _, id := range strings.Split(del.Remote.ID, ",") {
			if id == "" {
				continue
			}
			_, err := tx.Exec(ctx, `
				INSERT INTO remote_post (institution_id, channel_id, remote_id, delivery_id) VALUES ($1, $2, $3, $4)
				ON CONFLICT (institution_id, channel_id, remote_id) DO NOTHING`, del.InstitutionID, del.ChannelID, id, del.ID)
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// others tells which of the platform's names belong to other deliveries of ours.
func (d *Desk) others(ctx context.Context, del Delivery, ids []string) (map[string]bool, error) {
	known := map[string]bool{}
	return known, d.db.Read(ctx, func(tx *db.Tx) error {
		for _, id := range ids {
			var n int
			err := tx.QueryRow(ctx, `
				SELECT count(*) FROM remote_post WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3 AND delivery_id <> $4`,
				del.InstitutionID, del.ChannelID, id, del.ID).Scan(&n)
			if err != nil {
				return err
			}
			known[id] = n > 0
		}
		return nil
	})
}

package publishing

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
)

// load gathers what is needed to act on a claimed delivery. An error of the
// channel (a secret that cannot be opened) comes with the parcel.
func (d *Desk) load(ctx context.Context, del Delivery) (*parcel, error) {
	p := &parcel{Delivery: del}
	if del.State == Attempting && del.AttemptedRev > 0 {
		p.Rev = del.AttemptedRev // what may be there is what was attempted; a newer one follows as an edit
	}
	post, err := d.loadMessage, error(nil)
	if del.Kind != aMessage {
		post = d.loadCarried
	}
	var write func(context.Context) error
	err = d.db.Read(ctx, func(tx *db.Tx) (err error) {
		if p.channel, err = channel.ByID(ctx, tx, del.InstitutionID, del.ChannelID); err != nil {
			return err
		}
		p.caps = d.channels.Capabilities(p.channel)
		if write, err = post(ctx, tx, p); err != nil {
			return err
		}
		p.frozen, err = frozenFor(ctx, tx, del.InstitutionID, p.category)
		return err
	})
	if err != nil {
		return p, err
	}
	p.expired = d.expired(p)
	if p.channel.State.Usable() {
		if p.adapter, p.account, err = d.channels.Open(p.channel); err != nil {
			return p, err
		}
		p.account.Others = func(ctx context.Context, ids []string) (map[string]bool, error) { return d.others(ctx, del, ids) }
		p.adapter = bind(ctx, p.adapter)
	}
	if del.Withdraw && del.State != Attempting {
		return p, nil // no text is needed to take one back
	}
	err = write(ctx)
	p.post.Key, p.post.Urgent = del.ID, del.Urgent
	return p, err
}

// loadMessage reads the message of a delivery; write adapts it to the channel.
func (d *Desk) loadMessage(ctx context.Context, tx *db.Tx, p *parcel) (write func(context.Context) error, err error) {
	if p.message, err = find(ctx, tx, p.InstitutionID, p.MessageID); err != nil {
		return nil, err
	}
	v, err := version(ctx, tx, p.InstitutionID, p.MessageID, p.Rev)
	if err != nil {
		return nil, err
	}
	c := v.Content
	p.message.Content, p.category, p.notAfter = c, c.Category, p.message.Plan.NotAfter.At
	inst, err := institution.ByID(ctx, tx, p.InstitutionID)
	if err != nil {
		return nil, err
	}
	files, err := mediaOf(ctx, tx, p.InstitutionID, c.Media)
	if err != nil {
		return nil, err
	}
	var slug string
	var corrected int64
	err = tx.QueryRow(ctx, `SELECT slug, corrected_at FROM publication WHERE institution_id = $1 AND message_id = $2`, p.InstitutionID, p.MessageID).Scan(&slug, &corrected)
	if errors.Is(err, db.ErrNone) {
		return nil, fault.Missing("message.missing")
	}
	return func(ctx context.Context) (err error) {
		p.post, p.problems, err = d.post(ctx, c, files, p.channel, p.caps, inst, d.address(inst)+"/m/"+slug)
		p.post.Due = p.message.OutAt
		if p.post.Rich != nil {
			p.post.Rich.Published, p.post.Rich.Updated = p.message.OutAt, db.When(corrected)
		}
		return err
	}, err
}

// expired reports whether a delivery is past its not-after, or, when none was
// set, too long past its moment.
func (d *Desk) expired(p *parcel) bool {
	now := d.clock()
	if !p.notAfter.IsZero() {
		return now.After(p.notAfter)
	}
	return now.Sub(p.DueAt) > giveUpAfter
}

// sweep is the net under the jobs: it brings back what is due and that no worker
// has, whatever became of the job that should have woken it.
type sweep struct{}

func (sweep) Kind() string { return "publishing.sweep" }

const (
	sweepEvery = 15 * time.Second
	// sweepGrace is how long after its time a delivery is left to its own job.
	sweepGrace = 20 * time.Second
)

func (d *Desk) workSweep(ctx context.Context, _ sweep) error {
	now := d.clock()
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		type due struct{ institution, id string }
		scan := func(s db.Scanner) (r due, err error) { err = s.Scan(&r.institution, &r.id); return r, err }
		forgotten, err := db.All(ctx, tx, scan, `
			UPDATE delivery SET next_at = $2
			WHERE (institution_id, id) IN (SELECT institution_id, id FROM delivery WHERE next_at < $1 AND lease_until < $1 AND `+wanted+` LIMIT 500)
			RETURNING institution_id, id`, db.At(now), db.At(now.Add(time.Minute)))
		if err != nil {
			return err
		}
		for _, r := range forgotten {
			if d.gate.waits(r.id) {
				continue
			}
			if err := d.enqueueAll(ctx, tx, r.institution, []string{r.id}); err != nil {
				return err
			}
		}
		type late struct {
			institution, id string
			category        Category
		}
		messages, err := db.All(ctx, tx, func(s db.Scanner) (m late, err error) {
			err = s.Scan(&m.institution, &m.id, &m.category)
			return m, err
		}, `
			SELECT institution_id, id, category FROM message WHERE state = 'scheduled' AND held = '' AND due_at < $1 LIMIT 500`, db.At(now.Add(-sweepGrace)))
		if err != nil {
			return err
		}
		for _, m := range messages {
			if err := d.knock(ctx, tx, m.institution, m.id, m.category); err != nil {
				return err
			}
		}
		return nil
	})
}

// Recover gives back all leases: for the start of the only process on a SQLite
// file, whose earlier workers are all dead.
func (d *Desk) Recover(ctx context.Context) error {
	now := d.clock()
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		ids, err := db.All(ctx, tx, func(s db.Scanner) (r [2]string, err error) { err = s.Scan(&r[0], &r[1]); return r, err }, `
			UPDATE delivery SET lease = '', lease_until = 0, next_at = $1 WHERE lease <> '' RETURNING institution_id, id`, db.At(now.Add(sweepGrace)))
		if err != nil {
			return err
		}
		for _, r := range ids {
			if err := d.enqueueAll(ctx, tx, r[0], []string{r[1]}); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkChannels tests and refreshes the channels whose time has come.
type checkChannels struct{}

func (checkChannels) Kind() string { return "publishing.check_channels" }

func (d *Desk) workCheckChannels(ctx context.Context, _ checkChannels) error {
	var due []channel.Channel
	err := d.db.Read(ctx, func(tx *db.Tx) (err error) {
		due, err = channel.Due(ctx, tx, d.clock())
		return err
	})
	if err != nil {
		return err
	}
	var all errgroup.Group
	all.SetLimit(16) // one that hangs holds up no other
	for _, c := range due {
		all.Go(func() error { return d.channels.Check(ctx, c) })
	}
	return all.Wait()
}

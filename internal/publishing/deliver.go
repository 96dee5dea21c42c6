package publishing

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// deliver is the job that brings what is out on a channel together with what
// should be.
type deliver struct {
	InstitutionID string `json:"institution_id"`
	DeliveryID    string `json:"delivery_id"`
}

func (deliver) Kind() string { return "publishing.deliver" }

// take takes one step of a delivery. A second job for the same delivery finds it
// taken or done, and ends.
func (d *Desk) take(ctx context.Context, j deliver) error {
	del, ok, err := d.claim(ctx, j.InstitutionID, j.DeliveryID)
	if err != nil || !ok {
		return err
	}
	ctx, stop := d.holdLease(ctx, del)
	defer stop()
	err = d.step(ctx, del)
	if errors.Is(err, errLost) {
		return nil
	}
	if err != nil && jobs.Stopping(ctx) {
		return d.putDown(ctx, del)
	}
	if err != nil {
		// The lease runs out by itself, and the sweep brings the delivery back; the
		// ledger still says truly where it stands.
		d.log.ErrorContext(ctx, "delivery step", "delivery", del.ID, "state", string(del.State), "error", err)
	}
	return nil
}

// holdLease renews the lease until stop, and ends ctx when it is lost.
func (d *Desk) holdLease(ctx context.Context, del Delivery) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		t := time.NewTicker(d.lease / 3)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				if err := d.renew(ctx, del); errors.Is(err, errLost) {
					cancel()
					return
				}
			}
		}
	}()
	return ctx, cancel
}

// parcel is a delivery with all that is needed to act on it.
type parcel struct {
	Delivery
	message  Message   // when it brings one
	category Category  // by which a freeze holds it
	notAfter time.Time // zero: none
	channel  channel.Channel
	adapter  channel.Adapter
	account  channel.Account
	caps     channel.Capabilities
	post     channel.Post
	expired  bool
	frozen   bool
	problems []channel.Problem
}

// step does the next thing that a claimed delivery needs.
func (d *Desk) step(ctx context.Context, del Delivery) error {
	p, err := d.load(ctx, del)
	if err != nil {
		if e := (*channel.Error)(nil); errors.As(err, &e) {
			return d.failed(ctx, p, preparing(e), del.State)
		}
		return err
	}
	switch {
	case del.State == Attempting:
		return d.reconcile(ctx, p)
	case del.State == Waiting && del.Withdraw:
		p.State, p.Code, p.Class = TakenBack, "", ""
		return d.settle(ctx, p.Delivery, "withdrawn")
	case !p.channel.State.Usable():
		return d.pause(ctx, p, CodeDisconnected)
	case del.State == Waiting:
		return d.send(ctx, p)
	case del.Withdraw:
		return d.takeBack(ctx, p)
	default:
		return d.edit(ctx, p)
	}
}

// send prepares the post and makes the irreversible call.
func (d *Desk) send(ctx context.Context, p *parcel) error {
	switch {
	case p.frozen:
		return d.pause(ctx, p, CodeFrozen)
	case p.expired:
		p.State, p.Class, p.Code, p.Detail = GivenUp, channel.Refused, CodeExpired, ""
		return d.settle(ctx, p.Delivery, "given_up", func(ctx context.Context, tx *db.Tx) error {
			return task(ctx, tx, p.Delivery, taskExpired, d.clock())
		})
	}
	for _, problem := range p.problems {
		if problem.Blocking {
			p.State, p.Class, p.Code, p.Detail = Refused, channel.Refused, channel.CodeRefused, problem.Key
			return d.settle(ctx, p.Delivery, "refused")
		}
	}
	if later, err := d.turn(ctx, p); err != nil || later {
		return err
	}
	progress, err := p.adapter.Prepare(ctx, p.account, p.post, p.Progress, func(now channel.Progress) error {
		return d.saveProgress(ctx, p.Delivery, now)
	})
	if err != nil {
		return d.failed(ctx, p, preparing(err), Waiting)
	}
	p.Progress = progress
	if err := d.attempt(ctx, &p.Delivery, p.category); errors.Is(err, errMoot) {
		p.State = Waiting
		p.NextAt = d.clock().Add(time.Second)
		return d.settle(ctx, p.Delivery, "")
	} else if err != nil {
		return err
	}
	return d.call(ctx, p)
}

// turn books a moment within the channel's pace; later says that it lies ahead,
// and that the delivery was put off until then.
func (d *Desk) turn(ctx context.Context, p *parcel) (later bool, err error) {
	if p.SlotAt.IsZero() {
		if p.SlotAt, err = d.channels.Reserve(ctx, p.channel); err != nil {
			return false, err
		}
	}
	if p.Urgent || !p.SlotAt.After(d.clock()) { // an emergency does not stand in line behind what booked before
		return false, nil
	}
	p.NextAt = p.SlotAt
	return true, d.settle(ctx, p.Delivery, "")
}

// preparing reads an error of a call that cannot have published anything, or may
// be repeated: an unknown outcome is only a reason to try again.
func preparing(err error) *channel.Error {
	e := *channel.AsError(err)
	if e.Class == channel.Unknown {
		e.Class = channel.Transient
	}
	return &e
}

// isOut records that the post is on the channel, with its address.
func (d *Desk) isOut(ctx context.Context, p *parcel, r channel.Remote, what string) error {
	now := d.clock()
	p.State, p.Remote, p.OutRev, p.OutAt = Delivered, r, p.Rev, now
	p.Class, p.Code, p.Detail, p.NextAt, p.Progress = "", "", "", time.Time{}, nil
	return d.settle(ctx, p.Delivery, what, d.healthy(p, now), remember(p.Delivery), func(ctx context.Context, tx *db.Tx) error {
		// What seemed a second copy turns out to be this one.
		_, err := tx.Exec(ctx, `UPDATE task SET done_at = $5 WHERE institution_id = $1 AND delivery_id = $2 AND kind = $3 AND link = $4 AND link <> '' AND done_at = 0`,
			p.InstitutionID, p.ID, taskStray, r.URL, db.At(now))
		return err
	})
}

// healthy clears a channel's failure once something went through.
func (d *Desk) healthy(p *parcel, now time.Time) func(context.Context, *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error {
		if p.channel.State != channel.Failing {
			return nil
		}
		return channel.Healthy(ctx, tx, p.channel, channel.Health{}, now)
	}
}

// edit brings a copy to the newest revision. One that only a person has seen has no
// name by which the platform would change it.
func (d *Desk) edit(ctx context.Context, p *parcel) error {
	if !p.caps.Edit || p.Remote.ID == "" {
		return d.byHand(ctx, p, taskEdit, Delivered, !p.caps.Final)
	}
	r, err := p.adapter.Edit(ctx, p.account, p.post, p.Remote)
	if err == nil {
		now := d.clock()
		p.Remote, p.OutRev, p.Class, p.Code, p.Detail, p.NextAt = r, p.Rev, "", "", "", time.Time{}
		return d.settle(ctx, p.Delivery, "edited", d.healthy(p, now), remember(p.Delivery))
	}
	e := channel.AsError(err)
	switch {
	case e.Code == channel.CodeGone:
		p.OutRev, p.Class, p.Code, p.Detail = p.Rev, e.Class, e.Code, e.Detail
		return d.settle(ctx, p.Delivery, "gone")
	case e.Class == channel.Refused:
		return d.byHand(ctx, p, taskEdit, Delivered, true)
	}
	return d.failed(ctx, p, preparing(e), Delivered)
}

// takeBack removes a copy.
func (d *Desk) takeBack(ctx context.Context, p *parcel) error {
	if !p.caps.Withdraw || p.Remote.ID == "" {
		return d.byHand(ctx, p, taskWithdraw, ByHand, !p.caps.Final)
	}
	err := p.adapter.Withdraw(ctx, p.account, p.Remote)
	if err == nil {
		p.State, p.Class, p.Code, p.Detail, p.NextAt = TakenBack, "", "", "", time.Time{}
		return d.settle(ctx, p.Delivery, "withdrawn", d.healthy(p, d.clock()))
	}
	if e := channel.AsError(err); e.Class != channel.Refused {
		return d.failed(ctx, p, preparing(e), Delivered)
	}
	return d.byHand(ctx, p, taskWithdraw, ByHand, true)
}

// byHand leaves to a person what the channel's interface does not let us do.
// Where there is nothing a person could change either, as with a letter that was
// sent, only the record says so.
func (d *Desk) byHand(ctx context.Context, p *parcel, kind string, state DeliveryState, ask bool) error {
	p.State, p.OutRev, p.Class, p.Code = state, p.Rev, "", channel.CodeCannotEdit
	if !ask {
		p.Code = ""
		return d.settle(ctx, p.Delivery, "cannot_"+kind)
	}
	return d.settle(ctx, p.Delivery, "task_"+kind, func(ctx context.Context, tx *db.Tx) error {
		return task(ctx, tx, p.Delivery, kind, d.clock())
	})
}

// pause puts a delivery off without counting an attempt: something here, not at
// the channel, keeps it from going.
func (d *Desk) pause(ctx context.Context, p *parcel, code string) error {
	what := ""
	if p.Code != code {
		what = "paused"
	}
	p.Code, p.NextAt = code, d.clock().Add(10*time.Minute)
	return d.settle(ctx, p.Delivery, what)
}

// failed records an error and when to come back. stay is the state in which the
// delivery remains when nothing happened; after an unknown outcome it is
// attempting, whatever it was.
func (d *Desk) failed(ctx context.Context, p *parcel, e *channel.Error, stay DeliveryState) error {
	if jobs.Stopping(ctx) && p.State != Attempting {
		return e // cut by us before anything could have happened: nothing to remember
	}
	now := d.clock()
	what := string(e.Class)
	p.State, p.Class, p.Code, p.Detail = stay, e.Class, e.Code, e.Detail
	p.NextAt = now.Add(wait(p.Attempts, e.RetryAfter))
	switch e.Class {
	case channel.Unknown:
		p.State = Attempting
	case channel.Refused:
		if stay == Waiting {
			p.State = Refused
		}
	case channel.Revoked:
		p.NextAt = now.Add(10 * time.Minute)
	default:
		if e.Detail == ownPace {
			what, p.Code, p.Class, p.Detail = "", "", "", ""
		} else if stay != Waiting || p.AttemptedAt.IsZero() {
			p.Attempts++
		}
	}
	return d.settle(ctx, p.Delivery, what, func(ctx context.Context, tx *db.Tx) error {
		if what == "" || p.channel.ID == "" || jobs.Stopping(ctx) {
			return nil // nothing of the channel's making
		}
		return channel.Failed(ctx, tx, p.channel, e, now)
	})
}

// ownPace marks the errors with which we slow ourselves down.
const ownPace = "own pace"

// wait is how long to wait after n attempts: from 5 s, doubling, to 30 min; or
// what the platform asked for, if that is longer.
func wait(n int, asked time.Duration) time.Duration {
	w := 5 * time.Second << min(max(n-1, 0), 9)
	return max(min(w, 30*time.Minute), asked)
}

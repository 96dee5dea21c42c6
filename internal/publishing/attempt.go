package publishing

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// An attempt begins when the ledger says "attempting" and is over a lease later.
// Until then it may still succeed: a server that took our call goes on with it
// when we give up, or die. The call itself gets less than half of that time
// (callTime), so that the rest is the margin in which its server must be done.

// callTime bounds the irreversible call. It is well under the lease, so that a
// worker which lost its lease has also given up its call.
func (d *Desk) callTime() time.Duration { return d.lease * 4 / 9 }

// call makes the irreversible call of an attempt that was just committed, and
// writes down what came of it.
func (d *Desk) call(ctx context.Context, p *parcel) error {
	left := d.callTime() - passed(p.AttemptedAt, d.clock())
	if left < d.callTime()/2 {
		// This worker slept since it committed. Whoever has the lease now may have made
		// the call; we have not, and may not any more.
		p.State, p.NextAt = Waiting, time.Time{}
		return d.settle(ctx, p.Delivery, "overslept")
	}
	// From here on the call must come to an end, even when the lease is lost, and
	// has a moment even when the server is stopping: cutting it would only make the
	// outcome unknown.
	ctx = context.WithoutCancel(ctx)
	remote, err := d.finalize(ctx, p, left)
	there := err == nil || channel.AsError(err).Class == channel.Unknown // or may be
	if err == nil {
		err = d.isOut(ctx, p, remote, "out")
	} else {
		err = d.failed(ctx, p, channel.AsError(err), Waiting)
	}
	if there && errors.Is(err, errLost) {
		return d.strayed(ctx, p.Delivery)
	}
	return err
}

func (d *Desk) finalize(ctx context.Context, p *parcel, within time.Duration) (channel.Remote, error) {
	ctx, cancel := jobs.Unbroken(ctx, within)
	defer cancel()
	return p.adapter.Finalize(ctx, p.account, p.post, p.Progress)
}

// passed is how much time has gone by since t, by the clock that says more: the
// monotonic one stands still while a machine sleeps, the wall clock may be set back.
func passed(t, now time.Time) time.Duration {
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// strayed records what a worker did that had lost its lease meanwhile, because it
// or its machine slept. Where nobody has made another call, its copy is the
// delivery's, whatever others think of it. Else there are two copies, or there may
// be when del has no Remote, and only a person can look and remove one.
func (d *Desk) strayed(ctx context.Context, del Delivery) error {
	now := d.clock()
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		what := "task_" + taskStray
		if del.Remote.ID != "" {
			n, err := tx.Change(ctx, `
				UPDATE delivery SET state = 'out', out_rev = $4, remote_id = $5, remote_url = $6, out_at = $7, updated_at = $7, progress = '',
					error_class = '', error_code = '', error_detail = '', lease = '', lease_until = 0, next_at = $7
				WHERE institution_id = $1 AND id = $2 AND attempted_at = $3
					AND (state IN ('waiting', 'attempting', 'unconfirmed') OR (state = 'out' AND remote_id = ''))`,
				del.InstitutionID, del.ID, db.At(del.AttemptedAt), del.Rev, del.Remote.ID, del.Remote.URL, db.At(now))
			if err != nil {
				return err
			}
			if n == 1 {
				what = "out"
			}
			if err := remember(del)(ctx, tx); err != nil {
				return err
			}
		}
		if what != "out" {
			known, err := delivery(ctx, tx, del.InstitutionID, del.ID)
			if err != nil {
				return err
			}
			if del.Remote.ID == "" && db.At(known.AttemptedAt) == db.At(del.AttemptedAt) || del.Remote.ID != "" && known.Remote.ID == del.Remote.ID {
				return nil // the others will find out what became of the call, or have found this copy
			}
			if err := task(ctx, tx, del, taskStray, now); err != nil {
				return err
			}
		}
		if err := event(ctx, tx, del, what, "", del.Remote.URL, now); err != nil {
			return err
		}
		if err := d.tell(ctx, tx, del); err != nil {
			return err
		}
		return d.enqueueAll(ctx, tx, del.InstitutionID, []string{del.ID})
	})
}

// reconcile finds out what became of an irreversible call whose outcome is not
// known, by reading the channel; it never repeats the call. What is found settles
// it at once.
func (d *Desk) reconcile(ctx context.Context, p *parcel) error {
	if !p.channel.State.Usable() {
		return d.pause(ctx, p, CodeDisconnected)
	}
	now := d.clock()
	over := p.AttemptedAt.Add(d.lease)
	r, found, err := p.adapter.Find(ctx, p.account, p.post, p.Progress)
	if err == nil && found {
		return d.isOut(ctx, p, r, "found")
	}
	if err == nil {
		return d.absent(ctx, p, over, now)
	}
	e := channel.AsError(err)
	switch {
	case e.Code == channel.CodeCannotRead && p.caps.ReadBack && now.Before(over):
		// Something there may be ours. By then it may turn out to be another delivery's.
		p.NextAt = over
		return d.settle(ctx, p.Delivery, "")
	case e.Code == channel.CodeCannotRead, e.Class == channel.Refused, now.Sub(p.AttemptedAt) > giveUpAfter:
		p.State, p.Class, p.Code, p.Detail = Unconfirmed, channel.Unknown, e.Code, e.Detail
		return d.settle(ctx, p.Delivery, "unconfirmed")
	}
	return d.failed(ctx, p, preparing(e), Attempting)
}

// absent acts on a reading that found nothing. That proves nothing before the
// attempt is over, unless a repeated call could never make a second copy. Where
// the platform knows no key, or has forgotten it by now, it must be read twice: a
// server may show late what it took in time.
func (d *Desk) absent(ctx context.Context, p *parcel, over, now time.Time) error {
	again := time.Time{}
	switch {
	case p.caps.KeyLife == channel.ForEver:
	case now.Before(over):
		again = over
	case now.Before(p.AttemptedAt.Add(p.caps.KeyLife)):
	case p.AbsentAt.IsZero():
		p.AbsentAt, again = now, now.Add(d.lease/3)
	case now.Before(p.AbsentAt.Add(d.lease / 3)):
		again = p.AbsentAt.Add(d.lease / 3)
	}
	if again.IsZero() {
		p.State, p.NextAt = Waiting, time.Time{}
		return d.settle(ctx, p.Delivery, "absent")
	}
	p.NextAt = again
	return d.settle(ctx, p.Delivery, "")
}

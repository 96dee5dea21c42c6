package publishing

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
)

type ticketKey struct{}

// bounded is an adapter whose calls end, and that tells the gate how they went.
// Each request has a bound of its own in package fetch; these are for many slow
// ones in a row.
type bounded struct {
	channel.Adapter
	ticket *ticket
}

// askTime bounds the calls that send no files.
const askTime = 2 * time.Minute

// uploadTime bounds the preparation of a post: the slowest line that is worth
// waiting for brings 16 KB a second.
func uploadTime(p channel.Post) time.Duration {
	var bytes int64
	for _, m := range p.Media {
		bytes += m.Size
	}
	return askTime + time.Duration(bytes/(16<<10))*time.Second
}

// bind gives an adapter the bounds of a delivery that came through the gate.
func bind(ctx context.Context, a channel.Adapter) channel.Adapter {
	t, _ := ctx.Value(ticketKey{}).(*ticket)
	if t == nil {
		t = &ticket{}
	}
	return bounded{a, t}
}

// note keeps what an answer, or its absence, says of the host.
func (b bounded) note(err error) error {
	b.ticket.answered = true
	if err != nil {
		e := channel.AsError(err)
		b.ticket.hung = e.Code == channel.CodeTimeout || e.Code == channel.CodeUnreachable
		b.ticket.answered = !b.ticket.hung && e.Detail != ownPace
	}
	return err
}

// Prepare implements channel.Adapter.
func (b bounded) Prepare(ctx context.Context, a channel.Account, p channel.Post, prior channel.Progress, save func(channel.Progress) error) (channel.Progress, error) {
	ctx, cancel := context.WithTimeout(ctx, uploadTime(p))
	defer cancel()
	done, err := b.Adapter.Prepare(ctx, a, p, prior, save)
	return done, b.note(err)
}

// Finalize implements channel.Adapter; its bound is the caller's, who must know it.
func (b bounded) Finalize(ctx context.Context, a channel.Account, p channel.Post, done channel.Progress) (channel.Remote, error) {
	r, err := b.Adapter.Finalize(ctx, a, p, done)
	return r, b.note(err)
}

// Find implements channel.Adapter.
func (b bounded) Find(ctx context.Context, a channel.Account, p channel.Post, done channel.Progress) (channel.Remote, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	r, found, err := b.Adapter.Find(ctx, a, p, done)
	return r, found, b.note(err)
}

// Edit implements channel.Adapter.
func (b bounded) Edit(ctx context.Context, a channel.Account, p channel.Post, r channel.Remote) (channel.Remote, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	r, err := b.Adapter.Edit(ctx, a, p, r)
	return r, b.note(err)
}

// Withdraw implements channel.Adapter.
func (b bounded) Withdraw(ctx context.Context, a channel.Account, r channel.Remote) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return b.note(b.Adapter.Withdraw(ctx, a, r))
}

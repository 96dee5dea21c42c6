package channeltest

import (
	"context"
	"fmt"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
)

// ledger is what publishing keeps of one delivery over a crash.
type ledger struct {
	progress    channel.Progress
	attempting  bool
	unconfirmed bool
	remote      channel.Remote
}

func (l *ledger) settled() bool { return l.remote.ID != "" || l.unconfirmed }

// deliver goes as far as it can, like publishing does: it reads the channel
// first when an attempt may have succeeded. What happens after ctx ends is
// never written to the ledger, for the program is dead then.
func (b *bench) deliver(ctx context.Context, p channel.Post, l *ledger) error {
	if l.attempting {
		r, found, err := b.s.Adapter.Find(ctx, b.account(), p, l.progress)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && channel.AsError(err).Code == channel.CodeCannotRead:
			l.unconfirmed = true
			return nil
		case err != nil:
			return err
		case found:
			l.remote = r
			b.settled(r)
			return nil
		}
		l.attempting = false
	}
	if err := b.prepare(ctx, p, &l.progress); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	l.attempting = true
	r, err := b.s.Adapter.Finalize(ctx, b.account(), p, l.progress)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		l.attempting = channel.AsError(err).Class == channel.Unknown
		return err
	}
	l.remote = r
	b.settled(r)
	return nil
}

func (b *bench) picturePost(words string) channel.Post {
	switch {
	case b.caps.Images >= 2:
		return b.post(words, Photo(b, 1), Photo(b, 2))
	case b.caps.Images == 1:
		return b.post(words, Photo(b, 1))
	}
	return b.post(words)
}

// crash kills the delivery at every request of its way, once before the peer
// saw it and once after the peer did it, and then lets it go on.
func crash(b *bench) {
	before := b.s.Gate.Seen()
	b.publish(b.picturePost("Senza intoppi."))
	requests := b.s.Gate.Seen() - before
	if requests == 0 {
		b.Fatal("the adapter made no request through the gate")
	}
	for n := 1; n <= requests; n++ {
		for _, f := range []Fault{HangUp, DropAnswer} {
			p := b.picturePost(fmt.Sprintf("Morto alla richiesta %d.", n))
			var l ledger
			b.dieAt(n, f, p, &l)
			for tries := 0; !l.settled(); tries++ {
				if tries == 4 {
					b.Fatalf("request %d, fault %d: the delivery never ends", n, f)
				}
				if err := b.deliver(b.Context(), p, &l); err != nil {
					b.discreet("deliver", err)
				}
			}
			b.once(fmt.Sprintf("request %d, fault %d", n, f), p, l)
		}
	}
}

// dieAt delivers p until its nth request, where the program ends.
func (b *bench) dieAt(n int, f Fault, p channel.Post, l *ledger) {
	ctx, die := context.WithCancel(b.Context())
	defer die()
	b.s.Gate.Arm(Rule{When: nth(n), Do: f, Meet: die})
	b.deliver(ctx, p, l)
	b.s.Gate.Clear()
}

func (b *bench) once(when string, p channel.Post, l ledger) {
	b.Helper()
	if l.unconfirmed {
		if b.readable() {
			b.Fatalf("%s: the outcome stays unknown although the channel can be read", when)
		}
		if n := len(b.visible(p.Key)); n > 1 {
			b.Fatalf("%s: %d posts are visible, want at most one", when, n)
		}
		return
	}
	if seen := b.one(p); seen.ID != l.remote.ID {
		b.Fatalf("%s: the ledger says %q, citizens see %q", when, l.remote.ID, seen.ID)
	}
}

func lostAnswer(b *bench) {
	for _, f := range []Fault{DropAnswer, Late} {
		p := b.picturePost("La risposta si perde.")
		var progress channel.Progress
		if err := b.prepare(b.Context(), p, &progress); err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(b.Context(), patience)
		sent := b.count(b.s.Final)
		b.final(f, 0)
		_, err := b.s.Adapter.Finalize(ctx, b.account(), p, progress)
		cancel()
		b.s.Gate.Clear()
		b.fails("Finalize", err, channel.Unknown, channel.CodeTimeout)
		if n := sent(); n != 1 {
			b.Fatalf("%d requests after a lost answer: nobody may repeat it unasked", n)
		}
		seen := b.one(p)
		b.found(p, progress, seen)
	}
}

// found fails unless Find finds what citizens see, or says that it cannot tell.
func (b *bench) found(p channel.Post, progress channel.Progress, seen Seen) {
	b.Helper()
	r, found, err := b.s.Adapter.Find(b.Context(), b.account(), p, progress)
	if !b.readable() && !found {
		b.fails("Find", err, channel.Unknown, channel.CodeCannotRead)
		return
	}
	if err != nil || !found {
		b.Fatalf("Find: found %v, error %v", found, err)
	}
	b.remote(r)
	if r.ID != seen.ID {
		b.Errorf("found %q, citizens see %q", r.ID, seen.ID)
	}
	b.settled(r)
}

// held has the peer carry out a call long after its caller gave up. What is read
// before that proves nothing, which publishing knows; whoever claims to remember a
// key for ever claims that repeating the call meanwhile does no harm.
func held(b *bench) {
	p, progress := b.ready()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	b.final(Hold, 1)
	_, err := b.s.Adapter.Finalize(ctx, b.account(), p, progress)
	b.s.Gate.Clear()
	b.fails("Finalize", err, channel.Unknown, channel.CodeTimeout)
	b.none(p)
	b.absent(p, progress)
	if b.caps.KeyLife == channel.ForEver {
		if _, err := b.s.Adapter.Finalize(b.Context(), b.account(), p, progress); err != nil {
			b.Fatalf("Finalize again: %v", err)
		}
	}
	b.s.Gate.Release()
	b.found(p, progress, b.one(p))
}

// patience is how long the suite waits for a peer that it keeps from answering.
const patience = 500 * time.Millisecond

func repeat(b *bench) {
	if b.caps.KeyLife == 0 {
		b.Fatal("the platform knows no key: name the case in Cannot")
	}
	p := b.picturePost("Due volte la stessa chiave.")
	first, progress := b.publish(p)
	second, err := b.s.Adapter.Finalize(b.Context(), b.account(), p, progress)
	if err != nil {
		b.Fatal(err)
	}
	b.one(p)
	if first != second {
		b.Errorf("the second finalize gives %+v, the first %+v", second, first)
	}
}

func findAbsent(b *bench) {
	other, p := b.post("Un altro avviso."), b.post("Mai partito.")
	b.publish(other)
	var progress channel.Progress
	if err := b.prepare(b.Context(), p, &progress); err != nil {
		b.Fatal(err)
	}
	b.absent(p, progress)
}

// absent fails unless Find proves that p is not there, or says that it cannot.
func (b *bench) absent(p channel.Post, progress channel.Progress) {
	b.Helper()
	r, found, err := b.s.Adapter.Find(b.Context(), b.account(), p, progress)
	switch {
	case !b.caps.ReadBack, b.s.Opaque && err != nil:
		b.fails("Find", err, channel.Unknown, channel.CodeCannotRead)
	case err != nil:
		b.Fatalf("Find: %v", err)
	case found:
		b.Fatalf("found %+v, which never left", r)
	}
}

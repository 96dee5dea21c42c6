package mail

import (
	"context"
	"sync"
	"time"
)

// The bounds of a pace that the server asked for: it begins with a hundred letters
// a minute, which many relays grant, is halved each time the server asks again,
// and grows by a tenth with every fifty letters that go well.
const (
	firstGap = 600 * time.Millisecond
	longGap  = 30 * time.Second
	noGap    = 20 * time.Millisecond // faster than this is no pace any more
	wellDone = 50
	// oneAsk is the time in which several connections hear the same complaint.
	oneAsk = 5 * time.Second
)

// pace is how fast letters go in bulk. A nil pace does not wait.
type pace struct {
	mu    sync.Mutex
	least time.Duration // between two letters, as set; 0: none
	gap   time.Duration // now
	next  time.Time     // when the next letter may go
	asked time.Time     // when the server last complained
	well  int           // letters since
}

// newPace is one of perMinute letters at most; 0 means as fast as possible.
func newPace(perMinute int) *pace {
	p := &pace{}
	if perMinute > 0 {
		p.least = time.Minute / time.Duration(perMinute)
		p.gap = p.least
	}
	return p
}

// free reports whether nothing has to be waited for.
func (p *pace) free() bool {
	if p == nil {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gap == 0
}

// turn takes the next moment at which a letter may go.
func (p *pace) turn(now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := now
	if p.next.After(now) {
		at = p.next
	}
	p.next = at.Add(p.gap)
	return at
}

// wait waits for the turn of a letter, or for the end of the context.
func (p *pace) wait(ctx context.Context) error {
	if p.free() {
		return ctx.Err()
	}
	t := time.NewTimer(time.Until(p.turn(time.Now())))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// slower follows a server that said that too much comes at once.
func (p *pace) slower(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.well = 0
	if now.Sub(p.asked) < oneAsk {
		return
	}
	p.asked = now
	p.gap = min(max(2*p.gap, firstGap), longGap)
}

// good counts a letter that was taken.
func (p *pace) good() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.well++; p.well < wellDone {
		return
	}
	p.well = 0
	if p.gap -= p.gap / 10; p.gap < max(p.least, noGap) {
		p.gap = p.least
	}
}

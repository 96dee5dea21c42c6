package jobs

import (
	"context"
	"sync"
	"time"
)

// The lanes. Each has workers of its own, so that what waits in one (for a
// platform that hangs, a mail server that is down, a thousand strange servers)
// never keeps another from working.
const (
	Default  = "default"  // short work on our own database
	Urgent   = "urgent"   // whatever belongs to an emergency; nothing else may use it
	Delivery = "delivery" // messages and answers on their way to the squares
	Listen   = "listen"   // reading what people said on the squares
	Errand   = "errand"   // one question to somebody else's server, in the background
	Spread   = "spread"   // copies to many machines: inboxes of followers, hubs, webhooks
	Letters  = "letters"  // single letters: sign-in links, confirmations, notices
	Bulk     = "bulk"     // newsletters, imports: long
)

// LaneOf is the lane of work that may belong to an emergency, and else has its own.
func LaneOf(urgent bool, own string) string {
	if urgent {
		return Urgent
	}
	return own
}

// lane is how many work in it, and how long all of them may be busy with nothing
// coming to an end before the lane counts as stuck; 0: long work is its nature.
type lane struct {
	workers  int
	patience time.Duration
}

// lanes lists them, for a number of concurrent deliveries.
func lanes(deliveries int) map[string]lane {
	return map[string]lane{
		Default:  {8, time.Minute},
		Urgent:   {16, time.Minute},
		Delivery: {deliveries, time.Minute},
		Listen:   {8, 4 * time.Minute},
		Errand:   {16, 2 * time.Minute},
		Spread:   {32, 5 * time.Minute},
		Letters:  {8, 2 * time.Minute},
		Bulk:     {4, 0},
	}
}

// Lane is how one of the lanes of this node stands.
type Lane struct {
	Name    string
	Workers int
	Busy    int
	Oldest  time.Duration // how long the longest job in hand has taken; 0 without one
	Stuck   int           // jobs in hand for longer than the lane's patience
	Blocked bool          // all workers are stuck
}

// watch sees what the workers of this node have in their hands.
type watch struct {
	mu     sync.Mutex
	lanes  map[string]lane
	hands  map[string]map[*hand]struct{} // by lane
	run    context.Context               // ends when the process begins to stop
	cancel context.CancelCauseFunc
}

// hand is one job being done.
type hand struct {
	kind  string
	since time.Time
}

func newWatch() *watch {
	w := &watch{hands: map[string]map[*hand]struct{}{}}
	w.run, w.cancel = context.WithCancelCause(context.Background())
	return w
}

// open says which lanes there are, and how many work in each.
func (w *watch) open(deliveries int) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lanes = lanes(deliveries)
	workers := map[string]int{}
	for name, l := range w.lanes {
		workers[name] = l.workers
		w.hands[name] = map[*hand]struct{}{}
	}
	return workers
}

// begin notes that a job is in hand until done, and returns a context that also
// ends when the process stops.
func (w *watch) begin(ctx context.Context, lane, kind string) (_ context.Context, done func()) {
	h := &hand{kind, time.Now()}
	w.mu.Lock()
	if w.hands[lane] == nil {
		w.hands[lane] = map[*hand]struct{}{}
	}
	w.hands[lane][h] = struct{}{}
	w.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(w.run, func() { cancel(ErrStopping) })
	ctx = context.WithValue(context.WithValue(ctx, runKey{}, w.run), handKey{}, handOf{w, h})
	return ctx, func() {
		unhook()
		cancel(nil)
		w.mu.Lock()
		delete(w.hands[lane], h)
		w.mu.Unlock()
	}
}

type handKey struct{}

type handOf struct {
	watch *watch
	hand  *hand
}

// Next says that a job goes on to another piece of work: how long it takes is
// counted anew.
func Next(ctx context.Context) {
	if h, ok := ctx.Value(handKey{}).(handOf); ok {
		h.watch.mu.Lock()
		h.hand.since = time.Now()
		h.watch.mu.Unlock()
	}
}

// Lanes says how the lanes of this node stand, in no order.
func (p *Pool) Lanes() []Lane {
	w, now := p.registry.watch, time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Lane
	for name, l := range w.lanes {
		s := Lane{Name: name, Workers: l.workers, Busy: len(w.hands[name])}
		for h := range w.hands[name] {
			took := now.Sub(h.since)
			s.Oldest = max(s.Oldest, took)
			if l.patience > 0 && took > l.patience {
				s.Stuck++
			}
		}
		s.Blocked = s.Stuck >= l.workers
		all = append(all, s)
	}
	return all
}

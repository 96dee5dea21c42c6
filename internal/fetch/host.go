package fetch

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Pace bounds what one host receives from this process.
type Pace struct {
	Concurrent int           // exchanges at the same time; 0 means 4
	Every      time.Duration // least time between two requests, on average; 0 means no pace
	Burst      int           // requests that may go at once after a rest; 0 means Concurrent
	MaxWait    time.Duration // longest wait for a turn before ErrBusy; 0 means one minute
}

func (p Pace) filled() Pace {
	if p.Concurrent <= 0 {
		p.Concurrent = 4
	}
	if p.Burst <= 0 {
		p.Burst = p.Concurrent
	}
	if p.MaxWait <= 0 {
		p.MaxWait = time.Minute
	}
	return p
}

// maxIdleHosts is how many hosts without a request are remembered before the
// oldest are forgotten; a listening town meets thousands of them.
const maxIdleHosts = 1024

// host is the queue in front of one peer.
type host struct {
	places chan struct{}
	pace   *rate.Limiter // nil without a pace
	users  int           // waiting or running; guarded by hosts.mu
	last   time.Time     // when the last one left; guarded by hosts.mu
}

// hosts hands out turns.
type hosts struct {
	pace Pace
	mu   sync.Mutex
	by   map[string]*host
}

func newHosts(p Pace) *hosts { return &hosts{pace: p.filled(), by: map[string]*host{}} }

// turn waits for a place at the named host and returns the function that gives
// it back, which may be called more than once. It fails with ErrBusy after
// MaxWait, or with the context's error.
func (h *hosts) turn(ctx context.Context, name string) (func(), error) {
	q := h.enter(name)
	wait, cancel := context.WithTimeoutCause(ctx, h.pace.MaxWait, ErrBusy)
	defer cancel()
	select {
	case q.places <- struct{}{}:
	default:
		select {
		case q.places <- struct{}{}:
		case <-wait.Done():
			h.leave(q)
			return nil, context.Cause(wait)
		}
	}
	release := sync.OnceFunc(func() { <-q.places; h.leave(q) })
	if q.pace != nil {
		if err := q.pace.Wait(wait); err != nil {
			release()
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, ErrBusy // the limiter refuses at once when the turn would come too late
		}
	}
	return release, nil
}

func (h *hosts) enter(name string) *host {
	h.mu.Lock()
	defer h.mu.Unlock()
	q := h.by[name]
	if q == nil {
		h.forget()
		q = &host{places: make(chan struct{}, h.pace.Concurrent)}
		if h.pace.Every > 0 {
			q.pace = rate.NewLimiter(rate.Every(h.pace.Every), h.pace.Burst)
		}
		h.by[name] = q
	}
	q.users++
	return q
}

func (h *hosts) leave(q *host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	q.users--
	q.last = time.Now()
}

// forget drops hosts that nobody uses and whose pace has surely recovered.
func (h *hosts) forget() {
	if len(h.by) < maxIdleHosts {
		return
	}
	recovered := time.Now().Add(-time.Duration(h.pace.Burst) * h.pace.Every)
	for name, q := range h.by {
		if q.users == 0 && q.last.Before(recovered) {
			delete(h.by, name)
		}
	}
}

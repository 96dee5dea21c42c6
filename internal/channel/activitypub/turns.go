package activitypub

import (
	"context"
	"sync"
	"time"
)

const (
	// maxQueue is how many requests may wait for their turn at one server, and
	// queueFor how long.
	maxQueue = 16
	queueFor = 5 * time.Second
	// maxAsking is how many servers are asked for keys at the same time.
	maxAsking = 32
)

// turns lets one at a time ask a server, and few servers be asked at the same time.
// Its zero value is ready.
type turns struct {
	mu sync.Mutex
	at map[string]*turn
}

type turn struct {
	place chan struct{}
	users int
}

// enter waits for the turn at a server, for a short while. Whoever has it calls
// leave.
func (t *turns) enter(ctx context.Context, host string) (leave func(), ok bool) {
	t.mu.Lock()
	if t.at == nil {
		t.at = map[string]*turn{}
	}
	q := t.at[host]
	if q == nil && len(t.at) >= maxAsking || q != nil && q.users >= maxQueue {
		t.mu.Unlock()
		return nil, false
	}
	if q == nil {
		q = &turn{place: make(chan struct{}, 1)}
		t.at[host] = q
	}
	q.users++
	t.mu.Unlock()
	done := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if q.users--; q.users == 0 {
			delete(t.at, host)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, queueFor)
	defer cancel()
	select {
	case q.place <- struct{}{}:
		return func() { <-q.place; done() }, true
	case <-ctx.Done():
		done()
		return nil, false
	}
}

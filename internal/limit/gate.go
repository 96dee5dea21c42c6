package limit

import (
	"context"
	"sync"
)

// Gate bounds what is under way at the same time in this process: so much for one
// network, and so much in all. Safe for concurrent use.
type Gate struct {
	perNetwork, inAll int

	mu  sync.Mutex
	all int
	by  map[string]int
	out chan struct{} // closed when somebody leaves
}

// NewGate makes a gate. The wider networks of IPv6 may have more, as for attempts.
func NewGate(perNetwork, inAll int) *Gate {
	return &Gate{perNetwork: perNetwork, inAll: inAll, by: map[string]int{}, out: make(chan struct{})}
}

// Enter lets a stranger in with a weight of n, or not. Whoever is in calls leave,
// once, when done; a second call does nothing.
func (g *Gate) Enter(from Network, n int) (leave func(), ok bool) {
	shares := from.shares()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all+n > g.inAll {
		return nil, false
	}
	for _, s := range shares {
		if g.by[s.name]+n > g.perNetwork*s.times {
			return nil, false
		}
	}
	g.all += n
	for _, s := range shares {
		g.by[s.name] += n
	}
	return sync.OnceFunc(func() { g.leave(shares, n) }), true
}

// EnterAny is Enter for whoever is of no network: only the whole is bounded.
func (g *Gate) EnterAny(n int) (leave func(), ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all+n > g.inAll {
		return nil, false
	}
	g.all += n
	return sync.OnceFunc(func() { g.leave(nil, n) }), true
}

// Wait is Enter, as soon as there is room. Its error is that of ctx.
func (g *Gate) Wait(ctx context.Context, from Network, n int) (leave func(), err error) {
	for {
		g.mu.Lock()
		out := g.out
		g.mu.Unlock()
		if leave, ok := g.Enter(from, n); ok {
			return leave, nil
		}
		select {
		case <-out:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (g *Gate) leave(shares []share, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all -= n
	close(g.out)
	g.out = make(chan struct{})
	for _, s := range shares {
		if g.by[s.name] -= n; g.by[s.name] <= 0 {
			delete(g.by, s.name)
		}
	}
}

// Inside is the weight of all who are in, for the metrics.
func (g *Gate) Inside() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all
}

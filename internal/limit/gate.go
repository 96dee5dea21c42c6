package limit

import "sync"

// Gate bounds what is under way at the same time in this process: so much for one
// network, and so much in all. Safe for concurrent use.
type Gate struct {
	perNetwork, inAll int

	mu  sync.Mutex
	all int
	by  map[string]int
}

// NewGate makes a gate. The wider networks of IPv6 may have more, as for attempts.
func NewGate(perNetwork, inAll int) *Gate {
	return &Gate{perNetwork: perNetwork, inAll: inAll, by: map[string]int{}}
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
	var once sync.Once
	return func() { once.Do(func() { g.leave(shares, n) }) }, true
}

func (g *Gate) leave(shares []share, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all -= n
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

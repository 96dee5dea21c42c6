package limit

import (
	"sync"
	"time"
)

// maxMeter bounds the memory that strangers' names can take.
const maxMeter = 8192

// Meter counts attempts in the memory of this process, for what comes too often for
// a Book. Each node counts for itself: more nodes let more through. Safe for
// concurrent use.
type Meter struct {
	other map[Rule]Line

	mu   sync.Mutex
	full map[string]time.Time // when the bucket is full again, as in db.Limit
}

// NewMeter makes a Meter. other are lines that stand in the place of the table's:
// for an administrator's settings, and for benchmarks.
func NewMeter(other map[Rule]Line) *Meter {
	return &Meter{other: other, full: map[string]time.Time{}}
}

// Allow counts an attempt against each of spends, and tells whether it may go on.
// What is refused by one counts against none.
func (m *Meter) Allow(now time.Time, spends ...Spend) bool {
	type hit struct {
		name  string
		until time.Time
	}
	var hits []hit
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range spends {
		l, ok := m.other[s.rule]
		if !ok {
			l = s.rule.Line()
		}
		shares := []share{{"", 1}}
		if s.from {
			shares = s.network.shares()
		}
		for _, n := range shares {
			name := l.Name + "/" + s.of + n.name
			every, burst := l.Every/time.Duration(n.times), l.Burst*n.times
			until := m.full[name]
			if until.Before(now) {
				until = now
			}
			if until = until.Add(every); until.After(now.Add(time.Duration(burst) * every)) {
				return false
			}
			hits = append(hits, hit{name, until})
		}
	}
	for _, h := range hits {
		m.full[h.name] = h.until
	}
	if len(m.full) > maxMeter {
		m.forget(now)
	}
	return true
}

// forget drops the buckets that are full again; when too few are, any others, until
// half of the room is free.
func (m *Meter) forget(now time.Time) {
	for name, until := range m.full {
		if !until.After(now) {
			delete(m.full, name)
		}
	}
	for name := range m.full {
		if len(m.full) <= maxMeter/2 {
			return
		}
		delete(m.full, name)
	}
}

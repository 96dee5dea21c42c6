package activitypub

import (
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/limit"
)

// Limits bound what one server may send us. They are kept by each node for itself:
// more nodes take more. What is zero is as package limit says.
type Limits struct {
	// PerServer is how many activities one server may send; PerNetwork how many
	// requests one network may, for whichever servers it says it speaks; Keys how many
	// keys of strangers we read because of one network.
	PerServer, PerNetwork, Keys Rate

	Read time.Duration // how long a sender may take at most to hand over one activity
	Ask  time.Duration // how long we wait for another server's document, redirects included

	Followers int // of one institution
}

// All bodies under way at the same time hold at most so much memory: for one
// network, and in all.
const (
	bodiesOfNetwork = 8 << 20
	bodiesInAll     = 32 << 20
)

// Rate is so many a second in the long run, and so many at once after a rest.
type Rate struct {
	PerSecond float64
	Burst     int
}

func (l Limits) filled() Limits {
	if l.Followers == 0 {
		l.Followers = maxFollowers
	}
	if l.Read == 0 {
		l.Read = 20 * time.Second
	}
	if l.Ask == 0 {
		l.Ask = 10 * time.Second
	}
	return l
}

// lines are the limits in the place of the table's, where they were given.
func (l Limits) lines() map[limit.Rule]limit.Line {
	other := map[limit.Rule]limit.Line{}
	for rule, r := range map[limit.Rule]Rate{limit.ActivityServer: l.PerServer, limit.Activities: l.PerNetwork, limit.ActivityKeys: l.Keys} {
		if r.Burst > 0 {
			line := rule.Line()
			line.Burst, line.Every = r.Burst, time.Duration(float64(time.Second)/r.PerSecond)
			other[rule] = line
		}
	}
	return other
}

// maxForgetful bounds what is remembered of keys that could not be had.
const maxForgetful = 4096

// forgetful remembers names for a while.
type forgetful struct {
	life time.Duration
	mu   sync.Mutex
	till map[string]time.Time
}

func (f *forgetful) put(name string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.till == nil || len(f.till) >= maxForgetful {
		f.till = map[string]time.Time{}
	}
	f.till[name] = now.Add(f.life)
}

func (f *forgetful) has(name string, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.till[name].After(now)
}

func (f *forgetful) drop(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.till, name)
}

// maxStrangers bounds what is remembered of strangers who have proven nothing.
const maxStrangers = 512

// strangers remembers the keys of strangers for as long as missingFor. Its zero value
// is ready.
type strangers struct {
	mu sync.Mutex
	by map[string]stranger
}

type stranger struct {
	found
	till time.Time
}

func (s *strangers) put(keyID string, f found, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil || len(s.by) >= maxStrangers {
		s.by = map[string]stranger{}
	}
	s.by[keyID] = stranger{f, now.Add(missingFor)}
}

func (s *strangers) get(keyID string, now time.Time) (found, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.by[keyID]
	return x.found, ok && x.till.After(now)
}

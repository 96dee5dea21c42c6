package activitypub

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits bound what one server may send us. They are kept by each node for itself:
// more nodes take more.
type Limits struct {
	// PerServer is how many activities a second one server may send, in the long
	// run and at once; PerAddress how many requests one network address may, for
	// whichever servers it says it speaks.
	PerServer, PerAddress Rate

	Read time.Duration // how long a sender may take to hand over one activity
	Ask  time.Duration // how long we wait for another server's document, redirects included
}

// Rate is so many a second in the long run, and so many at once after a rest.
type Rate struct {
	PerSecond float64
	Burst     int
}

// filled are the limits with what was left out: a server of a hundred thousand
// people sends a few in a second when one of our messages is talked about.
func (l Limits) filled() Limits {
	if l.PerServer.PerSecond == 0 {
		l.PerServer = Rate{30, 600}
	}
	if l.PerAddress.PerSecond == 0 {
		l.PerAddress = Rate{300, 6000}
	}
	if l.Read == 0 {
		l.Read = 20 * time.Second
	}
	if l.Ask == 0 {
		l.Ask = 10 * time.Second
	}
	return l
}

// maxDoors bounds the memory that made-up names of servers can take.
const maxDoors = 4096

// doors count what comes through each of them.
type doors struct {
	limits Limits
	mu     sync.Mutex
	by     map[string]*door
}

type door struct {
	bucket *rate.Limiter
	last   time.Time
}

func newDoors(l Limits) *doors { return &doors{limits: l, by: map[string]*door{}} }

// let tells whether one more request of a server, from a network address, may
// come in. The name is not proven yet: it counts together with the address, so
// that nobody can use up what belongs to another server.
func (d *doors) let(address, server string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at(address, d.limits.PerAddress, now).AllowN(now, 1) &&
		d.at(address+" "+server, d.limits.PerServer, now).AllowN(now, 1)
}

func (d *doors) at(name string, r Rate, now time.Time) *rate.Limiter {
	if b := d.by[name]; b != nil {
		b.last = now
		return b.bucket
	}
	if len(d.by) >= maxDoors {
		d.forget(now)
	}
	b := &door{bucket: rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst), last: now}
	d.by[name] = b
	return b.bucket
}

// forget drops the doors that nobody has used for a minute; when all are in use,
// half of them, whichever.
func (d *doors) forget(now time.Time) {
	for name, b := range d.by {
		if now.Sub(b.last) > time.Minute {
			delete(d.by, name)
		}
	}
	for name := range d.by {
		if len(d.by) < maxDoors/2 {
			return
		}
		delete(d.by, name)
	}
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

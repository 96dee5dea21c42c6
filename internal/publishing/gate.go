package publishing

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// gate bounds how many workers of this node may be at one channel and at one host,
// so that a square that hangs holds a few of them and never all. What finds no room
// steps aside: it is remembered here, costs no worker and no attempt, and is taken
// up by the next worker that leaves. Nothing of it is truth: the ledger still says
// "waiting", and the sweep brings back what a dead node had put aside.
//
// How many may be at a host is felt out as TCP does it: it grows with each answer
// and sinks by half with each silence, so that a host that hangs is soon asked by
// one worker only, and has all of its room again a moment after it woke up.
type gate struct {
	mu    sync.Mutex
	rooms map[string]*room   // by channel and by host
	aside map[string]*ticket // by delivery
	clock func() time.Time

	channel, host size
}

// size is how many may be in a room: at first, at most, and how many more when it
// is an emergency.
type size struct{ first, most, reserve int }

// newGate makes a gate for a number of workers.
func newGate(workers int, clock func() time.Time) *gate {
	most := max(workers*3/8, 2)
	return &gate{
		rooms: map[string]*room{}, aside: map[string]*ticket{}, clock: clock,
		channel: size{first: min(4, most), most: max(workers/8, 2), reserve: 2},
		host:    size{first: min(8, most), most: most, reserve: 4},
	}
}

// room is a channel or a host as this node meets it.
type room struct {
	size
	name   string
	inside int
	window int
	silent time.Time // since when nothing but silence came back; zero while it answers
	last   time.Time // when somebody left
	aside  []*ticket // who waits for this room, in order
}

// ticket is a delivery at the gate.
type ticket struct {
	deliver
	channelID string
	host      string // empty for a square of our own
	urgent    bool
	rooms     []*room
	hung      bool // the platform said nothing
	answered  bool
}

// memory is how long a room that nobody uses is remembered.
const memory = 10 * time.Minute

// enter lets a delivery in, or puts it aside.
func (g *gate) enter(t *ticket) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, waits := g.aside[t.DeliveryID]; waits {
		return false
	}
	t.rooms = []*room{g.room("channel/"+t.channelID, g.channel)}
	if t.host != "" {
		t.rooms = append(t.rooms, g.room("host/"+t.host, g.host))
	}
	if full := t.full(nil); full != nil {
		g.aside[t.DeliveryID] = t
		full.aside = append(full.aside, t)
		return false
	}
	t.step()
	return true
}

// full is the first room that has no place for a ticket, given who is coming to each
// already; nil when all have.
func (t *ticket) full(coming map[*room]int) *room {
	for _, r := range t.rooms {
		if !r.takes(t.urgent, coming[r]) {
			return r
		}
	}
	return nil
}

// step goes in.
func (t *ticket) step() {
	for _, r := range t.rooms {
		r.inside++
	}
}

// takes reports whether one more may come in beside those who are coming.
func (r *room) takes(urgent bool, coming int) bool {
	n := r.window
	if urgent {
		n += r.reserve
	}
	return r.inside+coming < n
}

// leave ends a visit and says who may come in now, urgent ones first: next is for
// this worker, if it goes on, and has entered; those to wake come through the queue,
// for another worker, and may find the room full again.
func (g *gate) leave(t *ticket, goesOn bool) (next *ticket, wake []deliver) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	for _, r := range t.rooms {
		r.inside--
		r.last = now
		r.learn(t, now)
	}
	coming := map[*room]int{}
	for _, r := range t.rooms {
		for _, urgent := range []bool{true, false} {
			for c := r.first(urgent); c != nil; c = r.first(urgent) {
				if !r.takes(urgent, coming[r]) {
					break
				}
				r.drop(c)
				if full := c.full(coming); full != nil {
					full.aside = append(full.aside, c)
					continue
				}
				delete(g.aside, c.DeliveryID)
				if goesOn && next == nil && c.urgent == t.urgent {
					next = c
					c.step()
					continue
				}
				wake = append(wake, c.deliver)
				for _, r := range c.rooms {
					coming[r]++
				}
			}
		}
	}
	g.forget(now)
	return next, wake
}

// first is who has waited longest for a room.
func (r *room) first(urgent bool) *ticket {
	for _, t := range r.aside {
		if t.urgent == urgent {
			return t
		}
	}
	return nil
}

// drop takes somebody off the list of a room.
func (r *room) drop(t *ticket) {
	r.aside = slices.DeleteFunc(r.aside, func(other *ticket) bool { return other == t })
}

// learn makes the room smaller after a silence and wider after an answer.
func (r *room) learn(t *ticket, now time.Time) {
	switch {
	case t.hung:
		r.window = max(r.window/2, 1)
		if r.silent.IsZero() {
			r.silent = now
		}
	case t.answered:
		r.window = min(r.window+1, r.most)
		r.silent = time.Time{}
	}
}

// room finds a room, or opens it. One that stood empty for a while is felt out
// anew.
func (g *gate) room(name string, s size) *room {
	r := g.rooms[name]
	if r == nil {
		r = &room{size: s, name: name, window: s.first}
		g.rooms[name] = r
	}
	if r.inside == 0 && len(r.aside) == 0 && !r.last.IsZero() && g.clock().Sub(r.last) > memory {
		r.window, r.silent = s.first, time.Time{}
	}
	return r
}

// forget drops rooms that nobody has used for long, when there are many.
func (g *gate) forget(now time.Time) {
	if len(g.rooms) < 4096 {
		return
	}
	for name, r := range g.rooms {
		if r.inside == 0 && len(r.aside) == 0 && now.Sub(r.last) > memory {
			delete(g.rooms, name)
		}
	}
}

// waits reports whether a delivery was put aside here.
func (g *gate) waits(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.aside[id] != nil
}

// Hang is a host that says nothing, as this node met it.
type Hang struct {
	Host  string
	Since time.Time
	Aside int // deliveries that wait for it on this node
}

// Hangs lists the hosts that say nothing at the moment.
func (d *Desk) Hangs() (all []Hang) {
	d.gate.mu.Lock()
	defer d.gate.mu.Unlock()
	for name, r := range d.gate.rooms {
		if host, ok := strings.CutPrefix(name, "host/"); ok && !r.silent.IsZero() {
			all = append(all, Hang{host, r.silent, len(r.aside)})
		}
	}
	slices.SortFunc(all, func(a, b Hang) int { return strings.Compare(a.Host, b.Host) })
	return all
}

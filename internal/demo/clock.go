package demo

import (
	"sync"
	"time"
)

// clock is what the town takes for the present: it stands in the past while the
// town's history is made, and is the real one afterwards.
type clock struct {
	mu sync.Mutex
	at time.Time // zero: the real time
}

// now is a Clock for the application and for the square.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Now()
	}
	return c.at
}

// set moves the clock; the zero time lets it run.
func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// forward moves a clock that stands on to a moment, if that is later: to where the
// next thing happens, such as the second look for a post whose answer was lost.
func (c *clock) forward(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at.IsZero() && to.After(c.at) {
		c.at = to
	}
}

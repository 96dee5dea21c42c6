package app

import (
	"context"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// clockWatch notices that the wall clock jumped: that it does not go as the clock
// that never jumps. A machine that slept looks like a jump ahead, and has slept.
type clockWatch struct {
	mu    sync.Mutex
	wall  time.Time
	mono  time.Duration
	last  jump
	count int
}

// jump is what was noticed: by how much (negative: set back) and when, on the clock
// that never jumps.
type jump struct {
	by   time.Duration
	mono time.Duration
}

const (
	jumpOver = 5 * time.Second // less is correction, and a busy machine
	jumpSays = time.Minute     // how long a node is not ready after a jump
	lookAt   = time.Second     // how often the clocks are compared
)

// see compares the clocks and returns the jump since the last time; 0 without one.
func (c *clockWatch) see(wall time.Time, mono time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	by := wall.Sub(c.wall) - (mono - c.mono)
	first := c.wall.IsZero()
	c.wall, c.mono = wall, mono
	if first || by.Abs() < jumpOver {
		return 0
	}
	c.last, c.count = jump{by, mono}, c.count+1
	return by
}

// lately returns the last jump if it was noticed less than jumpSays ago.
func (c *clockWatch) lately(mono time.Duration) time.Duration { return c.within(mono, jumpSays) }

// within is lately with a time of its own.
func (c *clockWatch) within(mono, time time.Duration) (by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count > 0 && mono-c.last.mono < time {
		return c.last.by
	}
	return 0
}

// total says how many jumps there were, and how large the last one was.
func (c *clockWatch) total() (n int, last time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count, c.last.by
}

// watchClock compares the clocks until ctx ends.
func (a *App) watchClock(ctx context.Context) {
	t := time.NewTicker(lookAt)
	defer t.Stop()
	for {
		if by := a.clock.see(time.Now().Round(0), time.Since(a.began)); by != 0 {
			a.jumped(ctx, by)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// jumped says what happened and, after the clock was set back, brings back what
// would wait for a time that was already there.
func (a *App) jumped(ctx context.Context, by time.Duration) {
	a.Log.Warn("the clock of this machine jumped", "by", by.String())
	if by > 0 {
		return
	}
	if err := a.rewind(ctx); err != nil {
		a.Log.Error("after the clock was set back", "error", err)
	}
}

func (a *App) rewind(ctx context.Context) error {
	var n int64
	err := a.DB.InTx(ctx, func(tx *db.Tx) (err error) {
		if n, err = db.Rewind(ctx, tx, moments(a.Config.Lease), a.Clock()); err != nil {
			return err
		}
		return jobs.Rewind(ctx, tx, time.Now())
	})
	if n > 0 {
		a.Log.Info("brought back what waited for a time that was already there", "rows", n)
	}
	return err
}

// setBackWhileAway looks, at the start, whether the clock was set back while no
// process ran: work was last done in the future.
func (a *App) setBackWhileAway(ctx context.Context) error {
	at, err := jobs.Ticked(ctx, a.DB)
	if err != nil || at.Sub(time.Now()) < jobs.TickEvery {
		return err
	}
	a.Log.Warn("the clock was set back since this installation last worked", "by", at.Sub(time.Now()).Round(time.Second).String())
	return a.rewind(ctx)
}

// moments are the times that the program sets ahead. A wait is cut down to a
// minute: asking too early does no harm, and a lease is never cut below its length.
func moments(lease time.Duration) []db.Moment {
	if lease == 0 {
		lease = 2 * time.Minute // the longest that a domain takes by itself
	}
	return []db.Moment{
		{Table: "delivery", Column: "lease_until", Most: lease},
		{Table: "delivery", Column: "next_at", Most: time.Minute},
		{Table: "delivery", Column: "slot_at", Most: time.Minute},
		{Table: "delivery", Column: "attempted_at"}, // an attempt is over a lease after now
		{Table: "pace", Column: "tat"},
		{Table: "issue", Column: "lease_until", Most: max(lease, 2*time.Minute)},
		{Table: "issue", Column: "next_at", Most: time.Minute},
		{Table: "recipient", Column: "next_at", Most: time.Minute},
		{Table: "push_notice", Column: "lease_until", Most: max(lease, 2*time.Minute)},
		{Table: "push_notice", Column: "next_at", Most: time.Minute},
		{Table: "push_recipient", Column: "next_at", Most: time.Minute},
		{Table: "source", Column: "lease_until", Most: 3 * time.Minute},
		{Table: "source", Column: "next_at", Most: time.Minute},
		{Table: "ap_host", Column: "lease_until", Most: 2 * time.Minute},
		{Table: "ap_delivery", Column: "next_at", Most: time.Minute},
		{Table: "webhook_delivery", Column: "next_at", Most: time.Minute},
		{Table: "api_answer", Column: "lease_until", Most: 2 * time.Minute},
	}
}

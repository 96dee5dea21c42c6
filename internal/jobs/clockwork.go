package jobs

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/riverqueue/river/rivertype"

	"codeberg.org/arengo/arengo/internal/db"
)

// periodic is work that the clock does.
type periodic struct {
	interval time.Duration
	args     Args
}

// Every does a job at start and then each interval, on one node of all. It waits
// for no worker, so it goes on while all of them are busy; Handle must have said
// how it is done.
func Every(r *Registry, interval time.Duration, args Args) {
	r.periodic = append(r.periodic, periodic{interval, args})
}

// clockwork is what runs beside the workers.
type clockwork struct {
	mu     sync.Mutex
	cancel context.CancelFunc
	all    sync.WaitGroup
}

func (c *clockwork) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
}

// wait waits until the work in hand has ended, or ctx.
func (c *clockwork) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { c.all.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startClock begins to do what the clock does.
func (p *Pool) startClock(ctx context.Context) {
	p.clock.mu.Lock()
	defer p.clock.mu.Unlock()
	ctx, p.clock.cancel = context.WithCancel(ctx)
	for _, w := range p.registry.periodic {
		p.clock.all.Go(func() { p.keep(ctx, w) })
	}
	p.clock.all.Go(func() { p.appointments(ctx) })
}

// keep does one kind of work each interval, when it is this node's turn.
func (p *Pool) keep(ctx context.Context, w periodic) {
	kind := w.args.Kind()
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		mine, wait, err := p.turn(ctx, kind, w.interval)
		if err == nil && mine {
			err = p.once(ctx, w)
		}
		if err != nil && ctx.Err() == nil {
			p.log.ErrorContext(ctx, "periodic work", "kind", kind, "error", err)
		}
		t.Reset(wait)
	}
}

// once does it, within the time that any job has.
func (p *Pool) once(ctx context.Context, w periodic) (err error) {
	ctx, done := p.registry.watch.begin(ctx, "clock", w.args.Kind())
	defer done()
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return p.registry.do[w.args.Kind()](ctx, w.args)
}

// turn reports whether this node does the work now, and when to ask again. The
// time it was last done is kept for all nodes. A time that lies farther ahead than
// an interval was written before the clock was set back, and does not count.
func (p *Pool) turn(ctx context.Context, kind string, interval time.Duration) (mine bool, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, interval)
	defer cancel()
	wait = interval
	now := time.Now()
	err = p.db.InTx(ctx, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `
			INSERT INTO heartbeat (name, at) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE heartbeat.at <= $3 OR heartbeat.at > $4`,
			"every:"+kind, db.At(now), db.At(now.Add(-interval)), db.At(now.Add(interval)))
		if mine = n == 1; err != nil || mine {
			return err
		}
		var last int64
		if err := tx.QueryRow(ctx, `SELECT at FROM heartbeat WHERE name = $1`, "every:"+kind).Scan(&last); err != nil {
			return err
		}
		wait = min(max(db.When(last).Add(interval).Sub(now), interval/100, time.Millisecond), interval)
		return nil
	})
	return mine, wait, err
}

// River moves planned jobs to those that workers look for every five seconds, on
// one node, which must be elected first. That is too late for what was planned
// within these seconds, and after a crash much later. So what is planned for the
// next moments is among them from the beginning, and each node moves the rest; the
// workers take nothing before its time.
const (
	ahead     = 12 * time.Second
	moveEvery = 4 * time.Second
)

// soon makes a job that is planned for the next moments visible to the workers.
func soon(_ context.Context, j *rivertype.JobInsertParams) error {
	if j.State == rivertype.JobStateScheduled && j.ScheduledAt != nil && time.Until(*j.ScheduledAt) < ahead {
		j.State = rivertype.JobStateAvailable
	}
	return nil
}

// appointments makes visible what was planned earlier. Where there is nothing it
// writes nothing.
func (p *Pool) appointments(ctx context.Context) {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := p.move(ctx, time.Now().Add(ahead)); err != nil && ctx.Err() == nil {
			p.log.ErrorContext(ctx, "planned work", "error", err)
		}
		t.Reset(moveEvery)
	}
}

func (p *Pool) move(ctx context.Context, until time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, moveEvery)
	defer cancel()
	const due = `UPDATE river_job SET state = 'available' WHERE state IN ('scheduled', 'retryable') AND unique_key IS NULL AND scheduled_at <= `
	return p.db.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, due+`$1`, stamp(tx.Engine(), until))
		return err
	})
}

// stamp is a moment as River stores it.
func stamp(e db.Engine, t time.Time) any {
	if e == db.Postgres {
		return t.UTC()
	}
	return t.UTC().Round(time.Millisecond).Format("2006-01-02 15:04:05.999")
}

// orphans gives back what a process that died had in its hands. On SQLite that was
// the only one; on PostgreSQL a job of a dead node comes back after half an hour,
// and what cannot wait for that has a lease.
func (p *Pool) orphans(ctx context.Context) error {
	if p.own == nil {
		return nil
	}
	return p.db.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE river_job SET state = 'available' WHERE state = 'running'`)
		return err
	})
}

// Rewind wakes, after the clock was set back, the jobs that wait for their next
// attempt. What is planned keeps its moment: the clock comes to it once more.
func Rewind(ctx context.Context, tx *db.Tx, now time.Time) error {
	at := stamp(tx.Engine(), now)
	_, err := tx.Exec(ctx, `
		UPDATE river_job SET scheduled_at = $1, state = 'available'
		WHERE unique_key IS NULL AND scheduled_at > $1 AND (state = 'retryable' OR attempt > 0 AND state IN ('scheduled', 'available'))`, at)
	return err
}

// Waiting is the work of a lane that no worker has yet, on all nodes.
type Waiting struct {
	Lane   string
	Jobs   int64
	Oldest time.Duration // since its moment came
}

// Queue lists what waits in each lane, for the metrics and for readiness.
func Queue(ctx context.Context, tx *db.Tx, now time.Time) ([]Waiting, error) {
	oldest := `(julianday($1) - julianday(min(scheduled_at))) * 86400`
	if tx.Engine() == db.Postgres {
		oldest = `CAST(EXTRACT(EPOCH FROM CAST($1 AS TIMESTAMPTZ) - min(scheduled_at)) AS DOUBLE PRECISION)`
	}
	return db.All(ctx, tx, func(s db.Scanner) (w Waiting, err error) {
		var seconds float64
		err = s.Scan(&w.Lane, &w.Jobs, &seconds)
		w.Oldest = max(time.Duration(seconds*float64(time.Second)), 0)
		return w, err
	}, `SELECT queue, count(*), `+oldest+` FROM river_job WHERE state = 'available' AND scheduled_at <= $1 GROUP BY queue`, stamp(tx.Engine(), now))
}

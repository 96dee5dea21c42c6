// Package jobs does durable work in the background.
//
// A job is enqueued in the caller's transaction: it exists only if that commits,
// and then it runs at least once, on one of the nodes, however often processes
// die. Work must therefore bear being done again. It is the only package that
// imports River.
package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"codeberg.org/arengo/arengo/internal/db"
)

// Args are a job's arguments, stored as JSON; Kind names the work for ever.
type Args interface{ Kind() string }

// The queues. Deliveries wait for the network most of the time, so many run at
// once; the rest is short.
const (
	Default  = river.QueueDefault
	Delivery = "delivery"
	Bulk     = "bulk" // newsletters, imports: long, never in the way of the others
)

// Registry gathers who does which work, before the start.
type Registry struct {
	workers  *river.Workers
	periodic []*river.PeriodicJob
}

// TickEvery is how often the scheduler proves that it works.
const TickEvery = 15 * time.Second

// NewRegistry returns a registry that so far only proves, every 15 s, that
// scheduled work is done: see Ticked.
func NewRegistry(d *db.DB) *Registry {
	r := &Registry{workers: river.NewWorkers()}
	Handle(r, func(ctx context.Context, _ tick) error {
		return d.InTx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO heartbeat (name, at) VALUES ('tick', $1)
				ON CONFLICT (name) DO UPDATE SET at = excluded.at`, db.At(time.Now()))
			return err
		})
	})
	Every(r, TickEvery, tick{})
	return r
}

type tick struct{}

func (tick) Kind() string { return "jobs.tick" }

// Handle says that work is done by do. A job's error is retried with growing
// waits; Later and Never say otherwise.
func Handle[T Args](r *Registry, do func(context.Context, T) error) {
	river.AddWorker(r.workers, &worker[T]{do: do})
}

type worker[T Args] struct {
	river.WorkerDefaults[T]
	do func(context.Context, T) error
}

// Work passes the arguments on.
func (w *worker[T]) Work(ctx context.Context, j *river.Job[T]) error { return w.do(ctx, j.Args) }

// Timeout is generous: a video upload may take long, and each step has its own.
func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return 30 * time.Minute }

// Every runs a job at start and then each interval, on one node of all.
func Every(r *Registry, interval time.Duration, args Args) {
	r.periodic = append(r.periodic, river.NewPeriodicJob(river.PeriodicInterval(interval),
		func() (river.JobArgs, *river.InsertOpts) {
			return args, &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByPeriod: interval, ByArgs: true}}
		}, &river.PeriodicJobOpts{RunOnStart: true}))
}

// Later postpones a job without counting an attempt.
func Later(d time.Duration) error { return river.JobSnooze(d) }

// Never ends a job for good; err is kept with it.
func Never(err error) error { return river.JobCancel(err) }

// Pool enqueues work and, once started, does it.
type Pool struct {
	lite  *river.Client[*sql.Tx]
	pg    *river.Client[pgx.Tx]
	close func() error
}

// Options for a pool.
type Options struct {
	Log        *slog.Logger
	Deliveries int           // concurrent deliveries; 0: 64
	Poll       time.Duration // how often SQLite is asked for new work; 0: half a second
}

// New prepares the queue's own tables and a pool for the registered work.
func New(ctx context.Context, d *db.DB, r *Registry, o Options) (*Pool, error) {
	if o.Deliveries == 0 {
		o.Deliveries = 64
	}
	if o.Poll == 0 {
		o.Poll = 500 * time.Millisecond
	}
	cfg := &river.Config{
		Logger:               o.Log,
		Workers:              r.workers,
		PeriodicJobs:         r.periodic,
		FetchCooldown:        20 * time.Millisecond,
		FetchPollInterval:    o.Poll,
		RescueStuckJobsAfter: 31 * time.Minute, // past the longest job; a delivery's lease notices a death earlier
		JobTimeout:           30 * time.Minute,
		MaxAttempts:          10,
		Queues: map[string]river.QueueConfig{
			Default:  {MaxWorkers: 8},
			Delivery: {MaxWorkers: o.Deliveries},
			Bulk:     {MaxWorkers: 2},
		},
	}
	p := &Pool{close: func() error { return nil }}
	if d.Engine == db.Postgres {
		drv := riverpgxv5.New(d.Pool())
		m, err := rivermigrate.New(drv, &rivermigrate.Config{Logger: o.Log})
		if err != nil {
			return nil, fmt.Errorf("queue tables: %w", err)
		}
		if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return nil, fmt.Errorf("queue tables: %w", err)
		}
		p.pg, err = river.NewClient(drv, cfg)
		return p, err
	}
	own, err := d.Separate()
	if err != nil {
		return nil, err
	}
	p.close = own.Close
	drv := riversqlite.New(own)
	m, err := rivermigrate.New(drv, &rivermigrate.Config{Logger: o.Log})
	if err != nil {
		return nil, fmt.Errorf("queue tables: %w", err)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, fmt.Errorf("queue tables: %w", err)
	}
	p.lite, err = river.NewClient(drv, cfg)
	return p, err
}

// Start begins to do the work, until ctx ends or Stop.
func (p *Pool) Start(ctx context.Context) error {
	if p.pg != nil {
		return p.pg.Start(ctx)
	}
	return p.lite.Start(ctx)
}

// Stop waits for the jobs being done, then cancels them when ctx ends.
func (p *Pool) Stop(ctx context.Context) error {
	stop, cancel := p.stops()
	err := stop(ctx)
	if err != nil && ctx.Err() != nil {
		hard, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer done()
		err = cancel(hard)
	}
	return errors.Join(err, p.close())
}

func (p *Pool) stops() (stop, cancel func(context.Context) error) {
	if p.pg != nil {
		return p.pg.Stop, p.pg.StopAndCancel
	}
	return p.lite.Stop, p.lite.StopAndCancel
}

// Ticked is when scheduled work was last done, by any node; zero when never.
func Ticked(ctx context.Context, d *db.DB) (at time.Time, err error) {
	err = d.Read(ctx, func(tx *db.Tx) error {
		var us int64
		err := tx.QueryRow(ctx, `SELECT at FROM heartbeat WHERE name = 'tick'`).Scan(&us)
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		at = db.When(us)
		return err
	})
	return at, err
}

// When says when and where a job runs. The zero value is at once, by default.
type When struct {
	At    time.Time
	Queue string
}

// Enqueue adds a job in the transaction: it exists only if that commits.
func (p *Pool) Enqueue(ctx context.Context, tx *db.Tx, args Args, w When) error {
	return p.EnqueueAll(ctx, tx, []Args{args}, w)
}

// EnqueueAll adds many jobs in one statement.
func (p *Pool) EnqueueAll(ctx context.Context, tx *db.Tx, args []Args, w When) error {
	if len(args) == 0 {
		return nil
	}
	if w.Queue == "" {
		w.Queue = Default
	}
	many := make([]river.InsertManyParams, len(args))
	for i, a := range args {
		many[i] = river.InsertManyParams{Args: a, InsertOpts: &river.InsertOpts{Queue: w.Queue, ScheduledAt: w.At}}
	}
	var err error
	if p.pg != nil {
		_, err = p.pg.InsertManyFastTx(ctx, &borrowedTx{conn: tx.PG()}, many)
	} else {
		_, err = p.lite.InsertManyFastTx(ctx, tx.SQL(), many)
	}
	if err != nil {
		return fmt.Errorf("enqueue %s: %w", args[0].Kind(), err)
	}
	return nil
}

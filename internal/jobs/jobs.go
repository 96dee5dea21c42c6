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
	"github.com/riverqueue/river/rivertype"

	"codeberg.org/arengo/arengo/internal/db"
)

// Args are a job's arguments, stored as JSON; Kind names the work for ever.
type Args interface{ Kind() string }

// Registry gathers who does which work, before the start.
type Registry struct {
	workers  *river.Workers
	do       map[string]func(context.Context, Args) error // by kind, for what is done by the clock
	periodic []periodic
	watch    *watch
	pool     *Pool
}

// NewRegistry returns a registry that so far only proves, every 15 s, that work
// is done: see Ticked.
func NewRegistry(d *db.DB) *Registry {
	r := &Registry{workers: river.NewWorkers(), do: map[string]func(context.Context, Args) error{}, watch: newWatch()}
	Handle(r, func(ctx context.Context, _ tick) error {
		return d.InTx(ctx, func(tx *db.Tx) error { return r.pool.Enqueue(ctx, tx, proof{}, When{}) })
	})
	Handle(r, func(ctx context.Context, _ proof) error {
		return d.InTx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO heartbeat (name, at) VALUES ('tick', $1)
				ON CONFLICT (name) DO UPDATE SET at = excluded.at`, db.At(time.Now()))
			return err
		})
	})
	Every(r, TickEvery, tick{})
	return r
}

// TickEvery is how often it is proven that work is done.
const TickEvery = 15 * time.Second

// tick is what the clock does, proof what a worker then does: both must live.
type (
	tick  struct{}
	proof struct{}
)

func (tick) Kind() string  { return "jobs.tick" }
func (proof) Kind() string { return "jobs.proof" }

// Handle says that work is done by do. A job's error is retried with growing
// waits; Later and Never say otherwise. When the process stops, ctx ends at once;
// what must come to an end nevertheless uses Unbroken.
func Handle[T Args](r *Registry, do func(context.Context, T) error) {
	var zero T
	r.do[zero.Kind()] = func(ctx context.Context, a Args) error { return do(ctx, a.(T)) }
	river.AddWorker(r.workers, &worker[T]{do: do, registry: r})
}

type worker[T Args] struct {
	river.WorkerDefaults[T]
	do       func(context.Context, T) error
	registry *Registry
}

// Work passes the arguments on, where others can see for how long.
func (w *worker[T]) Work(ctx context.Context, j *river.Job[T]) error {
	ctx, done := w.registry.watch.begin(ctx, j.Queue, j.Kind)
	defer done()
	err := w.do(ctx, j.Args)
	if err != nil && Stopping(ctx) {
		return Later(0) // not its fault: at once again, after the start
	}
	if err != nil && final(j.JobRow, err) {
		w.registry.pool.giveUp(ctx, j.JobRow, err)
	}
	return err
}

// longest is how long a job may take. It is generous: a video upload may take
// long, and each step has a bound of its own.
const longest = 30 * time.Minute

// Timeout is the same for all.
func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return longest }

// Later postpones a job without counting an attempt.
func Later(d time.Duration) error { return river.JobSnooze(d) }

// Never ends a job for good; err is kept with it.
func Never(err error) error { return river.JobCancel(err) }

// Pool enqueues work and, once started, does it.
type Pool struct {
	db       *db.DB
	lite     *river.Client[*sql.Tx]
	pg       *river.Client[pgx.Tx]
	own      *sql.DB // River's connection to SQLite; nil on PostgreSQL
	log      *slog.Logger
	registry *Registry
	clock    clockwork
}

// Options for a pool.
type Options struct {
	Log        *slog.Logger
	Deliveries int           // concurrent deliveries; 0: 64
	Poll       time.Duration // how often the database is asked for work whose moment has come; 0: 0.4 s
}

// New prepares the queue's own tables and a pool for the registered work.
func New(ctx context.Context, d *db.DB, r *Registry, o Options) (*Pool, error) {
	if o.Deliveries == 0 {
		o.Deliveries = 64
	}
	if o.Poll == 0 {
		o.Poll = 400 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pool{db: d, log: o.Log, registry: r}
	r.pool = p
	lanes := r.watch.open(o.Deliveries)
	queues := map[string]river.QueueConfig{}
	for name, workers := range lanes {
		queues[name] = river.QueueConfig{MaxWorkers: workers}
		if name == Urgent || name == Delivery { // these have an appointment
			queues[name] = river.QueueConfig{MaxWorkers: workers, FetchPollInterval: o.Poll}
		}
	}
	cfg := &river.Config{
		Logger:               o.Log,
		Workers:              r.workers,
		FetchCooldown:        20 * time.Millisecond,
		FetchPollInterval:    8 * o.Poll,            // new work is announced; only what waits for its moment must be looked for
		RescueStuckJobsAfter: longest + time.Minute, // a delivery's lease notices a death earlier
		JobTimeout:           longest,
		MaxAttempts:          10,
		Queues:               queues,
		Hooks:                []rivertype.Hook{river.HookInsertBeginFunc(soon)},
	}
	if d.Engine == db.Postgres {
		drv := riverpgxv5.New(d.Pool())
		m, err := rivermigrate.New(drv, &rivermigrate.Config{Logger: o.Log})
		if err != nil {
			return nil, fmt.Errorf("queue tables: %w", err)
		}
		// Nodes that start together wait for each other: River has no lock of its own.
		err = d.Alone(ctx, func() error { _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); return err })
		if err != nil {
			return nil, fmt.Errorf("queue tables: %w", err)
		}
		p.pg, err = river.NewClient(drv, cfg)
		return p, err
	}
	var err error
	if p.own, err = d.Separate(); err != nil {
		return nil, err
	}
	drv := riversqlite.New(p.own)
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
	if err := p.orphans(ctx); err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { p.registry.watch.cancel(ErrStopping) })
	var err error
	if p.pg != nil {
		err = p.pg.Start(ctx)
	} else {
		err = p.lite.Start(ctx)
	}
	if err == nil {
		p.startClock(ctx)
	}
	return err
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

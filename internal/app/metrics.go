package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox/listen"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// ledger is what Prometheus reads of the ledger at each scrape: the same on
// every node, since it comes from the database.
type ledger struct {
	app        *App
	db         *db.DB
	clock      func() time.Time
	deliveries *prometheus.Desc
	late       *prometheus.Desc
	tick       *prometheus.Desc
	channels   *prometheus.Desc
	given      *prometheus.Desc
	frozen     *prometheus.Desc
	success    *prometheus.Desc
	lag        *prometheus.Desc
	waiting    *prometheus.Desc
	workers    *prometheus.Desc
	busy       *prometheus.Desc
	stuck      *prometheus.Desc
	queued     *prometheus.Desc
	oldest     *prometheus.Desc
	silent     *prometheus.Desc
	aside      *prometheus.Desc
	jumps      *prometheus.Desc
	jumped     *prometheus.Desc
}

func newMetrics(a *App) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &ledger{
		app: a, db: a.DB, clock: a.Clock,
		workers:    prometheus.NewDesc("arengo_workers", "Workers of this node, by lane.", []string{"lane"}, nil),
		busy:       prometheus.NewDesc("arengo_workers_busy", "Workers of this node that have something in hand.", []string{"lane"}, nil),
		stuck:      prometheus.NewDesc("arengo_workers_stuck", "Workers of this node that have had the same thing in hand for too long.", []string{"lane"}, nil),
		queued:     prometheus.NewDesc("arengo_jobs_waiting", "Jobs whose moment has come and that no worker has, on all nodes.", []string{"lane"}, nil),
		oldest:     prometheus.NewDesc("arengo_jobs_oldest_seconds", "How long the oldest of them waits.", []string{"lane"}, nil),
		silent:     prometheus.NewDesc("arengo_host_silent_seconds", "For how long a platform has said nothing to this node.", []string{"host"}, nil),
		aside:      prometheus.NewDesc("arengo_host_deliveries_waiting", "Deliveries that this node keeps aside for a platform that says nothing.", []string{"host"}, nil),
		jumps:      prometheus.NewDesc("arengo_clock_jumps_total", "How often the clock of this machine jumped since the start.", nil, nil),
		jumped:     prometheus.NewDesc("arengo_clock_jump_seconds", "By how much it last jumped; negative when it was set back.", nil, nil),
		deliveries: prometheus.NewDesc("arengo_deliveries", "Deliveries by state.", []string{"state"}, nil),
		late:       prometheus.NewDesc("arengo_deliveries_late", "Deliveries that should have been out ten minutes ago, and those given up because their time was past.", nil, nil),
		tick:       prometheus.NewDesc("arengo_scheduler_tick_seconds", "When scheduled work was last done, Unix time.", nil, nil),
		channels:   prometheus.NewDesc("arengo_channels", "Channels by state of the connection.", []string{"platform", "state"}, nil),
		success:    prometheus.NewDesc("arengo_source_success_seconds", "When a source was last read to its end, Unix time.", []string{"platform", "channel"}, nil),
		lag:        prometheus.NewDesc("arengo_source_lag_seconds", "How old our knowledge of a source is.", []string{"platform", "channel"}, nil),
		waiting:    prometheus.NewDesc("arengo_conversations_waiting", "Open conversations that wait for a word of ours.", []string{"platform"}, nil),
		given:      prometheus.NewDesc("arengo_given_up_total", "Work that was given up for good, such as a letter that could not be made.", []string{"kind", "reason"}, nil),
		frozen:     prometheus.NewDesc("arengo_frozen_institutions", "Institutions whose schedule is frozen.", nil, nil),
	})
	return r
}

// Describe tells Prometheus what there is.
func (l *ledger) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{l.deliveries, l.late, l.tick, l.channels, l.frozen, l.success, l.lag, l.waiting, l.given,
		l.workers, l.busy, l.stuck, l.queued, l.oldest, l.silent, l.aside, l.jumps, l.jumped} {
		c <- d
	}
}

// Collect reads the figures; when the database does not answer there are none.
func (l *ledger) Collect(c chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	l.ofNode(gauge)
	if at, err := jobs.Ticked(ctx, l.db); err == nil && !at.IsZero() {
		gauge(l.tick, float64(at.UnixMilli())/1000)
	}
	_ = l.db.Read(ctx, func(tx *db.Tx) error {
		type row struct {
			labels []string
			n      int64
		}
		read := func(width int, q string, args ...any) []row {
			all, err := db.All(ctx, tx, func(s db.Scanner) (r row, err error) {
				r.labels = make([]string, width)
				dest := make([]any, 0, width+1)
				for i := range r.labels {
					dest = append(dest, &r.labels[i])
				}
				return r, s.Scan(append(dest, &r.n)...)
			}, q, args...)
			if err != nil {
				return nil
			}
			return all
		}
		for _, r := range read(2, `SELECT kind, reason, times FROM given_up`) {
			c <- prometheus.MustNewConstMetric(l.given, prometheus.CounterValue, float64(r.n), r.labels...)
		}
		waiting, err := jobs.Queue(ctx, tx, time.Now())
		if err != nil {
			return err
		}
		for _, w := range waiting {
			gauge(l.queued, float64(w.Jobs), w.Lane)
			gauge(l.oldest, w.Oldest.Seconds(), w.Lane)
		}
		for _, r := range read(1, `SELECT state, count(*) FROM delivery GROUP BY state`) {
			gauge(l.deliveries, float64(r.n), r.labels...)
		}
		if n, err := publishing.CountLate(ctx, tx, l.clock()); err == nil {
			gauge(l.late, float64(n))
		}
		for _, r := range read(2, `SELECT platform, state, count(*) FROM channel GROUP BY platform, state`) {
			gauge(l.channels, float64(r.n), r.labels...)
		}
		for _, r := range read(0, `SELECT count(*) FROM freeze_period WHERE lifted_at = 0`) {
			gauge(l.frozen, float64(r.n))
		}
		for _, r := range read(1, `SELECT platform, count(*) FROM conversation WHERE state = 'open' AND waiting GROUP BY platform`) {
			gauge(l.waiting, float64(r.n), r.labels...)
		}
		sources, err := listen.Lag(ctx, tx)
		if err != nil {
			return err
		}
		for _, s := range sources {
			gauge(l.lag, s.Lag(l.clock()).Seconds(), string(s.Platform), s.ChannelID)
			if !s.Success.IsZero() {
				gauge(l.success, float64(s.Success.UnixMilli())/1000, string(s.Platform), s.ChannelID)
			}
		}
		return nil
	})
}

// ofNode are the figures of this node, which no other can tell.
func (l *ledger) ofNode(gauge func(*prometheus.Desc, float64, ...string)) {
	for _, lane := range l.app.Jobs.Lanes() {
		gauge(l.workers, float64(lane.Workers), lane.Name)
		gauge(l.busy, float64(lane.Busy), lane.Name)
		gauge(l.stuck, float64(lane.Stuck), lane.Name)
	}
	for _, h := range l.app.Desk.Hangs() {
		gauge(l.silent, time.Since(h.Since).Seconds(), h.Host)
		gauge(l.aside, float64(h.Aside), h.Host)
	}
	n, by := l.app.clock.total()
	gauge(l.jumps, float64(n))
	gauge(l.jumped, by.Seconds())
}

package listen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
)

// Hear takes over what people said, in the transaction of whoever received it;
// inbox.Hear is one.
type Hear func(ctx context.Context, tx *db.Tx, institutionID, channelID string, said []channel.Said) error

// Options are what a Poller is built from; all but Jitter and Keep are required.
type Options struct {
	DB       *db.DB
	Channels *channel.Switchboard
	Hear     Hear
	// Keep stores the files that came with letters, before they are heard; nil where
	// there are none.
	Keep  func(ctx context.Context, institutionID, channelID string, said []channel.Said) error
	Clock func() time.Time
	Log   *slog.Logger

	// Jitter spreads the readings of many sources; nil adds up to a tenth.
	Jitter func(time.Duration) time.Duration
}

// Poller reads the sources. It holds no state: any number of nodes share the work.
type Poller struct {
	Options
	pool *jobs.Pool
}

// The pace of reading.
const (
	tickEvery = 15 * time.Second // how often somebody looks whose turn it is
	most      = 2000             // sources taken in one look
	together  = 25               // sources that one job reads, at the same time
	claim     = 2 * time.Minute  // a source taken and not read by then is taken again
	lease     = 3 * time.Minute  // how long one reading may take before another begins
	patience  = time.Minute      // for one page
	pages     = 20               // of one reading; what is left comes at once
	longest   = 30 * time.Minute // between two readings of a source that fails
)

// Interval is how often a platform is asked. Mastodon allows 300 requests in 5
// minutes and Bluesky 3,000; a mailbox is a sign-in each time.
func Interval(p channel.Platform) time.Duration {
	switch p {
	case channel.Telegram:
		return 15 * time.Second
	case channel.Mailbox:
		return time.Minute
	}
	return 30 * time.Second
}

// New registers the poller's work. Use must follow before the pool starts.
func New(o Options, r *jobs.Registry) *Poller {
	if o.Jitter == nil {
		o.Jitter = func(d time.Duration) time.Duration { return d + rand.N(d/10+1) }
	}
	p := &Poller{Options: o}
	jobs.Handle(r, p.tick)
	jobs.Handle(r, p.readAll)
	jobs.Every(r, tickEvery, tick{})
	return p
}

// Use gives the poller the pool that does its work.
func (p *Poller) Use(pool *jobs.Pool) { p.pool = pool }

// tick is the job that looks whose turn it is.
type tick struct{}

func (tick) Kind() string { return "listen.tick" }

// reads is the job that reads some sources at the same time: a job for each would
// fill the queue's table where there are many.
type reads struct {
	Sources []read `json:"sources"`
}

func (reads) Kind() string { return "listen.read" }

// read names a source.
type read struct {
	InstitutionID string `json:"institution"`
	ChannelID     string `json:"channel"`
}

// platforms are those that must be asked.
func (p *Poller) platforms() (list []channel.Platform) {
	for _, platform := range p.Channels.Platforms() {
		if _, ok := p.Channels.Adapter(platform).(channel.Listener); ok {
			list = append(list, platform)
		}
	}
	return list
}

// tick makes a source of each new channel and hands the due ones to the pool.
func (p *Poller) tick(ctx context.Context, _ tick) error {
	platforms := p.platforms()
	if len(platforms) == 0 {
		return nil
	}
	now := p.Clock()
	due := 0
	err := p.DB.Read(ctx, func(tx *db.Tx) (err error) {
		due, err = waiting(ctx, tx, platforms, now)
		return err
	})
	if err != nil || due == 0 {
		return err
	}
	return p.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := adopt(ctx, tx, platforms, now); err != nil {
			return err
		}
		taken, err := take(ctx, tx, now, now.Add(claim))
		if err != nil {
			return err
		}
		// Sources that fail may hang: they do not travel with the others.
		var work []jobs.Args
		for _, failing := range []bool{false, true} {
			var alike []read
			for _, s := range taken {
				if s.failing == failing {
					alike = append(alike, s.read)
				}
			}
			for some := range slices.Chunk(alike, together) {
				work = append(work, reads{some})
			}
		}
		return p.pool.EnqueueAll(ctx, tx, work, jobs.When{Queue: jobs.Listen})
	})
}

// ReadNow reads a source at once because a person asks. Faults: Forbidden,
// NotFound, Conflict when the channel must be connected again first.
func (p *Poller) ReadNow(ctx context.Context, institutionID, channelID string) error {
	if _, err := people.Can(ctx, people.Configure, institutionID); err != nil {
		return err
	}
	return p.DB.InTx(ctx, func(tx *db.Tx) error {
		c, err := channel.ByID(ctx, tx, institutionID, channelID)
		if err != nil {
			return err
		}
		if _, ok := p.Channels.Adapter(c.Platform).(channel.Listener); !ok {
			return fault.Missing("channel.missing")
		}
		if !c.State.Usable() {
			return fault.Clash("channel.state.connect_again")
		}
		if err := hurry(ctx, tx, institutionID, channelID, p.Clock()); err != nil {
			return err
		}
		return p.pool.Enqueue(ctx, tx, reads{[]read{{InstitutionID: institutionID, ChannelID: channelID}}}, jobs.When{Queue: jobs.Listen})
	})
}

// reading is one source being read.
type reading struct {
	source
	channel channel.Channel
	until   time.Time // of the lease, which also names it
	adapter channel.Adapter
	account channel.Account
}

// readAll reads sources side by side: one that is slow holds up no other.
func (p *Poller) readAll(ctx context.Context, job reads) error {
	var all errgroup.Group
	for _, r := range job.Sources {
		all.Go(func() error { return p.read(ctx, r) })
	}
	return all.Wait()
}

// read reads a source until nothing more is waiting. Its failure is kept with the
// source and not returned: the next turn tries again.
func (p *Poller) read(ctx context.Context, job read) error {
	r := reading{until: p.Clock().Add(lease)}
	taken := false
	err := p.DB.InTx(ctx, func(tx *db.Tx) (err error) {
		if r.channel, err = channel.ByID(ctx, tx, job.InstitutionID, job.ChannelID); err != nil || !r.channel.State.Usable() {
			return err
		}
		r.source, taken, err = hold(ctx, tx, job, p.Clock(), r.until)
		return err
	})
	switch {
	case fault.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return err
	case !taken:
		return nil // disconnected meanwhile, or another node reads it
	}
	ctx, cancel := context.WithTimeout(fetch.Apart(ctx, "listen"), lease-10*time.Second)
	defer cancel()
	err = guarded(func() error {
		if r.adapter, r.account, err = p.Channels.Open(r.channel); err != nil {
			return err
		}
		if err := p.all(ctx, &r); err != nil {
			return err
		}
		return p.recheck(ctx, r)
	})
	switch {
	case err == nil, errors.Is(err, errTaken):
		return nil
	case jobs.Stopping(ctx): // cut by us: no failure of the source
		lasting, done := jobs.Lasting(ctx)
		defer done()
		return p.DB.InTx(lasting, func(tx *db.Tx) error { return putDown(lasting, tx, r, p.Clock()) })
	}
	return p.failed(context.WithoutCancel(ctx), r, err)
}

// guarded makes an error of a panic: what one platform says must not end the reading
// of the others.
func guarded(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return do()
}

// all reads page after page.
func (p *Poller) all(ctx context.Context, r *reading) error {
	listener, ok := r.adapter.(channel.Listener)
	if !ok {
		return &channel.Error{Class: channel.Refused, Code: channel.CodeCannotRead}
	}
	for n := 1; ; n++ {
		var cursor json.RawMessage
		if r.cursor != "" {
			cursor = json.RawMessage(r.cursor)
		}
		heard, err := p.page(ctx, listener, r.account, cursor)
		if err != nil {
			return err
		}
		if p.Keep != nil {
			if err := p.Keep(ctx, r.institutionID, r.channelID, heard.Said); err != nil {
				return err
			}
		}
		now := p.Clock()
		next := now.Add(p.Jitter(Interval(r.channel.Platform)))
		last := !heard.More || n == pages
		if heard.More {
			next = now
		}
		err = p.DB.InTx(ctx, func(tx *db.Tx) error {
			// First the lease: whoever lost it must not move the cursor back.
			if err := advance(ctx, tx, *r, heard, now, next, last); err != nil {
				return err
			}
			if len(heard.Said) == 0 {
				return nil
			}
			return p.Hear(ctx, tx, r.institutionID, r.channelID, heard.Said)
		})
		if err != nil || last {
			return err
		}
		r.cursor = string(heard.Cursor)
	}
}

// page asks for one page, within its time.
func (p *Poller) page(ctx context.Context, l channel.Listener, a channel.Account, cursor json.RawMessage) (channel.Heard, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return l.Listen(ctx, a, cursor)
}

// failed keeps why a reading failed and when the next one is.
func (p *Poller) failed(ctx context.Context, r reading, why error) error {
	e, theirs := asChannel(why)
	now := p.Clock()
	wait := p.Jitter(Backoff(Interval(r.channel.Platform), r.failures+1))
	next := now.Add(max(wait, e.RetryAfter))
	p.Log.Warn("reading a source failed", "institution", r.institutionID, "channel", r.channelID, "platform", r.channel.Platform, "error", why)
	return p.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := stumble(ctx, tx, r, e, now, next); err != nil {
			return err
		}
		if theirs && e.Class == channel.Revoked && e.Code == channel.CodeSignIn {
			return channel.Failed(ctx, tx, r.channel, e, now)
		}
		return nil
	})
}

// CodeInternal is kept with a source whose reading failed on our side.
const CodeInternal = "internal"

// asChannel returns the adapter's error, or one that says that the fault is ours.
func asChannel(err error) (e *channel.Error, theirs bool) {
	if errors.As(err, &e) {
		return e, true
	}
	return &channel.Error{Class: channel.Transient, Code: CodeInternal, Err: err}, false
}

// Backoff is how long to wait after n failures in a row: twice as long each time,
// at most half an hour.
func Backoff(interval time.Duration, n int) time.Duration {
	for range min(n, 20) {
		if interval *= 2; interval >= longest {
			return longest
		}
	}
	return interval
}

package publishing

import (
	"context"
	"log/slog"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// Desk is where messages are written, approved and sent out.
type Desk struct {
	db       *db.DB
	jobs     *jobs.Pool
	channels *channel.Switchboard
	blobs    blob.Store
	pictures *blob.Processor
	writing  *Writing
	clock    func() time.Time
	log      *slog.Logger
	address  func(institution.Institution) string // base URL of its site, without a final slash
	lease    time.Duration
	gate     *gate

	maxUpload int64

	carriers     map[string]Carrier
	afterPublish []func(ctx context.Context, tx *db.Tx, institutionID, messageID string) error
}

// Options for a desk.
type Options struct {
	DB       *db.DB
	Channels *channel.Switchboard
	Blobs    blob.Store
	Pictures *blob.Processor
	Clock    func() time.Time
	Log      *slog.Logger
	// Address returns the base URL of an institution's site, without a final slash.
	Address func(institution.Institution) string
	// Lease is how long a worker that died keeps a delivery; 0: 90 s. It is longer
	// than the longest irreversible call.
	Lease time.Duration
	// Workers is how many deliveries this node works on at the same time; 0: 64.
	Workers int
	// MaxUpload bounds one uploaded file, in bytes; 0: 200 MB.
	MaxUpload int64
}

// NewDesk returns a desk and registers its background work.
func NewDesk(o Options, r *jobs.Registry) *Desk {
	if o.Lease == 0 {
		o.Lease = 90 * time.Second
	}
	if o.Workers == 0 {
		o.Workers = 64
	}
	if o.MaxUpload == 0 {
		o.MaxUpload = 200 << 20
	}
	d := &Desk{db: o.DB, channels: o.Channels, blobs: o.Blobs, pictures: o.Pictures, writing: NewWriting(),
		clock: o.Clock, log: o.Log, address: o.Address, lease: o.Lease, maxUpload: o.MaxUpload, carriers: map[string]Carrier{},
		gate: newGate(o.Workers, time.Now)}
	jobs.Handle(r, d.workSendOut)
	jobs.Handle(r, d.workDeliver)
	jobs.Handle(r, d.workSweep)
	jobs.Handle(r, d.workCheckChannels)
	jobs.Every(r, sweepEvery, sweep{})
	jobs.Every(r, 10*time.Minute, checkChannels{})
	return d
}

// AfterPublish lets then take part in each transaction that changes what the site
// shows of a message: when it goes out and when it is corrected. It is called
// before the work starts, never after.
func (d *Desk) AfterPublish(then func(ctx context.Context, tx *db.Tx, institutionID, messageID string) error) {
	d.afterPublish = append(d.afterPublish, then)
}

// Use gives the desk the pool in which it enqueues its work.
func (d *Desk) Use(p *jobs.Pool) { d.jobs = p }

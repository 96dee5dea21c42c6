package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"codeberg.org/arengo/arengo/internal/api"
	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub"
	"codeberg.org/arengo/arengo/internal/channel/bluesky"
	"codeberg.org/arengo/arengo/internal/channel/email"
	"codeberg.org/arengo/arengo/internal/channel/mailbox"
	"codeberg.org/arengo/arengo/internal/channel/mastodon"
	"codeberg.org/arengo/arengo/internal/channel/telegram"
	"codeberg.org/arengo/arengo/internal/channel/webmention"
	"codeberg.org/arengo/arengo/internal/channel/webpush"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/inbox/listen"
	"codeberg.org/arengo/arengo/internal/inbox/office"
	inboxpages "codeberg.org/arengo/arengo/internal/inbox/pages"
	"codeberg.org/arengo/arengo/internal/insight"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/newsletter"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/site"
	"codeberg.org/arengo/arengo/internal/site/comments"
	"codeberg.org/arengo/arengo/internal/site/policy"
	"codeberg.org/arengo/arengo/internal/site/websub"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/webhook"
)

// Version of the software, as programs see it.
const Version = "0.1.0"

// App is a running Arengo: one node.
type App struct {
	Config     config.Config
	DB         *db.DB
	Box        *secret.Box
	Blobs      blob.Store
	Channels   *channel.Switchboard
	Desk       *publishing.Desk
	Newsletter *newsletter.List
	Inbox      *inbox.Inbox
	Answering  *inboxpages.Pages
	Sources    *listen.Poller
	Offices    *office.Offices
	Comments   *comments.Comments
	Policy     *policy.Policy
	Fediverse  *activitypub.Server
	Notices    *webpush.Notices
	Hub        *websub.Hub
	Mentions   *webmention.Service
	Insight    *insight.Pages
	Hooks      *webhook.Hooks
	Mail       mail.Sender
	Jobs       *jobs.Pool
	Auth       *auth.Service
	Web        *web.Kit
	API        *api.Kit
	Site       *site.Site
	Log        *slog.Logger
	Clock      func() time.Time

	poll     time.Duration
	began    time.Time // by the clock that never jumps
	clock    clockWatch
	probe    probe
	base     *url.URL
	bundle   *i18n.Bundle
	fetch    *fetch.Client
	hosts    *institution.Resolver
	onSite   *comments.Square
	mastodon *mastodon.Adapter
	handler  http.Handler
	release  func() // of the data folder's lock
}

// Options change how a node works; the zero value is what a town needs.
type Options struct {
	// Clock is what the node takes for the present; nil: time.Now.
	Clock func() time.Time
	// Poll is how often the queue looks for work; 0: the default of jobs.
	Poll time.Duration
}

// Open builds a node. Close it when done.
func Open(ctx context.Context, c config.Config, log *slog.Logger) (*App, error) {
	return OpenWith(ctx, c, log, Options{})
}

// OpenWith is Open with options.
func OpenWith(ctx context.Context, c config.Config, log *slog.Logger, o Options) (*App, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	a := &App{Config: c, Log: log, Clock: coarse(o.Clock), poll: o.Poll, began: time.Now(), release: func() {}}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close(ctx))
	}
	return a, nil
}

// coarse is a clock as fine as times are stored: what was just written and what is
// read later are the same moment.
func coarse(clock func() time.Time) func() time.Time {
	return func() time.Time {
		now := clock()
		return now.Add(-time.Duration(now.Nanosecond() % int(time.Microsecond)))
	}
}

func (a *App) open(ctx context.Context) (err error) {
	c := a.Config
	if a.base, err = url.Parse(c.BaseURL); err != nil {
		return fmt.Errorf("base URL: %w", err)
	}
	// Two processes on one SQLite file would each believe the other's work dead.
	if a.release, err = hold(c); err != nil {
		return err
	}
	if a.DB, err = openDB(ctx, c, a.Log); err != nil {
		return err
	}
	a.optimize(ctx)
	if a.Box, err = openBox(ctx, c, a.DB, a.Clock()); err != nil {
		return err
	}
	a.DB.Marker = sealer{func() (*secret.Box, error) { return a.Box, nil }}
	if err := a.sealAudit(ctx); err != nil {
		return err
	}
	if a.bundle, err = i18n.Load(); err != nil {
		return err
	}
	if a.Blobs, err = OpenBlobs(c); err != nil {
		return err
	}
	if a.fetch, err = outgoing(c); err != nil {
		return err
	}
	if err := a.openKit(); err != nil {
		return err
	}
	if err := a.openWork(ctx); err != nil {
		return err
	}
	return a.openPages()
}

// OpenBlobs opens the configured media store.
func OpenBlobs(c config.Config) (blob.Store, error) {
	if c.S3.Bucket == "" {
		return blob.NewDisk(filepath.Join(c.Data, "media"))
	}
	return blob.NewS3(blob.S3Options{Endpoint: c.S3.Endpoint, Bucket: c.S3.Bucket, Prefix: c.S3.Prefix, Region: c.S3.Region,
		AccessKey: c.S3.AccessKey, SecretKey: c.S3.SecretKey, Plain: c.S3.Plain, PathStyle: c.S3.PathStyle, Transport: store()})
}

// store is the way to the bucket, which may stand in the house and hold long videos;
// it is bounded as every other call.
func store() http.RoundTripper {
	everywhere := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	return fetch.New(fetch.Options{AllowPrivate: everywhere, UserAgent: "Arengo/" + Version, Timeout: time.Hour, MaxBody: 1 << 40,
		PerHost: fetch.Pace{Concurrent: 64}}).HTTPClient().Transport
}

// reachable says what our requests may reach: nothing private, unless allowed.
func reachable(c config.Config) (fetch.Options, error) {
	private, err := prefixes(c.AllowPrivate)
	return fetch.Options{AllowPrivate: private, AllowLoopback: c.Demo, UserAgent: "Arengo/" + Version}, err
}

// outgoing is the client for platforms: a peer that says nothing for half a minute
// is given up, an upload that moves may take as long as it needs.
func outgoing(c config.Config) (*fetch.Client, error) {
	o, err := reachable(c)
	if err != nil {
		return nil, err
	}
	o.Timeout, o.PerHost = time.Minute, fetch.Pace{Concurrent: 64}
	return fetch.New(o), nil
}

func prefixes(texts []string) (out []netip.Prefix, err error) {
	for _, t := range texts {
		p, err := netip.ParsePrefix(t)
		if err != nil {
			return nil, fmt.Errorf("network %q: %w", t, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// openWork joins what happens in the background.
func (a *App) openWork(ctx context.Context) error {
	c := a.Config
	registry := jobs.NewRegistry(a.DB)
	var err error
	if a.Mail, err = sender(c); err != nil {
		return err
	}
	a.Newsletter, err = newsletter.New(newsletter.Options{
		DB: a.DB, Kit: a.Web, Bundle: a.bundle, Box: a.Box, Sender: a.Mail, From: a.from().Addr, Clock: a.Clock, Log: a.Log, Lease: c.Lease, Address: a.Address,
	}, registry)
	if err != nil {
		return err
	}
	if err := a.openNative(registry); err != nil {
		return err
	}
	a.mastodon = mastodon.New(a.fetch)
	reach, err := reachable(c)
	if err != nil {
		return err
	}
	a.Channels = channel.NewSwitchboard(a.DB, a.Box, a.Clock,
		a.Fediverse.Adapter(), a.mastodon, bluesky.New(a.fetch, bluesky.Options{Directory: c.PLCDirectory}), telegram.New(a.fetch),
		email.New(a.Newsletter), webpush.NewAdapter(a.Notices), a.onSite, webmention.Adapter{},
		mailbox.New(mailbox.Options{Mail: a.Mail, Reach: reach, Clock: a.Clock, Note: mailbox.Notes(a.bundle, i18n.Italian)}))
	a.Desk = publishing.NewDesk(publishing.Options{
		DB: a.DB, Channels: a.Channels, Blobs: a.Blobs, Pictures: blob.NewProcessor(0), Clock: a.Clock, Log: a.Log,
		Address: a.Address, Lease: c.Lease, Workers: c.Deliveries, MaxUpload: int64(c.MaxUploadMB) << 20,
	}, registry)
	if err := a.openInbox(registry); err != nil {
		return err
	}
	jobs.Handle(registry, a.tidy)
	jobs.Handle(registry, a.sendLetter)
	jobs.Handle(registry, a.leaveHead)
	jobs.Every(registry, headEvery, auditHead{})
	jobs.Every(registry, time.Hour, tidy{})
	a.Jobs, err = jobs.New(ctx, a.DB, registry, jobs.Options{Log: a.Log, Deliveries: c.Deliveries, Poll: a.poll})
	if err != nil {
		return err
	}
	a.Desk.Use(a.Jobs)
	a.Newsletter.Use(a.Jobs)
	a.useInbox()
	return nil
}

// sender is the configured mail server, or, without one, a folder where letters
// can be read: nothing is lost, and nothing leaves.
func sender(c config.Config) (mail.Sender, error) {
	var signer *mail.Signer
	if c.SMTP.DKIMKey != "" {
		var err error
		if signer, err = loadSigner(c.SMTP); err != nil {
			return nil, err
		}
	}
	if c.SMTP.Host == "" {
		return mail.NewOutbox(filepath.Join(c.Data, "outbox"), signer)
	}
	return mail.NewSMTP(mail.SMTPOptions{Host: c.SMTP.Host, Port: c.SMTP.Port, Security: mail.Security(c.SMTP.TLS), User: c.SMTP.User,
		Password: c.SMTP.Password, Hello: c.SMTP.Hello, Connections: c.SMTP.Connections, PerMinute: c.SMTP.PerMinute, Signer: signer})
}

func loadSigner(c config.SMTP) (*mail.Signer, error) {
	key, err := os.ReadFile(c.DKIMKey)
	if err != nil {
		return nil, fmt.Errorf("DKIM key: %w", err)
	}
	return mail.NewSigner(c.DKIMDomain, c.DKIMSelector, key)
}

// Address is the base URL of an institution's site, without a final slash.
func (a *App) Address(i institution.Institution) string { return site.Origin(a.base, i) }

// Start begins the background work. On SQLite this is the only process, so what
// an earlier one had in its hands is taken up at once.
func (a *App) Start(ctx context.Context) error {
	if a.DB.Engine == db.SQLite {
		if err := errors.Join(a.Desk.Recover(ctx), a.Newsletter.Recover(ctx), a.Notices.Recover(ctx)); err != nil {
			return err
		}
	}
	if err := a.setBackWhileAway(ctx); err != nil {
		return err
	}
	go a.watchClock(ctx)
	go a.DB.RelayNotices(ctx)
	return a.Jobs.Start(ctx)
}

// Close ends the node, waiting for the work in hand until ctx ends.
func (a *App) Close(ctx context.Context) (err error) {
	if a.Jobs != nil {
		err = a.Jobs.Stop(ctx)
	}
	return errors.Join(err, a.leave(ctx))
}

// leave closes the database and the folder. A connection that is still in use, by
// work that did not end, is waited for until ctx ends.
func (a *App) leave(ctx context.Context) (err error) {
	defer a.release()
	if a.DB == nil {
		return nil
	}
	closed := make(chan error, 1)
	go func() { closed <- a.DB.Close() }()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		a.Log.Warn("left the database while something still used it")
		return nil
	}
}

// Handler answers requests: for the server, and for tests.
func (a *App) Handler() http.Handler { return a.handler }

package websub

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
)

//go:embed all:templates
var templates embed.FS

// Path is the address of our own hub.
const Path = "/websub"

// Content is a feed as its readers get it.
type Content struct {
	Kind string // media type
	Body []byte
}

// Options are what a Hub is built from; all are required but Log.
type Options struct {
	DB    *db.DB
	Kit   *web.Kit
	Box   *secret.Box
	Fetch *fetch.Client
	Clock func() time.Time
	Log   *slog.Logger
	// Address returns the base URL of an institution's site, without a final slash.
	Address func(institution.Institution) string
	// Content reads the feed at a path of an institution's site. Fault: NotFound.
	Content func(ctx context.Context, i institution.Institution, path string) (Content, error)
}

// Hub is the hub of every institution. Safe for concurrent use.
type Hub struct {
	Options
	jobs *jobs.Pool
}

// New builds a Hub, adds its page to the kit and registers its work.
func New(o Options, r *jobs.Registry) (*Hub, error) {
	if o.DB == nil || o.Kit == nil || o.Box == nil || o.Fetch == nil || o.Clock == nil || o.Address == nil || o.Content == nil {
		return nil, errors.New("websub: DB, Kit, Box, Fetch, Clock, Address and Content are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Hub{Options: o}
	if err := o.Kit.AddTemplates(templates); err != nil {
		return nil, err
	}
	jobs.Handle(r, h.workVerify)
	jobs.Handle(r, h.workAnnounce)
	jobs.Handle(r, h.workDeliver)
	jobs.Handle(r, h.workPing)
	jobs.Handle(r, h.workPurge)
	jobs.Every(r, 6*time.Hour, purge{})
	return h, nil
}

// Use gives the hub the pool in which it enqueues its work.
func (h *Hub) Use(p *jobs.Pool) { h.jobs = p }

// Mount registers the addresses.
func (h *Hub) Mount(mux *http.ServeMux) {
	// A subscriber is a program on another machine; its callback proves that it asked.
	h.Kit.Handle(mux, "POST "+Path, h.ask, web.WithoutSession(), web.AnyOrigin(), web.MaxBody(16<<10))
	h.mountDesk(mux)
}

// Hubs are the addresses of the hubs that a feed names: ours first.
func (h *Hub) Hubs(ctx context.Context, tx *db.Tx, i institution.Institution) ([]string, error) {
	others, err := db.All(ctx, tx, db.Col[string], `SELECT url FROM websub_hub WHERE institution_id = $1 ORDER BY url`, i.ID)
	return append([]string{h.Address(i) + Path}, others...), err
}

// The bounds of what strangers may ask for.
const (
	maxCallback = 2_000 // bytes
	maxSecret   = 199   // bytes: less than 200 (WebSub, 5.1)
	leaseUsual  = 10 * 24 * time.Hour
	leaseLeast  = time.Hour
	leaseMost   = 30 * 24 * time.Hour
)

// feedPath are the feeds that can be subscribed to; the calendar is none, for its
// readers ask by themselves.
var feedPath = regexp.MustCompile(`^(/p/[^/]+|/argomenti/[^/]+)?/feed\.(rss|atom|json)$`)

// asked is what a subscriber wants.
type asked struct {
	Mode     string // subscribe, unsubscribe
	Topic    string // path of the feed
	Callback string
	Secret   string
	Lease    time.Duration
}

// read judges a request. Fault: Invalid with the wrong parameters.
func read(form url.Values, origin string) (a asked, err error) {
	var f fault.Fields
	a.Mode = form.Get("hub.mode")
	if a.Mode != "subscribe" && a.Mode != "unsubscribe" {
		f.Add("hub.mode", "websub.mode")
	}
	if topic, ok := strings.CutPrefix(form.Get("hub.topic"), origin); ok && len(topic) < 300 && feedPath.MatchString(topic) {
		a.Topic = topic
	} else {
		f.Add("hub.topic", "websub.topic")
	}
	a.Callback = form.Get("hub.callback")
	if u, err := url.Parse(a.Callback); err != nil || len(a.Callback) > maxCallback || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" {
		f.Add("hub.callback", "websub.callback")
	}
	if a.Secret = form.Get("hub.secret"); len(a.Secret) > maxSecret {
		f.Add("hub.secret", "websub.secret", maxSecret)
	}
	a.Lease = leaseUsual
	if text := form.Get("hub.lease_seconds"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 32)
		if err != nil || seconds < 1 {
			f.Add("hub.lease_seconds", "websub.lease")
		}
		a.Lease = min(max(time.Duration(seconds)*time.Second, leaseLeast), leaseMost)
	}
	return a, f.Err()
}

// ask answers a subscriber: 202, and the callback will be asked whether it wants it.
func (h *Hub) ask(w http.ResponseWriter, r *http.Request) error {
	r.Header.Set("Accept", "application/problem+json")
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	form, err := h.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	a, err := read(form.Values, h.Address(i))
	if err != nil {
		return err
	}
	if err := h.count(r.Context(), a, web.From(r)); err != nil {
		return err
	}
	// A topic that nobody can read is refused now, not after the callback was asked.
	if _, err := h.Content(r.Context(), i, a.Topic); err != nil {
		if fault.Is(err, fault.NotFound) {
			return fault.InvalidField("hub.topic", "websub.topic").Because(err)
		}
		return err
	}
	if err := h.accept(r.Context(), i.ID, a); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// count counts a request, before anything is done for it. Fault: TooMany.
func (h *Hub) count(ctx context.Context, a asked, from limit.Network) error {
	return h.DB.InTx(ctx, func(tx *db.Tx) error {
		wait, err := limit.NewBook(h.Box).Take(ctx, tx, h.Clock(), limit.Feeds.From(from), limit.FeedHost.Of(hostOf(a.Callback)))
		if err == nil && wait > 0 {
			err = fault.New(fault.TooMany, "websub.too_many")
		}
		return err
	})
}

// accept lets the callback be asked. Fault: TooMany.
func (h *Hub) accept(ctx context.Context, institutionID string, a asked) error {
	now := h.Clock()
	return h.DB.InTx(ctx, func(tx *db.Tx) error {
		if a.Mode == "subscribe" {
			if err := room(ctx, tx, institutionID, a); err != nil {
				return err
			}
		}
		sealed := ""
		if a.Secret != "" {
			sealed = h.Box.Seal(secretPurpose(institutionID, a.Callback), a.Secret)
		}
		return h.jobs.Enqueue(ctx, tx, verify{InstitutionID: institutionID, Mode: a.Mode, Topic: a.Topic, Callback: a.Callback, Secret: sealed,
			Lease: int64(a.Lease / time.Second), Until: db.At(now.Add(verifyLife))}, jobs.When{Queue: jobs.Errand})
	})
}

func secretPurpose(institutionID, callback string) string {
	return "websub.secret/" + institutionID + "/" + callback
}

// room refuses a subscription beyond the limits; one that is renewed has its place.
func room(ctx context.Context, tx *db.Tx, institutionID string, a asked) error {
	var mine, host, all int
	if err := tx.QueryRow(ctx, `
		SELECT COALESCE(SUM(CASE WHEN topic = $2 AND callback = $3 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN callback_host = $4 THEN 1 ELSE 0 END), 0), count(*)
		FROM websub_subscription WHERE institution_id = $1`, institutionID, a.Topic, a.Callback, hostOf(a.Callback)).Scan(&mine, &host, &all); err != nil {
		return err
	}
	if mine == 0 && (host >= limit.FeedPerHost.N() || all >= limit.FeedSubscriptions.N()) {
		return fault.New(fault.TooMany, "websub.full")
	}
	return nil
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

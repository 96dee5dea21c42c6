package activitypub

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
)

//go:embed all:templates
var templates embed.FS

// Options are what a Server is built from. All are required but Log, Clock,
// Version and Limits.
type Options struct {
	DB     *db.DB
	Kit    *web.Kit
	Bundle *i18n.Bundle
	Box    *secret.Box
	Fetch  *fetch.Client
	Clock  func() time.Time
	Log    *slog.Logger

	// Address is the base URL of an institution's site, without a final slash. The
	// addresses of its actors begin with it and must never change.
	Address func(institution.Institution) string

	// Hear takes what others said, in the transaction that records that we got it.
	Hear func(ctx context.Context, tx *db.Tx, institutionID, channelID string, said []channel.Said) error

	Version string // of the software, for NodeInfo
	Limits  Limits
}

// Server is the institutions' part of the Fediverse. Safe for concurrent use.
type Server struct {
	db      *db.DB
	kit     *web.Kit
	bundle  *i18n.Bundle
	box     *secret.Box
	fetch   *fetch.Client
	clock   func() time.Time
	log     *slog.Logger
	address func(institution.Institution) string
	hear    func(ctx context.Context, tx *db.Tx, institutionID, channelID string, said []channel.Said) error
	version string
	limits  Limits

	pool     *jobs.Pool
	direct   *http.Client // follows no redirect: each needs a signature of its own
	keys     keyring
	signers  *db.Lookup
	versions *db.Lookup
	flights  singleflight.Group // one request for one actor at a time
	strange  strangers          // keys that were read before a signature held
	missing  forgetful          // keys and servers that could not be had lately
	rotated  forgetful          // keys that were asked for again lately
	newer    forgetful          // servers that take the newer signature only
	asking   turns              // servers that are asked for keys
	meter    *limit.Meter       // what comes
	bodies   *limit.Gate        // bytes of bodies under way
	crowds   crowds
}

// New builds a Server, registers its background work, and adds its pages to the
// kit.
func New(o Options, registry *jobs.Registry) (*Server, error) {
	if o.DB == nil || o.Kit == nil || o.Bundle == nil || o.Box == nil || o.Fetch == nil || o.Address == nil || o.Hear == nil {
		return nil, errors.New("activitypub: DB, Kit, Bundle, Box, Fetch, Address and Hear are required")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := o.Kit.AddTemplates(templates); err != nil {
		return nil, err
	}
	o.Limits = o.Limits.filled()
	s := &Server{
		db: o.DB, kit: o.Kit, bundle: o.Bundle, box: o.Box, fetch: o.Fetch, clock: o.Clock, log: o.Log, address: o.Address, hear: o.Hear, version: o.Version,
		limits: o.Limits, missing: forgetful{life: missingFor}, rotated: forgetful{life: rotateAfter}, newer: forgetful{life: freshFor},
		signers: o.DB.Lookup(signerQuery), versions: o.DB.Lookup(versionQuery), meter: limit.NewMeter(o.Limits.lines()), bodies: limit.NewGate(bodiesOfNetwork, bodiesInAll),
		direct: o.Fetch.HTTPClient(),
	}
	s.direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	jobs.Handle(registry, s.workDeliver)
	jobs.Handle(registry, s.workSweep)
	jobs.Handle(registry, s.workFollowUp)
	jobs.Handle(registry, s.workTidy)
	jobs.Handle(registry, s.workChanges)
	jobs.Every(registry, sweepEvery, sweep{})
	jobs.Every(registry, changesEvery, changes{})
	jobs.Every(registry, tidyEvery, tidy{})
	return s, nil
}

// Use gives the Server the pool in which its work is done.
func (s *Server) Use(p *jobs.Pool) { s.pool = p }

// Mount registers the Server's addresses.
func (s *Server) Mount(mux *http.ServeMux) {
	public := []web.RouteOption{web.WithoutSession()}
	for pattern, h := range map[string]handler{
		"GET /.well-known/webfinger":     s.webfinger,
		"GET /.well-known/nodeinfo":      s.nodeInfoLinks,
		"GET /.well-known/host-meta":     s.hostMeta,
		"GET /nodeinfo/{version}":        s.nodeInfo,
		"GET /ap/actor":                  s.showInstance,
		"GET /ap/u/{name}":               s.showActor,
		"GET /ap/u/{name}/outbox":        s.showOutbox,
		"GET /ap/u/{name}/followers":     s.showFollowers,
		"GET /ap/u/{name}/following":     s.showFollowing,
		"GET /ap/u/{name}/featured":      s.showFeatured,
		"GET /ap/o/{id}":                 s.showObject,
		"GET /ap/a/{id}":                 s.showActivity,
		"GET /ap/g/{id}":                 s.showGrant,
		"GET " + MessagePath + "/{slug}": s.showMessage,
		"GET /ap/banner/{file}":          s.showBanner,
	} {
		s.kit.Handle(mux, pattern, s.placed(h), public...)
	}
	// What comes is proven by its signature, not by a cookie.
	open := append(public, web.AnyOrigin(), web.MaxBody(maxBody), web.WithoutCompression())
	for _, pattern := range []string{"POST /ap/inbox", "POST /ap/actor/inbox", "POST /ap/u/{name}/inbox"} {
		s.kit.Handle(mux, pattern, s.placed(s.receive), open...)
	}
	s.mountDesk(mux)
}

// place is the institution that a request is for, and where its actors live.
type place struct {
	institution.Institution
	addresses
}

func (s *Server) placeOf(i institution.Institution) place {
	return place{i, addresses{strings.TrimSuffix(s.address(i), "/")}}
}

func (s *Server) placeByID(ctx context.Context, tx *db.Tx, institutionID string) (place, error) {
	i, err := institution.ByID(ctx, tx, institutionID)
	if err != nil {
		return place{}, err
	}
	return s.placeOf(i), nil
}

type handler func(w http.ResponseWriter, r *http.Request, p place) error

// placed hands a request on with the institution of its host. Fault: NotFound.
func (s *Server) placed(h handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		i, err := institution.Of(r.Context())
		if err != nil {
			return err
		}
		return h(w, r, s.placeOf(i))
	}
}

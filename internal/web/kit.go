package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/web/assets"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// Handler answers a request, or returns an error that the kit turns into a page
// (see Fail). A handler that has begun its answer should return nil.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Options are what a Kit is built from. Bundle and Log are required.
type Options struct {
	Bundle *i18n.Bundle
	Log    *slog.Logger

	// BaseURL is where readers reach the installation. Its scheme decides the
	// secure cookie and HSTS; hosts of other institutions share the scheme.
	BaseURL *url.URL

	// Sessions keeps the sessions; nil keeps them in memory, for tests.
	Sessions scs.CtxStore

	// TrustedProxies are the addresses whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix

	// Now is the clock; nil is time.Now.
	Now func() time.Time

	// Shell fills what surrounds a page (institution, menu, person) for the
	// request at hand. It is called once for every rendered page, error pages
	// included, and must not fail: it leaves out what it cannot find.
	Shell func(r *http.Request, p *layout.Page)

	// Place gives the default language and the time zone of the institution that
	// the request is for. Nil, or a nil zone, is Italian and Europe/Rome.
	Place func(r *http.Request) (lang string, loc *time.Location)

	// Around wraps every handler whose route has a session, once that is loaded:
	// there the application puts who is signed in into the request's context.
	Around func(Handler) Handler

	// Still reports whether who made a request would be let in now as then: a stream of
	// events asks again and again. Nil: always.
	Still func(r *http.Request) bool

	// SignIn is the path of the sign-in page; a GET by nobody to a page that
	// needs a person goes there with ?next=. Empty shows the error page.
	SignIn string
}

// Kit is the shared machinery of all pages. Safe for concurrent use once every
// template has been added.
type Kit struct {
	Sessions *scs.SessionManager
	Assets   *assets.Set
	Streams  *Streams

	bundle  *i18n.Bundle
	log     *slog.Logger
	secure  bool
	proxies []netip.Prefix
	now     func() time.Time
	shell   func(*http.Request, *layout.Page)
	place   func(*http.Request) (string, *time.Location)
	around  func(Handler) Handler
	still   func(*http.Request) bool
	signIn  string
	routes  []string
	pages   *pages
	origin  *http.CrossOriginProtection
	bodies  *bodies
}

// New builds a Kit.
func New(o Options) (*Kit, error) {
	if o.Bundle == nil || o.Log == nil {
		return nil, errors.New("web kit: Bundle and Log are required")
	}
	set, err := assets.Load()
	if err != nil {
		return nil, fmt.Errorf("web kit: %w", err)
	}
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		return nil, fmt.Errorf("web kit: %w", err)
	}
	k := &Kit{
		Assets: set, Streams: NewStreams(DefaultStreams()),
		bundle: o.Bundle, log: o.Log, proxies: o.TrustedProxies, now: o.Now,
		shell: o.Shell, place: o.Place, around: o.Around, signIn: o.SignIn, still: o.Still,
		secure: o.BaseURL != nil && o.BaseURL.Scheme == "https",
		origin: http.NewCrossOriginProtection(), bodies: newBodies(),
	}
	if k.now == nil {
		k.now = time.Now
	}
	if k.shell == nil {
		k.shell = func(*http.Request, *layout.Page) {}
	}
	if k.place == nil {
		k.place = func(*http.Request) (string, *time.Location) { return i18n.Italian, rome }
	}
	k.Sessions = newSessions(o.Sessions, k.secure)
	k.Sessions.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		k.Fail(w, r, fault.New(fault.Unavailable, "fault.unavailable").Because(fmt.Errorf("session: %w", err)))
	}
	k.pages = newPages(k)
	if err := k.pages.addBase(layout.Templates()); err != nil {
		return nil, fmt.Errorf("web kit: %w", err)
	}
	return k, nil
}

// Now is the kit's clock, for handlers that pass the time to a rule.
func (k *Kit) Now() time.Time { return k.now() }

// Mount registers the kit's own addresses: assets, theme colours and the
// choice of language.
func (k *Kit) Mount(mux *http.ServeMux) {
	mux.Handle("GET "+assets.Prefix, k.Assets)
	mux.HandleFunc("GET /favicon.ico", k.favicon)
	k.Handle(mux, "GET /tema/{color}", k.theme, WithoutSession())
	k.Handle(mux, "POST /lingua", k.chooseLanguage, WithoutSession())
}

// favicon answers the browsers that ask for an icon before they have read which.
func (k *Kit) favicon(w http.ResponseWriter, r *http.Request) {
	icon, err := k.Assets.URL("icon.svg")
	if err != nil {
		http.NotFound(w, r)
		return
	}
	http.Redirect(w, r, icon, http.StatusFound)
}

// Handle registers a handler for a ServeMux pattern.
func (k *Kit) Handle(mux *http.ServeMux, pattern string, h Handler, options ...RouteOption) {
	k.routes = append(k.routes, pattern)
	mux.Handle(pattern, k.Handler(h, append([]RouteOption{withSecretPath(pattern)}, options...)...))
}

// Routes lists the patterns registered with Handle, in order, so that a test can
// ask of each of them who may use it.
func (k *Kit) Routes() []string { return slices.Clone(k.routes) }

// Handler is h with everything around it, for those who mount it themselves.
func (k *Kit) Handler(h Handler, options ...RouteOption) http.Handler {
	route := newRoute(options, k.secure)
	if !route.noSession && k.around != nil {
		h = k.around(h)
	}
	var inner http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer k.recover(w, r)
		if err := k.origin.Check(r); err != nil && !route.anyOrigin {
			k.Fail(w, r, refusedOrigin(err))
			return
		}
		route.limit(w, r)
		if err := h(w, r); err != nil {
			k.Fail(w, r, err)
		}
	})
	if !route.noSession {
		inner = k.withSession(inner)
	}
	if !route.noCompression {
		inner = compress(inner)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = k.enter(w, r)
		route.headers(w)
		defer func() {
			if err := stateOf(r).removeSpooled(); err != nil {
				k.log.WarnContext(r.Context(), "uploaded files stay on disk", "request", RequestID(r), "error", err.Error())
			}
		}()
		inner.ServeHTTP(w, r)
	})
}

// Wrap is the outermost handler of the server: it gives requests that match no
// route, or match one with another method, the same kind of page as any error.
func (k *Kit) Wrap(mux *http.ServeMux) http.Handler {
	nowhere := k.Handler(func(http.ResponseWriter, *http.Request) error { return fault.Missing("fault.not_found") }, WithoutSession())
	missing := k.Handler(func(w http.ResponseWriter, r *http.Request) error { return unmatched(mux, w, r) }, WithoutSession())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = k.enter(w, r)
		defer k.bodies.watch(w, r)()
		// PostgreSQL takes no NUL in a text, so no page can be found by one. A program
		// is told by the API which member is wrong.
		if strings.ContainsRune(r.URL.Path, 0) && !strings.HasPrefix(r.URL.Path, "/api/") {
			nowhere.ServeHTTP(w, r)
			return
		}
		if _, pattern := mux.Handler(r); pattern == "" {
			missing.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
)

// Prefix comes before every path of the API.
const Prefix = "/api/v1"

// DefaultMaxBody is the largest JSON body, in bytes, of a route that sets no
// other: a text of 1 MB with its escapes.
const DefaultMaxBody = 4 << 20

// Options are what a Kit is built from. All but BaseURL and Version are required.
type Options struct {
	DB  *db.DB
	Web *web.Kit
	Mux *http.ServeMux

	// Authenticate says who acts with a bearer token. Fault: Unsigned.
	Authenticate func(ctx context.Context, token string, now time.Time) (people.Actor, error)

	// Allow counts a request of a token against its rate limit. It returns how
	// long to wait, 0 when the request may pass.
	Allow func(ctx context.Context, tokenID string, now time.Time) (wait time.Duration, err error)

	BaseURL *url.URL // of the installation, for the OpenAPI document
	Version string   // of the software
}

// Kit holds the routes of the API.
type Kit struct {
	o      Options
	routes []operation
	tags   map[string]string // what each group of routes is about
	wrong  []error
}

// New makes a kit without routes.
func New(o Options) *Kit { return &Kit{o: o, tags: map[string]string{}} }

// Route is one operation. In is a struct, or None; Out is what is answered, or
// None for an answer without a body. Exactly one of Do and Tx is set.
type Route[In, Out any] struct {
	Method, Path string // "POST", "/messages/{id}/submit"
	Summary      string // one line of the OpenAPI document, in English
	Description  string // more of it
	Tag          string // group in the OpenAPI document; Kit.Describe says what it is
	ID           string // name of the operation in the OpenAPI document; empty: made of method and path
	Action       people.Action
	Status       int   // when it succeeds; 0 is 200, or 204 for None
	MaxBody      int64 // bytes; 0 is DefaultMaxBody

	Do    func(ctx context.Context, in In) (Out, error)
	Keeps bool // Do calls Keep in the transaction that has the effect

	Tx func(ctx context.Context, tx *db.Tx, in In) (Out, error)
}

// Describe says, in English, what the routes of a tag are about.
func (k *Kit) Describe(tag, about string) { k.tags[tag] = about }

// None is nothing: no input, or an answer without a body.
type None struct{}

// operation is a Route without its types.
type operation struct {
	method, path, pattern string
	summary, description  string
	tag, id               string
	action                people.Action
	status                int
	maxBody               int64
	in, out               shape

	keeps bool
	read  func(w http.ResponseWriter, r *http.Request) (call, error)
}

// call is a request that has been read: its function with its input.
type call struct {
	fingerprint string // of the request, see Idempotency-Key
	do          func(ctx context.Context) (any, error)
	tx          func(ctx context.Context, tx *db.Tx) (any, error)
}

// Register adds a route. What is wrong with it is reported by Mount.
func Register[In, Out any](k *Kit, r Route[In, Out]) {
	o, err := newOperation(r)
	if err != nil {
		k.wrong = append(k.wrong, fmt.Errorf("api route %s %s: %w", r.Method, r.Path, err))
		return
	}
	k.routes = append(k.routes, o)
}

func newOperation[In, Out any](r Route[In, Out]) (operation, error) {
	o := operation{
		method: r.Method, path: r.Path, pattern: r.Method + " " + Prefix + r.Path,
		summary: r.Summary, description: r.Description, tag: r.Tag, id: r.ID, action: r.Action,
		status: r.Status, maxBody: r.MaxBody, keeps: r.Keeps,
	}
	var err error
	if o.in, err = inShape[In](r.Path); err != nil {
		return o, err
	}
	o.out = outShape[Out]()
	switch {
	case (r.Do == nil) == (r.Tx == nil):
		return o, errors.New("needs exactly one of Do and Tx")
	case r.Action == "":
		return o, errors.New("needs an Action")
	case r.Summary == "" || r.Tag == "":
		return o, errors.New("needs a Summary and a Tag")
	case r.Method == http.MethodGet && (o.in.body || o.in.upload):
		return o, errors.New("a GET has no body: tag its members path or query")
	}
	if o.maxBody == 0 {
		o.maxBody = DefaultMaxBody
	}
	if o.status == 0 {
		o.status = http.StatusOK
		if o.out.none {
			o.status = http.StatusNoContent
		}
	}
	o.read = func(w http.ResponseWriter, req *http.Request) (call, error) {
		var in In
		print, err := decode(req, o.in, &in)
		c := call{fingerprint: print}
		if r.Do != nil {
			c.do = func(ctx context.Context) (any, error) { return r.Do(ctx, in) }
		} else {
			c.tx = func(ctx context.Context, tx *db.Tx) (any, error) { return r.Tx(ctx, tx, in) }
		}
		return c, err
	}
	return o, nil
}

// Mount registers the routes and the OpenAPI document on the mux. Its error
// lists every route that is declared wrongly.
func (k *Kit) Mount() error {
	if err := errors.Join(k.wrong...); err != nil {
		return err
	}
	document, err := k.Document()
	if err != nil {
		return err
	}
	for _, o := range k.routes {
		k.o.Web.Handle(k.o.Mux, o.pattern, k.handler(o), web.WithoutSession(), web.AnyOrigin(), web.MaxBody(o.maxBody))
	}
	k.o.Web.Handle(k.o.Mux, "GET "+Prefix+"/openapi.json", func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		if web.NotModified(w, r, web.ETag(document), time.Time{}) {
			return nil
		}
		_, err := w.Write(document)
		return err
	}, web.WithoutSession())
	// Also what asks for another version is a program.
	k.o.Web.Handle(k.o.Mux, "/api/", k.unmatched, web.WithoutSession(), web.AnyOrigin())
	return nil
}

// unmatched answers a path or a method that no route has.
func (k *Kit) unmatched(w http.ResponseWriter, r *http.Request) error {
	asJSON(r)
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := k.o.Mux.Handler(probe); pattern != "" && pattern != "/api/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return fault.Missing("fault.not_found")
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return fault.New(fault.WrongMethod, "fault.method")
}

// asJSON makes the kit of pages answer faults as problem+json, whatever the
// program accepts.
func asJSON(r *http.Request) { r.Header.Set("Accept", "application/problem+json") }

func (k *Kit) handler(o operation) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		asJSON(r)
		w.Header().Set("Cache-Control", "no-store")
		ctx, actor, err := k.enter(w, r)
		if err != nil {
			return err
		}
		if _, err := people.Can(ctx, o.action, actor.InstitutionID); err != nil {
			return err
		}
		c, err := o.read(w, r)
		if err != nil {
			return err
		}
		a, err := k.run(ctx, o, c, r.Header.Get(keyHeader), actor)
		if err != nil {
			return err
		}
		return a.write(w)
	}
}

// enter proves who acts and counts the request.
func (k *Kit) enter(w http.ResponseWriter, r *http.Request) (context.Context, people.Actor, error) {
	ctx, now := r.Context(), k.o.Web.Now()
	token, err := bearer(r)
	if err == nil {
		var actor people.Actor
		if actor, err = k.o.Authenticate(ctx, token, now); err == nil {
			return k.admit(w, r, actor, now)
		}
	}
	if fault.Is(err, fault.Unsigned) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="arengo"`)
	}
	return ctx, people.Actor{}, err
}

func (k *Kit) admit(w http.ResponseWriter, r *http.Request, actor people.Actor, now time.Time) (context.Context, people.Actor, error) {
	ctx := r.Context()
	if i, ok := institution.From(ctx); ok && i.ID != actor.InstitutionID {
		return ctx, actor, fault.New(fault.Unsigned, "api.token.elsewhere")
	}
	wait, err := k.o.Allow(ctx, actor.TokenID, now)
	if err != nil {
		return ctx, actor, err
	}
	if wait > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(wait/time.Second)+1))
		return ctx, actor, fault.New(fault.TooMany, "api.too_many")
	}
	web.Trust(r)
	return people.With(ctx, actor), actor, nil
}

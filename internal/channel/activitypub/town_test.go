package activitypub_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// clock is the town's time, moved by the test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time          { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

// heard is what was handed to the inbox.
type heard struct {
	channelID string
	channel.Said
}

// town is Cesate with two profiles on the Fediverse, reached by other servers over
// the loopback. No worker runs: a test sends what waits when it wants (SendDue).
type town struct {
	testing.TB
	db       *db.DB
	box      *secret.Box
	clock    *clock
	server   *activitypub.Server
	kit      *web.Kit
	pool     *jobs.Pool
	channels *channel.Switchboard
	inst     institution.Institution
	other    institution.Institution
	profiles map[string]institution.Profile // by slug
	chans    map[string]channel.Channel     // by slug
	origin   string
	handler  http.Handler

	inbox *inbox.Inbox // the desk's own; nil: what is heard is only remembered

	mu   sync.Mutex
	said []heard
	fail error // what Hear returns
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func newTown(t testing.TB) *town { t.Helper(); return newTownOn(t, testkit.SQLite(t)) }

func newTownOn(t testing.TB, d *db.DB) *town {
	t.Helper()
	return newTownWith(t, d, activitypub.Limits{})
}

func newTownWith(t testing.TB, d *db.DB, limits activitypub.Limits) *town {
	t.Helper()
	w := &town{TB: t, db: d, box: secret.Fresh(), clock: &clock{at: time.Now().UTC().Truncate(time.Second)},
		profiles: map[string]institution.Profile{}, chans: map[string]channel.Channel{}}
	w.found()
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.handler.ServeHTTP(rw, r) }))
	t.Cleanup(front.Close)
	w.origin = front.URL
	w.open(limits)
	for _, slug := range []string{"comune", "biblioteca"} {
		w.chans[slug] = must(w.connect(slug, ""))(t)
	}
	return w
}

// found creates the institution, another one, and their profiles.
func (w *town) found() {
	w.Helper()
	ctx, now := context.Background(), w.clock.now()
	w.must(w.db.InTx(ctx, func(tx *db.Tx) (err error) {
		if w.inst, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate", Colour: "#0b6b53", SiteURL: "https://comune.cesate.example", Email: "urp@comune.cesate.example"}, now); err != nil {
			return err
		}
		if w.other, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Altrove"}, now); err != nil {
			return err
		}
		for n, p := range []institution.Profile{{Slug: "comune", Name: "Comune di Cesate", Bio: "Notizie & avvisi"}, {Slug: "biblioteca", Name: "Biblioteca"}, {Slug: "teatro", Name: "Teatro"}} {
			p.InstitutionID, p.Position = w.inst.ID, n
			if p, err = institution.SaveProfile(ctx, tx, p, now); err != nil {
				return err
			}
			w.profiles[p.Slug] = p
		}
		return nil
	}))
}

// open builds the server with its pages.
func (w *town) open(limits activitypub.Limits) {
	w.Helper()
	bundle := must(i18n.Load())(w)
	base := must(url.Parse(w.origin))(w)
	log := slog.New(slog.NewTextHandler(w.Output(), nil))
	w.kit = must(web.New(web.Options{Bundle: bundle, Log: log, BaseURL: base, Now: w.clock.now, Around: w.around, Shell: w.shell}))(w)
	registry := jobs.NewRegistry(w.db)
	w.server = must(activitypub.New(activitypub.Options{DB: w.db, Kit: w.kit, Bundle: bundle, Box: w.box, Clock: w.clock.now, Log: log, Version: "0.1.0", Limits: limits,
		Fetch:   fetch.New(fetch.Options{AllowLoopback: true, PerHost: fetch.Pace{Concurrent: 64}}),
		Address: func(institution.Institution) string { return w.origin },
		Hear:    w.hear,
	}, registry))(w)
	pool := must(jobs.New(w.Context(), w.db, registry, jobs.Options{Log: slog.New(slog.DiscardHandler)}))(w)
	w.Cleanup(func() { _ = pool.Stop(context.Background()) })
	w.server.Use(pool)
	w.pool = pool
	w.channels = channel.NewSwitchboard(w.db, w.box, w.clock.now, w.server.Adapter())
	mux := http.NewServeMux()
	w.kit.Mount(mux)
	w.server.Mount(mux)
	mux.HandleFunc("GET /io-sono/{who}", func(rw http.ResponseWriter, r *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "who", Value: r.PathValue("who"), Path: "/"})
		http.Redirect(rw, r, r.URL.Query().Get("next"), http.StatusSeeOther)
	})
	inner := w.kit.Wrap(mux)
	w.handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(rw, r.WithContext(institution.With(r.Context(), w.inst)))
	})
}

// desk puts the desk's own inbox behind the server.
func (w *town) desk() {
	w.inbox = inbox.New(inbox.Options{DB: w.db, Channels: w.channels, Clock: w.clock.now, Log: slog.New(slog.DiscardHandler),
		Address: func(institution.Institution) string { return w.origin }}, jobs.NewRegistry(w.db))
	w.inbox.Use(w.pool)
}

func (w *town) hear(ctx context.Context, tx *db.Tx, institutionID, channelID string, said []channel.Said) error {
	if w.inbox != nil {
		return w.inbox.Hear(ctx, tx, institutionID, channelID, said)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return w.fail
	}
	for _, s := range said {
		w.said = append(w.said, heard{channelID, s})
	}
	return nil
}

// told is what the inbox heard so far.
func (w *town) told() []heard {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]heard(nil), w.said...)
}

func (w *town) shell(r *http.Request, p *layout.Page) {
	p.Institution = layout.Institution{Name: w.inst.Name, URL: "/"}
	p.Nav = []layout.NavItem{{Label: "Fediverso", URL: "/redazione/fediverso", Icon: "it-share", Current: true}}
	if a, ok := people.From(r.Context()); ok {
		p.Person = &layout.Person{Name: a.Name, Role: string(a.Roles[0])}
	}
}

// around puts who is at the browser into the request: the cookie "who" says.
func (w *town) around(next web.Handler) web.Handler {
	return func(rw http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		if c, err := r.Cookie("who"); err == nil && c.Value != testkit.Nobody {
			ctx = people.With(ctx, w.actor(c.Value))
		}
		return next(rw, r.WithContext(ctx))
	}
}

func (w *town) actor(who string) people.Actor {
	if who == testkit.Stranger {
		return people.Actor{PersonID: "elsewhere", Name: "Altrove", InstitutionID: w.other.ID, Roles: people.Roles()}
	}
	return people.Actor{PersonID: "p-" + who, Name: who, InstitutionID: w.inst.ID, Roles: []people.Role{people.Role(who)}}
}

// as is a context in which somebody acts.
func (w *town) as(who string) context.Context { return people.With(w.Context(), w.actor(who)) }

// connect connects a profile, as the administrator does on the page of channels.
func (w *town) connect(slug, name string) (channel.Channel, error) {
	return w.channels.Connect(w.as("administrator"), channel.Wish{InstitutionID: w.inst.ID, ProfileID: w.profiles[slug].ID, Platform: channel.ActivityPub}, map[string]string{"name": name})
}

// account is a profile's account, as publishing hands it to the adapter.
func (w *town) account(slug string) channel.Account {
	w.Helper()
	_, a, err := w.channels.Open(w.chans[slug])
	w.must(err)
	return a
}

func (w *town) actorID(slug string) string { return w.origin + "/ap/u/" + slug }

// note is a short message.
func (w *town) note(text string) channel.Post {
	key := db.NewID()
	return channel.Post{Key: key, Title: "Avviso", Text: text, Link: w.origin + "/m/avviso-" + key[24:], Lang: "it", Tags: []string{"mercato"}}
}

// publish brings a post out on a profile and sends it to everybody.
func (w *town) publish(slug string, p channel.Post) channel.Remote {
	w.Helper()
	a := w.server.Adapter()
	progress := must(a.Prepare(w.Context(), w.account(slug), p, nil, func(channel.Progress) error { return nil }))(w)
	r := must(a.Finalize(w.Context(), w.account(slug), p, progress))(w)
	w.send()
	return r
}

func (w *town) send() { w.Helper(); w.must(w.server.SendDue(w.Context())) }

// get reads an address of ours as a program does.
func (w *town) get(path string) (status int, doc map[string]any) {
	w.Helper()
	req := must(http.NewRequestWithContext(w.Context(), http.MethodGet, w.origin+strings.TrimPrefix(path, w.origin), nil))(w)
	req.Header.Set("Accept", "application/activity+json")
	resp := must(http.DefaultTransport.RoundTrip(req))(w)
	defer resp.Body.Close()
	if strings.Contains(resp.Header.Get("Content-Type"), "json") {
		w.must(json.NewDecoder(resp.Body).Decode(&doc))
	}
	return resp.StatusCode, doc
}

// do is a request of the desk by somebody, answered in place.
func (w *town) do(who, method, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.AddCookie(&http.Cookie{Name: "who", Value: who})
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// count is the one number that a query gives.
func (w *town) count(query string, args ...any) (n int) {
	w.Helper()
	w.must(w.db.Read(w.Context(), func(tx *db.Tx) error { return tx.QueryRow(w.Context(), query, args...).Scan(&n) }))
	return n
}

// media are photographs of a message.
func media(n int) (all []channel.Media) {
	for i := range n {
		all = append(all, channel.Media{Hash: strings.Repeat("0123456789abcdef", 4), ContentType: "image/jpeg", Name: "foto.jpg", Alt: "Foto " + string(rune('1'+i)), Width: 1200, Height: 800})
	}
	return all
}

// fieldKeys are the catalogue keys of what is wrong with a form.
func fieldKeys(err error) string {
	var keys []string
	for _, f := range fault.Of(err).Fields {
		keys = append(keys, f.Key)
	}
	return strings.Join(keys, " ")
}

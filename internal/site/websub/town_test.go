package websub

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// town is an institution with a hub and feeds that the test writes.
type town struct {
	testing.TB
	db      *db.DB
	hub     *Hub
	i       institution.Institution
	kit     *web.Kit
	handler http.Handler
	origin  string
	actor   *people.Actor

	mu    sync.Mutex
	now   time.Time
	feeds map[string]string // by path
}

func (w *town) clock() time.Time        { w.mu.Lock(); defer w.mu.Unlock(); return w.now }
func (w *town) advance(d time.Duration) { w.mu.Lock(); defer w.mu.Unlock(); w.now = w.now.Add(d) }
func (w *town) says(path, text string)  { w.mu.Lock(); defer w.mu.Unlock(); w.feeds[path] = text }
func (w *town) content(p string) (Content, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, ok := w.feeds[p]
	if !ok {
		return Content{}, fault.Missing("fault.not_found")
	}
	return Content{Kind: "application/atom+xml; charset=utf-8", Body: []byte(text)}, nil
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func newTown(t testing.TB, d *db.DB) *town {
	t.Helper()
	w := &town{TB: t, db: d, now: time.Now().Truncate(time.Second), origin: "https://piazza.cesate.example", feeds: map[string]string{"/feed.atom": "uno", "/p/biblioteca/feed.rss": "libri"}}
	ctx := context.Background()
	w.must(d.InTx(ctx, func(tx *db.Tx) (err error) {
		w.i, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, w.now)
		return err
	}))
	bundle, err := i18n.Load()
	w.must(err)
	base, err := url.Parse(w.origin)
	w.must(err)
	w.kit, err = web.New(web.Options{Bundle: bundle, Log: slog.New(slog.DiscardHandler), BaseURL: base, Now: w.clock,
		Shell: func(_ *http.Request, p *layout.Page) {
			p.Institution.Name = w.i.Name
			if w.actor != nil {
				p.Person = &layout.Person{Name: "Ada Bianchi"}
			}
		},
		Around: func(h web.Handler) web.Handler {
			return func(rw http.ResponseWriter, r *http.Request) error {
				if w.actor != nil {
					r = r.WithContext(people.With(r.Context(), *w.actor))
				}
				return h(rw, r)
			}
		}})
	w.must(err)
	r := jobs.NewRegistry(d)
	w.hub, err = New(Options{DB: d, Kit: w.kit, Box: secret.Fresh(), Clock: w.clock, Fetch: fetch.New(fetch.Options{AllowLoopback: true, PerHost: fetch.Pace{Concurrent: 64}}),
		Address: func(institution.Institution) string { return w.origin },
		Content: func(_ context.Context, _ institution.Institution, p string) (Content, error) { return w.content(p) }}, r)
	w.must(err)
	pool, err := jobs.New(ctx, d, r, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	t.Cleanup(func() { pool.Stop(context.Background()) })
	w.hub.Use(pool)
	mux := http.NewServeMux()
	w.kit.Mount(mux)
	w.hub.Mount(mux)
	w.handler = institution.NewResolver(d, w.clock).Around(w.kit.Wrap(mux))
	return w
}

// as signs somebody with a role in.
func (w *town) as(role people.Role) {
	w.actor = &people.Actor{PersonID: "ada", InstitutionID: w.i.ID, Roles: []people.Role{role}}
}

// ask posts to the hub as a subscriber does.
func (w *town) ask(pairs ...string) *httptest.ResponseRecorder { return w.post(Path, pairs...) }

func (w *town) post(path string, pairs ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// subscribed verifies a subscription and stores it.
func (w *town) subscribed(topic, callback, secret string) {
	w.Helper()
	a := asked{Mode: "subscribe", Topic: topic, Callback: callback, Secret: secret, Lease: leaseUsual}
	w.must(w.hub.workVerify(w.Context(), w.verifying(a)))
	if w.count() == 0 {
		w.Fatal("the subscription was not stored")
	}
}

func (w *town) verifying(a asked) verify {
	sealed := ""
	if a.Secret != "" {
		sealed = w.hub.Box.Seal(secretPurpose(w.i.ID, a.Callback), a.Secret)
	}
	return verify{InstitutionID: w.i.ID, Mode: a.Mode, Topic: a.Topic, Callback: a.Callback, Secret: sealed, Lease: int64(a.Lease / time.Second), Until: db.At(w.clock().Add(verifyLife))}
}

// deliverAll does what an announcement leads to; the errors are those of the jobs.
func (w *town) deliverAll() (failed error) {
	w.Helper()
	w.must(w.hub.workAnnounce(w.Context(), announce{w.i.ID, "m"}))
	for _, id := range w.ids() {
		failed = errors.Join(failed, w.hub.workDeliver(w.Context(), deliver{w.i.ID, id}))
	}
	return failed
}

func (w *town) ids() (all []string) {
	w.Helper()
	w.must(w.db.Read(w.Context(), func(tx *db.Tx) (err error) {
		all, err = db.All(w.Context(), tx, db.Col[string], `SELECT id FROM websub_subscription ORDER BY id`)
		return err
	}))
	return all
}

func (w *town) count() int { w.Helper(); return len(w.ids()) }

// queued counts the jobs of a kind that wait.
func (w *town) queued(kind string) (n int) {
	w.Helper()
	w.must(w.db.Read(w.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(w.Context(), `SELECT count(*) FROM river_job WHERE kind = $1`, kind).Scan(&n)
	}))
	return n
}

// reader is a program that subscribes.
type reader struct {
	*httptest.Server
	mu       sync.Mutex
	verify   func(w http.ResponseWriter, q url.Values)
	status   int // of a delivery
	header   http.Header
	got      []delivered
	verified []url.Values
}

type delivered struct {
	body   string
	header http.Header
}

func newReader(t testing.TB) *reader {
	r := &reader{status: http.StatusOK, verify: func(w http.ResponseWriter, q url.Values) { io.WriteString(w, q.Get("hub.challenge")) }}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if req.Method == http.MethodGet {
			r.verified = append(r.verified, req.URL.Query())
			r.verify(w, req.URL.Query())
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.got = append(r.got, delivered{string(body), req.Header})
		for k, v := range r.header {
			w.Header()[k] = v
		}
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

// production is the client as a town runs it: no address of this machine.
func production() *fetch.Client { return fetch.New(fetch.Options{}) }

package webhook

import (
	"context"
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
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// town is an institution with webhooks.
type town struct {
	testing.TB
	db      *db.DB
	hooks   *Hooks
	i       institution.Institution
	kit     *web.Kit
	handler http.Handler
	actor   *people.Actor
	now     time.Time
}

func (w *town) clock() time.Time { return w.now }

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *town) tx(do func(ctx context.Context, tx *db.Tx) error) {
	w.Helper()
	w.must(w.db.InTx(w.Context(), func(tx *db.Tx) error { return do(w.Context(), tx) }))
}

func newTown(t testing.TB, d *db.DB) *town {
	t.Helper()
	w := &town{TB: t, db: d, now: time.Date(2026, 5, 4, 18, 30, 0, 0, time.UTC)}
	w.tx(func(ctx context.Context, tx *db.Tx) (err error) {
		w.i, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, w.now)
		return err
	})
	bundle, err := i18n.Load()
	w.must(err)
	base, err := url.Parse("https://piazza.cesate.example")
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
	w.hooks, err = New(Options{DB: d, Kit: w.kit, Box: secret.Fresh(), Clock: w.clock, AllowLoopback: true,
		Fetch:   fetch.New(fetch.Options{AllowLoopback: true, PerHost: fetch.Pace{Concurrent: 64}}),
		Address: func(institution.Institution) string { return base.String() }}, r)
	w.must(err)
	pool, err := jobs.New(context.Background(), d, r, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	t.Cleanup(func() { pool.Stop(context.Background()) })
	w.hooks.Use(pool)
	mux := http.NewServeMux()
	w.kit.Mount(mux)
	w.hooks.Mount(mux)
	w.handler = institution.NewResolver(d, w.clock).Around(w.kit.Wrap(mux))
	return w
}

// staff is the context of an administrator.
func (w *town) staff() context.Context {
	return people.With(w.Context(), people.Actor{PersonID: "ada", InstitutionID: w.i.ID, Roles: []people.Role{people.Administrator}})
}

// hook makes a webhook that listens to everything.
func (w *town) hook(address string) (Hook, string) {
	w.Helper()
	h, plain, err := w.hooks.Create(w.staff(), w.i.ID, address, Events())
	w.must(err)
	return h, plain
}

// talk stores a conversation; due is how long from now it must be answered.
func (w *town) talk(due time.Duration) string {
	w.Helper()
	id := db.NewID()
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO conversation (institution_id, id, profile_id, channel_id, platform, author_id, subject, state, due_at, first_at, last_at)
			VALUES ($1, $2, 'p', 'c', 'mastodon', 'anna', 'Il lampione di via Roma', 'open', $3, $4, $4)`, w.i.ID, id, db.At(w.now.Add(due)), db.At(w.now))
		return err
	})
	return id
}

// deliverDue does the deliveries that are due, as the jobs would.
func (w *town) deliverDue() {
	w.Helper()
	var all []deliver
	w.must(w.db.Read(w.Context(), func(tx *db.Tx) (err error) {
		all, err = db.All(w.Context(), tx, func(s db.Scanner) (j deliver, err error) {
			err = s.Scan(&j.InstitutionID, &j.DeliveryID)
			return j, err
		},
			`SELECT institution_id, id FROM webhook_delivery WHERE state = 'waiting' AND next_at <= $1 ORDER BY created_at, id`, db.At(w.now))
		return err
	}))
	for _, j := range all {
		w.must(w.hooks.workDeliver(w.Context(), j))
	}
}

func (w *town) deliveries(h Hook) (all []Delivery) {
	w.Helper()
	w.must(w.db.Read(w.Context(), func(tx *db.Tx) (err error) { all, err = Deliveries(w.Context(), tx, w.i.ID, h.ID, 100); return err }))
	return all
}

func (w *town) again(h Hook) (now Hook) {
	w.Helper()
	w.must(w.db.Read(w.Context(), func(tx *db.Tx) (err error) { now, err = ByID(w.Context(), tx, w.i.ID, h.ID); return err }))
	return now
}

// program is what is told.
type program struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	got    []heard
}

type heard struct {
	body   string
	header http.Header
}

func newProgram(t testing.TB) *program {
	p := &program{status: http.StatusOK}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		p.got = append(p.got, heard{string(body), r.Header})
		w.WriteHeader(p.status)
	}))
	t.Cleanup(p.Close)
	return p
}

// do sends a request as whoever is signed in.
func (w *town) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// as signs somebody in.
func (w *town) as(who string) {
	switch role := people.Role(who); who {
	case "nobody":
		w.actor = nil
	case "stranger":
		w.actor = &people.Actor{PersonID: "eva", InstitutionID: "elsewhere", Roles: []people.Role{people.Administrator}}
	default:
		w.actor = &people.Actor{PersonID: "ada", InstitutionID: w.i.ID, Roles: []people.Role{role}}
	}
}

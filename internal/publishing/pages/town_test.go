package pages_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/bluesky"
	"codeberg.org/arengo/arengo/internal/channel/mastodon"
	"codeberg.org/arengo/arengo/internal/channel/telegram"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/pages"
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

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// town is Cesate on a fresh database, with its pages, three real adapters whose
// accounts nobody calls, and somebody for each role. The cookie "who" says who
// is at the browser; nothing is delivered, since no job is done.
type town struct {
	t        testing.TB
	db       *db.DB
	desk     *publishing.Desk
	kit      *web.Kit
	clock    *clock
	inst     institution.Institution
	other    institution.Institution
	profile  institution.Profile // four eyes
	library  institution.Profile // none
	channels []channel.Channel
	people   map[string]people.Person
	handler  http.Handler
}

// monday is 4 May 2026, 10:00 in Rome.
var monday = time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant that Go cannot write

func newTown(t testing.TB) *town { t.Helper(); return newTownOn(t, testkit.SQLite(t), pages.Options{}) }

func newTownOn(t testing.TB, d *db.DB, o pages.Options) *town {
	t.Helper()
	w := &town{t: t, db: d, clock: &clock{at: monday}, people: map[string]people.Person{}}
	box := secret.Fresh()
	store, err := blob.NewDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	client := fetch.New(fetch.Options{})
	board := channel.NewSwitchboard(d, box, w.clock.now, mastodon.New(client), bluesky.New(client, bluesky.Options{}), telegram.New(client))
	r := jobs.NewRegistry(d)
	w.desk = publishing.NewDesk(publishing.Options{DB: d, Channels: board, Blobs: store, Pictures: blob.NewProcessor(0), Clock: w.clock.now,
		Log: slog.New(slog.DiscardHandler), Address: func(institution.Institution) string { return "https://cesate.example.it" }, MaxUpload: 20 << 20}, r)
	pool, err := jobs.New(t.Context(), d, r, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Stop(context.Background()) })
	w.desk.Use(pool)
	w.found(box)
	w.serve(board, o)
	return w
}

// found creates the institution with its profiles, channels and people.
func (w *town) found(box *secret.Box) {
	w.t.Helper()
	ctx, now := w.t.Context(), w.clock.now()
	err := w.db.InTx(ctx, func(tx *db.Tx) (err error) {
		if w.inst, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, now); err != nil {
			return err
		}
		if w.other, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Altrove"}, now); err != nil {
			return err
		}
		if w.profile, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.inst.ID, Name: "Comune", FourEyes: true}, now); err != nil {
			return err
		}
		if w.library, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.inst.ID, Name: "Biblioteca", Position: 1}, now); err != nil {
			return err
		}
		for _, p := range []channel.Platform{channel.Mastodon, channel.Bluesky, channel.Telegram} {
			c, err := channel.Save(ctx, tx, box, channel.Channel{InstitutionID: w.inst.ID, ProfileID: w.profile.ID, Platform: p},
				channel.Account{Server: "https://square.example", Handle: "@cesate", Secret: []byte(`{"token":"t"}`)}, now)
			if err != nil {
				return err
			}
			w.channels = append(w.channels, c)
		}
		for role, name := range map[string]string{"reader": "Luca Neri", "writer": "Giulia Rossi", "approver": "Marco Bianchi", "duty": "Sara Verdi", "administrator": "Anna Galli"} {
			p, err := people.Create(ctx, tx, people.Person{Email: role + "@cesate.example.it", Name: name}, now)
			if err != nil {
				return err
			}
			if err := people.SetRoles(ctx, tx, w.inst.ID, p.ID, []people.Role{people.Role(role)}, now); err != nil {
				return err
			}
			w.people[role] = p
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) serve(board *channel.Switchboard, o pages.Options) {
	w.t.Helper()
	bundle, err := i18n.Load()
	if err != nil {
		w.t.Fatal(err)
	}
	base, err := url.Parse("http://example.com")
	if err != nil {
		w.t.Fatal(err)
	}
	w.kit, err = web.New(web.Options{Bundle: bundle, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)), BaseURL: base, Now: w.clock.now, Shell: w.shell, Around: w.around})
	if err != nil {
		w.t.Fatal(err)
	}
	o.Kit, o.Desk, o.DB, o.Channels, o.Clock = w.kit, w.desk, w.db, board, w.clock.now
	p, err := pages.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	mux := http.NewServeMux()
	p.Mount(mux)
	w.kit.Mount(mux)
	mux.HandleFunc("GET /io-sono/{who}", func(rw http.ResponseWriter, r *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "who", Value: r.PathValue("who"), Path: "/"})
		http.Redirect(rw, r, "/redazione", http.StatusSeeOther)
	})
	w.handler = w.kit.Wrap(mux)
}

// around puts the institution and who is at the browser into the request.
func (w *town) around(next web.Handler) web.Handler {
	return func(rw http.ResponseWriter, r *http.Request) error {
		ctx := institution.With(r.Context(), w.inst)
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
	p := w.people[who]
	return people.Actor{PersonID: p.ID, Name: p.Name, InstitutionID: w.inst.ID, Roles: []people.Role{people.Role(who)}}
}

func (w *town) shell(r *http.Request, p *layout.Page) {
	p.Institution = layout.Institution{Name: w.inst.Name, URL: "/"}
	p.Nav = []layout.NavItem{{Label: "Oggi", URL: "/redazione", Icon: "it-pa", Current: r.URL.Path == "/redazione"},
		{Label: "Messaggi", URL: "/redazione/messaggi", Icon: "it-files", Current: strings.HasPrefix(r.URL.Path, "/redazione/messaggi")}}
	if a, ok := people.From(r.Context()); ok {
		p.Person = &layout.Person{Name: a.Name, Role: string(a.Roles[0])}
	}
}

// as is a context in which somebody acts, for what the desk is told directly.
func (w *town) as(who string) context.Context { return people.With(w.t.Context(), w.actor(who)) }

func (w *town) content() publishing.Content {
	return publishing.Content{ProfileID: w.profile.ID, Title: "Via Roma chiusa da lunedì", Lang: "it", Category: publishing.Roads, Tags: []string{"viabilità", "lavori"},
		Body: "Da lunedì **via Roma** è chiusa al traffico per i lavori all'acquedotto.\n\nIl percorso consigliato passa da via Dante. I negozi restano raggiungibili a piedi:\n\n- panetteria\n- farmacia\n\nInformazioni: [ufficio tecnico](https://cesate.example.it/tecnico)."}
}

// must ends the test on an error.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (w *town) draft(c publishing.Content) publishing.Message {
	w.t.Helper()
	return must[publishing.Message](w.t)(w.desk.Create(w.as("writer"), w.inst.ID, c))
}

func (w *town) submitted() publishing.Message {
	w.t.Helper()
	return must[publishing.Message](w.t)(w.desk.Submit(w.as("writer"), w.inst.ID, w.draft(w.content()).ID))
}

func (w *town) approved() publishing.Message {
	w.t.Helper()
	m := w.submitted()
	return must[publishing.Message](w.t)(w.desk.Approve(w.as("approver"), w.inst.ID, m.ID, m.Hash))
}

func (w *town) out() publishing.Message {
	w.t.Helper()
	return must[publishing.Message](w.t)(w.desk.PublishNow(w.as("writer"), w.inst.ID, w.approved().ID, ""))
}

func (w *town) message(id string) (m publishing.Message) {
	w.t.Helper()
	if err := w.db.Read(w.t.Context(), func(tx *db.Tx) (err error) {
		m, err = publishing.ByID(w.t.Context(), tx, w.inst.ID, id)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return m
}

// photo is a JPEG of its own colour, so that no two have the same hash.
func photo(t testing.TB, n int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 640, 420))
	for y := range 420 {
		for x := range 640 {
			img.Set(x, y, color.RGBA{uint8(40 + n*31), uint8(90 + x/6), uint8(200 - y/4), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 80}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (w *town) photo(n int) publishing.Media {
	w.t.Helper()
	return must[publishing.Media](w.t)(w.desk.Upload(w.as("writer"), w.inst.ID, fmt.Sprintf("foto-%d.jpg", n), bytes.NewReader(photo(w.t, n))))
}

// do is a request by somebody.
func (w *town) do(who, method, path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if method != http.MethodGet {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return w.send(who, r)
}

func (w *town) send(who string, r *http.Request) *httptest.ResponseRecorder {
	w.t.Helper()
	r.AddCookie(&http.Cookie{Name: "who", Value: who})
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

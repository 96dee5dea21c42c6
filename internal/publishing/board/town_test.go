package board_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/bluesky"
	"codeberg.org/arengo/arengo/internal/channel/mastodon"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/channel/telegram"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/board"
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

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// town is Cesate on a fresh database with the pages of the board, a simulated
// square to connect to, and somebody for each role. The cookie "who" says who is
// at the browser. No job runs: a delivery is in whatever state the test says.
type town struct {
	t        testing.TB
	db       *db.DB
	desk     *publishing.Desk
	kit      *web.Kit
	clock    *clock
	inst     institution.Institution
	other    institution.Institution
	comune   institution.Profile // four eyes
	library  institution.Profile // none
	channels []channel.Channel
	box      *secret.Box
	square   *square.Square
	server   string // of the square
	token    string // of the account "comune" there
	people   map[string]people.Person
	address  string // of the site, for the way back from a sign-in
	handler  http.Handler
}

// tenOfMonday is Monday 4 May 2026, 10:00 in Rome.
func tenOfMonday() time.Time { return time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC) }

func newTown(t testing.TB) *town { t.Helper(); return newTownOn(t, testkit.SQLite(t)) }

func newTownOn(t testing.TB, d *db.DB) *town {
	t.Helper()
	w := &town{t: t, db: d, clock: &clock{at: tenOfMonday()}, box: secret.Fresh(), people: map[string]people.Person{}, address: "http://example.com"}
	store, err := blob.NewDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w.openSquare()
	client := fetch.New(fetch.Options{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowLoopback: true})
	channels := channel.NewSwitchboard(w.db, w.box, w.clock.now, mastodon.New(client), bluesky.New(client, bluesky.Options{}), telegram.New(client))
	r := jobs.NewRegistry(w.db)
	w.desk = publishing.NewDesk(publishing.Options{DB: w.db, Channels: channels, Blobs: store, Pictures: blob.NewProcessor(0), Clock: w.clock.now,
		Log: slog.New(slog.DiscardHandler), Address: w.origin}, r)
	pool, err := jobs.New(t.Context(), w.db, r, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Stop(context.Background()) })
	w.desk.Use(pool)
	w.found()
	w.serve(channels)
	return w
}

func (w *town) origin(institution.Institution) string { return w.address }

func (w *town) openSquare() {
	w.t.Helper()
	s, err := square.New(square.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.token, err = s.AddAccount("comune", "Comune di Cesate"); err != nil {
		w.t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	w.t.Cleanup(srv.Close)
	w.square, w.server = s, srv.URL
}

// found creates the institution with its profiles, channels and people.
func (w *town) found() {
	w.t.Helper()
	ctx, now := w.t.Context(), w.clock.now()
	err := w.db.InTx(ctx, func(tx *db.Tx) (err error) {
		if w.inst, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, now); err != nil {
			return err
		}
		if w.other, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Altrove"}, now); err != nil {
			return err
		}
		if w.comune, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.inst.ID, Name: "Comune", FourEyes: true}, now); err != nil {
			return err
		}
		if w.library, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.inst.ID, Name: "Biblioteca", Position: 1}, now); err != nil {
			return err
		}
		for _, p := range []channel.Platform{channel.Mastodon, channel.Bluesky, channel.Telegram} {
			c, err := channel.Save(ctx, tx, w.box, channel.Channel{InstitutionID: w.inst.ID, ProfileID: w.comune.ID, Platform: p},
				channel.Account{Server: w.server, Handle: "@cesate", Secret: []byte(`{"token":"t"}`)}, now)
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

func (w *town) serve(channels *channel.Switchboard) {
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
	b, err := board.New(board.Options{Kit: w.kit, Desk: w.desk, DB: w.db, Channels: channels, Clock: w.clock.now, Address: w.origin})
	if err != nil {
		w.t.Fatal(err)
	}
	mux := http.NewServeMux()
	b.Mount(mux)
	w.kit.Mount(mux)
	mux.HandleFunc("GET /io-sono/{who}", func(rw http.ResponseWriter, r *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "who", Value: r.PathValue("who"), Path: "/"})
		http.Redirect(rw, r, r.URL.Query().Get("next"), http.StatusSeeOther)
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
	for _, n := range [][3]string{{"Calendario", "/redazione/calendario", "it-calendar"}, {"Coda", "/redazione/coda", "it-clock"}, {"Consegne", "/redazione/consegne", "it-telephone"},
		{"Compiti", "/redazione/compiti", "it-check-circle"}, {"Sospensione", "/redazione/blocco", "it-locked"}, {"Canali", "/redazione/canali", "it-share"}} {
		p.Nav = append(p.Nav, layout.NavItem{Label: n[0], URL: n[1], Icon: n[2], Current: strings.HasPrefix(r.URL.Path, n[1])})
	}
	if a, ok := people.From(r.Context()); ok {
		p.Person = &layout.Person{Name: a.Name, Role: string(a.Roles[0])}
	}
}

// as is a context in which somebody acts, for what the desk is told directly.
func (w *town) as(who string) context.Context { return people.With(w.t.Context(), w.actor(who)) }

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

func (w *town) draft(profile institution.Profile, title string) publishing.Message {
	w.t.Helper()
	return must[publishing.Message](w.t)(w.desk.Create(w.as("writer"), w.inst.ID, publishing.Content{ProfileID: profile.ID, Title: title, Lang: "it",
		Category: publishing.Culture, Body: "Testo di «" + title + "»."}))
}

func (w *town) approved(profile institution.Profile, title string) publishing.Message {
	w.t.Helper()
	ok := must[publishing.Message](w.t)
	m := ok(w.desk.Submit(w.as("writer"), w.inst.ID, w.draft(profile, title).ID))
	if m.State == publishing.Approved {
		return m
	}
	return ok(w.desk.Approve(w.as("approver"), w.inst.ID, m.ID, m.Hash))
}

func (w *town) scheduled(profile institution.Profile, title, due string) publishing.Message {
	w.t.Helper()
	return must[publishing.Message](w.t)(w.desk.Schedule(w.as("writer"), w.inst.ID, w.approved(profile, title).ID, due, ""))
}

func (w *town) out(title string) publishing.Message {
	w.t.Helper()
	return must[publishing.Message](w.t)(w.desk.PublishNow(w.as("writer"), w.inst.ID, w.approved(w.comune, title).ID, ""))
}

func (w *town) message(id string) (m publishing.Message) {
	w.t.Helper()
	w.read(func(ctx context.Context, tx *db.Tx) (err error) {
		m, err = publishing.ByID(ctx, tx, w.inst.ID, id)
		return err
	})
	return m
}

func (w *town) deliveries(id string) (ds []publishing.Delivery) {
	w.t.Helper()
	w.read(func(ctx context.Context, tx *db.Tx) (err error) {
		ds, err = publishing.Deliveries(ctx, tx, w.inst.ID, id)
		return err
	})
	return ds
}

func (w *town) read(do func(ctx context.Context, tx *db.Tx) error) {
	w.t.Helper()
	if err := w.db.Read(w.t.Context(), func(tx *db.Tx) error { return do(w.t.Context(), tx) }); err != nil {
		w.t.Fatal(err)
	}
}

// write changes rows as a worker, or the years, would.
func (w *town) write(sql string, args ...any) {
	w.t.Helper()
	err := w.db.InTx(w.t.Context(), func(tx *db.Tx) error {
		n, err := tx.Change(w.t.Context(), sql, args...)
		if err == nil && n == 0 {
			w.t.Fatalf("nothing changed by %s", sql)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// becomes puts a delivery into a state, as the worker would have left it.
func (w *town) becomes(d publishing.Delivery, state publishing.DeliveryState, class channel.Class, code, url string) {
	w.t.Helper()
	out := int64(0)
	if state == publishing.Delivered {
		out = db.At(w.clock.now())
	}
	w.write(`UPDATE delivery SET state = $3, error_class = $4, error_code = $5, remote_url = $6, out_at = $7, out_rev = CASE WHEN CAST($7 AS BIGINT) > 0 THEN rev ELSE 0 END
		WHERE institution_id = $1 AND id = $2`, w.inst.ID, d.ID, string(state), string(class), code, url, out)
}

// byPlatform finds a message's delivery to a platform.
func (w *town) byPlatform(id string, p channel.Platform) publishing.Delivery {
	w.t.Helper()
	for _, d := range w.deliveries(id) {
		for _, c := range w.channels {
			if c.ID == d.ChannelID && c.Platform == p {
				return d
			}
		}
	}
	w.t.Fatalf("no delivery of %s to %s", id, p)
	return publishing.Delivery{}
}

// do is a request by somebody.
func (w *town) do(who, method, path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if method != http.MethodGet {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept-Language", "it")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	r.AddCookie(&http.Cookie{Name: "who", Value: who})
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// shows fails unless the answer has the status and holds the texts.
func shows(t testing.TB, rec *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	body := rec.Body.String()
	if rec.Code != status {
		t.Fatalf("status %d, want %d: %s", rec.Code, status, visible(body))
	}
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("the page lacks %q: %s", text, visible(body))
		}
	}
}

// hides fails when the answer holds one of the texts.
func hides(t testing.TB, rec *httptest.ResponseRecorder, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(rec.Body.String(), text) {
			t.Errorf("the page holds %q", text)
		}
	}
}

// visible is the part of a page that a failure is about.
func visible(page string) string {
	if _, main, ok := strings.Cut(page, "<main"); ok {
		page, _, _ = strings.Cut(main, "</main>")
	}
	if len(page) > 4000 {
		page = page[:4000] + "…"
	}
	return page
}

// goes fails unless the answer leads to a path, and returns the page there.
func (w *town) goes(who string, rec *httptest.ResponseRecorder, path string) *httptest.ResponseRecorder {
	w.t.Helper()
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != path {
		w.t.Fatalf("status %d to %q, want 303 to %q: %s", rec.Code, rec.Header().Get("Location"), path, visible(rec.Body.String()))
	}
	var cookies []string
	for _, c := range rec.Result().Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	return w.do(who, http.MethodGet, path, nil, "Cookie", strings.Join(cookies, "; "))
}

package pages_test

import (
	"context"
	"encoding/json"
	"fmt"
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
	"codeberg.org/arengo/arengo/internal/channel/mastodon"
	"codeberg.org/arengo/arengo/internal/channel/telegram"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/inbox/pages"
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

// town is Cesate on a fresh database with the pages of the inbox, and somebody for
// each role. The cookie "who" says who is at the browser. No job runs: a delivery
// is in whatever state the test says.
type town struct {
	t         testing.TB
	db        *db.DB
	desk      *publishing.Desk
	inbox     *inbox.Inbox
	kit       *web.Kit
	clock     *clock
	inst      institution.Institution
	other     institution.Institution
	comune    institution.Profile // its answers need no approval
	library   institution.Profile // its answers must be approved
	roads     institution.Office
	schools   institution.Office
	mastodon  channel.Channel
	library2  channel.Channel // the library's on Mastodon
	telegram  channel.Channel
	box       *secret.Box
	people    map[string]people.Person
	mentioned []pages.Mention
	rules     []string
	handler   http.Handler
	said      int
}

// tenOfMonday is Monday 4 May 2026, 10:00 in Rome.
func tenOfMonday() time.Time { return time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC) }

func newTown(t testing.TB) *town { t.Helper(); return newTownOn(t, testkit.SQLite(t)) }

func newTownOn(t testing.TB, d *db.DB) *town {
	t.Helper()
	w := &town{t: t, db: d, clock: &clock{at: tenOfMonday()}, box: secret.Fresh(), people: map[string]people.Person{},
		rules: []string{"1. Niente insulti", "2. Niente pubblicità", "3. Niente dati di altre persone"}}
	store, err := blob.NewDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	client := fetch.New(fetch.Options{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, AllowLoopback: true})
	channels := channel.NewSwitchboard(w.db, w.box, w.clock.now, mastodon.New(client), telegram.New(client))
	r := jobs.NewRegistry(w.db)
	quiet := slog.New(slog.DiscardHandler)
	origin := func(institution.Institution) string { return "https://cesate.example.it" }
	w.desk = publishing.NewDesk(publishing.Options{DB: w.db, Channels: channels, Blobs: store, Pictures: blob.NewProcessor(0), Clock: w.clock.now, Log: quiet, Address: origin}, r)
	w.inbox = inbox.New(inbox.Options{DB: w.db, Channels: channels, Desk: w.desk, Clock: w.clock.now, Log: quiet, Address: origin, Files: store,
		Changed: pages.TellMentioned(func(_ context.Context, _ *db.Tx, m pages.Mention) error {
			w.mentioned = append(w.mentioned, m)
			return nil
		})}, r)
	pool, err := jobs.New(t.Context(), w.db, r, jobs.Options{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Stop(context.Background()) })
	w.desk.Carries(inbox.AnAnswer, w.inbox)
	w.desk.Use(pool)
	w.inbox.Use(pool)
	w.found()
	w.serve(channels, origin)
	return w
}

// found creates the institution with its profiles, offices, channels and people.
func (w *town) found() {
	w.t.Helper()
	now := w.clock.now()
	w.change(func(ctx context.Context, tx *db.Tx) (err error) {
		if w.inst, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, now); err != nil {
			return err
		}
		if w.other, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Altrove"}, now); err != nil {
			return err
		}
		if w.comune, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.inst.ID, Name: "Comune"}, now); err != nil {
			return err
		}
		if w.library, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.inst.ID, Name: "Biblioteca", Position: 1}, now); err != nil {
			return err
		}
		if w.roads, err = institution.SaveOffice(ctx, tx, institution.Office{InstitutionID: w.inst.ID, Name: "Lavori pubblici"}); err != nil {
			return err
		}
		if w.schools, err = institution.SaveOffice(ctx, tx, institution.Office{InstitutionID: w.inst.ID, Name: "Ufficio scuola"}); err != nil {
			return err
		}
		for _, c := range []struct {
			to      *channel.Channel
			profile string
			p       channel.Platform
			name    string
		}{{&w.mastodon, w.comune.ID, channel.Mastodon, "@comune"}, {&w.library2, w.library.ID, channel.Mastodon, "@biblioteca"}, {&w.telegram, w.comune.ID, channel.Telegram, "t.me/cesate"}} {
			if *c.to, err = channel.Save(ctx, tx, w.box, channel.Channel{InstitutionID: w.inst.ID, ProfileID: c.profile, Platform: c.p, Name: c.name},
				channel.Account{Server: "https://piazza.example", Handle: c.name + "@piazza.example", URL: "https://piazza.example/" + c.name, Secret: []byte(`{"token":"t"}`)}, now); err != nil {
				return err
			}
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
		_, err = tx.Exec(ctx, `UPDATE profile SET four_eyes_answers = $3 WHERE institution_id = $1 AND id = $2`, w.inst.ID, w.library.ID, true)
		return err
	})
}

func (w *town) serve(channels *channel.Switchboard, origin func(institution.Institution) string) {
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
	b, err := board.New(board.Options{Kit: w.kit, Desk: w.desk, DB: w.db, Channels: channels, Clock: w.clock.now, Address: origin})
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := pages.New(pages.Options{Kit: w.kit, Inbox: w.inbox, DB: w.db, Clock: w.clock.now, Stream: board.Stream, Address: origin,
		Due: func(_ context.Context, _ *db.Tx, _, officeID string, from time.Time) (time.Time, error) {
			if officeID == w.schools.ID {
				return from.Add(48 * time.Hour), nil
			}
			return from.Add(7 * time.Hour), nil
		},
		Rules: func(context.Context, *db.Tx, string) ([]string, error) { return w.rules, nil }})
	if err != nil {
		w.t.Fatal(err)
	}
	mux := http.NewServeMux()
	b.Mount(mux)
	p.Mount(mux)
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
	for _, n := range [][3]string{{"Messaggi", "/redazione/messaggi", "it-horn"}, {"Conversazioni", "/redazione/conversazioni", "it-comment"}, {"Risposte pronte", "/redazione/risposte-pronte", "it-note"},
		{"Consegne", "/redazione/consegne", "it-telephone"}} {
		p.Nav = append(p.Nav, layout.NavItem{Label: n[0], URL: n[1], Icon: n[2], Current: strings.HasPrefix(r.URL.Path, n[1])})
	}
	if a, ok := people.From(r.Context()); ok {
		p.Person = &layout.Person{Name: a.Name, Role: string(a.Roles[0])}
	}
}

// as is a context in which somebody acts, for what the inbox is told directly.
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

func (w *town) read(do func(ctx context.Context, tx *db.Tx) error) {
	w.t.Helper()
	if err := w.db.Read(w.t.Context(), func(tx *db.Tx) error { return do(w.t.Context(), tx) }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) change(do func(ctx context.Context, tx *db.Tx) error) {
	w.t.Helper()
	if err := w.db.InTx(w.t.Context(), func(tx *db.Tx) error { return do(w.t.Context(), tx) }); err != nil {
		w.t.Fatal(err)
	}
}

// write changes rows as a worker, or the years, would.
func (w *town) write(sql string, args ...any) {
	w.t.Helper()
	w.change(func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Change(ctx, sql, args...)
		if err == nil && n == 0 {
			w.t.Fatalf("nothing changed by %s", sql)
		}
		return err
	})
}

// hears tells the inbox what a channel heard.
func (w *town) hears(c channel.Channel, said ...channel.Said) {
	w.t.Helper()
	w.change(func(ctx context.Context, tx *db.Tx) error { return w.inbox.Hear(ctx, tx, w.inst.ID, c.ID, said) })
}

// says is a word of somebody on a channel, in the form in which it arrives.
func (w *town) says(name, text string) channel.Said {
	w.said++
	id := strings.ToLower(strings.ReplaceAll(name, " ", "."))
	return channel.Said{Act: channel.Comments, ID: fmt.Sprintf("word-%d", w.said), URL: fmt.Sprintf("https://piazza.example/@%s/%d", id, w.said), Lang: "it",
		Author: channel.Author{ID: "author-" + id, Handle: "@" + id + "@mastodon.example", Name: name, URL: "https://mastodon.example/@" + id}, Text: text, At: w.clock.now(),
		Refs: json.RawMessage(`{}`)}
}

// asks makes a conversation: somebody speaks to a channel out of itself.
func (w *town) asks(c channel.Channel, name, text string) inbox.Conversation {
	w.t.Helper()
	s := w.says(name, text)
	w.hears(c, s)
	return w.conversationOf(c, s.ID)
}

// conversationOf is the conversation in which a word was kept.
func (w *town) conversationOf(c channel.Channel, remoteID string) (found inbox.Conversation) {
	w.t.Helper()
	w.read(func(ctx context.Context, tx *db.Tx) error {
		var id string
		if err := tx.QueryRow(ctx, `SELECT conversation_id FROM comment WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3`, w.inst.ID, c.ID, remoteID).Scan(&id); err != nil {
			return err
		}
		var err error
		found, err = inbox.Find(ctx, tx, w.inst.ID, id)
		return err
	})
	return found
}

func (w *town) thread(id string) (t inbox.Thread) {
	w.t.Helper()
	w.read(func(ctx context.Context, tx *db.Tx) (err error) {
		t, err = w.inbox.Thread(ctx, tx, w.inst.ID, id, w.clock.now())
		return err
	})
	return t
}

// words are the comments of a conversation, in the thread's order.
func (w *town) words(id string) (out []inbox.Word) {
	w.t.Helper()
	for _, e := range w.thread(id).Entries {
		if e.Comment != nil {
			out = append(out, *e.Comment)
		}
	}
	return out
}

// answers are those of a conversation, in the thread's order.
func (w *town) answers(id string) (out []inbox.Answer) {
	w.t.Helper()
	for _, e := range w.thread(id).Entries {
		if e.Answer != nil {
			out = append(out, *e.Answer)
		}
	}
	return out
}

// out publishes a message and lets its copy be on Mastodon under an id.
func (w *town) out(title, remoteID string) publishing.Message {
	w.t.Helper()
	ok := must[publishing.Message](w.t)
	m := ok(w.desk.Create(w.as("writer"), w.inst.ID, publishing.Content{ProfileID: w.comune.ID, Title: title, Lang: "it", Category: publishing.School, Body: "Testo di «" + title + "»."}))
	m = ok(w.desk.Submit(w.as("writer"), w.inst.ID, m.ID))
	m = ok(w.desk.PublishNow(w.as("writer"), w.inst.ID, m.ID, ""))
	w.write(`INSERT INTO remote_post (institution_id, channel_id, remote_id, delivery_id)
		SELECT institution_id, channel_id, $4, id FROM delivery WHERE institution_id = $1 AND message_id = $2 AND channel_id = $3`, w.inst.ID, m.ID, w.mastodon.ID, remoteID)
	return m
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

// request is a GET by somebody in a context, such as one that counts queries.
func (w *town) request(ctx context.Context, who, path string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	r.AddCookie(&http.Cookie{Name: "who", Value: who})
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

func (w *town) get(who, path string) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.do(who, http.MethodGet, path, nil)
}

func (w *town) post(who, path string, pairs ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return w.do(who, http.MethodPost, path, form)
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
	page = strings.Join(strings.Fields(page), " ")
	if len(page) > 2500 {
		page = page[:2500] + "…"
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
	path, _, _ = strings.Cut(path, "#")
	return w.do(who, http.MethodGet, path, nil, "Cookie", strings.Join(cookies, "; "))
}

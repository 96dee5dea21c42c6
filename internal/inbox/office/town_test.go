package office_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/inbox/office"
	"codeberg.org/arengo/arengo/internal/inbox/office/hours"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// clock stands still until a test moves it.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time      { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) set(at time.Time)    { c.mu.Lock(); defer c.mu.Unlock(); c.at = at }
func (c *clock) wall(text string)    { c.set(wall(text)) }
func (w *town) pass(d time.Duration) { w.clock.set(w.clock.now().Add(d)) }

func rome() *time.Location {
	l, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		panic(err)
	}
	return l
}

func wall(text string) time.Time {
	at, err := time.ParseInLocation("2006-01-02T15:04", text, rome())
	if err != nil {
		panic(err)
	}
	return at
}

// post keeps the letters of committed transactions: it enters each in the table
// "test_letter", in the transaction that sends it.
type post struct{}

func (post) SendMail(ctx context.Context, tx *db.Tx, m auth.Mail) error {
	_, err := tx.Exec(ctx, `INSERT INTO test_letter (id, addressee, subject, body) VALUES ($1, $2, $3, $4)`, db.NewID(), m.To, m.Subject, m.Text)
	return err
}

// town is Cesate with two offices, somebody of each role, and an inbox on which a
// channel of the Fediverse is heard. No job runs by itself.
type town struct {
	t        testing.TB
	db       *db.DB
	clock    *clock
	kit      *web.Kit
	inbox    *inbox.Inbox
	offices  *office.Offices
	desk     *publishing.Desk
	inst     institution.Institution
	other    institution.Institution
	profile  institution.Profile
	works    institution.Office // roads, lamps: works@, head Bruno
	registry institution.Office // registry@, no head
	channel  string
	people   map[string]people.Person
	guesses  int
	handler  http.Handler
	n        int
}

const origin = "https://cesate.example.it"

// newTown is at Monday 4 May 2026, 10:00 in Rome.
func newTown(t testing.TB, d *db.DB) *town {
	t.Helper()
	w := &town{t: t, db: d, clock: &clock{at: wall("2026-05-04T10:00")}, people: map[string]people.Person{}}
	w.write(`CREATE TABLE test_letter (id TEXT PRIMARY KEY, addressee TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL)`)
	w.found()
	w.open()
	w.must(w.offices.SaveSetting(w.as("administrator"), w.inst.ID, office.Setting{OfficeID: w.works.ID, HeadName: "Bruno Riva", HeadEmail: "bruno@cesate.example.it",
		Target: 16 * time.Hour, Reminder: 4 * time.Hour, Letters: true}))
	return w
}

func (w *town) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) found() {
	w.t.Helper()
	ctx, now := w.t.Context(), w.clock.now()
	w.tx(func(tx *db.Tx) (err error) {
		if w.inst, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate", Email: "urp@cesate.example.it"}, now); err != nil {
			return err
		}
		if w.other, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Altrove"}, now); err != nil {
			return err
		}
		if w.profile, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.inst.ID, Name: "Comune", FourEyes: true}, now); err != nil {
			return err
		}
		if w.works, err = institution.SaveOffice(ctx, tx, institution.Office{InstitutionID: w.inst.ID, Name: "Lavori pubblici", Email: "lavori@cesate.example.it"}); err != nil {
			return err
		}
		if w.registry, err = institution.SaveOffice(ctx, tx, institution.Office{InstitutionID: w.inst.ID, Name: "Anagrafe", Email: "anagrafe@cesate.example.it"}); err != nil {
			return err
		}
		w.channel = db.NewID()
		if _, err := tx.Exec(ctx, `INSERT INTO channel (institution_id, id, profile_id, platform, name, state, created_at) VALUES ($1, $2, $3, 'mastodon', 'Mastodon', 'connected', 1)`,
			w.inst.ID, w.channel, w.profile.ID); err != nil {
			return err
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
}

// open builds inbox, offices and pages as the application does.
func (w *town) open() {
	w.t.Helper()
	address := func(institution.Institution) string { return origin }
	bundle, err := i18n.Load()
	w.must(err)
	base, err := url.Parse(origin)
	w.must(err)
	w.kit, err = web.New(web.Options{Bundle: bundle, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)), BaseURL: base, Now: w.clock.now, Shell: w.shell, Around: w.around})
	w.must(err)
	store, err := blob.NewDisk(w.t.TempDir())
	w.must(err)
	r := jobs.NewRegistry(w.db)
	channels := channel.NewSwitchboard(w.db, secret.Fresh(), w.clock.now)
	log := slog.New(slog.DiscardHandler)
	w.desk = publishing.NewDesk(publishing.Options{DB: w.db, Channels: channels, Blobs: store, Pictures: blob.NewProcessor(0), Clock: w.clock.now, Log: log, Address: address}, r)
	w.inbox = inbox.New(inbox.Options{DB: w.db, Channels: channels, Desk: w.desk, Clock: w.clock.now, Log: log, Address: address,
		Opened: func(ctx context.Context, tx *db.Tx, c inbox.Conversation, first inbox.Comment) error {
			return w.offices.Route(ctx, tx, c, first)
		},
		Heard: func(ctx context.Context, tx *db.Tx, c inbox.Conversation, word inbox.Comment) error {
			return w.offices.Heard(ctx, tx, c, word)
		},
		Changed: func(ctx context.Context, tx *db.Tx, institutionID, id, what string) error {
			return w.offices.Changed(ctx, tx, institutionID, id, what)
		},
	}, r)
	w.offices, err = office.New(office.Options{DB: w.db, Kit: w.kit, Bundle: bundle, Log: log, Clock: w.clock.now, Mail: post{}, Address: address,
		Assign: w.inbox.AssignTx, Note: w.inbox.NoteTx, Draft: w.draft, Guess: w.guess}, r)
	w.must(err)
	pool, err := jobs.New(w.t.Context(), w.db, r, jobs.Options{Log: log})
	w.must(err)
	w.t.Cleanup(func() { _ = pool.Stop(context.Background()) })
	w.desk.Use(pool)
	w.inbox.Use(pool)
	w.offices.Use(pool)
	mux := http.NewServeMux()
	w.kit.Mount(mux)
	w.offices.Mount(mux)
	mux.HandleFunc("GET /io-sono/{who}", func(rw http.ResponseWriter, r *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "who", Value: r.PathValue("who"), Path: "/"})
		http.Redirect(rw, r, r.URL.Query().Get("next"), http.StatusSeeOther)
	})
	inner := w.kit.Wrap(mux)
	w.handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { // both institutions answer on one host: the cookie says which
		inner.ServeHTTP(rw, r.WithContext(institution.With(r.Context(), w.inst)))
	})
}

// draft is how the application joins the desk where messages are written.
func (w *town) draft(ctx context.Context, institutionID string, d office.Draft, linked func(context.Context, *db.Tx, string) error) error {
	ctx = publishing.Along(ctx, func(ctx context.Context, tx *db.Tx, m publishing.Message) error { return linked(ctx, tx, m.ID) })
	_, err := w.desk.Create(ctx, institutionID, publishing.Content{ProfileID: d.ProfileID, Title: d.Title, Body: d.Body, Lang: "it", Category: publishing.News})
	return err
}

// guess lets three wrong links of a network pass.
func (w *town) guess(context.Context, limit.Network, time.Time) (bool, error) {
	w.guesses++
	return w.guesses <= 3, nil
}

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
	p := w.people[who]
	return people.Actor{PersonID: p.ID, Name: p.Name, Email: p.Email, InstitutionID: w.inst.ID, Roles: []people.Role{people.Role(who)}}
}

func (w *town) as(who string) context.Context { return people.With(w.t.Context(), w.actor(who)) }

func (w *town) shell(r *http.Request, p *layout.Page) {
	p.Institution = layout.Institution{Name: w.inst.Name, URL: "/"}
	for _, n := range [][3]string{{"Conversazioni", "/redazione/conversazioni", "it-comment"}, {"Richieste agli uffici", "/redazione/richieste", "it-mail"}, {"Uffici", "/redazione/uffici", "it-pa"}} {
		p.Nav = append(p.Nav, layout.NavItem{Label: n[0], URL: n[1], Icon: n[2], Current: strings.HasPrefix(r.URL.Path, n[1])})
	}
	if a, ok := people.From(r.Context()); ok {
		p.Person = &layout.Person{Name: a.Name, Role: string(a.Roles[0])}
	}
}

func (w *town) tx(do func(tx *db.Tx) error) {
	w.t.Helper()
	w.must(w.db.InTx(w.t.Context(), do))
}

func (w *town) write(sql string, args ...any) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) error { _, err := tx.Exec(w.t.Context(), sql, args...); return err })
}

// says lets a citizen say something on the Fediverse and returns its conversation.
func (w *town) says(text string, more ...func(*channel.Said)) inbox.Conversation {
	w.t.Helper()
	w.n++
	s := channel.Said{Act: channel.Comments, ID: fmt.Sprintf("https://piazza.example/p/%d", w.n), Text: text, Lang: "it", At: w.clock.now(),
		Author: channel.Author{ID: "https://piazza.example/u/anna", Handle: "@anna@piazza.example", Name: "Anna Citterio"}}
	for _, change := range more {
		change(&s)
	}
	w.tx(func(tx *db.Tx) error { return w.inbox.Hear(w.t.Context(), tx, w.inst.ID, w.channel, []channel.Said{s}) })
	return w.conversationOf(s.ID)
}

func (w *town) conversationOf(remoteID string) (c inbox.Conversation) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) (err error) {
		var id string
		if err = tx.QueryRow(w.t.Context(), `SELECT conversation_id FROM comment WHERE remote_id = $1`, remoteID).Scan(&id); err != nil {
			return err
		}
		c, err = inbox.Find(w.t.Context(), tx, w.inst.ID, id)
		return err
	})
	return c
}

func (w *town) find(id string) (c inbox.Conversation) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) (err error) { c, err = inbox.Find(w.t.Context(), tx, w.inst.ID, id); return err })
	return c
}

// rule adds a rule.
func (w *town) rule(r office.Rule) office.Rule {
	w.t.Helper()
	r, err := w.offices.SaveRule(w.as("administrator"), w.inst.ID, r)
	w.must(err)
	return r
}

// lamps is the rule of every town: what is broken in the street is public works.
func (w *town) lamps() office.Rule {
	return w.rule(office.Rule{Words: "lampione, buca, marciapiede", OfficeID: w.works.ID})
}

// mail is a letter that left.
type mail struct{ to, subject, text string }

// letters takes the letters that left since the last time, in order.
func (w *town) letters() (all []mail) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) (err error) {
		all, err = db.All(w.t.Context(), tx, func(s db.Scanner) (m mail, err error) { err = s.Scan(&m.to, &m.subject, &m.text); return m, err },
			`SELECT addressee, subject, body FROM test_letter ORDER BY id`)
		if err == nil {
			_, err = tx.Exec(w.t.Context(), `DELETE FROM test_letter`)
		}
		return err
	})
	return all
}

// letter takes the only letter that left.
func (w *town) letter(to string) mail {
	w.t.Helper()
	all := w.letters()
	if len(all) != 1 || all[0].to != to {
		w.t.Fatalf("want one letter to %s, got %+v", to, all)
	}
	return all[0]
}

var linkIn = regexp.MustCompile(`https?://\S+`)

// link is the path of the link in a letter.
func (m mail) link(t testing.TB) string {
	t.Helper()
	found := linkIn.FindString(m.text)
	if !strings.HasPrefix(found, origin+"/") {
		t.Fatalf("no link of ours in %s", m.text)
	}
	return strings.TrimPrefix(found, origin)
}

// do is a request by somebody.
func (w *town) do(who, method, path string, form url.Values) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if method != http.MethodGet {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept-Language", "it")
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

func visible(page string) string {
	if _, main, ok := strings.Cut(page, "<main"); ok {
		page, _, _ = strings.Cut(main, "</main>")
	}
	if len(page) > 3000 {
		page = page[:3000] + "…"
	}
	return page
}

// goes fails unless the answer leads to a path.
func goes(t testing.TB, rec *httptest.ResponseRecorder, path string) {
	t.Helper()
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != path {
		t.Fatalf("status %d to %q, want 303 to %q: %s", rec.Code, rec.Header().Get("Location"), path, visible(rec.Body.String()))
	}
}

// both runs a test on both engines.
func both(t *testing.T, test func(t *testing.T, w *town)) {
	t.Helper()
	testkit.Databases(t, func(t *testing.T, d *db.DB) { test(t, newTown(t, d)) })
}

func week(t testing.TB, monday string) (w hours.Week) {
	t.Helper()
	day, err := hours.ParseDay(monday)
	if err != nil {
		t.Fatal(err)
	}
	w[time.Monday] = day
	return w
}

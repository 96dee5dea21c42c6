package newsletter

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// post is a mail server that the test can see into: it takes letters, or answers
// as a recipient's server would.
type post struct {
	mu      sync.Mutex
	letters []mail.Letter
	answer  func(mail.Letter) (mail.Result, bool)
	before  func(mail.Letter) // called while a letter is being handed over
}

func (p *post) Send(ctx context.Context, l mail.Letter) mail.Result {
	if _, err := l.Bytes(nil); err != nil {
		return mail.Result{Outcome: mail.Refused, Err: err}
	}
	p.mu.Lock()
	answer, before := p.answer, p.before
	p.mu.Unlock()
	if before != nil {
		before(l)
	}
	if answer != nil {
		if r, ok := answer(l); ok {
			return r
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.letters = append(p.letters, l)
	return mail.Result{Outcome: mail.Sent, Code: 250}
}

func (p *post) Close() error { return nil }

// to are the letters that an address received.
func (p *post) to(address string) (all []mail.Letter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.letters {
		if l.To.Addr == address {
			all = append(all, l)
		}
	}
	return all
}

func (p *post) count() int { p.mu.Lock(); defer p.mu.Unlock(); return len(p.letters) }

// clock stands still until a test moves it.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time          { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) move(to time.Time)       { c.mu.Lock(); defer c.mu.Unlock(); c.t = to }
func (c *clock) advance(d time.Duration) { c.move(c.now().Add(d)) }

// town is an institution with two profiles, each with an e-mail channel.
type town struct {
	testing.TB
	db       *db.DB
	list     *List
	pool     *jobs.Pool
	post     *post
	clock    *clock
	i        institution.Institution
	profiles map[string]institution.Profile
	channels map[string]string // by profile slug
	kit      *web.Kit
	handler  http.Handler
	origin   string
	actor    *people.Actor // who is signed in
	address  string        // of the database, where a test needs it
	n        int
}

func rome() *time.Location {
	l, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		panic(err)
	}
	return l
}

func at(wall string) time.Time {
	t, err := time.ParseInLocation("2006-01-02T15:04", wall, rome())
	if err != nil {
		panic(err)
	}
	return t
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func newTown(t testing.TB, d *db.DB) *town {
	t.Helper()
	w := &town{TB: t, db: d, post: &post{}, clock: &clock{t: at("2026-05-04T18:30")}, profiles: map[string]institution.Profile{}, channels: map[string]string{}, origin: "https://piazza.cesate.example"}
	ctx := context.Background()
	w.must(d.InTx(ctx, func(tx *db.Tx) (err error) {
		w.i, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate", Colour: "#0b6b53", PrivacyURL: "/privacy", Email: "urp@comune.cesate.example", Address: "Via Moretti 10, Cesate"}, w.clock.now())
		if err != nil {
			return err
		}
		for n, p := range []institution.Profile{{Slug: "comune", Name: "Comune di Cesate"}, {Slug: "biblioteca", Name: "Biblioteca"}} {
			p.InstitutionID, p.Position = w.i.ID, n
			if p, err = institution.SaveProfile(ctx, tx, p, w.clock.now()); err != nil {
				return err
			}
			w.profiles[p.Slug], w.channels[p.Slug] = p, db.NewID()
			if _, err := tx.Exec(ctx, `INSERT INTO channel (institution_id, id, profile_id, platform, name, state, created_at) VALUES ($1, $2, $3, 'email', 'E-mail', 'connected', 1)`,
				w.i.ID, w.channels[p.Slug], p.ID); err != nil {
				return err
			}
		}
		return nil
	}))
	w.open(w.post)
	return w
}

// open builds the newsletter as the application does, without starting its work.
func (w *town) open(sender mail.Sender) {
	w.Helper()
	bundle, err := i18n.Load()
	w.must(err)
	base, err := url.Parse(w.origin)
	w.must(err)
	w.kit, err = web.New(web.Options{Bundle: bundle, Log: slog.New(slog.NewTextHandler(failing{w.TB}, nil)), BaseURL: base, Now: w.clock.now, SignIn: "/accesso",
		Shell: func(r *http.Request, p *layout.Page) {
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
	r := jobs.NewRegistry(w.db)
	w.list, err = New(Options{DB: w.db, Kit: w.kit, Bundle: bundle, Box: secret.Fresh(), Sender: sender, Clock: w.clock.now, From: "newsletter@cesate.example", Bounces: "bounces@cesate.example",
		Address: func(institution.Institution) string { return w.origin }}, r)
	w.must(err)
	w.pool, err = jobs.New(context.Background(), w.db, r, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	w.Cleanup(func() { w.pool.Stop(context.Background()) })
	w.list.Use(w.pool)
	mux := http.NewServeMux()
	w.kit.Mount(mux)
	w.list.Mount(mux)
	w.handler = institution.NewResolver(w.db, w.clock.now).Around(w.kit.Wrap(mux))
}

type failing struct{ testing.TB }

func (f failing) Write(p []byte) (int, error) {
	f.Errorf("the server logged: %s", p)
	return len(p), nil
}

// staff signs an administrator in.
func (w *town) staff() {
	w.actor = &people.Actor{PersonID: "ada", InstitutionID: w.i.ID, Roles: []people.Role{people.Administrator}}
}

func (w *town) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequest(method, w.origin+path, strings.NewReader(body))
	r.RemoteAddr = "203.0.113.7:4321"
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// subscriber stores a confirmed subscription.
func (w *town) subscriber(email string, c Cadence, scopes ...Scope) Subscriber {
	w.Helper()
	var u Subscriber
	w.must(w.db.InTx(context.Background(), func(tx *db.Tx) (err error) {
		u, err = save(context.Background(), tx, w.i.ID, Subscriber{Email: email, Locale: "it", Cadence: c, Scopes: scopes}, w.clock.now())
		return err
	}))
	return u
}

// publish puts a message on the site.
func (w *town) publish(profile, title string, when time.Time, tags ...string) string {
	w.Helper()
	w.n++
	id := fmt.Sprintf("0198a000-0000-7000-8000-%012d", w.n)
	var shown []string
	for _, t := range tags {
		shown = append(shown, fmt.Sprintf(`{"tag":%q,"label":%q}`, t, t))
	}
	w.must(w.db.InTx(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), `INSERT INTO publication (institution_id, message_id, profile_id, slug, kind, category, lang, title, summary, body_html, body_text, tags, rev, published_at, updated_at)
			VALUES ($1, $2, $3, $4, 'news', 'news', 'it', $5, $6, '', '', $7, 1, $8, $8)`,
			w.i.ID, id, w.profiles[profile].ID, institution.Slug(title), title, "Testo di "+title+".", "["+strings.Join(shown, ",")+"]", db.At(when))
		return err
	}))
	return id
}

// work does all the sending that is due now, in this goroutine, as a worker does.
func (w *town) work() {
	w.Helper()
	ctx := context.Background()
	w.must(w.list.workTick(ctx, tick{}))
	w.must(w.list.SendDue(ctx))
}

// outcomes counts the letters of all issues.
func (w *town) outcomes() string {
	w.Helper()
	var all []string
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) (err error) {
		all, err = db.All(context.Background(), tx, func(s db.Scanner) (string, error) {
			var state string
			var n int
			err := s.Scan(&state, &n)
			return fmt.Sprintf("%s %d", state, n), err
		}, `SELECT state, count(*) FROM recipient GROUP BY state ORDER BY state`)
		return err
	}))
	return strings.Join(all, ", ")
}

// count is how many letters have an outcome.
func (w *town) count(o Outcome) (n int) {
	w.Helper()
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) error {
		return tx.QueryRow(context.Background(), `SELECT count(*) FROM recipient WHERE state = $1`, o).Scan(&n)
	}))
	return n
}

// byAddress is what became of the letter to each address.
func (w *town) byAddress() map[string]Outcome {
	w.Helper()
	all := map[string]Outcome{}
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) error {
		_, err := db.All(context.Background(), tx, func(s db.Scanner) (struct{}, error) {
			var a string
			var o Outcome
			err := s.Scan(&a, &o)
			all[a] = o
			return struct{}{}, err
		}, `SELECT s.email, r.state FROM recipient r JOIN subscriber s ON s.institution_id = r.institution_id AND s.id = r.subscriber_id`)
		return err
	}))
	return all
}

func (w *town) find(email string) (u Subscriber, ok bool) {
	w.Helper()
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) (err error) {
		u, err = byEmail(context.Background(), tx, w.i.ID, email)
		ok = err == nil
		return nil
	}))
	return u, ok
}

var linkIn = regexp.MustCompile(`https?://[^\s"]+`)

// link is the first address in a letter that holds a part.
func (w *town) link(l mail.Letter, part string) string {
	w.Helper()
	all := linkIn.FindAllString(l.Text, -1)
	n := slices.IndexFunc(all, func(s string) bool { return strings.Contains(s, part) })
	if n < 0 {
		w.Fatalf("no %s in\n%s", part, l.Text)
	}
	return strings.TrimPrefix(all[n], w.origin)
}

func open(t *testing.T) *town { t.Helper(); return newTown(t, testkit.SQLite(t)) }

var anywhere = limit.Of(netip.MustParseAddr("203.0.113.7"))

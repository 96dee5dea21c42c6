package webmention

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
)

// elsewhere is another site: it serves what the test puts there, and keeps what it
// is told.
type elsewhere struct {
	*httptest.Server
	mu    sync.Mutex
	pages map[string]http.HandlerFunc
	told  []url.Values
}

func newElsewhere(t testing.TB) *elsewhere {
	e := &elsewhere{pages: map[string]http.HandlerFunc{}}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		h := e.pages[r.URL.Path]
		e.mu.Unlock()
		if h == nil {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	}))
	t.Cleanup(e.Close)
	return e
}

// put makes a path answer with a document.
func (e *elsewhere) put(path, body string, headers ...string) string {
	e.handle(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		fmt.Fprint(w, body)
	})
	return e.URL + path
}

func (e *elsewhere) handle(path string, h http.HandlerFunc) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pages[path] = h
	return e.URL + path
}

// endpoint is a receiver that answers with a status, as the recommendation says: it
// wants a form with two addresses of the web.
func (e *elsewhere) endpoint(path string, status int) {
	e.handle(path, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.ParseForm() != nil || !strings.HasPrefix(r.PostForm.Get("source"), "https://") || !strings.HasPrefix(r.PostForm.Get("target"), "http") {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		e.mu.Lock()
		e.told = append(e.told, r.PostForm)
		e.mu.Unlock()
		w.WriteHeader(status)
	})
}

func (e *elsewhere) count() int { e.mu.Lock(); defer e.mu.Unlock(); return len(e.told) }

type town struct {
	testing.TB
	db      *db.DB
	service *Service
	inbox   *inbox.Inbox
	i       institution.Institution
	profile institution.Profile
	message string
	target  string
	handler http.Handler
	now     time.Time
	origin  string
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func newTown(t testing.TB, d *db.DB, f fetch.Options) *town {
	t.Helper()
	ctx := context.Background()
	w := &town{TB: t, db: d, now: time.Date(2026, 5, 4, 16, 30, 0, 0, time.UTC), origin: "https://piazza.cesate.example"}
	clock := func() time.Time { return w.now }
	w.must(d.InTx(ctx, func(tx *db.Tx) (err error) {
		if w.i, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate", Hosts: []string{"piazza.cesate.example"}}, w.now); err != nil {
			return err
		}
		w.profile, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.i.ID, Slug: "comune", Name: "Comune di Cesate"}, w.now)
		return err
	}))
	w.message = w.publish("La mensa", "<p>Testo.</p>")
	w.target = w.origin + "/m/la-mensa"
	bundle, err := i18n.Load()
	w.must(err)
	base, err := url.Parse(w.origin)
	w.must(err)
	quiet := slog.New(slog.DiscardHandler)
	kit, err := web.New(web.Options{Bundle: bundle, Log: quiet, BaseURL: base, Now: clock})
	w.must(err)
	registry, box := jobs.NewRegistry(d), secret.Fresh()
	w.inbox = inbox.New(inbox.Options{DB: d, Channels: channel.NewSwitchboard(d, box, clock, Adapter{}), Clock: clock, Log: quiet, Address: func(institution.Institution) string { return w.origin }}, registry)
	f.PerHost.Concurrent = 64
	w.service, err = New(Options{DB: d, Kit: kit, Bundle: bundle, Box: box, Fetch: fetch.New(f), Clock: clock, Log: quiet,
		Address: func(institution.Institution) string { return w.origin }, Hear: w.inbox.Hear}, registry)
	w.must(err)
	pool, err := jobs.New(ctx, d, registry, jobs.Options{Log: quiet})
	w.must(err)
	t.Cleanup(func() { pool.Stop(ctx) })
	w.service.Use(pool)
	w.inbox.Use(pool)
	mux := http.NewServeMux()
	w.service.Mount(mux)
	w.handler = institution.NewResolver(d, clock).Around(kit.Wrap(mux))
	return w
}

// publish writes the rows that publishing writes when a message goes out.
func (w *town) publish(title, body string) (id string) {
	w.Helper()
	id = db.NewID()
	ctx, at := context.Background(), db.At(w.now.Add(-time.Hour))
	w.must(w.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO message (institution_id, id, profile_id, author_id, state, title, category, content, rev, hash, text_hash, edited_by, out_rev, out_at, created_at, updated_at)
			VALUES ($1, $2, $3, 'p', 'out', $4, 'news', '{}', 1, '', '', 'p', 1, $5, $5, $5)`, w.i.ID, id, w.profile.ID, title, at); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO publication (institution_id, message_id, profile_id, slug, kind, category, lang, title, summary, body_html, body_text, rev, published_at, updated_at)
			VALUES ($1, $2, $3, $4, 'news', 'news', 'it', $5, '', $6, '', 1, $7, $7)`, w.i.ID, id, w.profile.ID, institution.Slug(title), title, body, at)
		return err
	}))
	return id
}

// correct changes a published body, as a correction does.
func (w *town) correct(id, body string) {
	w.Helper()
	w.now = w.now.Add(time.Minute)
	w.must(w.db.InTx(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), `UPDATE publication SET body_html = $3, rev = rev + 1, updated_at = $4 WHERE institution_id = $1 AND message_id = $2`, w.i.ID, id, body, db.At(w.now))
		return err
	}))
}

func (w *town) post(form url.Values) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequest(http.MethodPost, w.origin+Path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = "203.0.113.7:4321"
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// told receives a webmention and verifies it at once, as the job does.
func (w *town) told(source string) error {
	w.Helper()
	if rec := w.post(url.Values{"source": {source}, "target": {w.target}}); rec.Code != http.StatusAccepted {
		w.Fatalf("webmention: %d %s", rec.Code, rec.Body)
	}
	m := w.row(source)
	return w.service.workVerify(context.Background(), verify{w.i.ID, m.id, m.rev})
}

func (w *town) row(source string) (m received) {
	w.Helper()
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) (err error) {
		var id string
		if err := tx.QueryRow(context.Background(), `SELECT id FROM webmention WHERE source = $1`, source).Scan(&id); err != nil {
			return err
		}
		m, err = load(context.Background(), tx, w.i.ID, id)
		return err
	}))
	return m
}

// state is where a webmention stands, with the reason.
func (w *town) state(source string) string {
	w.Helper()
	var state, code string
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) error {
		return tx.QueryRow(context.Background(), `SELECT state, code FROM webmention WHERE source = $1`, source).Scan(&state, &code)
	}))
	return strings.TrimSpace(state + " " + code)
}

type heard struct {
	Text, Name, URL, MessageID string
	Held, Deleted              bool
}

func (w *town) heard() (all []heard) {
	w.Helper()
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) (err error) {
		all, err = db.All(context.Background(), tx, func(s db.Scanner) (h heard, err error) {
			err = s.Scan(&h.Text, &h.Name, &h.URL, &h.MessageID, &h.Held, &h.Deleted)
			return h, err
		}, `SELECT comment.text, author.name, comment.url, conversation.message_id, comment.held, comment.deleted_at > 0
			FROM comment JOIN conversation ON conversation.id = comment.conversation_id JOIN author ON author.id = comment.author_id ORDER BY comment.id`)
		return err
	}))
	return all
}

func (w *town) reactions() (all []string) {
	w.Helper()
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) (err error) {
		all, err = db.All(context.Background(), tx, db.Col[string], `SELECT reaction FROM reaction WHERE message_id = $1 ORDER BY reaction`, w.message)
		return err
	}))
	return all
}

// out is where the telling of a page stands.
func (w *town) out(target string) string {
	w.Helper()
	var state, code string
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) error {
		return tx.QueryRow(context.Background(), `SELECT state, code FROM webmention_out WHERE target = $1`, target).Scan(&state, &code)
	}))
	return strings.TrimSpace(state + " " + code)
}

// send does the telling of a message that is due, as the jobs do.
func (w *town) send(message string) {
	w.Helper()
	ctx := context.Background()
	w.must(w.service.workGather(ctx, gather{w.i.ID, message}))
	var all []send
	w.must(w.db.Read(ctx, func(tx *db.Tx) (err error) {
		all, err = db.All(ctx, tx, func(s db.Scanner) (j send, err error) {
			j.InstitutionID, j.MessageID = w.i.ID, message
			err = s.Scan(&j.Target, &j.Rev)
			return j, err
		}, `SELECT target, rev FROM webmention_out WHERE message_id = $1 AND state = 'waiting' ORDER BY target`, message)
		return err
	}))
	for _, j := range all {
		_ = w.service.workSend(ctx, j) // jobs.Later is no failure; the row says how it went
	}
}

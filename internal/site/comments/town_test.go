package comments

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

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/site"
	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// post is a mail server that the test can see into.
type post struct {
	mu      sync.Mutex
	letters []mail.Letter
	arrived chan mail.Letter
	answer  func(mail.Letter) mail.Result
}

func (p *post) Send(_ context.Context, l mail.Letter) mail.Result {
	if _, err := l.Bytes(nil); err != nil {
		return mail.Result{Outcome: mail.Refused, Err: err}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answer != nil {
		return p.answer(l)
	}
	p.letters = append(p.letters, l)
	p.arrived <- l
	return mail.Result{Outcome: mail.Sent, Code: 250}
}

func (p *post) Close() error { return nil }

func (p *post) count() int { p.mu.Lock(); defer p.mu.Unlock(); return len(p.letters) }

// clock stands still until a test moves it.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time          { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

// town is an institution whose site takes comments, with a real inbox behind it.
type town struct {
	testing.TB
	db       *db.DB
	box      *secret.Box
	post     *post
	clock    *clock
	i        institution.Institution
	profile  institution.Profile
	message  string // identifier of the message at path
	path     string
	comments *Comments
	square   *Square
	inbox    *inbox.Inbox
	kit      *web.Kit
	handler  http.Handler
	origin   string
	actor    *people.Actor
	option   func(*Options)
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func newTown(t testing.TB, d *db.DB, option func(*Options)) *town {
	t.Helper()
	ctx := context.Background()
	w := &town{TB: t, db: d, box: secret.Fresh(), post: &post{arrived: make(chan mail.Letter, 100)}, clock: &clock{t: time.Date(2026, 5, 4, 16, 30, 0, 0, time.UTC)}, origin: "https://piazza.cesate.example", option: option}
	w.must(d.InTx(ctx, func(tx *db.Tx) (err error) {
		if w.i, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate", PrivacyURL: "/privacy", Email: "urp@comune.cesate.example"}, w.clock.now()); err != nil {
			return err
		}
		w.profile, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.i.ID, Slug: "comune", Name: "Comune di Cesate"}, w.clock.now())
		return err
	}))
	w.message, w.path = w.publish("La mensa cambia menu")
	w.open()
	return w
}

// publish writes the rows that publishing writes when a message goes out.
func (w *town) publish(title string) (id, path string) {
	w.Helper()
	id, slug, at := db.NewID(), institution.Slug(title), db.At(w.clock.now().Add(-time.Hour))
	ctx := context.Background()
	w.must(w.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO message (institution_id, id, profile_id, author_id, state, title, category, content, rev, hash, text_hash, edited_by, out_rev, out_at, created_at, updated_at)
			VALUES ($1, $2, $3, 'p', 'out', $4, 'news', '{}', 1, '', '', 'p', 1, $5, $5, $5)`, w.i.ID, id, w.profile.ID, title, at); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO publication (institution_id, message_id, profile_id, slug, kind, category, lang, title, summary, body_html, body_text, rev, published_at, updated_at)
			VALUES ($1, $2, $3, $4, 'news', 'news', 'it', $5, 'Da lunedì.', '<p>Da lunedì.</p>', 'Da lunedì.', 1, $6, $6)`, w.i.ID, id, w.profile.ID, slug, title, at); err != nil {
			return err
		}
		return refresh(ctx, tx, w.i.ID)
	}))
	return id, "/m/" + slug
}

// open builds site, inbox and comments as the application does, and starts the work.
func (w *town) open() {
	w.Helper()
	bundle, err := i18n.Load()
	w.must(err)
	base, err := url.Parse(w.origin)
	w.must(err)
	address := func(institution.Institution) string { return w.origin }
	var public *site.Site
	w.kit, err = web.New(web.Options{Bundle: bundle, Log: slog.New(slog.NewTextHandler(failing{w.TB}, nil)), BaseURL: base, Now: w.clock.now, SignIn: "/accesso",
		Shell: func(r *http.Request, p *layout.Page) {
			if w.actor != nil && p.Layout == layout.Desk {
				p.Institution.Name, p.Person = w.i.Name, &layout.Person{Name: "Ada Bianchi"}
				return
			}
			public.Shell(r, p)
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
	registry := jobs.NewRegistry(w.db)
	w.square = NewSquare()
	channels := channel.NewSwitchboard(w.db, w.box, w.clock.now, w.square)
	quiet := slog.New(slog.DiscardHandler)
	w.inbox = inbox.New(inbox.Options{DB: w.db, Channels: channels, Clock: w.clock.now, Log: quiet, Address: address,
		Changed: func(ctx context.Context, tx *db.Tx, institutionID, conversationID, _ string) error {
			return w.comments.Changed(ctx, tx, institutionID, conversationID)
		}}, registry)
	o := Options{DB: w.db, Kit: w.kit, Bundle: bundle, Box: w.box, Sender: w.post, From: "piazza@cesate.example", Clock: w.clock.now, Address: address, Hear: w.inbox.Hear, Secure: true}
	if w.option != nil {
		w.option(&o)
	}
	w.comments, err = New(o, registry)
	w.must(err)
	w.square.Serve(w.comments)
	pool, err := jobs.New(context.Background(), w.db, registry, jobs.Options{Log: quiet, Poll: 25 * time.Millisecond})
	w.must(err)
	w.comments.Use(pool)
	w.inbox.Use(pool)
	w.must(pool.Start(context.Background()))
	w.Cleanup(func() { pool.Stop(context.Background()) })
	store, err := blob.NewDisk(w.TempDir())
	w.must(err)
	public, err = site.New(site.Options{DB: w.db, Kit: w.kit, Blobs: store, BaseURL: base, Clock: w.clock.now, Below: w.comments.Below, Webmention: "/webmention"})
	w.must(err)
	mux := http.NewServeMux()
	w.kit.Mount(mux)
	public.Mount(mux)
	w.comments.Mount(mux)
	w.handler = institution.NewResolver(w.db, w.clock.now).Around(w.kit.Wrap(mux))
}

type failing struct{ testing.TB }

func (f failing) Write(p []byte) (int, error) {
	f.Errorf("the server logged: %s", p)
	return len(p), nil
}

func (w *town) do(method, path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequest(method, w.origin+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = "203.0.113.7:4321"
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// page is the body of a GET that succeeds.
func (w *town) page(path string) string {
	w.Helper()
	rec := w.do(http.MethodGet, path, nil)
	if rec.Code != http.StatusOK {
		w.Fatalf("GET %s: %d\n%s", path, rec.Code, rec.Body)
	}
	return rec.Body.String()
}

// typed is a form filled in.
func typed(name, email, text string) url.Values {
	return url.Values{"name": {name}, "email": {email}, "text": {text}, "way": {"email"}}
}

var linkIn = regexp.MustCompile(`/commenti/[a-z0-9]+`)

// letter is the next one that the mail server takes.
func (w *town) letter() mail.Letter {
	w.Helper()
	select {
	case l := <-w.post.arrived:
		return l
	case <-time.After(20 * time.Second):
		w.Fatal("no letter came")
		return mail.Letter{}
	}
}

// written writes a comment and returns the link that came by mail.
func (w *town) written(name, email, text string) string {
	w.Helper()
	if rec := w.do("POST", w.path+"/commenta", typed(name, email, text)); rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/commenti/inviato" {
		w.Fatalf("write: %d %s\n%s", rec.Code, rec.Header().Get("Location"), rec.Body)
	}
	return linkIn.FindString(w.letter().Text)
}

// confirmed writes a comment and confirms it.
func (w *town) confirmed(name, email, text string) string {
	w.Helper()
	link := w.written(name, email, text)
	w.confirm(link)
	return link
}

func (w *town) confirm(link string) {
	w.Helper()
	if rec := w.do("POST", link, url.Values{"do": {"confirm"}}); rec.Code != http.StatusSeeOther {
		w.Fatalf("confirm: %d\n%s", rec.Code, rec.Body)
	}
}

// heard is a comment as the inbox has it.
type heard struct{ ID, RemoteID, ChannelID, Conversation, MessageID, Text, Name, AuthorID string }

func (w *town) heard() (all []heard) {
	w.Helper()
	ctx := context.Background()
	w.must(w.db.Read(ctx, func(tx *db.Tx) (err error) {
		all, err = db.All(ctx, tx, func(s db.Scanner) (h heard, err error) {
			err = s.Scan(&h.ID, &h.RemoteID, &h.ChannelID, &h.Conversation, &h.MessageID, &h.Text, &h.Name, &h.AuthorID)
			return h, err
		}, `SELECT comment.id, comment.remote_id, comment.channel_id, conversation.id, conversation.message_id, comment.text, author.name, author.remote_id
			FROM comment JOIN conversation ON conversation.institution_id = comment.institution_id AND conversation.id = comment.conversation_id
			JOIN author ON author.institution_id = comment.institution_id AND author.id = comment.author_id ORDER BY comment.said_at, comment.id`)
		return err
	}))
	return all
}

// release approves what was heard, as the inbox does.
func (w *town) release(h heard) {
	w.Helper()
	w.moderate(`UPDATE comment SET held = FALSE WHERE institution_id = $1 AND id = $2`, h)
}

func (w *town) moderate(q string, h heard) {
	w.Helper()
	ctx := context.Background()
	w.must(w.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, q, w.i.ID, h.ID); err != nil {
			return err
		}
		return w.comments.Changed(ctx, tx, w.i.ID, h.Conversation)
	}))
}

func (w *town) rows(table string) (n int) {
	w.Helper()
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) error {
		return tx.QueryRow(context.Background(), `SELECT count(*) FROM `+table).Scan(&n)
	}))
	return n
}

// set stores what an administrator chose.
func (w *town) set(s Setting) {
	w.Helper()
	w.must(w.db.InTx(context.Background(), func(tx *db.Tx) error { return s.save(context.Background(), tx, w.i.ID) }))
}

// as signs somebody in.
func (w *town) as(role people.Role) {
	w.actor = &people.Actor{PersonID: "ada", InstitutionID: w.i.ID, Roles: []people.Role{role}}
}

// answer is a delivery of ours to a comment.
func (w *town) answer(h heard, key, text string) (channel.Account, channel.Post) {
	return channel.Account{ID: h.ChannelID, Handle: "Commenti sul sito"},
		channel.Post{Key: key, Text: text, Lang: "it", To: &channel.Reply{ID: h.RemoteID, URL: fmt.Sprint(w.origin, w.path)}}
}

func open(t *testing.T) *town { t.Helper(); return newTown(t, testkit.SQLite(t), nil) }

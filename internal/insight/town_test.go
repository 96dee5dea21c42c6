package insight

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
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

// town has one message that is out on two squares, an inbox that hears, and the
// picture of what it heard.
type town struct {
	testing.TB
	db       *db.DB
	i        institution.Institution
	inbox    *inbox.Inbox
	pages    *Pages
	kit      *web.Kit
	handler  http.Handler
	actor    *people.Actor
	now      time.Time
	message  string
	channels map[channel.Platform]string
	n        int
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
	w := &town{TB: t, db: d, now: time.Date(2026, 5, 4, 18, 30, 0, 0, time.UTC), message: db.NewID(), channels: map[channel.Platform]string{}}
	w.tx(func(ctx context.Context, tx *db.Tx) (err error) {
		if w.i, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, w.now); err != nil {
			return err
		}
		p, err := institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.i.ID, Name: "Comune"}, w.now)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO message (institution_id, id, profile_id, author_id, state, title, category, content, rev, hash, text_hash, edited_by, created_at, updated_at)
			VALUES ($1, $2, $3, 'ada', 'out', 'La piazza si chiude alle auto', 'service', '{}', 1, 'h', 'h', 'ada', 1, 1)`, w.i.ID, w.message, p.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO publication (institution_id, message_id, profile_id, slug, kind, category, lang, title, summary, body_html, body_text, rev, published_at, updated_at)
			VALUES ($1, $2, $3, 'piazza', 'article', 'service', 'it', 'La piazza si chiude alle auto', '', '', '', 1, $4, $4)`, w.i.ID, w.message, p.ID, db.At(w.now)); err != nil {
			return err
		}
		for _, platform := range []channel.Platform{channel.Mastodon, channel.Bluesky} {
			id, delivery := db.NewID(), db.NewID()
			w.channels[platform] = id
			if _, err := tx.Exec(ctx, `INSERT INTO channel (institution_id, id, profile_id, platform, name, state, created_at) VALUES ($1, $2, $3, $4, $4, 'connected', 1)`, w.i.ID, id, p.ID, platform); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO delivery (institution_id, id, message_id, channel_id, state, rev, out_rev, due_at, next_at, remote_id, out_at, created_at, updated_at) VALUES ($1, $2, $3, $4, 'out', 1, 1, 1, 1, 'ours', 1, 1, 1)`,
				w.i.ID, delivery, w.message, id); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO remote_post (institution_id, channel_id, remote_id, delivery_id) VALUES ($1, $2, 'ours', $3)`, w.i.ID, id, delivery); err != nil {
				return err
			}
		}
		return nil
	})
	w.open()
	return w
}

func (w *town) open() {
	w.Helper()
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
	r := jobs.NewRegistry(w.db)
	w.inbox = inbox.New(inbox.Options{DB: w.db, Channels: channel.NewSwitchboard(w.db, secret.Fresh(), w.clock), Clock: w.clock, Log: slog.New(slog.DiscardHandler),
		Address: func(institution.Institution) string { return base.String() }, Stance: Stance}, r)
	w.pages, err = New(Options{DB: w.db, Kit: w.kit, Clock: w.clock}, r)
	w.must(err)
	pool, err := jobs.New(context.Background(), w.db, r, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	w.Cleanup(func() { pool.Stop(context.Background()) })
	w.inbox.Use(pool)
	mux := http.NewServeMux()
	w.kit.Mount(mux)
	w.pages.Mount(mux)
	w.handler = institution.NewResolver(w.db, w.clock).Around(w.kit.Wrap(mux))
}

// as signs somebody with a role in.
func (w *town) as(role people.Role) {
	w.actor = &people.Actor{PersonID: "ada", InstitutionID: w.i.ID, Roles: []people.Role{role}}
}

// hears lets the inbox hear things said on a square, a minute after another.
func (w *town) hears(platform channel.Platform, said ...channel.Said) {
	w.Helper()
	for i := range said {
		w.n++
		s := &said[i]
		if s.ID == "" {
			s.ID = fmt.Sprint("said-", w.n)
		}
		if s.At.IsZero() {
			w.now = w.now.Add(time.Minute)
			s.At = w.now
		}
		if s.Act == "" {
			s.Act = channel.Comments
		}
		if s.Parent == "" {
			s.Parent = "ours"
		}
		s.Lang = "it"
	}
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		return w.inbox.Hear(ctx, tx, w.i.ID, w.channels[platform], said)
	})
}

// crowdSays lets so many different people do the same.
func (w *town) crowdSays(platform channel.Platform, n int, who string, s channel.Said) {
	w.Helper()
	for i := range n {
		s := s
		s.Author = channel.Author{ID: fmt.Sprint(who, i), Name: fmt.Sprint(who, " ", i), Handle: fmt.Sprint("@", who, i)}
		w.hears(platform, s)
	}
}

func (w *town) picture() (p Picture) {
	w.Helper()
	w.must(w.db.Read(w.Context(), func(tx *db.Tx) (err error) { p, err = Of(w.Context(), tx, w.i.ID, w.message); return err }))
	return p
}

func (w *town) get(path string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
	return rec
}

// groups are the picture's groups in short.
func (p Picture) short() string {
	var b strings.Builder
	for _, g := range p.Groups {
		fmt.Fprintf(&b, "%v%d ", g.Sides, g.People)
	}
	return b.String()
}

// fill makes a lively discussion.
func (w *town) fill() {
	w.Helper()
	w.crowdSays(channel.Mastodon, 14, "marta", channel.Said{Act: channel.Reacts, Reaction: channel.Like})
	w.crowdSays(channel.Mastodon, 8, "ugo", channel.Said{Text: "Non sono d'accordo, dove parcheggiamo?"})
	w.crowdSays(channel.Mastodon, 6, "lia", channel.Said{Text: "Da quando?"})
	w.now = w.now.AddDate(0, 0, 3)
	w.crowdSays(channel.Bluesky, 9, "ivo", channel.Said{Text: "Finalmente, bravi"})
	w.crowdSays(channel.Bluesky, 5, "eva", channel.Said{Text: "Passo da via Roma"})
}

func TestPictureHearsSquares(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		if p := w.picture(); p.Shown() {
			t.Errorf("a picture of nobody: %+v", p)
		}
		w.fill()
		if got, want := w.picture().short(), "[agree]23 [against]8 [neutral]5 [question]6 "; got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		// A person who boosts, then likes, then opposes, is one person who opposes.
		for _, s := range []channel.Said{{Act: channel.Reacts, Reaction: channel.Boost}, {Act: channel.Reacts, Reaction: channel.Like}, {Text: "Ho cambiato idea: sono contrario"}} {
			w.crowdSays(channel.Mastodon, 1, "rita", s)
		}
		if got, want := w.picture().short(), "[agree]23 [against]9 [neutral]5 [question]6 "; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

func TestWhatDoesNotSpeakOfTheMessageDoesNotCount(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.fill()
		before := w.picture().short()
		w.hears(channel.Mastodon, channel.Said{ID: "first", Author: channel.Author{ID: "marta0"}, Text: "Bravi!"})
		w.crowdSays(channel.Mastodon, 6, "litigio", channel.Said{Parent: "first", Text: "Vergogna, che schifo"})
		w.crowdSays(channel.Mastodon, 6, "segreto", channel.Said{Private: true, Text: "Sono contrario, ma non ditelo"})
		w.crowdSays(channel.Mastodon, 6, "spam", channel.Said{Held: true, Text: "Sono contrario"})
		w.crowdSays(channel.Mastodon, 6, "pentito", channel.Said{Text: "Sono contrario"})
		for i := range 6 {
			w.hears(channel.Mastodon, channel.Said{Act: channel.Vanished, ID: "x", Author: channel.Author{ID: fmt.Sprint("pentito", i)}})
		}
		if got := w.picture().short(); got != before {
			t.Errorf("%s, want %s", got, before)
		}
	})
}

// TestHiddenDissentStillCounts: who breaks the policy is hidden, and not made to agree.
func TestHiddenDissentStillCounts(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.fill()
	before := w.picture().short()
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		n, err := tx.Change(ctx, `UPDATE comment SET hidden_at = 1 WHERE stance = 'against'`)
		if err == nil && n != 8 {
			err = fmt.Errorf("%d hidden", n)
		}
		return err
	})
	if got := w.picture().short(); got != before {
		t.Errorf("%s, want %s", got, before)
	}
}

func TestOfficersCorrectionWinsAndIsKeptAsALabel(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.fill()
		w.crowdSays(channel.Mastodon, 1, "ironico", channel.Said{ID: "irony", Text: "Complimenti davvero, geniale la chiusura della piazza"})
		var id string
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			return tx.QueryRow(ctx, `SELECT id FROM comment WHERE remote_id = 'irony'`).Scan(&id)
		})
		if got, want := w.picture().short(), "[agree]24 [against]8 [neutral]5 [question]6 "; got != want {
			t.Fatalf("before: %s, want %s", got, want)
		}
		ctx := people.With(t.Context(), people.Actor{PersonID: "ada", InstitutionID: w.i.ID, Roles: []people.Role{people.Writer}})
		for _, s := range []inbox.Stance{inbox.Question, inbox.Against} {
			w.must(w.inbox.SetStance(ctx, w.i.ID, id, s))
			for range 2 {
				w.must(w.pages.workLabels(ctx, labels{}))
			}
		}
		if got, want := w.picture().short(), "[agree]23 [against]9 [neutral]5 [question]6 "; got != want {
			t.Errorf("after: %s, want %s", got, want)
		}
		var n int
		var stems, stance, rule, of string
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			if err := tx.QueryRow(ctx, `SELECT count(*) FROM stance_label`).Scan(&n); err != nil {
				return err
			}
			return tx.QueryRow(ctx, `SELECT stems, stance, rule, of FROM stance_label`).Scan(&stems, &stance, &rule, &of)
		})
		if n != 1 || stance != "against" || rule != "agree" || !strings.Contains(stems, "piazz") || strings.Contains(of, id) {
			t.Errorf("%d labels: %q %s %s", n, stems, stance, rule)
		}
		// The comment goes, with all that was said; the label stays and names nobody.
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM comment WHERE id = $1`, id)
			return err
		})
		w.must(w.pages.workLabels(ctx, labels{}))
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			said, same, err := Corrections(ctx, tx, w.i.ID)
			if said != 1 || same != 0 {
				t.Errorf("%d corrections, %d the same", said, same)
			}
			return err
		})
	})
}

func TestPageShowsTheTableAndTheDrawing(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.as(people.Reader)
		rec := w.get(Path(w.message))
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), "Ancora troppo poche persone") || strings.Contains(rec.Body.String(), "<table") {
			t.Fatalf("%d: with nobody the page shows\n%s", rec.Code, rec.Body)
		}
		w.crowdSays(channel.Mastodon, 4, "quattro", channel.Said{Act: channel.Reacts, Reaction: channel.Like})
		if body := w.get(Path(w.message)).Body.String(); strings.Contains(body, "<table") {
			t.Error("four people are shown")
		}
		w.fill()
		body := w.get(Path(w.message)).Body.String()
		for _, want := range []string{"<table", "<svg", "Tra chi si è espresso, è d'accordo il 77%", "Mastodon", "Bluesky", "Come si calcola"} {
			if !strings.Contains(strings.ReplaceAll(body, "&#39;", "'"), want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if rec := w.get(Path("nessuno")); rec.Code != http.StatusNotFound {
			t.Errorf("a message that is not there: %d", rec.Code)
		}
	})
}

func TestKeptCountsAreShownAsSuch(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.as(people.Reader)
	w.tx(func(ctx context.Context, tx *db.Tx) error {
		for what, n := range map[string]int{"stance:agree": 4, "reaction:like": 30, "reaction:boost": 7, "stance:against": 3, "comment": 40} {
			if _, err := tx.Exec(ctx, `INSERT INTO reaction_tally (institution_id, message_id, day, what, n) VALUES ($1, $2, '2026-05-04', $3, $4)`, w.i.ID, w.message, what, n); err != nil {
				return err
			}
		}
		return nil
	})
	body := strings.Join(strings.Fields(w.get(Path(w.message)).Body.String()), " ")
	for _, want := range []string{"D'accordo: 34", "Contrari: meno di 5", "Condivisioni: 7"} {
		if !strings.Contains(strings.ReplaceAll(body, "&#39;", "'"), want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
}

func TestEverybodyAtTheDeskMayLook(t *testing.T) {
	testkit.Routes(t, []string{"GET " + Path("{id}")}, func(t *testing.T, who string) testkit.Desk {
		w := newTown(t, testkit.SQLite(t))
		switch who {
		case testkit.Nobody:
		case testkit.Stranger:
			w.actor = &people.Actor{PersonID: "eva", InstitutionID: "elsewhere", Roles: []people.Role{people.Administrator}}
		default:
			w.as(people.Role(who))
		}
		return testkit.Desk{Handler: w.handler, Names: map[string]string{"id": w.message}}
	}, []testkit.Scenario{{Route: "GET " + Path("{id}"), Want: map[string]int{testkit.Nobody: 401, testkit.Stranger: 404, testkit.Others: 200}}})
}

func TestPageInTheBrowser(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.as(people.Reader)
	w.fill()
	testkit.ValidHTML(t, map[string]string{"consenso": w.get(Path(w.message)).Body.String()})
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	c := testkit.Browser(t)
	for name, o := range map[string][]testkit.PageOption{"consenso": nil, "consenso-telefono": {testkit.Phone(), testkit.NoScript()}} {
		t.Run(name, func(t *testing.T) {
			p := c.Open(t, server.URL+Path(w.message), o...)
			p.Axe()
			p.FitsWidth()
			p.Screenshot(name)
		})
	}
}

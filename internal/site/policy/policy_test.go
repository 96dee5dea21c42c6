package policy

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

// town is an institution with its rules, and a real inbox behind its log.
type town struct {
	testing.TB
	db      *db.DB
	policy  *Policy
	inbox   *inbox.Inbox
	i       institution.Institution
	kit     *web.Kit
	handler http.Handler
	now     time.Time
	origin  string
	actor   *people.Actor
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func newTown(t testing.TB, d *db.DB) *town {
	t.Helper()
	ctx := context.Background()
	w := &town{TB: t, db: d, now: time.Date(2026, 5, 4, 16, 30, 0, 0, time.UTC), origin: "https://piazza.cesate.example"}
	w.must(d.InTx(ctx, func(tx *db.Tx) (err error) {
		if w.i, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate", PrivacyURL: "/privacy"}, w.now); err != nil {
			return err
		}
		for _, q := range []string{
			`INSERT INTO profile (institution_id, id, slug, name, created_at) VALUES ($1, 'prof', 'comune', 'Comune', 1)`,
			`INSERT INTO channel (institution_id, id, profile_id, platform, name, state, created_at) VALUES ($1, 'ch', 'prof', 'site', 'Sito', 'connected', 1)`,
			`INSERT INTO author (institution_id, id, platform, remote_id, name, created_at) VALUES ($1, 'a', 'site', 'email:x', 'Anna <b>', 1)`,
			`INSERT INTO conversation (institution_id, id, profile_id, channel_id, platform, author_id, subject, state, first_at, last_at) VALUES ($1, 'v', 'prof', 'ch', 'site', 'a', '', 'open', 1, 1)`,
			`INSERT INTO comment (institution_id, id, conversation_id, channel_id, remote_id, author_id, text, said_at, received_at) VALUES ($1, 'c', 'v', 'ch', 'r', 'a', 'Sei un <i>asino</i>.', 1, 1)`,
		} {
			if _, err := tx.Exec(ctx, q, w.i.ID); err != nil {
				return err
			}
		}
		for id, name := range map[string]string{"ada": "Ada Bianchi", "bruno": "Bruno Verdi"} {
			if _, err := tx.Exec(ctx, `INSERT INTO person (id, email, name, created_at) VALUES ($1, $2, $3, 1)`, id, id+"@example.org", name); err != nil {
				return err
			}
		}
		return nil
	}))
	w.open()
	return w
}

func (w *town) open() {
	w.Helper()
	bundle, err := i18n.Load()
	w.must(err)
	base, err := url.Parse(w.origin)
	w.must(err)
	clock := func() time.Time { return w.now }
	w.kit, err = web.New(web.Options{Bundle: bundle, Log: slog.New(slog.NewTextHandler(failing{w.TB}, nil)), BaseURL: base, Now: clock, SignIn: "/accesso",
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
	box, quiet, registry := secret.Fresh(), slog.New(slog.DiscardHandler), jobs.NewRegistry(w.db)
	w.inbox = inbox.New(inbox.Options{DB: w.db, Channels: channel.NewSwitchboard(w.db, box, clock), Clock: clock, Log: quiet,
		Address: func(institution.Institution) string { return w.origin }}, registry)
	w.policy, err = New(Options{DB: w.db, Kit: w.kit, Bundle: bundle, Box: box, Clock: clock, Appeal: w.inbox.Appeal,
		Decide: func(ctx context.Context, institutionID, id string, overturned bool) error {
			o := inbox.Upheld
			if overturned {
				o = inbox.Overturned
			}
			_, err := w.inbox.Decide(ctx, institutionID, id, o)
			return err
		}})
	w.must(err)
	pool, err := jobs.New(context.Background(), w.db, registry, jobs.Options{Log: quiet})
	w.must(err)
	w.Cleanup(func() { pool.Stop(context.Background()) })
	w.inbox.Use(pool)
	mux := http.NewServeMux()
	w.kit.Mount(mux)
	w.policy.Mount(mux)
	w.handler = institution.NewResolver(w.db, clock).Around(w.kit.Wrap(mux))
}

type failing struct{ testing.TB }

func (f failing) Write(p []byte) (int, error) {
	f.Errorf("the server logged: %s", p)
	return len(p), nil
}

func (w *town) as(person string, role people.Role) context.Context {
	w.actor = &people.Actor{PersonID: person, InstitutionID: w.i.ID, Roles: []people.Role{role}}
	return people.With(context.Background(), *w.actor)
}

func (w *town) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequest(method, w.origin+path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

func (w *town) page(path string) string {
	w.Helper()
	rec := w.do("GET", path, nil)
	if rec.Code != http.StatusOK {
		w.Fatalf("GET %s: %d\n%s", path, rec.Code, rec.Body)
	}
	return rec.Body.String()
}

// text is a form with every section filled in.
func text(k Kind, version int64, confirmed bool, rules ...string) url.Values {
	v := url.Values{"version": {fmt.Sprint(version)}, "rules": {strings.Join(rules, "\n")}}
	for _, h := range k.Headings() {
		v.Set(h, "Testo di "+h+".")
	}
	if confirmed {
		v.Set("confirmed", "1")
	}
	return v
}

func (w *town) rules() (all []string) {
	w.Helper()
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) (err error) {
		all, err = w.policy.Rules(context.Background(), tx, w.i.ID)
		return err
	}))
	return all
}

func open(t *testing.T) *town { t.Helper(); return newTown(t, testkit.SQLite(t)) }

func TestRulesAreProvisionalUntilAnAdministratorConfirmsThem(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		page := w.page("/regole")
		for _, want := range []string{"da rivedere", "A che cosa servono", "Dove vanno le richieste formali", "Comune di Cesate", `<ol class="ar-policy-rules">`} {
			if !strings.Contains(page, want) {
				t.Errorf("the default text lacks %q", want)
			}
		}
		if all := w.rules(); len(all) < 5 || !strings.HasPrefix(all[0], "1. ") {
			t.Errorf("rules %q", all)
		}
		w.as("ada", people.Administrator)
		if rec := w.do("POST", deskPath, text(External, 0, false, "Niente insulti.", "", "  Niente   pubblicità. ")); rec.Code != http.StatusSeeOther {
			t.Fatalf("save: %d %s", rec.Code, rec.Body)
		}
		w.now = w.now.Add(time.Hour)
		if rec := w.do("POST", deskPath, text(External, 1, true, "Niente insulti.", "Niente pubblicità.", "Niente <script>.")); rec.Code != http.StatusSeeOther {
			t.Fatalf("save again: %d %s", rec.Code, rec.Body)
		}
		page = w.page("/regole")
		if strings.Contains(page, "da rivedere") || !strings.Contains(page, "Versione 2") || !strings.Contains(page, "Niente &lt;script&gt;.") || !strings.Contains(page, `href="/regole/1"`) {
			t.Errorf("after it was confirmed:\n%s", page)
		}
		if all := w.rules(); len(all) != 3 || all[1] != "2. Niente pubblicità." {
			t.Errorf("rules %q", all)
		}
		if old := w.page("/regole/1"); !strings.Contains(old, "non è più in vigore") || strings.Contains(old, "Niente &lt;script") {
			t.Error("the older version is not what it was")
		}
		for _, missing := range []string{"0", "3", "-1", "01", "x", "99999999999999999999"} {
			if rec := w.do("GET", "/regole/"+missing, nil); rec.Code != http.StatusNotFound {
				t.Errorf("version %s: %d", missing, rec.Code)
			}
		}
	})
}

func TestMarkdownOfRulesIsSanitised(t *testing.T) {
	w := open(t)
	w.as("ada", people.Administrator)
	v := text(External, 0, true, "Una.")
	v.Set("privacy", "**Forte** <script>alert(1)</script> [x](javascript:alert(1)) [y](https://example.org)")
	w.do("POST", deskPath, v)
	page := w.page("/regole")
	if !strings.Contains(page, "<strong>Forte</strong>") || !strings.Contains(page, `href="https://example.org"`) || strings.Contains(page, "javascript:") || strings.Contains(page, "<script>alert") {
		t.Error("the text is shown raw")
	}
}

func TestBadRulesAreRefusedAndNothingTypedIsLost(t *testing.T) {
	w := open(t)
	w.as("ada", people.Administrator)
	empty, long, many, longRule, none := text(External, 0, true, "Una."), text(External, 0, true, "Una."), text(External, 0, true, strings.Split(strings.Repeat("r ", 31), " ")...), text(External, 0, true, strings.Repeat("r", 301)), text(External, 0, true)
	empty.Set("purposes", " ")
	long.Set("hours", strings.Repeat("à", maxSection+1))
	for name, v := range map[string]url.Values{"an empty section": empty, "a long section": long, "many rules": many, "a long rule": longRule, "no rule": none} {
		rec := w.do("POST", deskPath, v)
		if rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), "Testo di requests.") {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	if rec := w.do("POST", deskPath, text(External, -1, true, "Una.")); rec.Code < 400 {
		t.Errorf("a made-up version: %d", rec.Code)
	}
	if !strings.Contains(w.page("/regole"), "da rivedere") {
		t.Error("something was saved")
	}
}

func TestTwoWhoEditAtTheSameTimeSeeEachOther(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.as("ada", people.Administrator)
		first := text(External, 0, true, "Di Ada.")
		w.do("POST", deskPath, first)
		second := text(External, 0, true, "Di Bruno.")
		rec := w.do("POST", deskPath, second)
		body := rec.Body.String()
		if rec.Code == http.StatusSeeOther || !strings.Contains(body, "Di Bruno.") || !strings.Contains(body, "Di Ada.") || !strings.Contains(body, `name="version" value="1"`) {
			t.Fatalf("%d\n%s", rec.Code, body)
		}
		second.Set("version", "1")
		if rec := w.do("POST", deskPath, second); rec.Code != http.StatusSeeOther || w.rules()[0] != "1. Di Bruno." {
			t.Errorf("after having seen it: %d %v", rec.Code, w.rules())
		}
	})
}

func TestInternalRulesAreForTheStaff(t *testing.T) {
	w := open(t)
	w.as("bruno", people.Reader)
	if page := w.page(internalPath); !strings.Contains(page, "Chi può pubblicare") || strings.Contains(page, "/modifica") {
		t.Error("a reader does not read them, or may change them")
	}
	w.as("ada", people.Administrator)
	if rec := w.do("POST", internalPath+"/modifica", text(Internal, 0, true)); rec.Code != http.StatusSeeOther {
		t.Fatalf("save: %d %s", rec.Code, rec.Body)
	}
	if page := w.page(internalPath); !strings.Contains(page, "Testo di emergency.") || strings.Contains(page, "da rivedere") {
		t.Error("the new text is not shown")
	}
	if strings.Contains(w.page("/regole"), "Testo di") {
		t.Error("citizens read the internal text")
	}
}

func TestWhoWasModeratedAppealsOnceAndAPersonDecides(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		m, err := w.inbox.Hide(w.as("ada", people.Writer), w.i.ID, "c", w.rules()[0], "Offende.", "")
		w.must(err)
		path := w.policy.AppealPath(w.i.ID, m.ID)
		page := w.page(path)
		for _, want := range []string{"Sei un &lt;i&gt;asino&lt;/i&gt;.", "1. Insulti", "Offende.", "<textarea"} {
			if !strings.Contains(page, want) {
				t.Errorf("the author is not shown %q", want)
			}
		}
		if rec := w.do("POST", path, url.Values{"text": {" "}}); rec.Code != http.StatusUnprocessableEntity {
			t.Errorf("an empty appeal: %d", rec.Code)
		}
		if rec := w.do("POST", path, url.Values{"text": {strings.Repeat("x", maxAppeal+1)}}); rec.Code != http.StatusUnprocessableEntity {
			t.Errorf("a long appeal: %d", rec.Code)
		}
		if rec := w.do("POST", path, url.Values{"text": {"Era una <b>citazione</b>."}}); rec.Code != http.StatusSeeOther {
			t.Fatalf("appeal: %d %s", rec.Code, rec.Body)
		}
		if rec := w.do("POST", path, url.Values{"text": {"Ancora."}}); rec.Code == http.StatusSeeOther {
			t.Error("a second appeal is taken")
		}
		if page := w.page(path); !strings.Contains(page, "in esame") || strings.Contains(page, "<textarea") {
			t.Error("the author does not see that it is being judged")
		}
		log := w.page(logPath + "?ricorsi=1")
		for _, want := range []string{"Era una &lt;b&gt;citazione&lt;/b&gt;.", "Ada Bianchi", "Anna &lt;b&gt;", "di chi sta leggendo", "Ricorsi da decidere (1)"} {
			if !strings.Contains(log, want) {
				t.Errorf("the log lacks %q", want)
			}
		}
		w.as("bruno", people.Approver)
		if rec := w.do("POST", logPath+"/"+m.ID, url.Values{"outcome": {"forse"}}); rec.Code < 400 {
			t.Errorf("a made-up outcome: %d", rec.Code)
		}
		if rec := w.do("POST", logPath+"/"+m.ID, url.Values{"outcome": {"overturned"}}); rec.Code != http.StatusSeeOther {
			t.Fatalf("decide: %d %s", rec.Code, rec.Body)
		}
		if page := w.page(path); !strings.Contains(page, "Ricorso accolto") {
			t.Error("the author does not see the decision")
		}
		var hidden int64
		w.must(d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT hidden_at FROM comment WHERE id = 'c'`).Scan(&hidden)
		}))
		if hidden != 0 {
			t.Error("the words are still hidden")
		}
	})
}

func TestAnAppealNeedsItsOwnLink(t *testing.T) {
	w := open(t)
	w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO moderation (institution_id, id, conversation_id, comment_id, action, rule, text, author, person_id, at) VALUES ($1, 'm', 'v', 'c', 'hide', '1. x', 't', 'a', 'ada', 1)`, w.i.ID)
		return err
	}))
	good := w.policy.AppealPath(w.i.ID, "m")
	w.page(good)
	for _, bad := range []string{"/ricorso/x", good + "A", good[:len(good)-2], w.policy.AppealPath("another", "m"), w.policy.AppealPath(w.i.ID, "n"), "/ricorso/" + strings.Repeat("A", 3000)} {
		if rec := w.do("GET", bad, nil); rec.Code != http.StatusNotFound {
			t.Errorf("%s: %d", bad[:min(60, len(bad))], rec.Code)
		}
	}
}

func TestLogIsReadPageByPage(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.must(d.InTx(t.Context(), func(tx *db.Tx) error {
			for n := range perPage + 5 {
				if _, err := tx.Exec(t.Context(), `INSERT INTO moderation (institution_id, id, conversation_id, comment_id, action, rule, text, author, person_id, at) VALUES ($1, $2, 'v', 'c', 'report', 'r', $3, 'a', 'gone', 1)`,
					w.i.ID, fmt.Sprintf("m%03d", n), fmt.Sprintf("testo-%03d", n)); err != nil {
					return err
				}
			}
			return nil
		}))
		w.as("ada", people.Writer)
		page := w.page(logPath)
		if !strings.Contains(page, "testo-034") || !strings.Contains(page, "testo-005") || strings.Contains(page, "testo-004") || !strings.Contains(page, "prima=m005") {
			t.Error("the first page")
		}
		if page := w.page(logPath + "?prima=m005"); !strings.Contains(page, "testo-004") || !strings.Contains(page, "testo-000") || strings.Contains(page, "testo-005") {
			t.Error("the second page")
		}
	})
}

func TestEveryRouteAnswersEachRoleAsItShould(t *testing.T) {
	table := func(nobody int, may map[string]int) map[string]int {
		out := map[string]int{testkit.Nobody: nobody, testkit.Stranger: 404, testkit.Others: 403}
		for who, status := range may {
			out[who] = status
		}
		return out
	}
	admin := func(status int) map[string]int { return map[string]int{"administrator": status} }
	moderators := func(status int) map[string]int {
		return map[string]int{"administrator": status, "writer": status, "approver": status}
	}
	staff := map[string]int{"reader": 200, "writer": 200, "approver": 200, "duty": 200, "administrator": 200}
	everybody := func(status int) map[string]int { return map[string]int{testkit.Others: status} }
	open := func(t *testing.T, who string) testkit.Desk {
		w := newTown(t, testkit.SQLite(t))
		m, err := w.inbox.Hide(w.as("ada", people.Writer), w.i.ID, "c", "1. x", "", "")
		w.must(err)
		w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error { return w.inbox.Appeal(t.Context(), tx, w.i.ID, m.ID, "No.") }))
		w.actor = nil
		switch who {
		case testkit.Nobody:
		case testkit.Stranger:
			w.as("ada", people.Administrator)
			w.actor.InstitutionID = "another"
		default:
			w.as("bruno", people.Role(who))
		}
		return testkit.Desk{Handler: w.handler, Host: "piazza.cesate.example", Names: map[string]string{"id": m.ID, "token": strings.TrimPrefix(w.policy.AppealPath(w.i.ID, m.ID), "/ricorso/")}}
	}
	w := newTown(t, testkit.SQLite(t))
	var routes []string
	for _, r := range w.kit.Routes() {
		if strings.Contains(r, "/regole") || strings.Contains(r, "/ricorso") || strings.Contains(r, "/moderazione") {
			routes = append(routes, r)
		}
	}
	testkit.Routes(t, routes, open, []testkit.Scenario{
		{Route: "GET /regole", Want: everybody(200)},
		{Route: "GET /regole/{version}", Path: "/regole/1", Want: everybody(404)},
		{Route: "GET /ricorso/{token}", Want: everybody(200)},
		{Route: "POST /ricorso/{token}", Form: url.Values{"text": {"Ancora."}}, Want: everybody(422)},
		{Route: "GET /redazione/regole", Want: map[string]int{testkit.Stranger: 404, "administrator": 200, testkit.Others: 303}},
		{Route: "POST /redazione/regole", Form: text(External, 0, true, "Una."), Want: table(401, admin(303))},
		{Route: "GET /redazione/regole/interne", Want: table(303, staff)},
		{Route: "GET /redazione/regole/interne/modifica", Want: table(303, admin(200))},
		{Route: "POST /redazione/regole/interne/modifica", Form: text(Internal, 0, true), Want: table(401, admin(303))},
		{Route: "GET /redazione/moderazione", Want: table(303, moderators(200))},
		{Route: "POST /redazione/moderazione/{id}", Form: url.Values{"outcome": {"upheld"}}, Want: table(401, moderators(303))},
	})
}

func TestPagesInABrowser(t *testing.T) {
	browser := testkit.Browser(t)
	w := open(t)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.handler.ServeHTTP(rw, r) }))
	t.Cleanup(s.Close)
	w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
		for n, q := range []string{
			`INSERT INTO moderation (institution_id, id, conversation_id, comment_id, action, rule, reason, text, author, person_id, at, appeal, appealed_at) VALUES ($1, 'm2', 'v', 'c', 'hide', '1. Insulti, minacce, volgarità, e ciò che offende la dignità delle persone.', 'Insulta un impiegato.', 'Sei un asino, e lo sanno tutti.', 'Anna', 'ada', $2, 'Era una citazione da Pinocchio: non parlavo di una persona.', $2)`,
			`INSERT INTO moderation (institution_id, id, conversation_id, comment_id, action, rule, text, author, person_id, at, remote_error, warning) VALUES ($1, 'm1', 'v', 'c', 'report', '6. Pubblicità, propaganda elettorale, raccolte di denaro, truffe.', 'Compra oro', 'Vendo Oro 24h', 'bruno', $2, 'forbidden', 'Questo spazio non è per la pubblicità.')`,
			`INSERT INTO moderation (institution_id, id, conversation_id, comment_id, action, rule, text, author, person_id, at, appeal, appealed_at, outcome, decided_by, decided_at) VALUES ($1, 'm0', 'v', 'c', 'refuse', '7. Messaggi ripetuti', 'Ancora', 'Carlo', 'bruno', $2, 'Non sono d''accordo.', $2, 'upheld', 'ada', $2)`,
		} {
			if _, err := tx.Exec(t.Context(), q, w.i.ID, db.At(w.now.Add(-time.Duration(n)*time.Hour))); err != nil {
				return err
			}
		}
		return nil
	}))
	appeal := func(id string) string { return w.policy.AppealPath(w.i.ID, id) }
	html := map[string]string{}
	for _, p := range []struct {
		name, path string
		staff      bool
	}{{"policy", "/regole", false}, {"appeal", appeal("m1"), false}, {"appealed", appeal("m2"), false}, {"editor", deskPath, true}, {"internal", internalPath, true}, {"log", logPath, true}} {
		t.Run(p.name, func(t *testing.T) {
			if w.actor = nil; p.staff {
				w.as("ada", people.Administrator)
			}
			html[p.name] = w.page(p.path)
			wide := browser.Open(t, s.URL+p.path)
			wide.Axe()
			wide.Screenshot("policy-" + p.name)
			phone := browser.Open(t, s.URL+p.path, testkit.Phone(), testkit.NoScript())
			phone.FitsWidth()
			phone.Axe()
			phone.Screenshot("policy-" + p.name + "-360")
		})
	}
	t.Run("valid", func(t *testing.T) { testkit.ValidHTML(t, html) })
	t.Run("decide by keyboard, without scripts", func(t *testing.T) {
		w.as("bruno", people.Approver)
		page := browser.Open(t, s.URL+logPath+"?ricorsi=1", testkit.NoScript())
		page.TabTo(`button[value="upheld"]`, 60)
		page.Press("\r")
		page.Wait(".alert-success")
		if page.Has(`button[value="upheld"]`) {
			t.Error("the appeal can be decided again")
		}
	})
}

func FuzzAppealLinkOpensOnlyWhatWeSigned(f *testing.F) {
	p := &Policy{o: Options{Box: secret.Fresh()}}
	f.Add("x")
	f.Add(strings.TrimPrefix((&Policy{o: Options{Box: secret.Fresh()}}).AppealPath("i", "m"), "/ricorso/"))
	f.Fuzz(func(t *testing.T, token string) {
		// Reaching the database would crash: no forged link does.
		if _, err := p.entryOf(t.Context(), nil, "i", token); err == nil {
			t.Fatalf("%q is a link", token)
		}
	})
}

func FuzzLinesHoldOneRuleEach(f *testing.F) {
	f.Add("a\n b  c\r\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range lines(text) {
			if l == "" || strings.ContainsAny(l, "\n\r\t") {
				t.Fatalf("%q", l)
			}
		}
	})
}

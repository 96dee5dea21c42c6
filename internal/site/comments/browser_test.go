package comments

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/mastodon"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// furnish puts a discussion under the message: two threads, an answer, a mention,
// reactions elsewhere. It returns the links of the first author and of a draft.
func (w *town) furnish(t *testing.T) (link, draft string) {
	t.Helper()
	link = w.confirmed("Anna", "anna@example.org", "La pasta di lunedì era fredda, e non è la prima volta: se ne parla anche su https://genitori.example/mensa.\n\nChi controlla?")
	w.clock.advance(time.Minute)
	w.confirmed("Giovanni Battista Pergolesi di Santa Maria in Castello", "bruno@example.org", "parolalunghissimachenonvaacapodasolaenemmenoconlaforza Bravi, il menu è migliorato 🎉")
	all := w.heard()
	for _, h := range all {
		w.release(h)
	}
	account, p := w.answer(all[0], "risposta-1", "Buongiorno, abbiamo chiesto alla cucina: da oggi i contenitori sono riscaldati.\n\nL'ufficio scuola risponde allo 02 000000.")
	_, err := w.square.Finalize(t.Context(), account, p, nil)
	w.must(err)
	w.letter()
	w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
		for _, q := range []string{
			`INSERT INTO channel (institution_id, id, profile_id, platform, name, state, created_at) SELECT institution_id, 'masto', profile_id, 'mastodon', 'Mastodon', 'connected', 1 FROM publication WHERE message_id = $1`,
			`INSERT INTO reaction (institution_id, channel_id, target, author_id, reaction, message_id, at) SELECT institution_id, 'masto', 'x', 'a', 'like', message_id, 1 FROM publication WHERE message_id = $1`,
			`INSERT INTO author (institution_id, id, platform, remote_id, name, created_at) SELECT institution_id, 'blog', 'webmention', 'https://diario.example/', 'Il diario di Anna', 1 FROM publication WHERE message_id = $1`,
			`INSERT INTO conversation (institution_id, id, profile_id, channel_id, platform, message_id, author_id, subject, state, first_at, last_at) SELECT institution_id, 'wm', profile_id, 'wmc', 'webmention', message_id, 'blog', '', 'open', 1, 1 FROM publication WHERE message_id = $1`,
			`INSERT INTO comment (institution_id, id, conversation_id, channel_id, remote_id, url, author_id, text, said_at, received_at) SELECT institution_id, 'wm1', 'wm', 'wmc', 'r', 'https://diario.example/mensa', 'blog', 'x', 1, 1 FROM publication WHERE message_id = $1`,
		} {
			if _, err := tx.Exec(t.Context(), q, w.message); err != nil {
				return err
			}
		}
		return refresh(t.Context(), tx, w.i.ID)
	}))
	return link, w.written("Carla", "carla@example.org", "Da confermare.")
}

func TestPagesInABrowser(t *testing.T) {
	browser := testkit.Browser(t)
	w := newTown(t, testkit.SQLite(t), func(o *Options) {
		o.Fediverse = mastodon.New(fetch.New(fetch.Options{}))
		o.Identity = &Identity{Name: "SPID"}
	})
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.handler.ServeHTTP(rw, r) }))
	t.Cleanup(s.Close)
	mine, draft := w.furnish(t)
	pages := map[string]string{"message": w.path, "write": w.path + "/commenta", "reply": w.path + "/commenta?a=risposta-1", "sent": "/commenti/inviato", "draft": draft, "mine": mine}
	html := map[string]string{}
	for name, path := range pages {
		html[name] = w.page(path)
	}
	t.Run("valid", func(t *testing.T) { testkit.ValidHTML(t, html) })
	for name, path := range pages {
		t.Run(name, func(t *testing.T) {
			wide := browser.Open(t, s.URL+path)
			wide.Axe()
			wide.Screenshot("comments-" + name)
			phone := browser.Open(t, s.URL+path, testkit.Phone(), testkit.NoScript())
			phone.FitsWidth()
			phone.Axe()
			phone.Screenshot("comments-" + name + "-360")
		})
	}
	t.Run("comment by keyboard, without scripts", func(t *testing.T) {
		page := browser.Open(t, s.URL+w.path, testkit.NoScript(), testkit.Tolerate("422"))
		page.TabTo("#f-text", 80)
		page.Press("Da tastiera.")
		page.TabTo("#f-email", 5)
		page.Press("nessuno\r")
		page.Wait(".ar-summary")
		page.Axe()
		page.Screenshot("comments-wrong")
		if got := page.Value("#f-text"); got != "Da tastiera." {
			t.Errorf("what was typed became %q", got)
		}
		page.Fill("#f-name", "Dario")
		page.Fill("#f-email", "dario@example.org")
		page.Press("\r")
		page.WaitGone("#f-email")
		link := linkIn.FindString(w.letter().Text)
		page.Goto(s.URL + link)
		page.TabTo("main button", 40)
		page.Press("\r")
		page.Wait(".ar-comment-delete")
		if got := page.Text("main .ar-lead"); !strings.Contains(got, "aspetta di essere letto") {
			t.Errorf("after confirming: %q", got)
		}
	})
	t.Run("desk", func(t *testing.T) {
		w.as(people.Administrator)
		defer func() { w.actor = nil }()
		page := browser.Open(t, s.URL+deskPath)
		page.Axe()
		page.Screenshot("comments-desk")
		phone := browser.Open(t, s.URL+deskPath, testkit.Phone())
		phone.FitsWidth()
		phone.Axe()
	})
}

// TestOnlyAdministratorsChangeTheSettings: who else works here, or elsewhere, does
// not.
func TestOnlyAdministratorsChangeTheSettings(t *testing.T) {
	roles := func(done int) map[string]int {
		return map[string]int{testkit.Nobody: 401, testkit.Stranger: 404, "administrator": done, testkit.Others: 403}
	}
	everybody := func(status int) map[string]int { return map[string]int{testkit.Others: status} }
	link := ""
	open := func(t *testing.T, who string) testkit.Desk {
		w := newTown(t, testkit.SQLite(t), nil)
		link = w.written("Anna", "anna@example.org", "Testo.")
		switch who {
		case testkit.Nobody:
		case testkit.Stranger:
			w.as(people.Administrator)
			w.actor.InstitutionID = "another"
		default:
			w.as(people.Role(who))
		}
		return testkit.Desk{Handler: w.handler, Host: "piazza.cesate.example", Names: map[string]string{"slug": strings.TrimPrefix(w.path, "/m/"), "link": strings.TrimPrefix(link, "/commenti/")}}
	}
	w := newTown(t, testkit.SQLite(t), nil)
	var routes []string
	for _, r := range w.kit.Routes() {
		if strings.Contains(r, "comment") {
			routes = append(routes, r)
		}
	}
	testkit.Routes(t, routes, open, []testkit.Scenario{
		{Route: "GET /redazione/commenti", Want: map[string]int{testkit.Nobody: 303, testkit.Stranger: 404, "administrator": 200, testkit.Others: 403}},
		{Route: "POST /redazione/commenti", Form: url.Values{"close_days": {"30"}, "hold": {"new"}, "enabled": {"1"}}, Want: roles(303)},
		{Route: "GET /m/{slug}/commenta", Want: everybody(200)},
		{Route: "POST /m/{slug}/commenta", Form: typed("Anna", "a@example.org", "Testo."), Want: everybody(303)},
		{Route: "GET /commenti/inviato", Want: everybody(200)},
		{Route: "GET /commenti/fediverso", Want: everybody(404)},
		{Route: "GET /commenti/identita", Want: everybody(404)},
		{Route: "GET /commenti/{link}", Want: everybody(200)},
		{Route: "POST /commenti/{link}", Form: url.Values{"do": {"confirm"}}, Want: everybody(303)},
	})
}

func TestSettingsAreCheckedAndKept(t *testing.T) {
	w := open(t)
	w.as(people.Administrator)
	for _, days := range []string{"-1", "4000", "x"} {
		if rec := w.do("POST", deskPath, url.Values{"close_days": {days}, "hold": {"all"}}); rec.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s days: %d", days, rec.Code)
		}
	}
	if rec := w.do("POST", deskPath, url.Values{"close_days": {"30"}, "hold": {"new"}, "silent": {w.profile.ID, "made-up"}}); rec.Code != http.StatusSeeOther {
		t.Fatalf("save: %d %s", rec.Code, rec.Body)
	}
	var s Setting
	w.must(w.db.Read(t.Context(), func(tx *db.Tx) (err error) { s, err = settingOf(t.Context(), tx, w.i.ID); return err }))
	if s.Enabled || s.CloseDays != 30 || s.Hold != HoldNew || len(s.Silent) != 1 {
		t.Errorf("%+v", s)
	}
}

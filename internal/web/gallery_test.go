package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// The gallery shows every layout and partial with believable content, so that
// their look and their accessibility can be judged in one place.

type row struct {
	Title, State, Kind, Day string
	When                    time.Time
}

type gallery struct {
	Now    time.Time
	Rows   []row
	Paging layout.Paging
	Form   *web.Form
}

func example(now time.Time) gallery {
	return gallery{
		Now: now,
		Rows: []row{
			{"Chiusura di via Roma per i lavori all'acquedotto", "fuori", layout.Success, "4", now.Add(-2 * time.Hour)},
			{"Iscrizioni ai centri estivi: si comincia il 12 maggio", "in uscita", layout.Info, "5", now.Add(20 * time.Minute)},
			{"Temporali in arrivo: attenzione ai sottopassi", "rifiutato", layout.Danger, "6", now.Add(26 * time.Hour)},
			{"La biblioteca apre anche la domenica mattina", "in ritardo", layout.Warning, "7", now.Add(50 * time.Hour)},
		},
		Paging: layout.Paging{Previous: "/?pagina=1", Next: "/?pagina=3", Pages: []layout.Link{{Label: "1", URL: "/?pagina=1"}, {Label: "2", URL: "/?pagina=2", Current: true}, {Label: "3", URL: "/?pagina=3"}, {Label: "…"}, {Label: "12", URL: "/?pagina=12"}}},
	}
}

func shell(r *http.Request, p *layout.Page) {
	p.Institution = layout.Institution{
		Name: "Comune di Cesate", Tagline: "Notizie, eventi e partecipazione", URL: "/", Parent: layout.Link{Label: "Regione Lombardia", URL: "https://www.regione.lombardia.it/"},
		Footer: layout.Footer{
			Contacts: []string{"Comune di Cesate", "Via Don Oreste Moretti 10, 20031 Cesate (MI)", "02 994711"}, Privacy: "/privacy", Legal: "/note-legali", Accessibility: "/accessibilita", Feedback: "/accessibilita/segnala",
			Links: []layout.Link{{Label: "Mastodon", URL: "https://example.social/@cesate"}, {Label: "Telegram", URL: "https://t.me/cesate"}},
		},
	}
	if r.URL.Path == "/colore" {
		p.Institution.Color = "#a02030"
	}
	if p.Layout == layout.Site || p.Layout == layout.Auto {
		p.Demo, p.SearchURL = true, "/cerca"
		p.Nav = []layout.NavItem{{Label: "Novità", URL: "/", Current: r.URL.Path == "/"}, {Label: "Eventi", URL: "/eventi"}, {Label: "Album", URL: "/album"}, {Label: "Idee", URL: "/idee"}, {Label: "Iscriviti", URL: "/iscriviti"}}
		p.Feeds = []layout.Feed{{Title: "RSS", URL: "/feed.rss", Type: "application/rss+xml"}, {Title: "Atom", URL: "/feed.atom", Type: "application/atom+xml"}}
		p.Crumbs = []layout.Link{{Label: "Pagina iniziale", URL: "/"}}
		return
	}
	p.Person = &layout.Person{Name: "Giulia Rossi", Role: "Redattrice", ProfileURL: "/profilo", SignOutURL: "/esci"}
	p.Institutions = []layout.Link{{Label: "Comune di Cesate", URL: "/ente/1", Current: true}, {Label: "Unione dei Comuni del Seveso", URL: "/ente/2"}}
	p.Nav = []layout.NavItem{
		{Label: "Oggi", URL: "/redazione", Icon: "it-clock", Current: r.URL.Path == "/redazione"}, {Label: "Messaggi", URL: "/modulo", Icon: "it-horn", Count: 2},
		{Label: "Calendario", URL: "/calendario", Icon: "it-calendar"}, {Label: "Conversazioni", URL: "/conversazioni", Icon: "it-comment", Count: 5, Section: "Ascolto"}, {Label: "Impostazioni", URL: "/impostazioni", Icon: "it-settings", Section: "Ente"},
	}
	p.Flash = append(p.Flash, layout.Flash{Kind: layout.Success, Text: "Il messaggio è programmato per domani, ore 9:00.", ActionURL: "/annulla", ActionLabel: "Annulla"})
	p.Crumbs = []layout.Link{{Label: "Redazione", URL: "/redazione"}}
}

// galleryServer serves the gallery through the whole kit.
func galleryServer(t *testing.T) *httptest.Server {
	t.Helper()
	s := newSite(t, func(o *web.Options) { o.Shell = shell })
	if !s.Assets.Built() {
		testkit.Missing(t, "the built style sheet", "run make assets")
	}
	if err := s.AddTemplates(os.DirFS("testdata/gallery")); err != nil {
		t.Fatal(err)
	}
	page := example(s.Now())
	show := func(pattern, name, layoutName string) {
		s.Handle(s.mux, pattern, func(w http.ResponseWriter, r *http.Request) error {
			return s.Render(w, r, http.StatusOK, name, layout.Page{Layout: layoutName, Content: page})
		})
	}
	show("GET /{$}", "home", layout.Site)
	show("GET /redazione", "desk", layout.Desk)
	s.Handle(s.mux, "GET /avviso", func(w http.ResponseWriter, r *http.Request) error {
		return s.Render(w, r, http.StatusOK, "home", layout.Page{Layout: layout.Site, Content: page, Banner: &layout.Banner{Kind: layout.Danger, Text: "Allerta arancione per temporali fino alle 18 di domani.", Link: layout.Link{Label: "Che cosa fare", URL: "/"}}})
	})
	s.Handle(s.mux, "GET /colore", func(w http.ResponseWriter, r *http.Request) error {
		return s.Render(w, r, http.StatusOK, "color", layout.Page{Layout: layout.Site, Content: page})
	})
	s.Handle(s.mux, "/modulo", func(w http.ResponseWriter, r *http.Request) error { return galleryForm(s, w, r, page) })
	s.Handle(s.mux, "GET /elimina", func(w http.ResponseWriter, r *http.Request) error {
		return s.Confirm(w, r, layout.Confirm{Question: "Eliminare la bozza?", Text: "La bozza e le sue fotografie non si potranno recuperare.", Action: "/elimina", Label: "Elimina la bozza", Cancel: "/modulo", Danger: true, Values: map[string][]string{"id": {"42"}}})
	})
	addModulePages(t, s)
	s.Handle(s.mux, "GET /rotto", func(http.ResponseWriter, *http.Request) error { panic("gallery") })
	srv := httptest.NewServer(s.Wrap(s.mux))
	t.Cleanup(func() {
		s.Streams.Close()
		srv.Close()
	})
	return srv
}

// galleryForm refuses what has no title, and keeps what was typed.
func galleryForm(s *site, w http.ResponseWriter, r *http.Request, page gallery) error {
	form, err := s.ReadForm(r)
	if err != nil {
		return err
	}
	if r.Method == http.MethodPost {
		form.Label("title", "Titolo", "when", "Quando esce", "channels", "Piazze")
		form.Required("title")
		if form.String("when") == "" {
			form.Add("when", "fault.field.datetime")
		}
		if len(form.Strings("channels")) == 0 {
			form.Add("channels", "fault.field.missing")
		}
		if err := form.Err(); err == nil {
			return web.Redirect(w, r, "/redazione")
		} else if !form.Fail(s.Printer(r), err) {
			return err
		}
	}
	page.Form = form
	return s.Render(w, r, form.Status(), "form", page)
}

var galleryPages = []struct{ name, path string }{
	{"home", "/"}, {"alert", "/avviso"}, {"desk", "/redazione"}, {"form", "/modulo"}, {"confirm", "/elimina"}, {"missing", "/non-esiste"}, {"broken", "/rotto"},
}

func TestGalleryIsAccessibleOnEveryScreenInBothLanguages(t *testing.T) {
	srv := galleryServer(t)
	b := testkit.Browser(t)
	views := []struct {
		name, lang string
		option     testkit.PageOption
	}{{"desktop", "it", testkit.Wide(1280)}, {"phone", "it", testkit.Phone()}, {"desktop", "en", testkit.Wide(1280)}}
	for _, g := range galleryPages {
		for _, v := range views {
			t.Run(g.name+"/"+v.name+"/"+v.lang, func(t *testing.T) {
				t.Parallel()
				p := b.Open(t, srv.URL+g.path, v.option, testkit.Language(v.lang), testkit.Tolerate("status of 404"), testkit.Tolerate("status of 500"))
				if got := testkit.Eval[string](p, "document.documentElement.lang"); got != v.lang {
					t.Errorf("language is %q", got)
				}
				p.Axe()
				p.FitsWidth()
				p.Screenshot("gallery-" + g.name + "-" + v.name + "-" + v.lang)
			})
		}
	}
}

func TestGalleryIsValidHTML(t *testing.T) {
	srv := galleryServer(t)
	pages := map[string]string{}
	for _, g := range galleryPages {
		for _, lang := range []string{"it", "en"} {
			pages[g.name+" in "+lang] = fetch(t, http.MethodGet, srv.URL+g.path, lang)
		}
	}
	pages["form with errors"] = fetch(t, http.MethodPost, srv.URL+"/modulo", "it")
	testkit.ValidHTML(t, pages)
}

func fetch(t *testing.T, method, url, lang string) string {
	t.Helper()
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Language", lang)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestFormWithErrorsTakesFocusAndKeepsWhatWasTyped(t *testing.T) {
	srv := galleryServer(t)
	b := testkit.Browser(t)
	for _, script := range []struct {
		name   string
		option testkit.PageOption
	}{{"with script", testkit.Wide(1280)}, {"without script", testkit.NoScript()}} {
		t.Run(script.name, func(t *testing.T) {
			p := b.Open(t, srv.URL+"/modulo", script.option, testkit.Tolerate("status of 422"))
			p.Fill("#f-body", "Testo già scritto")
			p.Submit("form.ar-form .ar-actions button.btn-primary")
			p.Wait(".ar-summary")
			if got := p.Value("#f-body"); got != "Testo già scritto" {
				t.Errorf("the text became %q", got)
			}
			if !testkit.Eval[bool](p, "document.activeElement.classList.contains('ar-summary')") {
				t.Errorf("the focus is on %q, not on the summary", p.Focused())
			}
			if !testkit.Eval[bool](p, "document.getElementById('f-title').getAttribute('aria-invalid') === 'true' && document.getElementById('f-title').getAttribute('aria-describedby') === 'f-title-error'") {
				t.Error("the field does not name its error")
			}
			p.Axe()
			p.Screenshot("gallery-errors-" + strings.ReplaceAll(script.name, " ", "-"))
			if script.name == "with script" {
				phone := b.Open(t, srv.URL+"/modulo", testkit.Phone(), testkit.Tolerate("status of 422"))
				phone.Submit("form.ar-form .ar-actions button.btn-primary")
				phone.FitsWidth()
				phone.Axe()
				phone.Screenshot("gallery-errors-phone")
			}
		})
	}
}

func TestMenusWorkWithoutScript(t *testing.T) {
	srv := galleryServer(t)
	b := testkit.Browser(t)
	site := b.Open(t, srv.URL+"/", testkit.Phone(), testkit.NoScript())
	if site.Shown(".ar-nav-phone nav a") || site.Shown(".ar-nav-wide") {
		t.Error("the menu of the site is open before it is asked for")
	}
	site.Click(".ar-nav-phone summary")
	if !site.Shown(".ar-nav-phone nav a") {
		t.Error("the menu of the site does not open")
	}
	desk := b.Open(t, srv.URL+"/redazione", testkit.Phone(), testkit.NoScript())
	desk.Click(".ar-side-phone summary")
	if !desk.Shown(".ar-side-phone nav a") {
		t.Error("the menu of the desk does not open")
	}
	desk.Click(".ar-drop-end summary")
	if !desk.Shown(".ar-drop-end form button") {
		t.Error("the person's menu does not open")
	}
	desk.FitsWidth()
}

func TestKeyboardReachesTheContentFirst(t *testing.T) {
	srv := galleryServer(t)
	b := testkit.Browser(t)
	p := b.Open(t, srv.URL+"/redazione")
	p.Press("\t")
	if got := p.Focused(); got != "Vai al contenuto" {
		t.Fatalf("the first stop is %q", got)
	}
	p.Press("\r")
	p.WaitFor("location.hash === '#content'")
	p.TabTo("main .btn-primary", 6)
}

package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// site is a kit with one page, "greeting", and its log.
type site struct {
	*web.Kit
	mux *http.ServeMux
	log *bytes.Buffer
}

func newSite(t testing.TB, change func(*web.Options)) *site {
	t.Helper()
	bundle, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	log := &bytes.Buffer{}
	base, err := url.Parse("http://example.com")
	if err != nil {
		t.Fatal(err)
	}
	o := web.Options{
		Bundle: bundle, Log: slog.New(slog.NewTextHandler(log, nil)), BaseURL: base,
		Now: func() time.Time { return time.Date(2026, 5, 4, 16, 30, 0, 0, time.UTC) },
	}
	if change != nil {
		change(&o)
	}
	k, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	err = k.AddTemplates(fstest.MapFS{
		"templates/greeting.html": {Data: []byte(`{{define "title"}}Saluto a {{.Name}}{{end}}{{define "content"}}<h1>{{template "title" .}}</h1>{{template "wave" .}}{{end}}`)},
		"templates/_wave.html":    {Data: []byte(`{{define "wave"}}<p id="wave">Ciao {{.Name}}</p>{{end}}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{k, http.NewServeMux(), log}
	k.Mount(s.mux)
	return s
}

func (s *site) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Wrap(s.mux).ServeHTTP(w, r)
	return w
}

func (s *site) get(path string, headers ...string) *httptest.ResponseRecorder {
	return s.do(request(http.MethodGet, path, "", headers...))
}

func request(method, path, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "http://example.com"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

type person struct{ Name string }

// pagesOf is a file system with one page.
func pagesOf(name, text string) fstest.MapFS {
	return fstest.MapFS{"templates/" + name + ".html": {Data: []byte(text)}}
}

func TestPageHasLayoutTitleAndContent(t *testing.T) {
	s := newSite(t, nil)
	s.Handle(s.mux, "GET /{$}", func(w http.ResponseWriter, r *http.Request) error {
		return s.Render(w, r, http.StatusOK, "greeting", layout.Page{Layout: layout.Site, Content: person{"<Ada>"}})
	})
	w := s.get("/")
	body := w.Body.String()
	for _, want := range []string{`<html lang="it">`, `<title>Saluto a &lt;Ada&gt;</title>`, `<h1>Saluto a &lt;Ada&gt;</h1>`, `<p id="wave">Ciao &lt;Ada&gt;</p>`} {
		if !strings.Contains(body, want) {
			t.Errorf("page lacks %s:\n%s", want, body)
		}
	}
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("got %d %s", w.Code, w.Header().Get("Content-Type"))
	}
}

func TestErrorBecomesPageOfItsKind(t *testing.T) {
	cases := []struct {
		err    error
		status int
		shown  string
	}{
		{fault.Missing("fault.not_found"), 404, "non c'è"},
		{fault.Refused("fault.forbidden"), 403, "permesso"},
		{fault.Clash("fault.conflict"), 409, "Ricaricare"},
		{fault.InvalidField("title", "fault.field.missing"), 422, "obbligatorio"},
		{fault.New(fault.TooMany, "fault.too_many"), 429, "Troppe richieste"},
		{errors.New("secret: table person"), 500, "si è rotto"},
	}
	for _, c := range cases {
		s := newSite(t, nil)
		s.Handle(s.mux, "GET /x", func(http.ResponseWriter, *http.Request) error { return c.err })
		w := s.get("/x")
		body := html.UnescapeString(w.Body.String())
		if w.Code != c.status || !strings.Contains(body, c.shown) {
			t.Errorf("%v: got %d, want %d with %q in:\n%s", c.err, w.Code, c.status, c.shown, body)
		}
		if strings.Contains(body, "secret") {
			t.Errorf("%v: internal text reached the page", c.err)
		}
		if logged := strings.Contains(s.log.String(), "secret"); logged != (c.status == 500) {
			t.Errorf("%v: logged %v", c.err, logged)
		}
	}
}

func TestInternalErrorShowsTheRequestIDThatTheLogHolds(t *testing.T) {
	s := newSite(t, nil)
	s.Handle(s.mux, "GET /x", func(http.ResponseWriter, *http.Request) error { panic("broken machine") })
	w := s.get("/x?name=Mario")
	id := w.Header().Get(web.RequestIDHeader)
	if id == "" || !strings.Contains(w.Body.String(), id) || !strings.Contains(s.log.String(), id) {
		t.Errorf("id %q is not in both page and log: %s", id, s.log)
	}
	if w.Code != 500 || strings.Contains(w.Body.String(), "broken machine") || strings.Count(s.log.String(), "request failed") != 1 {
		t.Errorf("got %d, log %s", w.Code, s.log)
	}
	if strings.Contains(s.log.String(), "Mario") {
		t.Error("the log holds what a person typed")
	}
}

func TestProgramGetsProblem(t *testing.T) {
	s := newSite(t, nil)
	s.Handle(s.mux, "GET /x", func(http.ResponseWriter, *http.Request) error {
		return fault.InvalidField("title", "fault.field.long", 500)
	})
	w := s.get("/x", "Accept", "application/json", "Accept-Language", "en-GB,en;q=0.8")
	var p web.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Content-Type") != "application/problem+json" || p.Status != 422 || p.Fields["title"] != "The text is longer than the 500 characters allowed." {
		t.Errorf("got %+v as %s", p, w.Header().Get("Content-Type"))
	}
}

func TestHTMXErrorGoesToTheMessagesAndLeavesTheFormAlone(t *testing.T) {
	s := newSite(t, nil)
	s.Handle(s.mux, "POST /x", func(http.ResponseWriter, *http.Request) error { return fault.Clash("fault.conflict") })
	w := s.do(request(http.MethodPost, "/x", "a=b", "HX-Request", "true"))
	if w.Header().Get("HX-Retarget") != "#messages" || w.Header().Get("X-Arengo-Status") != "409" {
		t.Errorf("headers %v", w.Header())
	}
	if strings.Contains(w.Body.String(), "<html") || !strings.Contains(w.Body.String(), "Ricaricare") {
		t.Errorf("not a fragment: %s", w.Body)
	}
}

func TestUnmatchedRequestsGetPages(t *testing.T) {
	s := newSite(t, nil)
	s.Handle(s.mux, "POST /only", func(http.ResponseWriter, *http.Request) error { return nil })
	if w := s.get("/nowhere"); w.Code != 404 || !strings.Contains(w.Body.String(), "Pagina non trovata") {
		t.Errorf("missing: %d %s", w.Code, w.Body)
	}
	if w := s.get("/only"); w.Header().Get("Allow") != "POST" || !strings.Contains(w.Body.String(), "<html") || w.Code != 405 {
		t.Errorf("method: %d %v", w.Code, w.Header())
	}
}

func TestNobodyIsSentToSignInAndBack(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.SignIn = "/accesso" })
	s.Handle(s.mux, "/x", func(http.ResponseWriter, *http.Request) error { return fault.New(fault.Unsigned, "fault.unsigned") })
	if w := s.get("/x?a=1"); w.Code != 303 || w.Header().Get("Location") != "/accesso?next=%2Fx%3Fa%3D1" {
		t.Errorf("got %d %s", w.Code, w.Header().Get("Location"))
	}
	w := s.do(request(http.MethodPost, "/x", "text=long", "Sec-Fetch-Site", "same-origin"))
	if w.Code != 401 || !strings.Contains(w.Body.String(), `href="/accesso"`) {
		t.Errorf("a write must not be redirected: %d", w.Code)
	}
}

func TestWriteFromAnotherSiteIsRefused(t *testing.T) {
	s := newSite(t, nil)
	ran := false
	h := func(w http.ResponseWriter, r *http.Request) error { ran = true; return nil }
	s.Handle(s.mux, "POST /x", h)
	s.Handle(s.mux, "POST /open", h, web.AnyOrigin())
	if w := s.do(request(http.MethodPost, "/x", "a=b", "Sec-Fetch-Site", "cross-site")); w.Code != 403 || ran {
		t.Errorf("got %d, ran %v", w.Code, ran)
	}
	if w := s.do(request(http.MethodPost, "/open", "a=b", "Sec-Fetch-Site", "cross-site")); w.Code != 200 || !ran {
		t.Errorf("open route: got %d, ran %v", w.Code, ran)
	}
}

func TestAddressWithNULIsNoPage(t *testing.T) {
	s := newSite(t, nil)
	for _, path := range []string{"/%00", "/pagina/%00x"} {
		if w := s.get(path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// An address may be a link that opens something: neither the log nor the next page
// learns it.
func TestSecretAddressesStayOutOfTheLogAndTheReferer(t *testing.T) {
	s := newSite(t, nil)
	s.Handle(s.mux, "GET /apri/{token}", func(http.ResponseWriter, *http.Request) error { return errors.New("the disk is full") }, web.WithoutSession())
	s.Handle(s.mux, "GET /pubblica/{slug}", func(http.ResponseWriter, *http.Request) error { return nil }, web.WithoutSession())
	w := s.get("/apri/segretissimo?di=piu")
	if text := s.log.String(); strings.Contains(text, "segretissimo") || strings.Contains(text, "piu") || !strings.Contains(text, "/apri/{token}") {
		t.Errorf("the log: %s", text)
	}
	if got := w.Header().Get("Referrer-Policy"); got != "strict-origin" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("a secret address: %q %v", got, w.Header())
	}
	if got := s.get("/pubblica/x").Header().Get("Referrer-Policy"); got != "strict-origin-when-cross-origin" {
		t.Errorf("a public address: %q", got)
	}
}

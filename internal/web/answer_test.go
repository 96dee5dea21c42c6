package web_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

func hello(w http.ResponseWriter, r *http.Request) error {
	_, err := io.WriteString(w, "ciao")
	return err
}

func TestEveryAnswerIsLockedDown(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.BaseURL = &url.URL{Scheme: "https", Host: "example.com"} })
	s.Handle(s.mux, "GET /x", hello)
	s.Handle(s.mux, "GET /embed", hello, web.Embeddable())
	for _, path := range []string{"/x", "/missing"} {
		h := s.get(path).Header()
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: policy %q lacks %s", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Strict-Transport-Security") == "" || h.Get("Referrer-Policy") == "" || h.Get("Permissions-Policy") == "" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	h := s.get("/embed").Header()
	if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors *") || h.Get("X-Frame-Options") != "" {
		t.Errorf("an embed cannot be embedded: %v", h)
	}
}

func TestTextIsCompressedAndStreamsAreNot(t *testing.T) {
	s := newSite(t, nil)
	long := strings.Repeat("Buongiorno a tutti. ", 500)
	s.Handle(s.mux, "GET /x", func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", r.URL.Query().Get("as"))
		_, err := io.WriteString(w, long)
		return err
	})
	w := s.get("/x?as=text/html", "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() > len(long)/10 {
		t.Fatalf("not compressed: %v, %d bytes", w.Header(), w.Body.Len())
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != long {
		t.Errorf("decompressed to %d bytes, %v", len(text), err)
	}
	for _, accept := range []string{"gzip;q=0", "gzip; q=0.0, br", "identity", "x-gzip"} {
		if w := s.get("/x?as=text/html", "Accept-Encoding", accept); w.Header().Get("Content-Encoding") != "" || !strings.Contains(strings.Join(w.Header().Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("%q: %v", accept, w.Header())
		}
	}
	for _, as := range []string{"image/jpeg", "text/event-stream"} {
		if w := s.get("/x?as="+as, "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s is compressed", as)
		}
	}
}

func TestUnchangedPageIsNotSentAgain(t *testing.T) {
	changed := time.Date(2026, 5, 4, 10, 0, 0, 500, time.UTC)
	cases := []struct {
		name, header, value string
		want                bool
	}{
		{"same tag", "If-None-Match", `"abc"`, true},
		{"weak tag among others", "If-None-Match", `"x", W/"abc"`, true},
		{"gzipped", "If-None-Match", `"abc-gz"`, true},
		{"other tag", "If-None-Match", `"x"`, false},
		{"same moment", "If-Modified-Since", "Mon, 04 May 2026 10:00:00 GMT", true},
		{"earlier", "If-Modified-Since", "Mon, 04 May 2026 09:59:59 GMT", false},
		{"no date", "If-Modified-Since", "yesterday", false},
	}
	for _, c := range cases {
		w := httptest.NewRecorder()
		got := web.NotModified(w, request(http.MethodGet, "/", "", c.header, c.value), `"abc"`, changed)
		if got != c.want || (got && w.Code != http.StatusNotModified) || strings.Replace(w.Header().Get("ETag"), "-gz", "", 1) != `"abc"` || (c.name == "gzipped") != strings.Contains(w.Header().Get("ETag"), "-gz") {
			t.Errorf("%s: got %v, status %d", c.name, got, w.Code)
		}
	}
	if web.NotModified(httptest.NewRecorder(), request(http.MethodPost, "/", "", "If-None-Match", "*"), `"abc"`, changed) {
		t.Error("a write is never unchanged")
	}
	if web.ETag([]byte("a")) == web.ETag([]byte("b")) {
		t.Error("two bodies have one tag")
	}
}

func TestOnlyTrustedProxiesSpeakForReaders(t *testing.T) {
	s := newSite(t, func(o *web.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	})
	var got string
	s.Handle(s.mux, "GET /x", func(w http.ResponseWriter, r *http.Request) error { got = web.From(r).Addr().String(); return nil })
	cases := []struct{ remote, forwarded, want string }{
		{"203.0.113.5:1", "198.51.100.9", "203.0.113.5"},
		{"10.0.0.1:1", "198.51.100.9", "198.51.100.9"},
		{"10.0.0.1:1", "1.2.3.4, 198.51.100.9, 10.0.0.7", "198.51.100.9"},
		{"10.0.0.1:1", "nonsense", "10.0.0.1"},
		{"10.0.0.1:1", "", "10.0.0.1"},
		{"[fd00::1]:1", "2001:db8::7", "2001:db8::7"},
		{"10.0.0.1:1", "198.51.100.9:51234", "198.51.100.9"},
		{"10.0.0.1:1", "[2001:db8::7]", "2001:db8::7"},
		{"10.0.0.1:1", "[2001:db8::7]:443", "2001:db8::7"},
		{"10.0.0.1:1", "198.51.100.9,", "198.51.100.9"},
		{"10.0.0.1:1", ", 198.51.100.9 , ,", "198.51.100.9"},
		{"10.0.0.1:1", "unknown", "10.0.0.1"},
		{"[::ffff:10.0.0.1]:1", "198.51.100.9", "198.51.100.9"},
	}
	for _, c := range cases {
		r := request(http.MethodGet, "/x", "")
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		s.do(r)
		if got != c.want {
			t.Errorf("%s for %q: got %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}

func TestRedirectsStayOnTheSite(t *testing.T) {
	for path, want := range map[string]string{"/a?b=c": "/a?b=c", "//evil.example/": "/", "https://evil.example/": "/", "/\\evil.example": "/", "": "/", "/a\r\nb": "/"} {
		if got := web.LocalPath(path); got != want {
			t.Errorf("LocalPath(%q) = %q, want %q", path, got, want)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	f.Add("//evil")
	f.Add("/%5cevil")
	f.Fuzz(func(t *testing.T, path string) {
		base := &url.URL{Scheme: "https", Host: "arengo.example"}
		target, err := base.Parse(web.LocalPath(path))
		if err == nil && target.Host != base.Host {
			t.Fatalf("%q leads to %s", path, target)
		}
	})
}

func TestLanguageIsTheReadersChoice(t *testing.T) {
	s := newSite(t, nil)
	s.Handle(s.mux, "GET /x", func(http.ResponseWriter, *http.Request) error { return fault.Missing("fault.not_found") })
	if !strings.Contains(s.get("/x", "Accept-Language", "en").Body.String(), `<html lang="en">`) {
		t.Error("the browser's language is ignored")
	}
	w := s.do(request(http.MethodPost, "/lingua", "lang=en&next=%2Fx%3Fa%3D1"))
	if w.Code != 303 || w.Header().Get("Location") != "/x?a=1" || len(w.Result().Cookies()) != 1 {
		t.Fatalf("choice: %d %v", w.Code, w.Header())
	}
	r := request(http.MethodGet, "/x", "", "Accept-Language", "it")
	r.AddCookie(w.Result().Cookies()[0])
	if !strings.Contains(s.do(r).Body.String(), `<html lang="en">`) {
		t.Error("the choice is forgotten")
	}
	if w := s.do(request(http.MethodPost, "/lingua", "lang=xx")); w.Code != 422 {
		t.Errorf("an unknown language: %d", w.Code)
	}
}

func TestInstitutionColorIsAlwaysReadable(t *testing.T) {
	s := newSite(t, nil)
	for _, color := range []string{"ffff00", "ffffff", "0066cc", "000000", "ff66aa"} {
		w := s.get("/tema/" + color + ".css")
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") || !strings.Contains(w.Body.String(), "--ar-brand:#") {
			t.Errorf("%s: %d %s", color, w.Code, w.Body)
		}
		if color != "000000" && color != "0066cc" && strings.Contains(w.Body.String(), "--ar-brand:#"+color) {
			t.Errorf("%s is too light for text and was not darkened", color)
		}
	}
	if got := s.get("/tema/0066cc.css").Body.String(); !strings.Contains(got, "--ar-brand:#0066cc") {
		t.Errorf("a readable colour was changed: %s", got)
	}
	for _, path := range []string{"/tema/red.css", "/tema/12345g.css", "/tema/0066cc"} {
		if w := s.get(path); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestFlashIsShownOnceOnTheNextPage(t *testing.T) {
	s := newSite(t, nil)
	s.Handle(s.mux, "POST /x", func(w http.ResponseWriter, r *http.Request) error {
		if _, err := s.ReadForm(r); err != nil {
			return err
		}
		s.FlashUndo(r, "/annulla", "web.menu")
		return web.Redirect(w, r, "/y")
	})
	s.Handle(s.mux, "GET /y", func(w http.ResponseWriter, r *http.Request) error {
		return s.Render(w, r, 200, "greeting", layout.Page{Content: person{"Ada"}})
	})
	answer := s.do(request(http.MethodPost, "/x", "a=b&_draft=message-1"))
	cookies := answer.Result().Cookies()
	get := func() string {
		r := request(http.MethodGet, "/y", "")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		return s.do(r).Body.String()
	}
	first, second := get(), get()
	if !strings.Contains(first, `action="/annulla"`) || strings.Contains(second, `action="/annulla"`) {
		t.Error("a flash is shown exactly once")
	}
	var saved bool
	for _, c := range cookies {
		saved = saved || c.Name == "arengo_saved" && c.Value == "message-1"
	}
	if !saved {
		t.Errorf("the browser is not told that its draft arrived: %v", cookies)
	}
}

func TestIdleSessionEnds(t *testing.T) {
	now := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
	s := newSite(t, func(o *web.Options) { o.Now = func() time.Time { return now } })
	s.Handle(s.mux, "POST /in", func(w http.ResponseWriter, r *http.Request) error {
		s.Sessions.Put(r.Context(), "person", "giulia")
		return nil
	})
	var who string
	s.Handle(s.mux, "GET /who", func(w http.ResponseWriter, r *http.Request) error {
		who = s.Sessions.GetString(r.Context(), "person")
		return nil
	})
	cookie := s.do(request(http.MethodPost, "/in", "a=b")).Result().Cookies()[0]
	visit := func() string {
		r := request(http.MethodGet, "/who", "")
		r.AddCookie(cookie)
		s.do(r)
		return who
	}
	if visit() != "giulia" {
		t.Fatal("no session")
	}
	now = now.Add(11 * time.Hour)
	if visit() != "giulia" {
		t.Error("a session ended within a working day")
	}
	now = now.Add(13 * time.Hour)
	if visit() != "" {
		t.Error("an idle session lives on")
	}
}

func TestStreamSendsEventsAndEndsWithTheServer(t *testing.T) {
	s := newSite(t, nil)
	events := make(chan web.Event, 1)
	s.Handle(s.mux, "GET /eventi", func(w http.ResponseWriter, r *http.Request) error {
		return s.Events(w, r, "giulia", events)
	}, web.WithoutCompression())
	srv := httptest.NewServer(s.Wrap(s.mux))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/eventi", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	line := func() string {
		text, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(text, "\n")
	}
	events <- web.Event{Name: "delivery\nevil: 1", Data: "uno\r\ndue"}
	got := []string{line(), line(), line(), line(), line(), line()}
	want := []string{": open", "", "event: deliveryevil: 1", "data: uno", "data: due", ""}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
	s.Streams.Close()
	if _, err := io.ReadAll(lines); err != nil {
		t.Errorf("the stream did not end cleanly: %v", err)
	}
}

func TestStreamsOfOnePersonAreBounded(t *testing.T) {
	streams := web.NewStreams(web.StreamOptions{PerPerson: 1, Heartbeat: time.Minute})
	inside := make(chan struct{})
	first := make(chan error)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		w := &notifying{ResponseWriter: httptest.NewRecorder(), wrote: inside}
		first <- streams.Serve(w, request(http.MethodGet, "/", "").WithContext(ctx), "giulia", func() bool { return true }, make(chan web.Event))
	}()
	<-inside
	err := streams.Serve(httptest.NewRecorder(), request(http.MethodGet, "/", ""), "giulia", func() bool { return true }, nil)
	if !fault.Is(err, fault.TooMany) || streams.Open() != 1 {
		t.Errorf("got %v with %d open", err, streams.Open())
	}
	ended := make(chan web.Event)
	close(ended)
	if err := streams.Serve(httptest.NewRecorder(), request(http.MethodGet, "/", ""), "paolo", func() bool { return true }, ended); err != nil {
		t.Errorf("another person: %v", err)
	}
	cancel()
	if err := <-first; err != nil || streams.Open() != 0 {
		t.Errorf("got %v with %d open", err, streams.Open())
	}
}

// notifying tells when the first bytes are written.
type notifying struct {
	http.ResponseWriter
	wrote chan struct{}
	once  bool
}

func (n *notifying) Write(b []byte) (int, error) {
	if !n.once {
		n.once = true
		close(n.wrote)
	}
	return n.ResponseWriter.Write(b)
}

func (n *notifying) Flush() {}

func TestWrongTemplatesAreRefusedAtTheStart(t *testing.T) {
	s := newSite(t, nil)
	if err := s.AddTemplates(pagesOf("greeting", `{{define "content"}}{{end}}`)); err == nil || !strings.Contains(err.Error(), `two pages named "greeting"`) {
		t.Errorf("got %v", err)
	}
	if err := s.AddTemplates(pagesOf("broken", `{{if}}`)); err == nil {
		t.Error("a broken template was accepted")
	}
	if err := s.AddTemplates(pagesOf("caller", `{{define "content"}}{{with .X}}{{template "nobody" .}}{{end}}{{end}}`)); err == nil || !strings.Contains(err.Error(), `calls "nobody"`) {
		t.Errorf("a call of a missing template: %v", err)
	}
	if err := s.AddTemplates(pagesOf("other", ``)); err != nil {
		t.Error(err)
	}
}

// brokenStore is a session store whose database is down.
type brokenStore struct{}

var errDown = errors.New("connection refused by 10.0.0.3")

func (brokenStore) Find(string) ([]byte, bool, error)                          { return nil, false, errDown }
func (brokenStore) Commit(string, []byte, time.Time) error                     { return errDown }
func (brokenStore) Delete(string) error                                        { return errDown }
func (brokenStore) FindCtx(context.Context, string) ([]byte, bool, error)      { return nil, false, errDown }
func (brokenStore) CommitCtx(context.Context, string, []byte, time.Time) error { return errDown }
func (brokenStore) DeleteCtx(context.Context, string) error                    { return errDown }

func TestPageSaysWhenSessionsAreUnavailable(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Sessions = brokenStore{} })
	s.Handle(s.mux, "GET /x", hello)
	r := request(http.MethodGet, "/x", "")
	r.AddCookie(&http.Cookie{Name: "arengo_session", Value: "abc"})
	w := s.do(r)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "Riprovare tra poco") || strings.Contains(w.Body.String(), "10.0.0.3") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if strings.Count(s.log.String(), "connection refused") != 1 {
		t.Errorf("log: %s", s.log)
	}
}

func TestFlashWithoutSessionIsLoggedAndThePageStands(t *testing.T) {
	s := newSite(t, nil)
	s.Handle(s.mux, "POST /x", func(w http.ResponseWriter, r *http.Request) error {
		s.Flash(r, web.Success, "web.menu")
		return hello(w, r)
	}, web.WithoutSession())
	if w := s.do(request(http.MethodPost, "/x", "a=b")); w.Code != http.StatusOK || !strings.Contains(s.log.String(), "without session") {
		t.Errorf("got %d, log %s", w.Code, s.log)
	}
}

package web_test

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/web"
)

func read(t *testing.T, s *site, values url.Values) *web.Form {
	t.Helper()
	f, err := s.ReadForm(request(http.MethodPost, "/x", values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFormReadsWhatBrowsersSend(t *testing.T) {
	s := newSite(t, nil)
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	f := read(t, s, url.Values{
		"title": {"  Neve\x00 a\u0007 Cesate "}, "body": {"uno\r\ndue\rtre\tquattro"}, "secret": {" spazi "}, "agree": {"on"}, "n": {"12"},
		"day": {"2026-05-04"}, "when": {"2026-05-04T18:30"}, "channel": {"site", "", "mail"}, "kind": {"event"},
	})
	if f.String("title") != "Neve a Cesate" || f.String("body") != "uno\ndue\ntre\tquattro" || f.Raw("secret") != " spazi " {
		t.Errorf("texts: %q %q %q", f.String("title"), f.String("body"), f.Raw("secret"))
	}
	if !f.Bool("agree") || f.Bool("absent") || f.Int("n", 1, 20) != 12 || f.Choice("kind", "news", "event") != "event" || len(f.Strings("channel")) != 2 {
		t.Error("boxes, numbers or choices")
	}
	if got := f.DateTime("when", rome); !got.Equal(time.Date(2026, 5, 4, 16, 30, 0, 0, time.UTC)) {
		t.Errorf("moment %v", got)
	}
	if got := f.Date("day", rome); !got.Equal(time.Date(2026, 5, 3, 22, 0, 0, 0, time.UTC)) {
		t.Errorf("day %v", got)
	}
	if !f.Date("absent", rome).IsZero() || f.Err() != nil {
		t.Errorf("error %v", f.Err())
	}
}

func TestFormSaysAllThatIsWrongAndKeepsWhatWasTyped(t *testing.T) {
	s := newSite(t, nil)
	f := read(t, s, url.Values{"n": {"dodici"}, "m": {"99"}, "when": {"domani"}, "kind": {"altro"}, "long": {strings.Repeat("è", 11)}, "bad": {"a\xffb"}})
	f.Required("title")
	f.Int("n", 1, 20)
	f.Int("m", 1, 20)
	f.DateTime("when", time.UTC)
	f.Choice("kind", "news")
	f.Limited("long", 10)
	bundle, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	if !f.Fail(bundle.For(i18n.Italian, time.UTC), f.Err()) {
		t.Fatal("the person can correct this")
	}
	for _, name := range []string{"title", "n", "m", "when", "kind", "long", "bad"} {
		if f.Errors[name] == "" {
			t.Errorf("nothing said of %s", name)
		}
	}
	if f.Errors["m"] != "Il numero deve essere compreso tra 1 e 20." || f.Values.Get("n") != "dodici" || f.Status() != 422 {
		t.Errorf("%q, kept %q, status %d", f.Errors["m"], f.Values.Get("n"), f.Status())
	}
	if f.Fail(bundle.For(i18n.Italian, time.UTC), fault.Missing("fault.not_found")) {
		t.Error("what is not there cannot be corrected in a form")
	}
}

func TestFormBeyondTheLimitIsTooLarge(t *testing.T) {
	s := newSite(t, nil)
	s.Handle(s.mux, "POST /x", func(w http.ResponseWriter, r *http.Request) error {
		_, err := s.ReadForm(r)
		return err
	}, web.MaxBody(1000))
	w := s.do(request(http.MethodPost, "/x", "text="+strings.Repeat("a", 2000)))
	if w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(w.Body.String(), "1\u00a0kB") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if w := s.do(request(http.MethodPost, "/x", "a=%zz")); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a broken form: %d", w.Code)
	}
}

func TestMultipartFormHasFiles(t *testing.T) {
	s := newSite(t, nil)
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile("photo", "gatto.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte("jpeg")); err != nil {
		t.Fatal(err)
	}
	if err := m.WriteField("alt", "un gatto"); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "http://example.com/x", &body)
	r.Header.Set("Content-Type", m.FormDataContentType())
	f, err := s.ReadForm(r)
	if err != nil {
		t.Fatal(err)
	}
	if f.String("alt") != "un gatto" || len(f.Files["photo"]) != 1 || f.Files["photo"][0].Filename != "gatto.jpg" {
		t.Errorf("%v %v", f.Values, f.Files)
	}
}

func TestUploadedFilesAreGoneWhenTheRequestHasEnded(t *testing.T) {
	spool := t.TempDir()
	t.Setenv("TMPDIR", spool)
	s := newSite(t, nil)
	inside := 0
	s.Handle(s.mux, "POST /x", func(w http.ResponseWriter, r *http.Request) error {
		type key struct{}
		// Others copy the request too: the files must go all the same.
		form, err := s.ReadForm(r.WithContext(context.WithValue(r.Context(), key{}, 1)))
		if err != nil {
			return err
		}
		entries, err := os.ReadDir(spool)
		inside = len(entries)
		if len(form.Files["photo"]) != 1 {
			t.Error("no file")
		}
		return err
	}, web.MaxBody(32<<20))
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile("photo", "grande.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(make([]byte, 16<<20)); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "http://example.com/x", &body)
	r.Header.Set("Content-Type", m.FormDataContentType())
	if w := s.do(r); w.Code != http.StatusOK {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	left, err := os.ReadDir(spool)
	if err != nil || inside == 0 || len(left) != 0 {
		t.Errorf("%d files while reading, %d left, %v", inside, len(left), err)
	}
}

func FuzzReadForm(f *testing.F) {
	f.Add("title=Ciao&body=a%0D%0Ab&n=3", "title")
	f.Add("a=%00%1b&&=&a", "a")
	f.Add("when=2026-05-04T18:30&when=%ff", "when")
	bundle, err := i18n.Load()
	if err != nil {
		f.Fatal(err)
	}
	k := newSite(f, nil)
	f.Fuzz(func(t *testing.T, body, name string) {
		form, err := k.ReadForm(request(http.MethodPost, "/x", body))
		if err != nil {
			if kind := fault.Of(err).Kind; kind != fault.Invalid && kind != fault.TooLarge {
				t.Fatalf("a form gave %v", err)
			}
			return
		}
		for field, values := range form.Values {
			for _, v := range values {
				if !utf8.ValidString(v) || strings.ContainsFunc(v, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }) {
					t.Fatalf("%q holds %q", field, v)
				}
			}
		}
		form.Int(name, 0, 10)
		form.DateTime(name, time.UTC)
		form.Choice(name, "a")
		if err := form.Err(); err != nil && !form.Fail(bundle.For(i18n.Italian, time.UTC), err) {
			t.Fatalf("a fault of a field that cannot be corrected: %v", err)
		}
	})
}

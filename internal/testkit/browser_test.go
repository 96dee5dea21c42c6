package testkit_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"codeberg.org/arengo/arengo/internal/testkit"
)

// serve answers every path with one page.
func serve(t *testing.T, html string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte("<!doctype html><html lang=it><head><meta name=viewport content=\"width=device-width\"><title>Prova</title><link rel=icon href=data:,></head><body><main><h1>Ciao</h1>" + html + "</main></body></html>"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestAxeFindsPlantedFaults(t *testing.T) {
	b := testkit.Browser(t)
	p := b.Open(t, serve(t, `<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><p style="color:#aaa;background:#fff">poco contrasto</p><a href="/x"></a>`))
	var found []string
	for _, v := range p.Violations() {
		found = append(found, v.ID)
	}
	for _, want := range []string{"image-alt", "color-contrast", "link-name"} {
		if !slices.Contains(found, want) {
			t.Errorf("axe did not find %s, only %v", want, found)
		}
	}
	clean := b.Open(t, serve(t, `<p>Va bene</p>`))
	clean.Axe()
}

func TestPageIsDrivenByKeyboardAndWithoutScript(t *testing.T) {
	b := testkit.Browser(t)
	html := `<button id="a">Uno</button><button id="b">Due</button><output id="o">vuoto</output><script>document.getElementById('b').onclick = () => { document.getElementById('o').textContent = 'premuto' }</script>`
	p := b.Open(t, serve(t, html), testkit.Phone())
	p.TabTo("#b", 3)
	p.Press("\r")
	if got := p.Text("#o"); got != "premuto" {
		t.Errorf("with script: %q", got)
	}
	if w := testkit.Eval[int](p, "innerWidth"); w != 360 {
		t.Errorf("a phone is %d pixels wide", w)
	}
	p.FitsWidth()
	off := b.Open(t, serve(t, html), testkit.NoScript())
	off.Click("#b")
	if got := off.Text("#o"); got != "vuoto" {
		t.Errorf("without script: %q", got)
	}
}

func TestComplaintsOfTheBrowserFailTheTest(t *testing.T) {
	b := testkit.Browser(t)
	inner := &recorder{TB: t}
	b.Open(inner, serve(t, `<img alt="" src="/missing.png"><script>throw new Error('rotto')</script>`))
	inner.end()
	if inner.errors < 2 {
		t.Errorf("the missing image and the exception gave %d errors", inner.errors)
	}
}

// recorder is a test that counts its errors instead of failing.
type recorder struct {
	testing.TB
	cleanups []func()
	errors   int
}

func (r *recorder) Helper()               {}
func (r *recorder) Cleanup(f func())      { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(string, ...any) { r.errors++ }
func (r *recorder) end() {
	for _, f := range r.cleanups {
		f()
	}
}

func TestHTMLCheckerFindsPlantedFaults(t *testing.T) {
	good := "<!doctype html><html lang=it><head><title>Prova</title></head><body><p>Ciao</p></body></html>"
	bad := "<!doctype html><html lang=it><head><title>Prova</title></head><body><p id=a>Ciao</p><ul id=a><p>no</p></ul></body></html>"
	testkit.ValidHTML(t, map[string]string{"good": good})
	faults := testkit.HTMLFaults(t, map[string]string{"good": good, "bad": bad})
	if len(faults) < 2 {
		t.Errorf("found %v, want the duplicate id and the paragraph in the list", faults)
	}
	for _, f := range faults {
		if f.Page != "bad" {
			t.Errorf("the fault is in %q, not in bad", f.Page)
		}
	}
}

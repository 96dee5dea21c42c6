package web_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/internal/web"
)

// addModulePages serves a page that changes, its events, and an upload that
// refuses the file "rifiutato.txt".
func addModulePages(t *testing.T, s *site) {
	t.Helper()
	var version atomic.Int64
	events := make(chan web.Event, 8)
	s.Handle(s.mux, "GET /vivo", func(w http.ResponseWriter, r *http.Request) error {
		return s.Render(w, r, http.StatusOK, "live", version.Load())
	})
	s.Handle(s.mux, "GET /vivo/eventi", func(w http.ResponseWriter, r *http.Request) error {
		return s.Events(w, r, "giulia", events)
	}, web.WithoutCompression())
	s.Handle(s.mux, "POST /vivo/cambia", func(w http.ResponseWriter, r *http.Request) error {
		version.Add(1)
		events <- web.Event{Name: "delivery"}
		return nil
	})
	s.Handle(s.mux, "POST /vivo/file", func(w http.ResponseWriter, r *http.Request) error {
		form, err := s.ReadForm(r)
		if err != nil {
			return err
		}
		if len(form.Files["file"]) != 1 || form.Files["file"][0].Filename == "rifiutato.txt" {
			return fault.InvalidField("file", "fault.field.choice")
		}
		return web.Redirect(w, r, "/redazione")
	})
}

func TestUnsavedTextIsOfferedAgainUntilTheServerHasIt(t *testing.T) {
	srv := galleryServer(t)
	b := testkit.Browser(t)
	p := b.Open(t, srv.URL+"/modulo", testkit.Tolerate("status of 422"))
	p.Fill("#f-body", "Un testo lungo")
	p.Goto(srv.URL + "/redazione")
	p.Goto(srv.URL + "/modulo")
	if p.Value("#f-body") != "" {
		t.Fatal("the text came back without being asked for")
	}
	p.Wait("[data-draft-offer]")
	p.Axe()
	p.Screenshot("gallery-draft")
	p.Click("[data-draft-restore]")
	p.WaitFor("document.getElementById('f-body').value === 'Un testo lungo'")
	p.Fill("#f-title", "Titolo")
	testkit.Eval[bool](p, "(() => { document.querySelector('#f-channels-0').click(); document.getElementById('f-when').value = '2026-05-04T18:30'; return true })()")
	p.Submit("form.ar-form .ar-actions button.btn-primary")
	if !strings.HasSuffix(p.URL(), "/redazione") {
		t.Fatalf("the form was not accepted: %s", p.Text("main"))
	}
	p.Goto(srv.URL + "/modulo")
	if p.Shown("[data-draft-offer]") {
		t.Error("a text that the server has is offered again")
	}
}

func TestSigningOutForgetsTheTexts(t *testing.T) {
	srv := galleryServer(t)
	p := testkit.Browser(t).Open(t, srv.URL+"/modulo", testkit.Tolerate("status of 404"))
	p.Fill("#f-body", "Riservato")
	p.WaitFor("Object.keys(localStorage).some(k => k.startsWith('arengo:draft:'))")
	p.Click(".ar-drop-end summary")
	p.Submit(".ar-drop-end form button")
	if n := testkit.Eval[int](p, "Object.keys(localStorage).length"); n != 0 {
		t.Errorf("%d texts stay in the browser", n)
	}
}

func TestConfirmationAsksInPlaceWithTheSafeChoiceFirst(t *testing.T) {
	srv := galleryServer(t)
	p := testkit.Browser(t).Open(t, srv.URL+"/modulo")
	p.Click("a[data-module=confirm]")
	p.Wait("dialog[open] .btn-danger")
	if got := p.Focused(); got != "Non fare nulla" {
		t.Errorf("the focus is on %q", got)
	}
	p.Axe()
	p.Screenshot("gallery-dialog")
	p.Press(kb.Escape)
	p.WaitGone("dialog")
	if got := p.Focused(); got != "Elimina" {
		t.Errorf("after Escape the focus is on %q", got)
	}
	if !strings.HasSuffix(p.URL(), "/modulo") {
		t.Errorf("the page changed to %s", p.URL())
	}
}

func TestRegionIsRefreshedButNeverUnderTheFingers(t *testing.T) {
	srv := galleryServer(t)
	p := testkit.Browser(t).Open(t, srv.URL+"/vivo")
	p.Click("#answer")
	p.Press("Buong")
	testkit.Eval[int](p, "fetch('/vivo/cambia', {method: 'POST'}).then(r => r.status)")
	p.WaitFor("document.getElementById('state').textContent === '1'")
	p.Press("iorno")
	if p.Value("#answer") != "Buongiorno" || p.Text("#typing-state") != "0" {
		t.Errorf("typing was disturbed: %q, region %q", p.Value("#answer"), p.Text("#typing-state"))
	}
	p.TabTo("#file", 2)
	p.WaitFor("document.getElementById('typing-state').textContent === '1'")
}

func TestUploadFollowsSuccessAndShowsRefusal(t *testing.T) {
	srv := galleryServer(t)
	b := testkit.Browser(t)
	dir := t.TempDir()
	for _, name := range []string{"buono.txt", "rifiutato.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("testo"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := b.Open(t, srv.URL+"/vivo", testkit.Tolerate("status of 422"))
	p.Attach("#file", filepath.Join(dir, "rifiutato.txt"))
	p.Click("#send")
	p.Wait(".ar-failure")
	if got := p.Text(".ar-failure ul"); got != "Scegliere una delle voci proposte." {
		t.Errorf("the refusal says %q", got)
	}
	p.Goto(srv.URL + "/vivo")
	p.Attach("#file", filepath.Join(dir, "buono.txt"))
	p.Submit("#send")
	p.WaitFor("location.pathname === '/redazione'")
}

func TestMarkdownToolbarMarksTheSelection(t *testing.T) {
	srv := galleryServer(t)
	p := testkit.Browser(t).Open(t, srv.URL+"/modulo")
	p.Fill("#f-body", "neve")
	testkit.Eval[bool](p, "(() => { document.getElementById('f-body').setSelectionRange(0, 4); return true })()")
	p.Click(".ar-toolbar [data-mark=bold]")
	if got := p.Value("#f-body"); got != "**neve**" {
		t.Errorf("bold gave %q", got)
	}
	p.Click(".ar-toolbar [data-mark=list]")
	if got := p.Value("#f-body"); got != "- **neve**" {
		t.Errorf("list gave %q", got)
	}
	testkit.Eval[bool](p, "(() => { document.querySelector('.ar-toolbar button').focus(); return true })()")
	p.Press(kb.ArrowRight + kb.ArrowRight)
	if got := p.Focused(); got != "Titolo" {
		t.Errorf("the arrows lead to %q", got)
	}
}

func TestInstitutionColorReachesEveryCorner(t *testing.T) {
	srv := galleryServer(t)
	p := testkit.Browser(t).Open(t, srv.URL+"/colore")
	const red = "rgb(160, 32, 48)"
	for selector, property := range map[string]string{".it-header-center-wrapper": "backgroundColor", ".btn-primary": "backgroundColor", ".btn-outline-primary": "color", "main p a": "color", ".ar-paging a[aria-current]": "backgroundColor"} {
		if got := testkit.Eval[string](p, "getComputedStyle(document.querySelector('"+selector+"'))."+property); got != red {
			t.Errorf("%s has %s %s", selector, property, got)
		}
	}
	p.Axe()
	p.Screenshot("gallery-color")
}

func TestMenuClosesWithEscape(t *testing.T) {
	srv := galleryServer(t)
	p := testkit.Browser(t).Open(t, srv.URL+"/redazione")
	p.Click(".ar-drop-end summary")
	if !p.Shown(".ar-drop-end .ar-drop-list") {
		t.Fatal("the menu does not open")
	}
	p.Screenshot("gallery-menu")
	p.Press(kb.Escape)
	if p.Shown(".ar-drop-end .ar-drop-list") {
		t.Error("Escape does not close the menu")
	}
}

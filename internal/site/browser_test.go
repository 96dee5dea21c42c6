package site_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/testkit"
)

// serve opens the town on the loopback, with absolute addresses that lead there.
func (w *town) serve(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.handler.ServeHTTP(rw, r) }))
	t.Cleanup(s.Close)
	w.base = s.URL
	w.open()
	return s.URL
}

func TestPagesInABrowser(t *testing.T) {
	browser := testkit.Browser(t)
	w := open(t)
	w.furnish()
	base := w.serve(t)
	w.publish(note{Title: "منصة الأحياء: una notizia con un titolo lunghissimo e parolecomposteinterminabilichenonvannoacapo", Body: "Testo 🎉.", Tags: []string{"Lingue"}, Published: at("2026-04-01T10:00")})
	for _, p := range []struct{ name, path string }{
		{"home", "/"}, {"notizie", "/notizie"}, {"profilo", "/p/biblioteca"}, {"messaggio", "/m/mensa-delle-scuole-il-nuovo-menu-e-le-iscrizioni"},
		{"messaggio-foto", "/m/il-mercato-del-giovedi-torna-in-piazza"}, {"album", "/m/la-festa-di-primavera-in-nove-fotografie"}, {"foto", "/m/la-festa-di-primavera-in-nove-fotografie/foto/2"},
		{"evento", "/m/storie-sotto-il-glicine-letture-per-bambini"}, {"luogo", "/m/via-romano-chiusa-al-traffico-per-tre-giorni"},
		{"eventi", "/eventi"}, {"mese", "/eventi?mese=2026-05"}, {"argomenti", "/argomenti"}, {"cerca", "/cerca?q=scuola"}, {"cerca-nulla", "/cerca?q=introvabile"},
		{"canali", "/canali"}, {"incorpora", "/incorpora"}, {"embed", "/embed"},
	} {
		t.Run(p.name, func(t *testing.T) {
			wide := browser.Open(t, base+p.path)
			wide.Axe()
			wide.Screenshot("site-" + p.name)
			phone := browser.Open(t, base+p.path, testkit.Phone(), testkit.NoScript())
			phone.FitsWidth()
			phone.Axe()
			phone.Screenshot("site-" + p.name + "-360")
		})
	}
	t.Run("english", func(t *testing.T) {
		page := browser.Open(t, base+"/", testkit.Language("en"))
		page.Axe()
		if got := page.Text("#latest"); got != "Latest news" {
			t.Errorf("the heading says %q", got)
		}
	})
	t.Run("empty", func(t *testing.T) {
		empty := open(t)
		page := browser.Open(t, empty.serve(t)+"/")
		page.Axe()
		page.Screenshot("site-vuoto")
	})
	t.Run("keyboard", func(t *testing.T) {
		page := browser.Open(t, base+"/m/la-festa-di-primavera-in-nove-fotografie")
		page.TabTo(`a[href$="/foto/1"]`, 40)
		page.Press("\r")
		page.Wait(".ar-photo")
		page.TabTo(`a[rel="next"]`, 40)
		page.Press("\r")
		page.Wait(`a[rel="prev"][href$="/foto/1"]`)
	})
	t.Run("structured data reaches who reads it under our content policy", func(t *testing.T) {
		page := browser.Open(t, base+"/m/storie-sotto-il-glicine-letture-per-bambini")
		got := testkit.Eval[string](page, `[...document.querySelectorAll('script[type="application/ld+json"]')].map((s) => JSON.parse(s.textContent)["@type"]).join()`)
		if got != "NewsArticle,Event" {
			t.Errorf("schema.org types: %s", got)
		}
	})
}

func TestEmbedScriptDrawsTheListOnAnotherSite(t *testing.T) {
	browser := testkit.Browser(t)
	w := open(t)
	w.furnish()
	base := w.serve(t)
	host := func(body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/html; charset=utf-8")
			// A host page with a strict policy of its own that lets our address in.
			rw.Header().Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; script-src %s; connect-src %s; img-src %s data:; frame-src %s", base, base, base, base))
			fmt.Fprintf(rw, `<!doctype html><html lang="it"><title>Pro loco</title><link rel="icon" href="data:,"><h1>Pro loco</h1><p>Prima</p>%s<p>Dopo</p></html>`, body)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	page := browser.Open(t, host(`<script src="`+base+`/embed.js" data-n="3" data-profilo="comune" async></script>`))
	page.WaitFor(`document.querySelector("div")?.shadowRoot?.querySelectorAll("li").length === 3`)
	first := testkit.Eval[string](page, `(() => { const a = document.querySelector("div").shadowRoot.querySelector("a"); return a.textContent + " " + a.href; })()`)
	if want := "Il mercato del giovedì torna in piazza " + base + "/m/il-mercato-del-giovedi-torna-in-piazza"; first != want {
		t.Errorf("the list begins with %q, want %q", first, want)
	}
	if order := testkit.Eval[string](page, `document.querySelector("div").previousElementSibling.tagName + document.querySelector("div").nextElementSibling.textContent`); order != "SCRIPTDopo" {
		t.Errorf("the list stands at %q", order)
	}
	page.Axe()
	page.Screenshot("site-embed-script")

	framed := browser.Open(t, host(strings.ReplaceAll(`<iframe src="BASE/embed?n=3" title="Notizie" width="600" height="480"></iframe>`, "BASE", base)))
	framed.Wait("iframe")
	framed.Screenshot("site-embed-frame")
}

package newsletter

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestNewsletterInABrowser(t *testing.T) {
	browser := testkit.Browser(t)
	w := open(t)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.handler.ServeHTTP(rw, r) }))
	t.Cleanup(s.Close)
	w.origin = s.URL
	w.open(w.post)
	w.publish("comune", "Il mercato torna in piazza", at("2026-05-04T09:00"))
	u := w.subscriber("anna@example.org", Daily, Scope{"profile", w.profiles["biblioteca"].ID})
	gone := w.subscriber("andata@example.org", Daily)
	w.must(w.list.Unsubscribe(t.Context(), w.i.ID, w.list.token(w.i.ID, gone.ID)))
	sealed, err := w.list.sealAsked(w.i.ID, asked{Email: "bruno@example.org", Cadence: Weekly, Locale: "it", Nonce: "n", Expires: w.clock.now().Add(linkLife).UnixMicro()})
	w.must(err)
	token := w.list.token(w.i.ID, u.ID)
	pages := map[string]string{
		"newsletter": "/newsletter", "newsletter-inviata": "/newsletter/inviata", "newsletter-conferma": "/newsletter/conferma/" + sealed,
		"newsletter-gestisci": "/newsletter/gestisci/" + token, "newsletter-disiscrivi": "/newsletter/disiscrivi/" + token, "newsletter-finita": "/newsletter/gestisci/" + w.list.token(w.i.ID, gone.ID),
	}
	for name, path := range pages {
		t.Run(name, func(t *testing.T) {
			page := browser.Open(t, s.URL+path)
			page.Axe()
			page.Screenshot(name)
			phone := browser.Open(t, s.URL+path, testkit.Phone(), testkit.NoScript())
			phone.FitsWidth()
			phone.Axe()
			phone.Screenshot(name + "-360")
		})
	}
	t.Run("subscribe by keyboard, without scripts", func(t *testing.T) {
		page := browser.Open(t, s.URL+"/newsletter", testkit.NoScript(), testkit.Tolerate("422"))
		page.TabTo("#f-email", 40)
		page.Press("nessuno")
		page.Press("\r")
		page.Wait(".ar-summary")
		page.Axe()
		page.Screenshot("newsletter-errore")
		page.Fill("#f-email", "carla@example.org")
		page.Press("\r")
		page.WaitGone("#f-email")
		if got := page.Text("h1"); got != "Manca solo la conferma" {
			t.Errorf("after subscribing: %q", got)
		}
	})
	t.Run("desk", func(t *testing.T) {
		w.staff()
		w.subscriber("bad@example.org", Immediate)
		w.subscriber("ok@example.org", Immediate)
		w.post.answer = answering(0, "", mail.Unknown)
		w.hand("comune", "k1", "Il mercato torna in piazza")
		w.work()
		page := browser.Open(t, s.URL+desk+"?email=anna@example.org")
		page.Axe()
		page.Screenshot("newsletter-desk")
		phone := browser.Open(t, s.URL+desk, testkit.Phone())
		phone.FitsWidth()
		phone.Axe()
		phone.Screenshot("newsletter-desk-360")
	})
}

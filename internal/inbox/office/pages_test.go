package office_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox/office"
	"codeberg.org/arengo/arengo/internal/inbox/office/hours"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// TestEveryRouteAnswersEachRoleAsItShould: everybody at the desk sees requests and
// times; writers, approvers and administrators ask offices; administrators alone
// change offices and rules; a letter's link needs nobody to be signed in.
func TestEveryRouteAnswersEachRoleAsItShould(t *testing.T) {
	const see, gone = http.StatusOK, http.StatusSeeOther
	only := func(done int, roles ...string) map[string]int {
		want := map[string]int{testkit.Nobody: 401, testkit.Stranger: 404, testkit.Others: 403}
		for _, r := range roles {
			want[r] = done
		}
		return want
	}
	reads := func() map[string]int { return only(see, "reader", "writer", "approver", "duty", "administrator") }
	writes := func(done int) map[string]int { return only(done, "writer", "approver", "administrator") }
	administers := func(done int) map[string]int { return only(done, "administrator") }
	everybody := func(done int) map[string]int { return map[string]int{testkit.Others: done} }

	const u, q, c = "/redazione/uffici", "/redazione/richieste", "/redazione/conversazioni/{id}"
	const here = "/redazione/conversazioni/{conversation}"
	routes := map[string]bool{}
	for _, r := range newTown(t, testkit.SQLite(t)).kit.Routes() {
		if strings.Contains(r, "/redazione") || strings.Contains(r, "/ufficio/") {
			routes[r] = true
		}
	}
	scenarios := []testkit.Scenario{
		{Route: "GET " + u, Want: administers(see)},
		{Route: "POST " + u + "/orario", Form: url.Values{"day1": {"9-13"}}, Want: administers(gone)},
		{Route: "POST " + u + "/chiusure", Form: url.Values{"day": {"24/06"}, "name": {"San Giovanni"}}, Want: administers(gone)},
		{Route: "POST " + u + "/chiusure/{id}/togli", Path: u + "/chiusure/{closing}/togli", Want: administers(gone)},
		{Route: "GET " + u + "/{id}", Path: u + "/{office}", Want: administers(see)},
		{Route: "POST " + u + "/{id}", Path: u + "/{office}", Form: url.Values{"target": {"8"}, "reminder": {"2"}}, Want: administers(gone)},
		{Route: "GET " + u + "/regole", Want: administers(see)},
		{Route: "POST " + u + "/regole", Form: url.Values{"words": {"mensa"}, "office": {"{office}"}}, Want: administers(gone)},
		{Route: "GET " + u + "/regole/{id}", Path: u + "/regole/{rule}", Want: administers(see)},
		{Route: "POST " + u + "/regole/{id}", Path: u + "/regole/{rule}", Form: url.Values{"words": {"mensa"}, "office": {"{office}"}}, Want: administers(gone)},
		{Route: "POST " + u + "/regole/{id}/su", Path: u + "/regole/{rule}/su", Want: administers(gone)},
		{Route: "POST " + u + "/regole/{id}/giu", Path: u + "/regole/{rule}/giu", Want: administers(gone)},
		{Route: "POST " + u + "/regole/{id}/togli", Path: u + "/regole/{rule}/togli", Want: administers(gone)},
		{Route: "GET " + u + "/tempi", Want: reads()},
		{Route: "GET " + q, Want: reads()},
		{Route: "POST " + q, Form: url.Values{"office": {"{office}"}, "profile": {"{profile}"}, "title": {"T"}, "question": {"Q"}, "due": {"2026-05-08T12:00"}}, Want: writes(gone)},
		{Route: "GET " + q + "/{id}", Path: q + "/{request}", Want: reads()},
		{Route: "POST " + q + "/{id}/sollecita", Path: q + "/{request}/sollecita", Want: writes(gone)},
		{Route: "POST " + q + "/{id}/chiudi", Path: q + "/{request}/chiudi", Want: writes(gone)},
		{Route: "POST " + q + "/{id}/bozza", Path: q + "/{request}/bozza", Want: writes(gone)},
		{Route: "POST " + q + "/{id}/revoca", Path: q + "/{request}/revoca", Want: writes(gone)},
		{Route: "GET " + c + "/chiedi", Path: here + "/chiedi", Want: writes(see)},
		{Route: "POST " + c + "/chiedi", Path: here + "/chiedi", Form: url.Values{"office": {"{office}"}, "question": {"Quando?"}}, Want: writes(gone)},
		{Route: "POST " + c + "/revoca", Path: here + "/revoca", Want: writes(gone)},
		{Route: "GET /ufficio/{token}", Path: "{link}", Want: everybody(see)},
		{Route: "POST /ufficio/{token}", Path: "{link}", Form: url.Values{"text": {"Giovedì."}}, Want: everybody(gone)},
	}
	var all []string
	for r := range routes {
		all = append(all, r)
	}
	testkit.Routes(t, all, func(t *testing.T, who string) testkit.Desk {
		w := newTown(t, testkit.SQLite(t))
		return testkit.Desk{Handler: w.handler, Cookies: []*http.Cookie{{Name: "who", Value: who}}, Names: w.names()}
	}, scenarios)
}

// names stores one thing of each kind and returns their identifiers.
func (w *town) names() map[string]string {
	w.t.Helper()
	rule := w.lamps()
	c := w.says("Il lampione davanti alla scuola è spento da una settimana: chi lo ripara?")
	link := w.letter("lavori@cesate.example.it").link(w.t)
	request := w.census()
	asked := w.letter("anagrafe@cesate.example.it").link(w.t)
	w.must(w.offices.AddClosing(w.as("administrator"), w.inst.ID, hours.Closing{Date: hours.Date{Month: time.October, Day: 5}, Name: "Patrono"}))
	w.pass(2 * time.Hour) // a reminder by hand is for a letter that is not fresh
	closing := ""
	w.tx(func(tx *db.Tx) error {
		return tx.QueryRow(w.t.Context(), `SELECT id FROM closing_day WHERE institution_id = $1`, w.inst.ID).Scan(&closing)
	})
	return map[string]string{"rule": rule.ID, "conversation": c.ID, "link": link, "asked": asked, "request": request.ID, "office": w.works.ID, "profile": w.profile.ID, "closing": closing}
}

// pages are all pages of offices, as they look at work.
func (w *town) pages() map[string]string {
	w.t.Helper()
	names := w.names()
	w.rule(office.Rule{Words: "carta d'identità, residenza", OfficeID: w.registry.ID, Target: 4 * time.Hour})
	w.rule(office.Rule{Place: "via Roma, piazza Dante", Category: "roads", Tag: "lavori", OfficeID: w.works.ID})
	w.write(`UPDATE office SET email = '' WHERE id = $1`, w.registry.ID)
	goes(w.t, w.do("nobody", "POST", names["link"], url.Values{"text": {"La ditta passa giovedì mattina. Il lampione è il numero 118."}, "signed": {"Geom. Riva"}}), names["link"]+"?esito=inviata")
	goes(w.t, w.do("nobody", "POST", names["asked"], url.Values{"text": {"Il censimento riguarda 300 famiglie, dal 5 ottobre."}, "signed": {"Rosa Villa"}}), names["asked"]+"?esito=inviata")
	w.must(w.offices.MakeDraftFor(w.t.Context(), w.inst.ID, names["request"]))
	w.write(`UPDATE conversation SET answered_at = due_at - 3600000000 WHERE id = $1`, names["conversation"])
	w.must(w.offices.Ask(w.as("writer"), w.inst.ID, names["conversation"], w.works.ID, "Si sa quando passa la ditta?"))
	return map[string]string{
		"offices": "/redazione/uffici", "office": "/redazione/uffici/" + w.works.ID, "rules": "/redazione/uffici/regole?prova=Il+lampione+di+via+Roma", "rule": "/redazione/uffici/regole/" + names["rule"],
		"figures": "/redazione/uffici/tempi", "requests": "/redazione/richieste", "request": "/redazione/richieste/" + names["request"],
		"ask": "/redazione/conversazioni/" + names["conversation"] + "/chiedi", "link": names["link"], "link-sent": names["link"] + "?esito=inviata", "asked": names["asked"],
	}
}

func TestPagesAreValidHTML(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	pages := map[string]string{}
	for name, path := range w.pages() {
		rec := w.do("administrator", "GET", path, nil)
		shows(t, rec, 200)
		pages[name] = rec.Body.String()
	}
	for name, rec := range map[string]*httptest.ResponseRecorder{
		"wrong-hours":   w.do("administrator", "POST", "/redazione/uffici/orario", url.Values{"day1": {"mattina"}, "day2": {"13-9"}, "day3": {"9-12,11-13"}}),
		"wrong-closing": w.do("administrator", "POST", "/redazione/uffici/chiusure", url.Values{"day": {"30/02"}}),
		"wrong-rule":    w.do("administrator", "POST", "/redazione/uffici/regole", url.Values{"words": {"il"}, "target": {"9999"}}),
		"wrong-office":  w.do("administrator", "POST", "/redazione/uffici/"+w.works.ID, url.Values{"head_email": {"bruno"}, "own_week": {"1"}}),
		"wrong-request": w.do("administrator", "POST", "/redazione/richieste", nil),
	} {
		shows(t, rec, 422, "ar-summary")
		pages[name] = rec.Body.String()
	}
	testkit.ValidHTML(t, pages)
}

func TestTryingARuleSaysWhichOneFits(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.lamps()
	w.rule(office.Rule{Words: "carta d'identità", OfficeID: w.registry.ID})
	try := func(text string) *httptest.ResponseRecorder {
		return w.do("administrator", "GET", "/redazione/uffici/regole?prova="+url.QueryEscape(text), nil)
	}
	shows(t, try("Come rinnovo la carta d'identità?"), 200, "Lo prende la regola 2: va all&#39;ufficio Anagrafe.")
	shows(t, try("I lampioni sono spenti"), 200, "Lo prende la regola 1: va all&#39;ufficio Lavori pubblici.")
	shows(t, try("Buongiorno a tutti"), 200, "Nessuna regola si adatta")
	rec := w.do("administrator", "GET", "/redazione/uffici/regole", nil)
	hides(t, rec, "Nessuna regola si adatta", "Lo prende la regola")
	if n := w.count(`SELECT count(*) FROM conversation`); n != 0 {
		t.Errorf("trying opened %d conversations", n)
	}
}

// What was typed comes back, with the day that is wrong named.
func TestWrongHoursComeBackAsTyped(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	rec := w.do("administrator", "POST", "/redazione/uffici/orario", url.Values{"day1": {"dalle nove"}, "day2": {"9-13"}})
	shows(t, rec, 422, "dalle nove", "lunedì: Scrivere gli orari come", `value="9-13"`)
	if n := w.count(`SELECT count(*) FROM opening`); n != 0 {
		t.Error("wrong hours were saved")
	}
	goes(t, w.do("administrator", "POST", "/redazione/uffici/orario", url.Values{"day1": {"9-13"}}), "/redazione/uffici")
	shows(t, w.do("administrator", "GET", "/redazione/uffici", nil), 200, `value="09:00–13:00"`)
}

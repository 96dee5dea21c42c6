package activitypub_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// TestEveryRouteAnswersEachRoleAsItShould: what other servers read is for
// everybody; the desk's page is the administrator's.
func TestEveryRouteAnswersEachRoleAsItShould(t *testing.T) {
	const see, gone = http.StatusOK, http.StatusSeeOther
	everybody := func(status int) map[string]int { return map[string]int{testkit.Others: status} }
	administers := func(done int) map[string]int {
		return map[string]int{testkit.Nobody: 401, testkit.Stranger: 404, "administrator": done, testkit.Others: 403}
	}
	const d = "/redazione/fediverso"
	scenarios := []testkit.Scenario{
		{Route: "GET /.well-known/webfinger", Path: "/.well-known/webfinger?resource=acct:comune@{host}", Want: everybody(see)},
		{Route: "GET /.well-known/nodeinfo", Want: everybody(see)},
		{Route: "GET /.well-known/host-meta", Want: everybody(see)},
		{Route: "GET /nodeinfo/{version}", Path: "/nodeinfo/2.0", Want: everybody(see)},
		{Route: "GET /ap/actor", Want: everybody(see)},
		{Route: "GET /ap/u/{name}", Path: "/ap/u/comune", Want: everybody(see)},
		{Route: "GET /ap/u/{name}/outbox", Path: "/ap/u/comune/outbox?page=true", Want: everybody(see)},
		{Route: "GET /ap/u/{name}/followers", Path: "/ap/u/comune/followers", Want: everybody(see)},
		{Route: "GET /ap/u/{name}/following", Path: "/ap/u/comune/following", Want: everybody(see)},
		{Route: "GET /ap/u/{name}/featured", Path: "/ap/u/comune/featured", Want: everybody(see)},
		{Route: "GET /ap/o/{id}", Path: "/ap/o/{object}", Want: everybody(see)},
		{Route: "GET /ap/a/{id}", Path: "/ap/a/{boost}", Want: everybody(see)},
		{Route: "GET /ap/g/{id}", Path: "/ap/g/grant-1", Want: everybody(see)},
		{Route: "GET /ap/m/{slug}", Path: "/ap/m/{slug}", Want: everybody(see)},
		{Route: "GET /ap/banner/{file}", Path: "/ap/banner/0b6b53.png", Want: everybody(see)},
		{Route: "POST /ap/inbox", Want: everybody(http.StatusUnauthorized)},
		{Route: "POST /ap/actor/inbox", Want: everybody(http.StatusUnauthorized)},
		{Route: "POST /ap/u/{name}/inbox", Path: "/ap/u/comune/inbox", Want: everybody(http.StatusUnauthorized)},
		{Route: "GET " + d, Want: administers(see)},
		{Route: "POST " + d + "/blocchi", Form: url.Values{"whom": {"spam.example"}}, Want: administers(gone)},
		{Route: "POST " + d + "/blocchi/togli", Form: url.Values{"kind": {"domain"}, "target": {"blocked.example"}}, Want: administers(gone)},
		{Route: "POST " + d + "/rilanci", Form: url.Values{"actor": {"biblioteca"}, "address": {"{link}"}}, Want: administers(gone)},
		{Route: "POST " + d + "/rilanci/{id}/togli", Path: d + "/rilanci/{boost}/togli", Want: administers(gone)},
		{Route: "POST " + d + "/segnalazioni/{id}/vista", Path: d + "/segnalazioni/report-1/vista", Want: administers(gone)},
	}
	var routes []string
	for _, r := range newTown(t).kit.Routes() {
		if !strings.HasSuffix(r, "/lingua") && !strings.HasSuffix(r, "/tema/{color}") {
			routes = append(routes, r)
		}
	}
	testkit.Routes(t, routes, func(t *testing.T, who string) testkit.Desk {
		w := newTown(t)
		return testkit.Desk{Handler: w.handler, Cookies: []*http.Cookie{{Name: "who", Value: who}}, Names: w.names()}
	}, scenarios)
}

// names stores one thing of each kind and returns their identifiers.
func (w *town) names() map[string]string {
	w.Helper()
	r := w.publish("comune", w.note("Un avviso."))
	other := w.publish("comune", w.note("Un altro."))
	w.must(w.server.Boost(w.as("administrator"), w.inst.ID, "biblioteca", other.URL))
	w.must(w.server.Block(w.as("administrator"), w.inst.ID, "blocked.example", "Pubblicità molesta"))
	boost := ""
	w.must(w.db.InTx(w.Context(), func(tx *db.Tx) error {
		if _, err := tx.Exec(w.Context(), `INSERT INTO ap_report (institution_id, id, actor_id, objects, content, at) VALUES ($1, 'report-1', 'https://altrove.example/actor', $2, 'Dati personali', $3)`,
			w.inst.ID, `["`+r.ID+`"]`, db.At(w.clock.now())); err != nil {
			return err
		}
		if _, err := tx.Exec(w.Context(), `INSERT INTO ap_grant (institution_id, id, kind, actor, object, interacting, remote_id, at)
			VALUES ($1, 'grant-1', 'quote', 'comune', $2, 'https://altrove.example/1', 'https://altrove.example/actor', $3)`, w.inst.ID, r.ID, db.At(w.clock.now())); err != nil {
			return err
		}
		return tx.QueryRow(w.Context(), `SELECT id FROM ap_activity WHERE type = 'Announce'`).Scan(&boost)
	}))
	return map[string]string{"host": strings.TrimPrefix(w.origin, "http://"), "object": r.ID[strings.LastIndex(r.ID, "/")+1:], "boost": boost, "link": r.URL, "slug": r.URL[strings.LastIndex(r.URL, "/")+1:]}
}

// fill gives the page something of everything.
func (w *town) fill() {
	w.Helper()
	w.names()
	p, down := newPeer(w, w.clock), newPeer(w, w.clock)
	p.person("anna", 0).follows(w, "comune")
	down.person("bruno", 1).follows(w, "comune")
	down.Close()
	w.publish("comune", w.note("Non arriva a tutti."))
}

func TestPageIsValidHTML(t *testing.T) {
	w := newTown(t)
	pages := map[string]string{"vuota": w.do("administrator", http.MethodGet, "/redazione/fediverso", nil).Body.String()}
	w.fill()
	pages["piena"] = w.do("administrator", http.MethodGet, "/redazione/fediverso", nil).Body.String()
	wrong := w.do("administrator", http.MethodPost, "/redazione/fediverso/blocchi", url.Values{"whom": {"nessuno"}})
	if wrong.Code != http.StatusUnprocessableEntity {
		t.Errorf("%d", wrong.Code)
	}
	pages["blocco rifiutato"] = wrong.Body.String()
	pages["rilancio rifiutato"] = w.do("administrator", http.MethodPost, "/redazione/fediverso/rilanci", url.Values{"actor": {"comune"}, "address": {"x"}}).Body.String()
	testkit.ValidHTML(t, pages)
}

func TestPageIsUsedByKeyboardOnAPhoneAndWithoutScript(t *testing.T) {
	w := newTown(t)
	w.fill()
	address := w.origin + "/io-sono/administrator?next=/redazione/fediverso"
	browser := testkit.Browser(t)
	page := browser.Open(t, address)
	page.Axe()
	page.Screenshot("fediverso")
	phone := browser.Open(t, address, testkit.Phone())
	phone.FitsWidth()
	phone.Axe()
	phone.Screenshot("fediverso-telefono")
	plain := browser.Open(t, address, testkit.NoScript())
	plain.Fill("[name=whom]", "spam.example")
	plain.Submit("form[action$='/blocchi'] button")
	if !strings.Contains(plain.Text("#blocchi"), "spam.example") {
		t.Error("the block is not shown")
	}
}

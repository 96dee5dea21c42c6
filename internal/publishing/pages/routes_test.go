package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// TestEveryRouteAnswersEachRoleAsItShould: readers and duty officers see the
// desk, writers write and publish what is approved, approvers approve; nobody
// learns anything of an institution that is not theirs.
func TestEveryRouteAnswersEachRoleAsItShould(t *testing.T) {
	const see, gone = http.StatusOK, http.StatusSeeOther
	reads := func() map[string]int {
		return map[string]int{testkit.Nobody: 401, testkit.Stranger: 404, testkit.Others: see}
	}
	writes := func(done int) map[string]int {
		return map[string]int{testkit.Nobody: 401, testkit.Stranger: 404, "reader": 403, "duty": 403, testkit.Others: done}
	}
	approves := func(done int) map[string]int {
		return map[string]int{testkit.Nobody: 401, testkit.Stranger: 404, "approver": done, "administrator": done, testkit.Others: 403}
	}
	m := "/redazione/messaggi/"
	content := url.Values{"do": {"save"}, "profile": {"{profile}"}, "title": {"Titolo"}, "body": {"Testo"}, "category": {"news"}, "lang": {"it"}}
	with := func(v url.Values, name, value string) url.Values {
		out := url.Values{name: {value}}
		for k, values := range v {
			out[k] = values
		}
		return out
	}
	scenarios := []testkit.Scenario{
		{Route: "GET /redazione", Want: reads()},
		{Route: "GET /redazione/messaggi", Want: reads()},
		{Route: "GET " + m + "{id}", Path: m + "{draft}", Want: reads()},
		{Route: "GET " + m + "{id}/versioni/{rev}", Path: m + "{draft}/versioni/1", Want: reads()},
		{Route: "GET /redazione/media/{id}", Path: "/redazione/media/{photo}", Want: reads()},
		{Route: "GET " + m + "nuovo", Want: writes(see)},
		{Route: "POST " + m + "nuovo", Form: content, Want: writes(gone)},
		{Route: "GET " + m + "{id}/modifica", Path: m + "{draft}/modifica", Want: writes(see)},
		{Route: "POST " + m + "{id}/modifica", Path: m + "{draft}/modifica", Form: with(content, "rev", "1"), Want: writes(gone)},
		{Route: "POST " + m + "anteprima", Form: content, Want: reads()},
		{Route: "POST " + m + "allegati", Form: url.Values{"media": {"{photo}"}}, Want: writes(see)},
		{Route: "GET /redazione/media/{id}/scheda", Path: "/redazione/media/{photo}/scheda", Want: writes(see)},
		{Route: "POST /redazione/media", Want: writes(http.StatusUnprocessableEntity)},
		{Route: "POST " + m + "{id}/invia", Path: m + "{draft}/invia", Want: writes(gone)},
		{Route: "POST " + m + "{id}/approva", Path: m + "{submitted}/approva", Form: url.Values{"hash": {"{hash}"}}, Want: approves(gone)},
		{Route: "POST " + m + "{id}/rimanda", Path: m + "{submitted}/rimanda", Form: url.Values{"reason": {"Manca la data"}}, Want: approves(gone)},
		{Route: "POST " + m + "{id}/programma", Path: m + "{approved}/programma", Form: url.Values{"due": {"2026-05-06T09:00"}}, Want: writes(gone)},
		{Route: "POST " + m + "{id}/togli-data", Path: m + "{approved}/togli-data", Want: writes(gone)},
		{Route: "GET " + m + "{id}/pubblica", Path: m + "{approved}/pubblica", Want: writes(see)},
		{Route: "POST " + m + "{id}/pubblica", Path: m + "{approved}/pubblica", Want: writes(gone)},
		{Route: "GET " + m + "{id}/ritira", Path: m + "{out}/ritira", Want: writes(see)},
		{Route: "POST " + m + "{id}/ritira", Path: m + "{out}/ritira", Form: url.Values{"reason": {"Rinviato"}}, Want: writes(gone)},
		{Route: "POST " + m + "{id}/decidi", Path: m + "{draft}/decidi", Form: url.Values{"verdict": {"drop"}}, Want: writes(http.StatusConflict)},
		{Route: "POST " + m + "{id}/duplica", Path: m + "{out}/duplica", Want: writes(gone)},
	}
	testkit.Routes(t, deskRoutes(newTown(t)), func(t *testing.T, who string) testkit.Desk {
		w := newTown(t)
		return testkit.Desk{Handler: w.handler, Cookies: []*http.Cookie{{Name: "who", Value: who}}, Names: w.names()}
	}, scenarios)
}

// deskRoutes are the routes of these pages, without the kit's own.
func deskRoutes(w *town) (out []string) {
	for _, r := range w.kit.Routes() {
		if strings.Contains(r, "/redazione") {
			out = append(out, r)
		}
	}
	return out
}

// names stores one message in each state and returns their identifiers.
func (w *town) names() map[string]string {
	w.t.Helper()
	c := w.content()
	c.Title = "Via Dante a senso unico"
	draft := w.draft(c)
	ok := must[publishing.Message](w.t)
	submitted := w.submitted()
	c.Title = "Mercato spostato"
	approved := ok(w.desk.Submit(w.as("writer"), w.inst.ID, w.draft(c).ID))
	approved = ok(w.desk.Approve(w.as("approver"), w.inst.ID, approved.ID, approved.Hash))
	return map[string]string{"draft": draft.ID, "submitted": submitted.ID, "hash": submitted.Hash, "approved": approved.ID, "out": w.out().ID,
		"photo": w.photo(1).ID, "profile": w.profile.ID}
}

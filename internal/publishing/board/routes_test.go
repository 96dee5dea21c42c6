package board_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// TestEveryRouteAnswersEachRoleAsItShould: everybody at the desk sees what goes
// out; writers and approvers move and steer it; approvers, duty officers and
// administrators freeze; administrators alone change slots and channels; nobody
// learns anything of an institution that is not theirs.
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
	publishes := func(done int) map[string]int { return only(done, "writer", "approver", "administrator") }
	freezes := func() map[string]int { return only(gone, "approver", "duty", "administrator") }
	administers := func(done int) map[string]int { return only(done, "administrator") }

	const c, d, ch = "/redazione/calendario", "/redazione/consegne", "/redazione/canali"
	scenarios := []testkit.Scenario{
		{Route: "GET " + c, Want: reads()},
		{Route: "GET " + c + "/{id}/sposta", Path: c + "/{scheduled}/sposta", Want: publishes(see)},
		{Route: "POST " + c + "/{id}/sposta", Path: c + "/{scheduled}/sposta", Form: url.Values{"due": {"2026-05-08T09:00"}}, Want: publishes(gone)},
		{Route: "GET /redazione/coda", Want: reads()},
		{Route: "POST /redazione/coda", Form: url.Values{"profile": {"{profile}"}, "weekday": {"3"}, "time": {"17:30"}}, Want: administers(gone)},
		{Route: "POST /redazione/coda/{id}/togli", Path: "/redazione/coda/{slot}/togli", Want: administers(gone)},
		{Route: "GET " + d, Want: reads()},
		{Route: "POST " + d + "/{id}/riprova", Path: d + "/{refused}/riprova", Want: publishes(gone)},
		{Route: "POST " + d + "/{id}/abbandona", Path: d + "/{refused}/abbandona", Want: publishes(gone)},
		{Route: "POST " + d + "/{id}/conferma", Path: d + "/{unsure}/conferma", Want: publishes(gone)},
		{Route: "GET /redazione/compiti", Want: reads()},
		{Route: "POST /redazione/compiti/{id}/fatto", Path: "/redazione/compiti/{task}/fatto", Want: publishes(gone)},
		{Route: "GET /redazione/blocco", Want: reads()},
		{Route: "POST /redazione/blocco", Form: url.Values{"reason": {"Lutto cittadino"}}, Want: freezes()},
		{Route: "POST /redazione/blocco/togli", Want: only(http.StatusUnprocessableEntity, "approver", "duty", "administrator")},
		{Route: "GET " + ch, Want: administers(see)},
		{Route: "GET " + ch + "/nuovo", Want: administers(see)},
		{Route: "POST " + ch + "/nuovo", Form: url.Values{"profilo": {"{profile}"}, "piattaforma": {"mastodon"}}, Want: administers(http.StatusUnprocessableEntity)},
		{Route: "GET " + ch + "/ritorno", Want: administers(gone)},
		{Route: "GET " + ch + "/{id}", Path: ch + "/{channel}", Want: administers(see)},
		{Route: "POST " + ch + "/{id}", Path: ch + "/{channel}", Form: url.Values{"name": {"La piazza"}}, Want: administers(gone)},
		{Route: "POST " + ch + "/{id}/prova", Path: ch + "/{channel}/prova", Want: administers(gone)},
		{Route: "GET " + ch + "/{id}/scollega", Path: ch + "/{channel}/scollega", Want: administers(see)},
		{Route: "POST " + ch + "/{id}/scollega", Path: ch + "/{channel}/scollega", Want: administers(gone)},
	}
	var routes []string
	for _, r := range newTown(t).kit.Routes() {
		// The stream does not end: TestStreamAnnouncesOnlyTheOwnInstitution asks for it.
		if strings.Contains(r, "/redazione") && !strings.HasSuffix(r, "/eventi-vivi") {
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
	w.t.Helper()
	out := w.out("La fiera è aperta")
	refused, unsure := w.byPlatform(out.ID, channel.Bluesky), w.byPlatform(out.ID, channel.Telegram)
	w.becomes(refused, publishing.Refused, channel.Refused, channel.CodeTooLong, "")
	w.becomes(unsure, publishing.Unconfirmed, channel.Unknown, channel.CodeCannotRead, "")
	slot := must[publishing.Slot](w.t)(w.desk.AddSlot(w.as("administrator"), w.inst.ID, w.comune.ID, 2, 9*60))
	w.addTask("task-1", out.ID, refused.ID)
	return map[string]string{"scheduled": w.scheduled(w.comune, "Il mercato si sposta", "2026-05-06T09:00").ID, "profile": w.comune.ID, "slot": slot.ID,
		"refused": refused.ID, "unsure": unsure.ID, "task": "task-1", "channel": w.channels[0].ID}
}

// addTask stores what the worker asks of a person when a platform has no way to
// take a copy back.
func (w *town) addTask(id, messageID, deliveryID string) {
	w.t.Helper()
	w.write(`INSERT INTO task (institution_id, id, kind, message_id, delivery_id, channel_id, link, created_at)
		SELECT institution_id, $2, 'withdraw', $3, id, channel_id, 'https://t.me/cesate/7', created_at FROM delivery WHERE institution_id = $1 AND id = $4`,
		w.inst.ID, id, messageID, deliveryID)
}

func TestPagesAreValidHTML(t *testing.T) {
	w := newTown(t)
	m := w.fill()
	pages := map[string]string{}
	for name, path := range map[string]string{
		"calendario": "/redazione/calendario", "mese": "/redazione/calendario?vista=mese", "sposta": "/redazione/calendario/" + m.ID + "/sposta", "coda": "/redazione/coda",
		"consegne": "/redazione/consegne", "compiti": "/redazione/compiti", "blocco": "/redazione/blocco", "canali": "/redazione/canali",
		"canale": "/redazione/canali/" + w.channels[0].ID, "nuovo": "/redazione/canali/nuovo?piattaforma=mastodon&profilo=" + w.library.ID,
	} {
		rec := w.do("administrator", http.MethodGet, path, nil)
		shows(t, rec, http.StatusOK)
		pages[name] = rec.Body.String()
	}
	w.goes("duty", w.do("duty", http.MethodPost, "/redazione/blocco", url.Values{"reason": {"Lutto"}}), "/redazione/blocco")
	pages["bloccato"] = w.do("duty", http.MethodGet, "/redazione/blocco", nil).Body.String()
	testkit.ValidHTML(t, pages)
}

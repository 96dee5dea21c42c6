package pages_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// TestEveryRouteAnswersEachRoleAsItShould: everybody at the desk reads the
// conversations; writers, approvers and administrators answer, assign, note and
// moderate; approvers and administrators approve; nobody learns anything of an
// institution that is not theirs.
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
	answers := func(done int) map[string]int { return only(done, "writer", "approver", "administrator") }
	approves := func(done int) map[string]int { return only(done, "approver", "administrator") }

	const one, talk, c = list + "/{id}", list + "/{talk}", "/redazione/risposte-pronte"
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}
	scenarios := []testkit.Scenario{
		{Route: "GET " + list, Want: reads()},
		{Route: "POST " + list + "/insieme", Form: form("ids", "{talk}", "do", "close"), Want: answers(gone)},
		{Route: "POST /redazione/viste", Form: form("query", "coda=chiuse", "name", "Chiuse"), Want: answers(gone)},
		{Route: "POST /redazione/viste/{id}/togli", Path: "/redazione/viste/{view}/togli", Want: answers(gone)},
		{Route: "GET " + one, Path: talk, Want: reads()},
		{Route: "POST " + one + "/assegna", Path: talk + "/assegna", Form: form("office", "{office}"), Want: answers(gone)},
		{Route: "POST " + one + "/chiudi", Path: talk + "/chiudi", Want: answers(gone)},
		{Route: "POST " + one + "/riapri", Path: talk + "/riapri", Want: answers(gone)},
		{Route: "POST " + one + "/nota", Path: talk + "/nota", Form: form("text", "Una nota"), Want: answers(gone)},
		{Route: "POST " + one + "/risposta", Path: talk + "/risposta", Form: form("do", "save", "text", "Bozza"), Want: answers(gone)},
		{Route: "POST " + one + "/anteprima", Path: talk + "/anteprima", Form: form("text", "Bozza"), Want: answers(see)},
		{Route: "POST " + one + "/risposte/{answer}/approva", Path: list + "/{library}/risposte/{submitted}/approva", Form: form("hash", "{hash}"), Want: approves(gone)},
		{Route: "POST " + one + "/risposte/{answer}/rimanda", Path: list + "/{library}/risposte/{submitted}/rimanda", Form: form("why", "Manca l'ora"), Want: approves(gone)},
		{Route: "GET /redazione/risposte/{answer}", Path: "/redazione/risposte/{submitted}", Want: only(gone, "reader", "writer", "approver", "duty", "administrator")},
		{Route: "GET " + one + "/risposte/{answer}/ritira", Path: list + "/{library}/risposte/{submitted}/ritira", Want: answers(see)},
		{Route: "POST " + one + "/risposte/{answer}/ritira", Path: list + "/{library}/risposte/{submitted}/ritira", Want: answers(gone)},
		{Route: "POST " + one + "/commenti/{comment}/segnale", Path: talk + "/commenti/{word}/segnale", Form: form("stance", "agree"), Want: answers(gone)},
		{Route: "POST " + one + "/commenti/{comment}/modera", Path: talk + "/commenti/{word}/modera", Form: form("do", "hide", "rule", "1"), Want: answers(gone)},
		{Route: "POST " + one + "/commenti/{comment}/pubblica", Path: list + "/{heldtalk}/commenti/{held}/pubblica", Want: answers(gone)},
		{Route: "POST " + one + "/commenti/{comment}/mostra", Path: list + "/{hiddentalk}/commenti/{hidden}/mostra", Want: answers(gone)},
		{Route: "POST " + one + "/autore/sblocca", Path: list + "/{blockedtalk}/autore/sblocca", Want: answers(gone)},
		{Route: "GET " + one + "/autore/dati", Path: talk + "/autore/dati", Want: answers(see)},
		{Route: "GET " + one + "/autore/cancella", Path: talk + "/autore/cancella", Want: answers(see)},
		{Route: "POST " + one + "/autore/cancella", Path: talk + "/autore/cancella", Want: answers(gone)},
		{Route: "GET " + one + "/commenti/{comment}/file/{n}", Path: list + "/{lettertalk}/commenti/{letter}/file/0", Want: reads()},
		{Route: "GET " + letters, Want: reads()},
		{Route: "POST " + letters + "/accogli", Form: form("channel", "{mastodon}", "letter", "held-1"), Want: answers(gone)},
		{Route: "POST " + letters + "/lascia", Form: form("channel", "{mastodon}", "letter", "held-1"), Want: answers(gone)},
		{Route: "GET " + c, Want: answers(see)},
		{Route: "POST " + c, Form: form("name", "Nuova", "text", "Testo"), Want: answers(gone)},
		{Route: "GET " + c + "/{id}", Path: c + "/{canned}", Want: answers(see)},
		{Route: "POST " + c + "/{id}", Path: c + "/{canned}", Form: form("name", "Orari", "text", "Testo", "version", "1"), Want: answers(gone)},
		{Route: "GET " + c + "/{id}/togli", Path: c + "/{canned}/togli", Want: answers(see)},
		{Route: "POST " + c + "/{id}/togli", Path: c + "/{canned}/togli", Want: answers(gone)},
	}
	var routes []string
	for _, r := range newTown(t).kit.Routes() {
		if strings.Contains(r, list) || strings.Contains(r, "/redazione/viste") || strings.Contains(r, "/redazione/risposte/") || strings.Contains(r, c) || strings.Contains(r, letters) {
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
	ok := must[inbox.Answer](w.t)
	writer := w.as("writer")
	talk := w.asks(w.mastodon, "Anna Ferri", "Quando si paga la mensa?")
	library := w.asks(w.library2, "Elena Poli", "Quando ci sono le letture?")
	a := ok(w.inbox.Submit(writer, w.inst.ID, ok(w.inbox.Draft(writer, w.inst.ID, inbox.AnswerDraft{ConversationID: library.ID, Text: "Il sabato."})).ID))
	s := w.says("Dario Neri", "In attesa")
	s.Held = true
	w.hears(w.mastodon, s)
	held := w.conversationOf(w.mastodon, s.ID)
	hidden, blocked := w.asks(w.mastodon, "Franca Moro", "Da nascondere"), w.asks(w.mastodon, "Gianni Ricci", "Da bloccare")
	log := must[inbox.Moderation](w.t)
	log(w.inbox.Hide(writer, w.inst.ID, w.words(hidden.ID)[0].ID, "1", "", ""))
	log(w.inbox.Block(writer, w.inst.ID, blocked.AuthorID, "1", ""))
	w.post("writer", "/redazione/viste", "query", "coda=tutte", "name", "Tutte", "shared", "1")
	w.post("writer", "/redazione/risposte-pronte", "name", "Orari", "text", "Dalle 9 alle 12.")
	w.lettersCome()
	letter := w.conversationOf(w.mastodon, "letter-1")
	names := map[string]string{"mastodon": w.mastodon.ID, "lettertalk": letter.ID, "letter": w.words(letter.ID)[0].ID, "talk": talk.ID, "word": w.words(talk.ID)[0].ID, "office": w.schools.ID, "library": library.ID, "submitted": a.ID, "hash": a.Hash,
		"heldtalk": held.ID, "held": w.words(held.ID)[0].ID, "hiddentalk": hidden.ID, "hidden": w.words(hidden.ID)[0].ID, "blockedtalk": blocked.ID}
	w.read(func(ctx context.Context, tx *db.Tx) error {
		var view, canned string
		err := tx.QueryRow(ctx, `SELECT v.id, c.id FROM saved_view v JOIN canned_answer c ON c.institution_id = v.institution_id WHERE v.institution_id = $1`, w.inst.ID).Scan(&view, &canned)
		names["view"], names["canned"] = view, canned
		return err
	})
	return names
}

func TestPagesAreValidHTML(t *testing.T) {
	w := newTown(t)
	long := w.fill()
	names := w.names()
	pages := map[string]string{}
	for name, path := range map[string]string{
		"elenco": list + "?coda=tutte", "filtrato": list + "?testo=mensa&ordine=vecchie&coda=chiuse", "vuoto": list + "?testo=zebra", "conversazione": page(long), "da approvare": list + "/" + names["library"],
		"trattenuto": list + "/" + names["heldtalk"], "nascosto": list + "/" + names["hiddentalk"], "bloccato": list + "/" + names["blockedtalk"],
		"lettere": letters, "lettera": list + "/" + names["lettertalk"],
		"risposte pronte": "/redazione/risposte-pronte", "risposta pronta": "/redazione/risposte-pronte/" + names["canned"],
	} {
		rec := w.get("approver", path)
		shows(t, rec, http.StatusOK)
		pages[name] = rec.Body.String()
	}
	for name, rec := range map[string]interface{ String() string }{
		"risposta rifiutata": w.post("writer", page(long)+"/risposta", "do", "send", "text", "").Body,
		"nota rifiutata":     w.post("writer", page(long)+"/nota", "text", "").Body,
		"moderazione":        w.post("writer", page(long)+"/commenti/"+w.words(long.ID)[0].ID+"/modera", "do", "hide").Body,
		"scadenza rifiutata": w.post("writer", page(long)+"/assegna", "due", "2027-03-28T02:30").Body,
		"vista rifiutata":    w.post("writer", "/redazione/viste", "query", "coda=tutte").Body,
	} {
		pages[name] = rec.String()
	}
	testkit.ValidHTML(t, pages)
}

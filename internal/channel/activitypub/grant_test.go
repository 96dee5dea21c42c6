package activitypub_test

import (
	"net/http"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// asks is a request for a grant: that ours be shown in theirs.
func (a *person) asks(kind, ours, theirs string) map[string]any {
	q := a.activity(kind, ours)
	q["instrument"] = theirs
	return q
}

// TestQuoteIsGrantedUntilThePostIsTakenBack: servers show a quote only while its
// grant can be read (FEP-044f).
func TestQuoteIsGrantedUntilThePostIsTakenBack(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p := newPeer(t, w.clock)
		anna := p.person("anna", 0)
		r := w.publish("comune", w.note("Il mercato è sabato."))
		quote := anna.URL + "/notes/1"
		ask := anna.asks("QuoteRequest", r.ID, quote)
		for range 2 {
			anna.does(w, ask)
			ask["id"] = anna.URL + "/activities/" + db.NewID() // asked again, as after an answer that was lost
		}
		anna.does(w, anna.asks("QuoteRequest", r.URL, anna.URL+"/notes/2")) // as the page
		w.send()
		accepts := p.inbox("Accept")
		if len(accepts) != 3 || accepts[0].doc["result"] != accepts[1].doc["result"] || accepts[0].doc["actor"] != w.actorID("comune") || accepts[0].object()["type"] != "QuoteRequest" || accepts[0].object()["instrument"] != quote {
			t.Fatalf("%d accepts: %v", len(accepts), accepts)
		}
		stamp, _ := accepts[0].doc["result"].(string)
		status, g := w.get(stamp)
		if status != http.StatusOK || g["id"] != stamp || g["type"] != "QuoteAuthorization" || g["attributedTo"] != w.actorID("comune") || g["interactingObject"] != quote || g["interactionTarget"] != r.ID {
			t.Errorf("%d %v", status, g)
		}
		w.must(w.server.Adapter().Withdraw(t.Context(), w.account("comune"), r))
		w.send()
		if status, _ := w.get(stamp); status != http.StatusNotFound {
			t.Errorf("after the withdrawal the grant is there: %d", status)
		}
		told := 0
		for _, d := range p.inbox("Delete") {
			if d.doc["object"] == stamp {
				told++
			}
		}
		if told != 1 {
			t.Errorf("the one who quotes was told %d times", told)
		}
		anna.told(w, http.StatusUnprocessableEntity, anna.asks("QuoteRequest", r.ID, anna.URL+"/notes/3"))
	})
}

func TestProfileMayBePutIntoACollectionUntilBlocked(t *testing.T) {
	w := newTown(t)
	p, evil := newPeer(t, w.clock), newPeer(t, w.clock)
	anna, eva := p.person("anna", 0), evil.person("eva", 1)
	if _, doc := w.get("/ap/u/comune"); !strings.Contains(string(must(vocab.Encode(doc))(t)), "canFeature") {
		t.Error("the actor does not say who may feature it")
	}
	ask := anna.asks("FeatureRequest", w.actorID("comune"), anna.URL+"/collections/1")
	delete(ask, "actor") // as Mastodon sends it
	anna.does(w, ask)
	w.send()
	stamp, _ := p.one("Accept").doc["result"].(string)
	if status, g := w.get(stamp); status != http.StatusOK || g["type"] != "FeatureAuthorization" || g["interactingObject"] != anna.URL+"/collections/1" || g["interactionTarget"] != w.actorID("comune") {
		t.Errorf("%d %v", status, g)
	}
	// Nobody asks for another, and nothing of nobody is granted.
	eva.told(w, http.StatusUnprocessableEntity, eva.asks("FeatureRequest", w.actorID("comune"), anna.URL+"/collections/2"))
	eva.told(w, http.StatusUnprocessableEntity, eva.asks("FeatureRequest", w.actorID("nessuno"), eva.URL+"/collections/1"))
	eva.told(w, http.StatusUnprocessableEntity, eva.asks("QuoteRequest", w.origin+"/ap/o/nothing", eva.URL+"/notes/1"))
	w.must(w.server.Block(w.as("administrator"), w.inst.ID, anna.handle(), "Insulti"))
	if status, _ := w.get(stamp); status != http.StatusNotFound {
		t.Errorf("whoever is blocked keeps the grant: %d", status)
	}
}

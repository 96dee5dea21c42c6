package activitypub_test

import (
	"net/http"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// path is that of an address of the peer.
func (p *peer) path(v any) string { s, _ := v.(string); return strings.TrimPrefix(s, p.URL) }

// TestForwardedIsBelievedOnlyAsItsOriginSaysIt: what another server passes on is asked
// for where it was said.
func TestForwardedIsBelievedOnlyAsItsOriginSaysIt(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p, far := newPeer(t, w.clock), newPeer(t, w.clock)
		anna, bruno := p.person("anna", 0), far.person("bruno", 1)
		r := w.publish("comune", w.note("Il mercato è sabato."))
		first := anna.note("A che ora?", r.ID)
		anna.does(w, anna.activity("Create", first))
		reply := bruno.note("Alle 8.", first["id"].(string))
		far.set(far.path(reply["id"]), reply)
		forged := map[string]any{}
		for k, v := range reply {
			forged[k] = v
		}
		forged["content"] = "<p>Alle 3 di notte.</p>"
		create := bruno.activity("Create", forged)
		anna.does(w, create) // signed by Anna's server
		w.must(w.server.LookUpDue(t.Context()))
		said := w.told()
		if len(said) != 2 || said[1].Text != "Alle 8." || said[1].Author.ID != bruno.id() || said[1].Parent != first["id"] {
			t.Fatalf("%+v", said)
		}
		// A deletion is believed when nothing is there any more.
		del := bruno.activity("Delete", reply["id"])
		anna.does(w, del)
		w.must(w.server.LookUpDue(t.Context()))
		if len(w.told()) != 2 {
			t.Fatalf("deleted though it is there: %+v", w.told())
		}
		far.set(far.path(reply["id"]), http.StatusGone)
		del["id"] = far.URL + "/activities/" + db.NewID()
		anna.does(w, del)
		w.must(w.server.LookUpDue(t.Context()))
		if said := w.told(); len(said) != 3 || said[2].Act != channel.Deleted || said[2].ID != reply["id"] || said[2].Author.ID != bruno.id() {
			t.Fatalf("%+v", said)
		}
		// Follows and reactions are nobody's to pass on, and others' matters are not asked for.
		anna.told(w, http.StatusForbidden, bruno.activity("Follow", w.actorID("comune")))
		anna.told(w, http.StatusForbidden, bruno.activity("Like", r.ID))
		asked := far.asked("/notes/x")
		anna.does(w, bruno.activity("Create", bruno.note("Altro", far.URL+"/notes/x")))
		w.must(w.server.LookUpDue(t.Context()))
		if len(w.told()) != 3 || far.asked("/notes/x") != asked {
			t.Errorf("%+v", w.told())
		}
	})
}

// TestDeletionThatOvertakesItsPostIsRemembered: nothing is shown that was taken back.
func TestDeletionThatOvertakesItsPostIsRemembered(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p := newPeer(t, w.clock)
		anna, bruno := p.person("anna", 0), p.person("bruno", 1)
		note := anna.note("Ci ripenso", "", w.actorID("comune"))
		bruno.does(w, bruno.activity("Delete", note["id"])) // it is not his to take back
		anna.does(w, anna.activity("Delete", map[string]any{"id": note["id"], "type": "Tombstone"}))
		anna.does(w, anna.activity("Create", note))
		other := bruno.note("Resto", "", w.actorID("comune"))
		anna.does(w, anna.activity("Delete", other["id"]))
		bruno.does(w, bruno.activity("Create", other))
		if said := w.told(); len(said) != 1 || said[0].ID != other["id"] {
			t.Errorf("%+v", said)
		}
	})
}

// TestRedirectIsAskedWithASignatureOfItsOwn: a signature is for one address.
func TestRedirectIsAskedWithASignatureOfItsOwn(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	p.secure = true
	anna := p.person("anna", 0)
	note := anna.note("Spostato", "", w.actorID("comune"))
	id := note["id"].(string)
	p.set(p.path(id)+"/ora", note)
	p.set(p.path(id), http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, r.URL.Path+"/ora", http.StatusFound)
	}))
	anna.does(w, anna.activity("Create", id))
	w.must(w.server.LookUpDue(t.Context()))
	if said := w.told(); len(said) != 1 || said[0].Text != "Spostato" {
		t.Errorf("%+v", said)
	}
}

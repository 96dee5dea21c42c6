package activitypub_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/sig"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// TestWhatIsSaidToUsIsHeardEditedAndTakenBack follows one comment through its life.
func TestWhatIsSaidToUsIsHeardEditedAndTakenBack(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p := newPeer(t, w.clock)
		anna, bruno := p.person("anna", 0), p.person("bruno", 1)
		r := w.publish("comune", w.note("Il mercato è sabato."))
		note := anna.note(`A che <b>ora</b>?<script>alert(1)</script>`, r.ID)
		note["attachment"] = []any{map[string]any{"type": "Document", "mediaType": "image/png", "url": p.URL + "/a.png", "name": "La piazza"}}
		note["contentMap"] = map[string]any{"it": note["content"]}
		create := anna.activity("Create", note)
		anna.does(w, create)
		anna.does(w, create) // again, as servers do that did not hear our answer
		said := w.told()
		if len(said) != 1 {
			t.Fatalf("%d things were heard", len(said))
		}
		s := said[0]
		if s.channelID != w.chans["comune"].ID || s.Act != channel.Comments || s.ID != note["id"] || s.Parent != r.ID || s.Text != "A che ora?" || s.Lang != "it" || s.Private ||
			s.Author.ID != anna.id() || s.Author.Handle != anna.handle() || s.Author.Name != "Anna" || len(s.Media) != 1 || s.Media[0].Alt != "La piazza" || string(s.Refs) != `{"indexable":true}` {
			t.Errorf("%+v", s)
		}
		// A reply to what we heard belongs to the same thread.
		bruno.does(w, bruno.activity("Create", bruno.note("Alle 8.", note["id"].(string))))
		note["content"], note["updated"] = "<p>A che ora comincia?</p>", w.clock.now().Format(time.RFC3339)
		anna.does(w, anna.activity("Update", note))
		bruno.told(w, http.StatusUnprocessableEntity, bruno.activity("Update", note)) // not his
		bruno.does(w, bruno.activity("Delete", note["id"]))
		anna.does(w, anna.activity("Delete", map[string]any{"id": note["id"], "type": "Tombstone"}))
		said = w.told()
		if len(said) != 4 || said[1].Parent != note["id"] || said[2].Act != channel.Edited || said[2].Text != "A che ora comincia?" || said[3].Act != channel.Deleted || said[3].ID != note["id"] {
			t.Errorf("%+v", said)
		}
	})
}

func TestOnlyWhatConcernsUsIsKept(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	anna.does(w, anna.activity("Create", anna.note("Buongiorno a tutti", "")))
	anna.does(w, anna.activity("Create", anna.note("Rispondo ad altri", p.URL+"/notes/altro")))
	anna.does(w, anna.activity("Like", p.URL+"/notes/altro"))
	anna.told(w, http.StatusUnprocessableEntity, anna.activity("Create", anna.note("Al teatro, che non è qui", "", w.actorID("teatro"))))
	anna.told(w, http.StatusUnprocessableEntity, anna.activity("Dance", w.actorID("comune")))
	if said := w.told(); len(said) != 0 {
		t.Errorf("%+v", said)
	}
	anna.does(w, anna.activity("Create", anna.note("Cara biblioteca", "", w.actorID("biblioteca"))))
	if said := w.told(); len(said) != 1 || said[0].channelID != w.chans["biblioteca"].ID {
		t.Errorf("%+v", said)
	}
}

func TestReactionsAreCountedAndTakenBack(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p := newPeer(t, w.clock)
		anna := p.person("anna", 0)
		r := w.publish("comune", w.note("Il mercato è sabato."))
		like, boost, emoji := anna.activity("Like", r.ID), anna.activity("Announce", r.ID), anna.activity("EmojiReact", r.ID)
		emoji["content"] = "🎉"
		for _, a := range []map[string]any{like, boost, emoji} {
			anna.does(w, a)
		}
		anna.does(w, anna.activity("Undo", like))
		anna.does(w, anna.activity("Undo", boost["id"])) // only named
		var got []string
		for _, s := range w.told() {
			got = append(got, fmt.Sprint(s.Act, " ", s.Reaction, " ", s.Parent == r.ID, " ", s.ID != ""))
		}
		want := []string{"react like true true", "react boost true true", "react 🎉 true true", "unreact like true true", "unreact boost false true", "unreact boost false true"}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s", strings.Join(got, "\n"))
		}
	})
}

func TestFollowsEndByUndoBlockAndDeath(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p := newPeer(t, w.clock)
		followers := func() int { return w.count(`SELECT count(*) FROM ap_follower`) }
		anna, bruno, carla := p.person("anna", 0), p.person("bruno", 1), p.person("carla", 2)
		f := anna.follows(w, "comune")
		bruno.follows(w, "comune")
		carla.follows(w, "comune")
		anna.follows(w, "comune") // twice
		if followers() != 3 {
			t.Fatalf("%d followers", followers())
		}
		bruno.told(w, http.StatusUnprocessableEntity, bruno.activity("Undo", f)) // not his
		if followers() != 3 {
			t.Fatal("one ended another's follow")
		}
		undo := anna.activity("Undo", map[string]any{"type": "Follow", "actor": anna.id(), "object": w.actorID("comune")})
		anna.does(w, undo)
		bruno.does(w, bruno.activity("Block", w.actorID("comune")))
		if followers() != 1 {
			t.Fatalf("%d followers", followers())
		}
		p.set("/users/carla", http.StatusGone)
		carla.does(w, carla.activity("Delete", carla.id()))
		if followers() != 0 {
			t.Errorf("%d followers", followers())
		}
		gone := 0
		for _, s := range w.told() {
			if s.Act == channel.Vanished && s.Author.ID == carla.id() {
				gone++
			}
		}
		if gone != 2 { // told to both channels of ours
			t.Errorf("%+v", w.told())
		}
		if n := w.count(`SELECT count(*) FROM ap_remote WHERE name <> '' AND gone_at > 0`); n != 0 {
			t.Error("the name of who is gone is kept")
		}
		// Whoever blocked us gets no answer, even by hand.
		bruno.does(w, bruno.activity("Create", bruno.note("Basta.", "", w.actorID("comune"))))
		said := w.told()[len(w.told())-1]
		post := channel.Post{Key: db.NewID(), Text: "Ci scusiamo.", To: &channel.Reply{ID: said.ID, Author: said.Author}}
		_, err := w.server.Adapter().Finalize(t.Context(), w.account("comune"), post, nil)
		if e := channel.AsError(err); e.Class != channel.Refused || e.Code != channel.CodeForbidden {
			t.Errorf("%v", err)
		}
	})
}

func TestUnknownActorThatIsGoneIsNotLookedFor(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	ghost := p.person("ghost", 0)
	p.set("/users/ghost", http.StatusGone)
	ghost.does(w, ghost.activity("Delete", ghost.id()))
	if status := ghost.posts(w, ghost.activity("Follow", w.actorID("comune"))); status != http.StatusUnauthorized {
		t.Errorf("a ghost follows: %d", status)
	}
}

func TestWhoMovesIsFollowedWhenTheNewPlaceAgrees(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p, far := newPeer(t, w.clock), newPeer(t, w.clock)
		anna, bruno := p.person("anna", 0), p.person("bruno", 1)
		anna.follows(w, "comune")
		bruno.follows(w, "comune")
		there := far.person("anna", 2)
		there.describe(map[string]any{"alsoKnownAs": []string{anna.id()}})
		move := func(a *person, to string) {
			m := a.activity("Move", a.id())
			m["target"] = to
			a.does(w, m)
			w.must(w.server.LookUpDue(t.Context()))
		}
		move(bruno, there.id()) // the new place does not know him
		move(anna, there.id())
		if w.count(`SELECT count(*) FROM ap_follower WHERE remote_id = $1`, bruno.id()) != 1 || w.count(`SELECT count(*) FROM ap_follower WHERE remote_id = $1`, there.id()) != 1 ||
			w.count(`SELECT count(*) FROM ap_follower WHERE remote_id = $1`, anna.id()) != 0 {
			t.Error("followed to the wrong place")
		}
		w.publish("comune", w.note("Buon trasloco."))
		far.one("Create")
	})
}

func TestActorThatChangesIsReadAgain(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	anna.follows(w, "comune")
	anna.describe(map[string]any{"name": "Anna B."})
	anna.does(w, anna.activity("Update", map[string]any{"type": "Person", "id": anna.id(), "name": "ignored"}))
	w.must(w.server.LookUpDue(t.Context()))
	if n := w.count(`SELECT count(*) FROM ap_remote WHERE name = 'Anna B.'`); n != 1 {
		t.Error("the old name is kept")
	}
}

func TestPostThatIsOnlyNamedIsReadAtItsOwnServer(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	p.secure = true
	anna := p.person("anna", 0)
	note := anna.note("Solo nominato", "", w.actorID("comune"))
	p.set(strings.TrimPrefix(note["id"].(string), p.URL), note)
	anna.does(w, anna.activity("Create", note["id"]))
	w.must(w.server.LookUpDue(t.Context()))
	if said := w.told(); len(said) != 1 || said[0].Text != "Solo nominato" {
		t.Errorf("%+v", said)
	}
	if n := w.count(`SELECT count(*) FROM ap_received WHERE body <> ''`); n != 0 {
		t.Error("the body is kept")
	}
}

func TestReportReachesTheAdministrator(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	mod := p.person("moderatori", 0)
	r := w.publish("comune", w.note("Messaggio discusso"))
	flag := mod.activity("Flag", []string{w.actorID("comune"), r.ID, p.URL + "/notes/altro"})
	flag["content"] = "Dati personali"
	mod.does(w, flag)
	mod.does(w, mod.activity("Flag", []string{p.URL + "/notes/altro"})) // nothing of ours
	rec := w.do("administrator", http.MethodGet, "/redazione/fediverso", nil)
	if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "Dati personali") || !strings.Contains(rec.Body.String(), r.ID) || w.count(`SELECT count(*) FROM ap_report`) != 1 {
		t.Errorf("%d", rec.Code)
	}
}

func TestOwnEchoIsDropped(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	req := anna.request(w.origin+"/ap/inbox", anna.activity("Create", anna.note("Eco", "", w.actorID("comune"))))
	must(0, sig.Signer{KeyID: w.actorID("biblioteca") + "#main-key", Key: anna.key}.Sign(req, nil, sig.Cavage, w.clock.now()))(t)
	if status := anna.sends(req); status != http.StatusAccepted || len(w.told()) != 0 {
		t.Errorf("%d, heard %v", status, w.told())
	}
}

func TestBlockedServerAndPersonAreNeitherHeardNorWrittenTo(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p, spam := newPeer(t, w.clock), newPeer(t, w.clock)
		anna, troll, bot := p.person("anna", 0), p.person("troll", 1), spam.person("bot", 2)
		for _, a := range []*person{anna, troll, bot} {
			a.follows(w, "comune")
		}
		admin := w.as("administrator")
		w.must(w.server.Block(admin, w.inst.ID, troll.handle(), "Insulti"))
		w.must(w.server.Block(admin, w.inst.ID, spam.host(), "Pubblicità"))
		if n := w.count(`SELECT count(*) FROM ap_follower`); n != 1 {
			t.Fatalf("%d followers", n)
		}
		for _, a := range []*person{troll, bot} {
			if status := a.posts(w, a.activity("Follow", w.actorID("comune"))); status != http.StatusForbidden {
				t.Errorf("%s: %d", a.name, status)
			}
		}
		w.publish("comune", w.note("A chi ascolta."))
		p.one("Create")
		if len(spam.inbox("Create")) != 0 {
			t.Error("written to a blocked server")
		}
		for _, whom := range []string{"", "x", "https://", "comune@" + strings.TrimPrefix(w.origin, "http://"), "@a@b@c", "../..", strings.TrimPrefix(w.origin, "http://")} {
			if err := w.server.Block(admin, w.inst.ID, whom, ""); err == nil {
				t.Errorf("blocked %q", whom)
			}
		}
		w.must(w.server.Unblock(admin, w.inst.ID, "domain", spam.host()))
		bot.does(w, bot.activity("Follow", w.actorID("comune")))
		if err := w.server.Unblock(admin, w.inst.ID, "domain", spam.host()); err == nil {
			t.Error("unblocked twice")
		}
		if err := w.server.Block(w.as("writer"), w.inst.ID, "x.example", ""); err == nil {
			t.Error("a writer may block")
		}
	})
}

// TestWhatTheInboxCouldNotKeepIsNotAccepted: the sender sends it again.
func TestWhatTheInboxCouldNotKeepIsNotAccepted(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p := newPeer(t, w.clock)
		anna := p.person("anna", 0)
		create := anna.activity("Create", anna.note("Arrivo?", "", w.actorID("comune")))
		w.mu.Lock()
		w.fail = errors.New("the disk is full")
		w.mu.Unlock()
		if status := anna.posts(w, create); status != http.StatusInternalServerError {
			t.Fatalf("%d", status)
		}
		w.mu.Lock()
		w.fail = nil
		w.mu.Unlock()
		anna.does(w, create)
		if n := len(w.told()); n != 1 {
			t.Errorf("heard %d times", n)
		}
	})
}

func TestBothSignaturesAreTaken(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	body := []byte(`{"id":"` + p.URL + `/activities/1","type":"Follow","actor":"` + anna.id() + `","object":"` + w.actorID("comune") + `"}`)
	req := anna.request(w.origin+"/ap/u/comune/inbox", body)
	must(0, anna.signer().Sign(req, body, sig.RFC9421, w.clock.now()))(t)
	if status := anna.sends(req); status != http.StatusAccepted || w.count(`SELECT count(*) FROM ap_follower`) != 1 {
		t.Errorf("%d", status)
	}
}

func TestOldRecordsAreForgottenAndCopiesAreNot(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	anna.follows(w, "comune")
	r := w.publish("comune", w.note("Resta."))
	w.clock.advance(activitypub.ReceivedFor + time.Hour)
	w.must(w.server.Tidy(t.Context()))
	if w.count(`SELECT count(*) FROM ap_received`) != 0 || w.count(`SELECT count(*) FROM ap_activity WHERE type = 'Accept'`) != 0 || w.count(`SELECT count(*) FROM ap_remote`) != 1 {
		t.Error("old records are kept, or a follower is lost")
	}
	w.must(w.server.Adapter().Withdraw(t.Context(), w.account("comune"), r))
	w.send()
	p.one("Delete")
}

// TestDeskKeepsTheConversation: the desk's own inbox, with all that a citizen may do.
func TestDeskKeepsTheConversation(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		w.desk()
		p := newPeer(t, w.clock)
		anna, bruno := p.person("anna", 0), p.person("bruno", 1)
		r := w.publish("comune", w.note("Il mercato è sabato."))
		note := anna.note("A che ora?", r.ID, w.actorID("comune"))
		anna.does(w, anna.activity("Create", note))
		bruno.does(w, bruno.activity("Create", bruno.note("Anche a me interessa.", note["id"].(string))))
		like := bruno.activity("Like", r.ID)
		bruno.does(w, like)
		comments := func() int { return w.count(`SELECT count(*) FROM comment WHERE deleted_at = 0`) }
		if comments() != 2 || w.count(`SELECT count(*) FROM conversation`) != 1 || w.count(`SELECT count(*) FROM reaction`) > 1 {
			t.Fatalf("%d comments in %d conversations", comments(), w.count(`SELECT count(*) FROM conversation`))
		}
		note["content"], note["updated"] = "<p>A che ora comincia?</p>", w.clock.now().Add(time.Minute).Format(time.RFC3339)
		w.clock.advance(2 * time.Minute)
		anna.does(w, anna.activity("Update", note))
		if n := w.count(`SELECT count(*) FROM comment WHERE text = 'A che ora comincia?'`); n != 1 {
			t.Error("the correction is not kept")
		}
		bruno.does(w, bruno.activity("Undo", like))
		anna.does(w, anna.activity("Delete", map[string]any{"id": note["id"], "type": "Tombstone"}))
		bruno.does(w, bruno.activity("Delete", bruno.id()))
		if n := w.count(`SELECT count(*) FROM comment WHERE text <> ''`); n != 0 || w.count(`SELECT count(*) FROM author WHERE handle <> '' OR name <> '' OR url <> ''`) != 0 {
			t.Errorf("%d comments keep their words, or their authors their names", n)
		}
	})
}

// TestManyAreHeardAtTheSameTime: comments and reactions of the same people, at once,
// wait for each other in one order and never in a circle.
func TestManyAreHeardAtTheSameTime(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		w.desk()
		r := w.publish("comune", w.note("Il mercato è sabato."))
		p := newPeer(t, w.clock)
		var requests []*http.Request
		for n := range 3 {
			a := p.person(fmt.Sprint("anna", n), n)
			a.does(w, a.activity("Create", a.note("Eccomi.", r.ID))) // known from now on
			for range 20 {
				requests = append(requests, a.request(w.origin+"/ap/inbox", a.activity("Create", a.note("A che ora?", r.ID))), a.request(w.origin+"/ap/inbox", a.activity("Like", r.ID)))
			}
		}
		statuses := make([]int, len(requests))
		var wg sync.WaitGroup
		for i, req := range requests {
			wg.Go(func() {
				rec := httptest.NewRecorder()
				w.handler.ServeHTTP(rec, req)
				statuses[i] = rec.Code
			})
		}
		wg.Wait()
		for i, s := range statuses {
			if s != http.StatusAccepted {
				t.Errorf("activity %d is told %d", i, s)
			}
		}
		if n := w.count(`SELECT count(*) FROM comment`); n != 63 {
			t.Errorf("%d comments", n)
		}
	})
}

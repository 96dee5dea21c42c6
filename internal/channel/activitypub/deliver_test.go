package activitypub_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestServerWithManyFollowersGetsAMessageOnce(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	for _, name := range []string{"anna", "bruno", "carla"} {
		p.person(name, 0).follows(w, "comune")
	}
	w.publish("comune", w.note("Una volta sola."))
	if got := p.one("Create"); got.path != "/inbox" {
		t.Errorf("delivered at %s", got.path)
	}
	_, c := w.get("/ap/u/comune/followers")
	if c["totalItems"] != 3.0 || c["orderedItems"] != nil || c["first"] != nil {
		t.Errorf("followers: %v", c)
	}
}

func TestCorrectionAndWithdrawalReachWhoeverGotTheMessage(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p, other := newPeer(t, w.clock), newPeer(t, w.clock)
		anna, bruno := p.person("anna", 0), other.person("bruno", 1)
		follow := anna.follows(w, "comune")
		post := w.note("Il mercato è sabato.")
		r := w.publish("comune", post)
		// Who left since must hear that it was wrong; who came since, too.
		anna.does(w, anna.activity("Undo", follow))
		bruno.follows(w, "comune")
		a := w.server.Adapter()
		w.clock.advance(time.Minute)
		post.Text = "Il mercato è domenica."
		for range 2 {
			must(a.Edit(t.Context(), w.account("comune"), post, r))(t)
		}
		w.send()
		for _, p := range []*peer{p, other} {
			o := p.one("Update").object()
			if !strings.Contains(o["content"].(string), "domenica") || o["updated"] == nil || o["id"] != r.ID {
				t.Errorf("corrected: %v", o)
			}
		}
		for range 2 {
			w.must(a.Withdraw(t.Context(), w.account("comune"), r))
		}
		w.send()
		for _, p := range []*peer{p, other} {
			if o := p.one("Delete").object(); o["type"] != "Tombstone" || o["id"] != r.ID || o["formerType"] != "Note" {
				t.Errorf("withdrawn: %v", o)
			}
		}
		if status, doc := w.get(r.ID); status != http.StatusGone || doc["type"] != "Tombstone" {
			t.Errorf("%d %v", status, doc)
		}
		if _, c := w.get("/ap/u/comune/outbox"); c["totalItems"] != 0.0 {
			t.Errorf("outbox: %v", c)
		}
	})
}

// TestNothingOvertakesWhatStillWaits: a correction that arrives before the message
// would be lost, and the message that follows would be wrong.
func TestNothingOvertakesWhatStillWaits(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p := newPeer(t, w.clock)
		p.person("anna", 0).follows(w, "comune")
		p.answer(500)
		post := w.note("Il mercato è sabato.")
		r := w.publish("comune", post)
		post.Text = "Il mercato è domenica."
		must(w.server.Adapter().Edit(t.Context(), w.account("comune"), post, r))(t)
		w.send()
		if n := len(p.inbox("Create", "Update")); n != 0 {
			t.Fatalf("%d activities came before their turn", n)
		}
		w.clock.advance(2 * time.Minute)
		w.send()
		got := p.inbox("Create", "Update")
		if len(got) != 2 || got[0].kind() != "Create" || got[1].kind() != "Update" {
			t.Fatalf("%v", got)
		}
	})
}

func TestWithdrawnBeforeItWasSentIsNotSent(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	p.person("anna", 0).follows(w, "comune")
	p.answer(503)
	r := w.publish("comune", w.note("Da non dire."))
	w.must(w.server.Adapter().Withdraw(t.Context(), w.account("comune"), r))
	w.clock.advance(time.Hour)
	w.send()
	if got := p.inbox("Create", "Delete"); len(got) != 1 || got[0].kind() != "Delete" {
		t.Errorf("%v", got)
	}
}

func TestServerOutOfReachIsTriedTenTimesAndThenLeftOut(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p := newPeer(t, w.clock)
		anna := p.person("anna", 0)
		anna.follows(w, "comune")
		p.Close()
		w.publish("comune", w.note("Chi mi sente?"))
		tries := func() int {
			return w.count(`SELECT attempts FROM ap_delivery d WHERE EXISTS (SELECT 1 FROM ap_activity a WHERE a.id = d.activity_id AND a.type = 'Create')`)
		}
		for n, wait := range activitypub.Waits() {
			if got := tries(); got != n+1 {
				t.Fatalf("%d tries, want %d", got, n+1)
			}
			w.send() // before its time nothing happens
			w.clock.advance(wait)
			w.send()
		}
		if n := w.count(`SELECT count(*) FROM ap_delivery WHERE state = 'given_up'`); n != 1 || tries() != 10 {
			t.Fatalf("%d given up after %d tries", n, tries())
		}
		if n := w.count(`SELECT count(*) FROM ap_host WHERE failing_since > 0`); n != 1 {
			t.Fatalf("%d servers in trouble", n)
		}
		w.clock.advance(activitypub.DeadAfter)
		w.publish("comune", w.note("Nessuno."))
		if n := w.count(`SELECT count(*) FROM ap_delivery WHERE state = 'waiting'`); n != 0 {
			t.Errorf("%d deliveries for a server that is dead", n)
		}
	})
}

func TestDeadServerThatSpeaksIsWrittenToAgain(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	anna.follows(w, "comune")
	w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE ap_host SET failing_since = $1`, db.At(w.clock.now().Add(-activitypub.DeadAfter-time.Hour)))
		return err
	}))
	w.publish("comune", w.note("Uno."))
	if n := len(p.inbox("Create")); n != 0 {
		t.Fatalf("%d", n)
	}
	anna.does(w, anna.activity("Like", p.URL+"/notes/1"))
	w.publish("comune", w.note("Due."))
	p.one("Create")
}

// TestSlowServerKeepsOnlyItsOwnWaiting: its worker holds nothing but its own lease.
func TestSlowServerKeepsOnlyItsOwnWaiting(t *testing.T) {
	w := newTown(t)
	slow, quick := newPeer(t, w.clock), newPeer(t, w.clock)
	slow.person("lenta", 0).follows(w, "comune")
	quick.person("veloce", 1).follows(w, "comune")
	slow.mu.Lock()
	slow.hold = make(chan struct{})
	slow.mu.Unlock()
	a := w.server.Adapter()
	post := w.note("A tutti.")
	must(a.Finalize(t.Context(), w.account("comune"), post, nil))(t)
	done := make(chan error, 2)
	for range 2 { // two workers, as two nodes have
		go func() { done <- w.server.SendDue(t.Context()) }()
	}
	deadline := time.After(30 * time.Second)
	for len(quick.inbox("Create")) == 0 {
		select {
		case <-deadline:
			t.Fatal("the quick server waits for the slow one")
		case <-time.After(5 * time.Millisecond):
		}
	}
	close(slow.hold)
	for range 2 {
		w.must(<-done)
	}
	slow.one("Create")
	quick.one("Create")
}

func TestServerThatTakesOnlyTheNewSignatureIsRememberedSo(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	p.person("anna", 0).follows(w, "comune")
	p.answer(401)
	w.publish("comune", w.note("Uno."))
	p.one("Create")
	if n := w.count(`SELECT count(*) FROM ap_host WHERE scheme = 'rfc-9421'`); n != 1 {
		t.Errorf("%d servers take the new signature", n)
	}
	w.publish("comune", w.note("Due."))
	if n := len(p.inbox("Create")); n != 2 {
		t.Errorf("%d", n)
	}
}

func TestRefusalIsNotTriedAgainAndAGoneInboxIsForgotten(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	p.shared = false
	p.person("anna", 0).follows(w, "comune")
	p.answer(410)
	w.publish("comune", w.note("Uno."))
	if w.count(`SELECT count(*) FROM ap_delivery WHERE state = 'refused' AND code = '410'`) != 1 || w.count(`SELECT count(*) FROM ap_follower`) != 0 {
		t.Error("a gone inbox is still followed")
	}
}

func TestPrivateAnswerGoesToItsReaderOnly(t *testing.T) {
	w := newTown(t)
	p, other := newPeer(t, w.clock), newPeer(t, w.clock)
	anna := p.person("anna", 0)
	other.person("bruno", 1).follows(w, "comune")
	note := anna.note("Quando riapre?", "", w.actorID("comune"))
	note["to"], note["cc"] = []string{w.actorID("comune")}, nil
	anna.does(w, anna.activity("Create", note))
	told := w.told()
	if len(told) != 1 || !told[0].Private {
		t.Fatalf("%+v", told)
	}
	post := channel.Post{Key: db.NewID(), Text: "Lunedì alle 9.", Lang: "it", To: &channel.Reply{ID: told[0].ID, URL: told[0].URL, Author: told[0].Author, Private: true}}
	r := w.publish("comune", post)
	got := p.one("Create")
	o := got.object()
	if got.path != "/users/anna/inbox" || o["inReplyTo"] != note["id"] || len(o["to"].([]any)) != 1 || o["to"].([]any)[0] != anna.id() || o["cc"] != nil {
		t.Errorf("%s: %s", got.path, got.raw)
	}
	if !strings.Contains(o["content"].(string), `>@<span>anna</span>`) {
		t.Errorf("content: %v", o["content"])
	}
	if len(other.inbox("Create")) != 0 {
		t.Error("somebody else got it")
	}
	if status, _ := w.get(r.ID); status != http.StatusNotFound {
		t.Errorf("everybody may read it: %d", status)
	}
	if _, c := w.get("/ap/u/comune/outbox"); c["totalItems"] != 0.0 {
		t.Errorf("outbox: %v", c)
	}
}

func TestPublicAnswerReachesAuthorAndFollowers(t *testing.T) {
	w := newTown(t)
	p, other := newPeer(t, w.clock), newPeer(t, w.clock)
	anna := p.person("anna", 0)
	other.person("bruno", 1).follows(w, "comune")
	anna.does(w, anna.activity("Create", anna.note("C'è posto?", "", w.actorID("comune"))))
	told := w.told()[0]
	w.publish("comune", channel.Post{Key: db.NewID(), Text: "Sì, fino alle 12.", Lang: "it", To: &channel.Reply{ID: told.ID, URL: told.URL, Author: told.Author}})
	o := p.one("Create").object()
	if tags, _ := o["tag"].([]any); len(tags) != 1 || tags[0].(map[string]any)["href"] != anna.id() {
		t.Errorf("mentions: %v", o["tag"])
	}
	other.one("Create")
}

func TestEventIsWhatMobilizonTakes(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	p.person("anna", 0).follows(w, "biblioteca")
	lat, lon := 45.5921, 9.0742
	post := w.note("Festa del libro")
	start := time.Date(2026, 12, 4, 17, 30, 0, 0, time.UTC)
	post.Title, post.Media = "Festa del libro", media(1)
	post.Rich = &channel.Rich{Kind: "event", HTML: `<p>Letture <a href="/p/biblioteca">in biblioteca</a>.</p>`, Summary: "Letture per tutti", Published: w.clock.now(),
		Event: &channel.Event{Start: start, End: start.Add(2 * time.Hour), Zone: "Europe/Rome", Where: "Via Moretti 10", Lat: &lat, Lon: &lon}}
	w.publish("biblioteca", post)
	o := p.one("Create").object()
	place, _ := o["location"].(map[string]any)
	if o["type"] != "Event" || o["name"] != "Festa del libro" || o["startTime"] != "2026-12-04T18:30:00+01:00" || o["endTime"] != "2026-12-04T20:30:00+01:00" ||
		o["timezone"] != "Europe/Rome" || o["joinMode"] != "external" || place["latitude"] != lat || !strings.Contains(o["content"].(string), w.origin+"/p/biblioteca") {
		t.Errorf("%v", o)
	}
}

func TestLongMessageIsAnArticleWithALink(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	p.person("anna", 0).follows(w, "comune")
	post := w.note(strings.Repeat("Il regolamento dice molto. ", 150))
	post.Title, post.Rich = "Regolamento", &channel.Rich{Kind: "news", HTML: "<p>Il regolamento.</p>", Summary: "In breve", Published: w.clock.now()}
	w.publish("comune", post)
	o := p.one("Create").object()
	if o["type"] != "Article" || o["name"] != "Regolamento" || o["summary"] != nil || !strings.Contains(o["content"].(string), post.Link) {
		t.Errorf("%v", o)
	}
}

func TestBoostOfACommunityIsAnnouncedAndTakenBack(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p, community := newPeer(t, w.clock), newPeer(t, w.clock)
		p.person("anna", 0).follows(w, "comune")
		pro := community.person("proloco", 1)
		note := pro.note("Sagra della zucca", "")
		community.secure = true // reads must be signed
		community.set(strings.TrimPrefix(note["id"].(string), community.URL), note)
		for range 2 {
			w.must(w.server.Boost(w.as("administrator"), w.inst.ID, "comune", note["id"].(string)))
		}
		w.send()
		for _, s := range []*peer{p, community} {
			if a := s.one("Announce"); a.doc["object"] != note["id"] {
				t.Errorf("%s", a.raw)
			}
		}
		id := ""
		w.must(w.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT id FROM ap_activity WHERE type = 'Announce'`).Scan(&id)
		}))
		w.must(w.server.Unboost(w.as("administrator"), w.inst.ID, id))
		w.send()
		if u := p.one("Undo"); u.object()["type"] != "Announce" {
			t.Errorf("%s", u.raw)
		}
		if err := w.server.Unboost(w.as("administrator"), w.inst.ID, id); err == nil {
			t.Error("taken back twice")
		}
		library := w.publish("biblioteca", w.note("Orario estivo"))
		w.must(w.server.Boost(w.as("administrator"), w.inst.ID, "comune", library.URL))
		for address, why := range map[string]string{
			"https://nessuno.invalid/x": "activitypub.unreachable", w.origin + "/m/niente": "activitypub.boost.wrong", "ftp://x.example": "activitypub.boost.wrong", community.URL + "/niente": "activitypub.boost.wrong",
		} {
			if err := w.server.Boost(w.as("administrator"), w.inst.ID, "comune", address); !strings.Contains(fieldKeys(err), why) {
				t.Errorf("%s: %v", address, err)
			}
		}
		if err := w.server.Boost(w.as(string(people.Reader)), w.inst.ID, "comune", library.URL); err == nil {
			t.Error("a reader may boost")
		}
	})
}

func TestReportGoesToTheAuthorsServerInTheNameOfTheInstitution(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	troll := p.person("troll", 0)
	troll.does(w, troll.activity("Create", troll.note("Insulti", "", w.actorID("comune"))))
	said := w.told()[0]
	for range 2 {
		w.must(w.server.Adapter().Report(t.Context(), w.account("comune"), channel.Reply{ID: said.ID, Author: said.Author}, "Offende"))
	}
	w.send()
	f := p.one("Flag")
	if f.doc["actor"] != w.origin+"/ap/actor" || f.doc["content"] != "Offende" || len(f.doc["object"].([]any)) != 2 {
		t.Errorf("%s", f.raw)
	}
}

func TestNewNameOfAProfileIsToldOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p := newPeer(t, w.clock)
		p.person("anna", 0).follows(w, "comune")
		w.must(w.server.TellChanges(t.Context()))
		w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
			f := w.profiles["comune"]
			f.Name = "Città di Cesate"
			_, err := institution.SaveProfile(t.Context(), tx, f, w.clock.now())
			return err
		}))
		for range 2 {
			w.must(w.server.TellChanges(t.Context()))
		}
		w.send()
		if o := p.one("Update").object(); o["name"] != "Città di Cesate" || o["type"] != "Organization" || o["publicKey"] == nil {
			t.Errorf("%v", o)
		}
	})
}

func TestPageOfAMessageLeadsToItsDocument(t *testing.T) {
	w := newTown(t)
	post := w.note("Il mercato è sabato.")
	r := w.publish("comune", post)
	slug := post.Link[strings.LastIndex(post.Link, "/")+1:]
	if status, doc := w.get("/ap/m/" + slug); status != http.StatusOK || doc["id"] != r.ID {
		t.Errorf("%d %v", status, doc)
	}
	if status, _ := w.get("/ap/m/nessuno"); status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
}

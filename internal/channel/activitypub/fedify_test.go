package activitypub_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/sig"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// These tests talk to Fedify, which knows nothing of us: what it finds, takes,
// understands and refuses is what another server of the Fediverse does.

func TestFedifyFindsUs(t *testing.T) {
	f := newFediverse(t, testkit.SQLite(t))
	anna := testkit.Fedify(t).Server(t, testkit.FedifyRules{}).Account(t)
	got := anna.Find(t, f.handle)
	if got == nil {
		t.Fatalf("%s leads nowhere", f.handle)
	}
	if got.ID != f.id || got.Username != "biblioteca" || got.Name != "Biblioteca" || got.Inbox != f.id+"/inbox" || got.SharedInbox != f.origin+"/ap/inbox" ||
		got.Followers != f.id+"/followers" || got.Outbox != f.id+"/outbox" || got.URL == "" {
		t.Errorf("found %+v", got)
	}
	if got.Discoverable == nil || !*got.Discoverable || got.ManuallyApprovesFollowers == nil || *got.ManuallyApprovesFollowers {
		t.Errorf("what is said of followers and searching: %+v", got)
	}
	if len(got.Fields) == 0 || !strings.Contains(got.Fields[0].Value, `rel="me`) {
		t.Errorf("its facts are %+v", got.Fields)
	}
	if nobody := anna.Find(t, "@nessuno"+f.handle[strings.LastIndex(f.handle, "@"):]); nobody != nil {
		t.Errorf("found somebody who is not: %+v", nobody)
	}
}

func TestFedifyReadsOurCollections(t *testing.T) {
	f := newFediverse(t, testkit.SQLite(t))
	peers := testkit.Fedify(t)
	anna := peers.Server(t, testkit.FedifyRules{}).Account(t)
	f.follows(anna)
	var posts []string
	for range 25 { // more than one page
		posts = append(posts, f.says(f.message("Avviso", "Un avviso")).ID)
	}
	slices.Reverse(posts)
	f.says(channel.Post{Key: db.NewID(), Text: "Solo per lei.", To: &channel.Reply{ID: anna.Actor + "/1", Author: channel.Author{ID: anna.Actor, Handle: anna.Handle}, Private: true}})

	got := anna.Page(t, f.id+"/outbox")
	if got == nil || got.Type != "OrderedCollection" || got.Total != len(posts) || len(got.Items) != len(posts) {
		t.Fatalf("the outbox is %+v", got)
	}
	for i, item := range got.Items {
		if item.Type != "Create" || item.Object != posts[i] {
			t.Errorf("at %d in the outbox is %+v, want %s", i, item, posts[i])
		}
	}
	if got := anna.Page(t, f.id+"/followers"); got == nil || got.Total != 1 || len(got.Items) != 0 {
		t.Errorf("who follows is nobody's business, how many is: %+v", got)
	}
	if got := anna.Page(t, f.id+"/featured"); got == nil || len(got.Items) == 0 || got.Items[0].Type != "Note" {
		t.Errorf("featured is %+v", got)
	}
	info := peers.NodeInfo(t, f.origin)
	software, _ := info["software"].(map[string]any)
	if software["name"] != "arengo" {
		t.Errorf("the server says of itself %v", info)
	}
}

func TestFedifyKeepsWhatWeSay(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		f := newFediverse(t, d)
		anna := testkit.Fedify(t).Server(t, testkit.FedifyRules{}).Account(t)
		follow := f.follows(anna)

		p := f.message("Nuovo orario", "La biblioteca apre alle 9 & chiude alle 18.")
		r := f.says(p)
		c := f.copyOf(anna, r.ID, nil)
		if c.Type != "Note" || c.Author != f.id || c.URL != p.Link || !strings.Contains(c.Content, "La biblioteca apre alle 9 &amp; chiude alle 18.") || c.Languages["it"] != c.Content {
			t.Errorf("its copy is %+v", c)
		}
		if len(c.Media) != 1 || c.Media[0].Alt != p.Media[0].Alt || c.Media[0].MediaType != "image/jpeg" || c.Media[0].Width != 1200 || !strings.HasPrefix(c.Media[0].URL, f.origin+"/media/"+p.Media[0].Hash) {
			t.Errorf("its picture is %+v", c.Media)
		}
		if len(c.Tags) != 1 || c.Tags[0].Type != "Hashtag" || c.Tags[0].Name != "#biblioteca" {
			t.Errorf("its tags are %+v", c.Tags)
		}
		everybody := "https://www.w3.org/ns/activitystreams#Public"
		if !slices.Equal(c.To, []string{everybody}) || !slices.Contains(c.CC, f.id+"/followers") || !slices.Equal(c.CanReply, []string{everybody}) {
			t.Errorf("it is for %v, %v; %v may answer", c.To, c.CC, c.CanReply)
		}

		p.Text = strings.Replace(p.Text, "18", "19", 1)
		if _, err := f.server.Adapter().Edit(t.Context(), f.account("biblioteca"), p, r); err != nil {
			t.Fatal(err)
		}
		c = f.copyOf(anna, r.ID, func(c *testkit.FedifyCopy) bool { return c.Edits == 1 })
		if !strings.Contains(c.Content, "chiude alle 19") || c.Updated == "" || len(c.Media) != 1 {
			t.Errorf("after the correction %+v", c)
		}
		if err := f.server.Adapter().Withdraw(t.Context(), f.account("biblioteca"), r); err != nil {
			t.Fatal(err)
		}
		f.copyOf(anna, r.ID, func(c *testkit.FedifyCopy) bool { return c.Deleted })

		// Who no longer follows gets no more; who still does shows that it went out.
		bruno := testkit.Fedify(t).Server(t, testkit.FedifyRules{}).Account(t)
		f.follows(bruno)
		anna.Undo(t, follow.ID, f.id)
		after := f.says(f.message("Dopo", "Un altro annuncio"))
		f.copyOf(bruno, after.ID, nil)
		if anna.Copy(t, after.ID) != nil {
			t.Error("who no longer follows got a post")
		}
		f.silent()
	})
}

func TestFedifyUnderstandsEventsAndArticles(t *testing.T) {
	f := newFediverse(t, testkit.SQLite(t))
	anna := testkit.Fedify(t).Server(t, testkit.FedifyRules{}).Account(t)
	f.follows(anna)

	lat, lon := 45.595, 9.077
	p := f.message("Letture in piazza", "Storie per i più piccoli")
	start := time.Date(2026, 12, 5, 14, 0, 0, 0, time.UTC)
	p.Rich.Event = &channel.Event{Start: start, End: start.Add(2 * time.Hour), Zone: "Europe/Rome", Where: "Piazza Roma", Lat: &lat, Lon: &lon}
	c := f.copyOf(anna, f.says(p).ID, nil)
	if c.Type != "Event" || c.Name != p.Title || !strings.HasPrefix(c.Start, "2026-12-05T14:00:00") || !strings.HasPrefix(c.End, "2026-12-05T16:00:00") {
		t.Errorf("the event is %+v", c)
	}
	if c.Place == nil || c.Place.Name != "Piazza Roma" || c.Place.Latitude == nil || *c.Place.Latitude != lat || *c.Place.Longitude != lon {
		t.Errorf("its place is %+v", c.Place)
	}

	p = f.message("Il regolamento", strings.Repeat("Una frase del regolamento. ", 200))
	c = f.copyOf(anna, f.says(p).ID, nil)
	if c.Type != "Article" || c.Name != p.Title || !strings.Contains(c.Content, "Una frase del regolamento.") || len(c.Media) != 1 {
		t.Errorf("the article is %+v", c)
	}
}

func TestWeHearWhatFedifySays(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		f := newFediverse(t, d)
		anna := testkit.Fedify(t).Server(t, testkit.FedifyRules{}).Account(t)
		f.follows(anna)
		r := f.says(f.message("Nuovo orario", "La biblioteca chiude alle 18."))
		f.copyOf(anna, r.ID, nil)

		sent := anna.Post(t, testkit.FedifyPost{To: f.id, InReplyTo: r.ID, Lang: "it",
			HTML:    `<p><a href="` + f.id + `" class="u-url mention">@biblioteca</a> E il <b>sabato</b>?</p><script>alert(1)</script><p>Grazie</p>`,
			Mention: &testkit.FedifyMention{Actor: f.id, Handle: f.handle},
			Media:   []testkit.FedifyPostMedia{{URL: "http://127.0.0.1:9/cartello.jpg", Type: "image/jpeg", Alt: "Il cartello"}}})
		s := f.hears(channel.Comments)
		if s.ID != sent.Object || s.Parent != r.ID || s.Text != "E il sabato?\n\nGrazie" || s.Lang != "it" || s.Private || s.Ours {
			t.Errorf("heard %+v", s)
		}
		if s.Author.ID != anna.Actor || s.Author.Handle != anna.Handle || len(s.Media) != 1 || s.Media[0].Alt != "Il cartello" {
			t.Errorf("heard of %+v with %+v", s.Author, s.Media)
		}
		anna.Edit(t, sent.Object, "<p>E la domenica?</p>", f.id)
		if s := f.hears(channel.Edited); s.ID != sent.Object || s.Text != "E la domenica?" || s.Author.ID != anna.Actor {
			t.Errorf("heard %+v", s)
		}

		t.Run("reactions", func(t *testing.T) { f.hearsReactions(t, anna, r.ID) })

		t.Run("our answers", func(t *testing.T) {
			answer := func(text string, private bool) *testkit.FedifyCopy {
				p := channel.Post{Key: db.NewID(), Text: text, Lang: "it", To: &channel.Reply{ID: s.ID, URL: s.URL, Author: s.Author, Private: private, Refs: s.Refs}}
				return f.copyOf(anna, f.says(p).ID, nil)
			}
			c := answer("Sì, fino alle 13.", false)
			if c.InReplyTo != sent.Object || !strings.Contains(c.Content, "Sì, fino alle 13.") || len(c.Tags) != 1 || c.Tags[0].Href != anna.Actor || c.Tags[0].Name != anna.Handle ||
				!slices.Contains(slices.Concat(c.To, c.CC), anna.Actor) {
				t.Errorf("the answer arrived as %+v", c)
			}
			c = answer("Solo per lei.", true)
			if !slices.Equal(c.To, []string{anna.Actor}) || len(c.CC) != 0 {
				t.Errorf("the private answer arrived for %v and %v", c.To, c.CC)
			}
		})

		t.Run("a private word", func(t *testing.T) {
			anna.Post(t, testkit.FedifyPost{To: f.id, HTML: "<p>In privato</p>", Private: true, Mention: &testkit.FedifyMention{Actor: f.id, Handle: f.handle}})
			if s := f.hears(channel.Comments); !s.Private || s.Text != "In privato" || s.Parent != "" {
				t.Errorf("heard %+v", s)
			}
		})

		t.Run("our boost", func(t *testing.T) {
			f.must(f.server.Boost(f.as("administrator"), f.inst.ID, "biblioteca", sent.Object))
			f.until("the boost to arrive", func() bool {
				b := anna.State(t).Boosts
				return len(b) == 1 && b[0].Object == sent.Object && b[0].Actor == f.id
			})
		})

		anna.Delete(t, sent.Object, f.id)
		if s := f.hears(channel.Deleted); s.ID != sent.Object {
			t.Errorf("heard %+v", s)
		}
		f.silent()
	})
}

// hearsReactions hears of each reaction to what has an identifier, and that it is
// taken back.
func (f *fediverse) hearsReactions(t *testing.T, anna testkit.FedifyAccount, id string) {
	for _, c := range []struct {
		sent testkit.FedifySent
		want string
	}{{anna.Like(t, id, f.id), channel.Like}, {anna.React(t, id, "🎉", f.id), "🎉"}, {anna.Boost(t, id, f.id), channel.Boost}} {
		if s := f.hears(channel.Reacts); s.Reaction != c.want || s.Parent != id || s.Author.ID != anna.Actor || s.ID != c.sent.ID {
			t.Errorf("heard %+v, want %s", s, c.want)
		}
		anna.Undo(t, c.sent.ID, f.id)
		if s := f.hears(channel.Unreacts); s.Reaction != c.want || s.ID != c.sent.ID || s.Author.ID != anna.Actor {
			t.Errorf("heard %+v, want %s taken back", s, c.want)
		}
	}
}

func TestEachServerIsToldOnce(t *testing.T) {
	f := newFediverse(t, testkit.SQLite(t))
	var servers []testkit.FedifyServer
	var crowds [][]testkit.FedifyAccount
	for range 2 {
		s := testkit.Fedify(t).Server(t, testkit.FedifyRules{})
		crowd := s.Crowd(t, 15)
		for _, a := range crowd {
			a.Follow(t, f.id)
		}
		servers, crowds = append(servers, s), append(crowds, crowd)
	}
	for _, crowd := range crowds {
		for _, a := range crowd {
			f.accepted(a)
		}
	}
	p := f.message("Una volta", "Per trenta persone su due server")
	r := f.says(p)
	if again := f.says(p); again != r { // the ledger may finalize again after a crash
		t.Errorf("published as %+v, and again as %+v", r, again)
	}
	last := f.says(f.message("Dopo", "Per vedere che il primo è arrivato"))
	for i, s := range servers {
		f.copyOf(crowds[i][0], last.ID, nil)
		var creates []testkit.FedifyArrival
		for _, a := range s.Log(t) {
			if a.Type == "Create" {
				creates = append(creates, a)
			}
		}
		if len(creates) != 2 || creates[0].Path != "/inbox" || creates[1].Path != "/inbox" || creates[0].ID == creates[1].ID {
			t.Errorf("%s was told %+v", s.URL, creates)
		}
	}
}

func TestServersThatDemandSignatures(t *testing.T) {
	f := newFediverse(t, testkit.SQLite(t))
	var p channel.Post
	for _, rules := range []testkit.FedifyRules{{Secure: true}, {Secure: true, Only: "cavage"}, {Secure: true, Only: "rfc9421"}} {
		server := testkit.Fedify(t).Server(t, rules)
		anna := server.Account(t)
		f.follows(anna) // we read its actor, which it shows to signed requests only
		p = f.message("Per tutti", "Un annuncio")
		r := f.says(p)
		f.copyOf(anna, r.ID, nil)
		anna.Post(t, testkit.FedifyPost{To: f.id, InReplyTo: r.ID, HTML: "<p>Ciao</p>"})
		if s := f.hears(channel.Comments); s.Author.ID != anna.Actor || s.Text != "Ciao" {
			t.Errorf("%+v: heard %+v", rules, s)
		}
		for _, a := range server.Log(t) {
			if a.Scheme == "none" || a.Status == 202 && rules.Only != "" && a.Scheme != rules.Only {
				t.Errorf("%+v took %+v", rules, a)
			}
		}
	}
	f.silent()
}

func TestFedifyKeyRotation(t *testing.T) {
	f := newFediverse(t, testkit.SQLite(t))
	anna := testkit.Fedify(t).Server(t, testkit.FedifyRules{}).Account(t)
	f.follows(anna)
	r := f.says(f.message("Uno", "Un annuncio"))
	f.copyOf(anna, r.ID, nil)
	anna.Rotate(t)
	f.clock.advance(2 * time.Minute)
	anna.Like(t, r.ID, f.id)
	if s := f.hears(channel.Reacts); s.Author.ID != anna.Actor {
		t.Errorf("heard %+v", s)
	}
}

func TestFedifyAccountsComeAndGo(t *testing.T) {
	f := newFediverse(t, testkit.SQLite(t))
	peers := testkit.Fedify(t)
	anna, witness := peers.Server(t, testkit.FedifyRules{}).Account(t), peers.Server(t, testkit.FedifyRules{}).Account(t)
	f.follows(witness)
	// everybody waits until the witness, who always follows, has a new post: by then
	// whoever else was to get it was written to.
	publish := func() string {
		r := f.says(f.message("Annuncio", "Per chi segue"))
		f.copyOf(witness, r.ID, nil)
		return r.ID
	}

	t.Run("a block", func(t *testing.T) {
		f.follows(anna)
		anna.Block(t, f.id)
		if id := publish(); anna.Copy(t, id) != nil {
			t.Error("who blocked us got a post")
		}
	})

	t.Run("a move", func(t *testing.T) {
		old, home := peers.Server(t, testkit.FedifyRules{}).Account(t), peers.Server(t, testkit.FedifyRules{}).Account(t)
		f.follows(old)
		old.Move(t, home, f.id)
		var id string
		f.until("the follower to have moved", func() bool {
			id = publish()
			return home.Copy(t, id) != nil
		})
		if old.Copy(t, id) != nil {
			t.Error("the old place still gets posts")
		}
	})

	t.Run("another name", func(t *testing.T) {
		bruno := peers.Server(t, testkit.FedifyRules{}).Account(t)
		f.follows(bruno)
		bruno.Rename(t, "Bruno Neri", f.id)
		f.until("the new name", func() bool {
			bruno.Post(t, testkit.FedifyPost{To: f.id, HTML: "<p>Sono io</p>", Mention: &testkit.FedifyMention{Actor: f.id, Handle: f.handle}})
			return f.hears(channel.Comments).Author.Name == "Bruno Neri"
		})
	})

	t.Run("an account that is deleted", func(t *testing.T) {
		carla := peers.Server(t, testkit.FedifyRules{}).Account(t)
		f.follows(carla)
		carla.Leave(t, f.id)
		for range f.chans { // each of our actors may have heard of her
			if s := f.hears(channel.Vanished); s.Author.ID != carla.Actor {
				t.Errorf("heard %+v", s)
			}
		}
		if id := publish(); carla.Copy(t, id) != nil {
			t.Error("who is gone got a post")
		}
	})

	t.Run("a report", func(t *testing.T) {
		id := publish()
		witness.Flag(t, []string{f.id, id}, "Non è vero", f.id)
		var content, objects string
		f.until("the report", func() bool {
			return f.db.Read(t.Context(), func(tx *db.Tx) error {
				return tx.QueryRow(t.Context(), `SELECT content, objects FROM ap_report WHERE institution_id = $1`, f.inst.ID).Scan(&content, &objects)
			}) == nil
		})
		if content != "Non è vero" || !strings.Contains(objects, id) {
			t.Errorf("reported %q about %s", content, objects)
		}
	})
	f.silent()
}

func TestMaliceIsRefusedWithoutHarm(t *testing.T) {
	f := newFediverse(t, testkit.SQLite(t))
	peers := testkit.Fedify(t)
	anna, mallory := peers.Server(t, testkit.FedifyRules{}).Account(t), peers.Server(t, testkit.FedifyRules{}).Account(t)
	f.follows(anna)
	r := f.says(f.message("Uno", "Un annuncio"))
	f.copyOf(anna, r.ID, nil)

	like := func(by, id string) map[string]any {
		return map[string]any{"@context": "https://www.w3.org/ns/activitystreams", "id": id, "type": "Like", "actor": by, "object": r.ID}
	}
	note := func(by, object string) map[string]any {
		return map[string]any{"@context": "https://www.w3.org/ns/activitystreams", "id": by + "/create/" + db.NewID(), "type": "Create", "actor": by,
			"object": map[string]any{"id": object, "type": "Note", "attributedTo": by, "inReplyTo": r.ID, "content": "x", "to": []string{"https://www.w3.org/ns/activitystreams#Public"}}}
	}
	refused := func(name string, status int) {
		t.Helper()
		if status < 400 || status > 499 {
			t.Errorf("%s was answered %d", name, status)
		}
	}
	raw := func(document any, scheme string) int {
		status, _ := mallory.Raw(t, testkit.FedifyRaw{To: f.origin + "/ap/inbox", Document: document, Scheme: scheme})
		return status
	}
	forged, err := sig.NewKey()
	f.must(err)

	refused("no signature", f.request(like(anna.Actor, anna.Actor+"/l/1"), "", nil, ""))
	for _, scheme := range []sig.Scheme{sig.Cavage, sig.RFC9421} {
		refused("a key that is not hers, "+string(scheme), f.request(like(anna.Actor, anna.Actor+"/l/2"), anna.KeyID, forged, scheme))
	}
	for _, scheme := range []string{"cavage", "rfc9421"} {
		refused("in the name of another", raw(like(anna.Actor, anna.Actor+"/l/3"), scheme))
		refused("with an id of another's server", raw(like(mallory.Actor, anna.Actor+"/l/4"), scheme))
	}
	status, _ := mallory.Raw(t, testkit.FedifyRaw{To: f.origin + "/ap/inbox", Document: like(mallory.Actor, mallory.Actor+"/l/5"), At: time.Now().Add(-3 * time.Hour)})
	refused("signed three hours ago", status)
	refused("two megabytes", raw(`{"id":"`+mallory.Actor+`/l/6","type":"Like","actor":"`+mallory.Actor+`","object":"`+strings.Repeat("x", 2<<20)+`"}`, ""))
	refused("deeper than anything", raw(`{"id":"`+mallory.Actor+`/l/7","type":"Like","actor":"`+mallory.Actor+`","object":`+strings.Repeat(`{"object":`, 5000)+"1"+strings.Repeat("}", 5000)+"}", ""))
	refused("ten thousand mentions", raw(`{"id":"`+mallory.Actor+`/l/8","type":"Create","actor":"`+mallory.Actor+`","object":{"id":"`+mallory.Actor+`/n/8","type":"Note","inReplyTo":"`+r.ID+`","content":"x","tag":[`+
		strings.Repeat(`{"type":"Mention","href":"`+f.id+`"},`, 10_000)+`{}]}}`, ""))
	refused("no document", raw(`[]`, ""))
	refused("half a document", raw(`{"type":"Like"`, ""))

	// Taken, since the sender is proven, and left alone: what is said is another's.
	raw(note(mallory.Actor, anna.Actor+"/n/1"), "")
	raw(note(mallory.Actor, r.ID), "")
	raw(map[string]any{"id": mallory.Actor + "/d/1", "type": "Delete", "actor": mallory.Actor, "object": r.ID}, "")
	raw(map[string]any{"id": mallory.Actor + "/d/2", "type": "Delete", "actor": mallory.Actor, "object": anna.Actor}, "")
	raw(map[string]any{"id": mallory.Actor + "/u/1", "type": "Undo", "actor": mallory.Actor, "object": map[string]any{"id": "x", "type": "Follow", "actor": anna.Actor, "object": f.id}}, "")
	raw(map[string]any{"id": mallory.Actor + "/u/2", "type": "Update", "actor": mallory.Actor, "object": map[string]any{"id": r.ID, "type": "Note", "attributedTo": f.id, "content": "Chiuso"}}, "")

	// A replay is taken once.
	document := like(mallory.Actor, mallory.Actor+"/l/9")
	if first, second := raw(document, ""), raw(document, "rfc9421"); first != 202 || second >= 500 {
		t.Errorf("a like was answered %d, and again %d", first, second)
	}
	if s := f.hears(channel.Reacts); s.ID != mallory.Actor+"/l/9" {
		t.Errorf("heard %+v", s)
	}

	// After all that she still follows, and the post stands as it was.
	again := f.says(f.message("Due", "Un altro annuncio"))
	f.copyOf(anna, again.ID, nil)
	if got := anna.Find(t, r.ID); got == nil || !strings.Contains(got.Content, "Un annuncio") {
		t.Errorf("the post is %+v now", got)
	}
	f.silent()
}

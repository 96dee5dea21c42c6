package bluesky

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// citizens are accounts of a real network that speak to ours.
type citizens struct {
	network testkit.AppViewPeer
	square  *square
	who     testkit.PDSAccount
	cids    map[string]string // of what they said
	at      time.Time         // of the last thing said: each has a moment of its own
}

var _ channeltest.People = (*citizens)(nil)

func newCitizens(t *testing.T, network testkit.AppViewPeer, s *square) *citizens {
	t.Helper()
	who := network.Account(t)
	network.Settle(t)
	return &citizens{network: network, square: s, who: who, cids: map[string]string{}}
}

// create writes a record as the citizen.
func (c *citizens) create(t testing.TB, collection string, record map[string]any) string {
	t.Helper()
	if now := time.Now(); now.After(c.at.Add(5 * time.Millisecond)) {
		c.at = now
	} else {
		c.at = c.at.Add(5 * time.Millisecond)
	}
	record["$type"], record["createdAt"] = collection, datetime(c.at)
	var made strongRef
	c.network.Act(t, c.who, "com.atproto.repo.createRecord", map[string]any{"repo": c.who.DID, "collection": collection, "record": record}, &made)
	c.cids[made.URI] = made.CID
	return made.URI
}

// ref names anybody's post with its content.
func (c *citizens) ref(t testing.TB, uri string) strongRef {
	t.Helper()
	if cid := c.cids[uri]; cid != "" {
		return strongRef{uri, cid}
	}
	// Accounts are indexed side by side: what answers a post that is not indexed yet is
	// told to nobody.
	c.network.Settle(t)
	for _, r := range c.network.Posts(t, c.square.who.DID) {
		if r.URI == uri {
			c.cids[uri] = r.CID
			return strongRef{r.URI, r.CID}
		}
	}
	t.Fatalf("nobody said %s", uri)
	return strongRef{}
}

func (c *citizens) Say(t testing.TB, text, parent string, _ bool) string {
	t.Helper()
	record := map[string]any{"text": text, "langs": []string{"it"}}
	if parent != "" {
		record["reply"] = replyRef{Root: c.ref(t, parent), Parent: c.ref(t, parent)}
		return c.create(t, postCollection, record)
	}
	mention := "@" + c.square.who.Handle
	record["text"] = text + " " + mention
	record["facets"] = []any{map[string]any{
		"index":    map[string]int{"byteStart": len(text) + 1, "byteEnd": len(text) + 1 + len(mention)},
		"features": []any{map[string]string{"$type": "app.bsky.richtext.facet#mention", "did": c.square.who.DID}},
	}}
	return c.create(t, postCollection, record)
}

func (c *citizens) Change(t testing.TB, _, _ string) { t.Fatal("posts on Bluesky cannot be changed") }

func (c *citizens) TakeBack(t testing.TB, id string) {
	t.Helper()
	_, rkey, _ := splitURI(id)
	c.network.Act(t, c.who, "com.atproto.repo.deleteRecord", map[string]any{"repo": c.who.DID, "collection": postCollection, "rkey": rkey}, nil)
}

func (c *citizens) React(t testing.TB, id string) {
	t.Helper()
	c.create(t, "app.bsky.feed.like", map[string]any{"subject": c.ref(t, id)})
}

// Answers are what the AppView shows under a post.
func (c *citizens) Answers(t testing.TB, id string) []channeltest.Seen {
	t.Helper()
	c.network.Settle(t)
	var shown struct {
		Thread struct {
			Replies []struct {
				Post struct {
					URI    string
					Author profile
					Record json.RawMessage
				}
			}
		}
	}
	c.network.Get(t, c.who, "app.bsky.feed.getPostThread", map[string]string{"uri": id, "depth": "1"}, &shown)
	var list []channeltest.Seen
	for _, r := range shown.Thread.Replies {
		var p post
		if err := json.Unmarshal(r.Post.Record, &p); err != nil {
			t.Fatal(err)
		}
		if r.Post.Author.DID == c.square.who.DID {
			list = append(list, channeltest.Seen{ID: r.Post.URI, Text: p.Text})
		}
	}
	return list
}

func TestMentionsAndQuotesAreHeard(t *testing.T) {
	network := testkit.AppView(t)
	s := squareOn(t, network.PDSPeer, network.AppViewDID+"#bsky_appview")
	d := &desk{T: t, square: s, a: s.connected(t)}
	c := newCitizens(t, network, s)
	first, err := s.adapter.Listen(t.Context(), d.account(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ours := d.publish(aPost("Sabato il mercato è in piazza."))
	network.Settle(t)
	mention := c.Say(t, "Che ne dice il sindaco?", "", false)
	quote := c.create(t, postCollection, map[string]any{"text": "Guardate qui", "embed": map[string]any{"$type": "app.bsky.embed.record", "record": c.ref(t, ours.ID)}})
	both := c.create(t, postCollection, map[string]any{"text": "Cito e rispondo", "embed": map[string]any{"$type": "app.bsky.embed.record", "record": c.ref(t, ours.ID)},
		"reply": replyRef{Root: c.ref(t, ours.ID), Parent: c.ref(t, ours.ID)}})
	network.Settle(t)
	h, err := s.adapter.Listen(t.Context(), d.account(), first.Cursor)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]channel.Said{}
	for _, x := range h.Said {
		if _, twice := said[x.ID]; twice {
			t.Errorf("%s is told twice", x.ID)
		}
		said[x.ID] = x
	}
	if len(said) != 3 || said[mention].Parent != "" || said[quote].Parent != ours.ID || !said[quote].Quotes || said[both].Parent != ours.ID {
		t.Fatalf("%+v", h.Said)
	}
	if x := said[mention]; x.Author.ID != c.who.DID || x.Author.Handle != "@"+c.who.Handle || x.Lang != "it" ||
		!strings.HasPrefix(x.URL, "https://bsky.app/profile/"+c.who.Handle+"/post/") {
		t.Errorf("%+v", x)
	}
}

func TestAnswerOfAnotherProgramIsHeardAndOurOwnIsNot(t *testing.T) {
	network := testkit.AppView(t)
	s := squareOn(t, network.PDSPeer, network.AppViewDID+"#bsky_appview")
	d := &desk{T: t, square: s, a: s.connected(t)}
	c := newCitizens(t, network, s)
	listen := func(from json.RawMessage) channel.Heard {
		t.Helper()
		network.Settle(t)
		h, err := s.adapter.Listen(t.Context(), d.account(), from)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	h := listen(nil)
	id := c.Say(t, "A che ora?", "", false)
	h = listen(h.Cursor)
	question := h.Said[0]
	p := aPost("Alle 9.")
	p.To = &channel.Reply{ID: id, Refs: question.Refs}
	d.publish(p)
	phone := &citizens{network: network, square: s, who: s.who, cids: c.cids}
	other := phone.create(t, postCollection, map[string]any{"text": "Dal telefono", "reply": replyRef{Root: c.ref(t, id), Parent: c.ref(t, id)}})
	h = listen(h.Cursor)
	if len(h.Said) != 1 || h.Said[0].ID != other || !h.Said[0].Ours || h.Said[0].Parent != id || h.Said[0].Text != "Dal telefono" {
		t.Fatalf("%+v", h.Said)
	}
	if again := listen(h.Cursor); len(again.Said) != 0 {
		t.Errorf("told twice: %+v", again.Said)
	}
}

func TestHiddenAnswerIsNoLongerShownUnderOurPost(t *testing.T) {
	network := testkit.AppView(t)
	s := squareOn(t, network.PDSPeer, network.AppViewDID+"#bsky_appview")
	d := &desk{T: t, square: s, a: s.connected(t)}
	c := newCitizens(t, network, s)
	first, err := s.adapter.Listen(t.Context(), d.account(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ours := d.publish(aPost("Sabato il mercato è in piazza."))
	network.Settle(t)
	id := c.Say(t, "Insulti", ours.ID, false)
	network.Settle(t)
	h, err := s.adapter.Listen(t.Context(), d.account(), first.Cursor)
	if err != nil || len(h.Said) != 1 {
		t.Fatalf("%+v, %v", h.Said, err)
	}
	r := channel.Reply{ID: id, Author: h.Said[0].Author, Refs: h.Said[0].Refs}
	hidden := func() []string {
		var gate struct{ HiddenReplies []string }
		for _, rec := range network.Records(t, s.who.DID, gateCollection) {
			if err := json.Unmarshal(rec.Value, &gate); err != nil {
				t.Fatal(err)
			}
		}
		return gate.HiddenReplies
	}
	for range 2 {
		if err := s.adapter.Hide(t.Context(), d.account(), r); err != nil {
			t.Fatal(err)
		}
	}
	if got := hidden(); len(got) != 1 || got[0] != id {
		t.Errorf("hidden %v", got)
	}
	for range 2 {
		if err := s.adapter.Unhide(t.Context(), d.account(), r); err != nil {
			t.Fatal(err)
		}
	}
	if got := hidden(); len(got) != 0 {
		t.Errorf("hidden %v", got)
	}
	if err := s.adapter.Report(t.Context(), d.account(), r, "Insulta un'impiegata."); err != nil {
		t.Fatal(err)
	}
	if got := network.Reports(t, c.who.DID); len(got) != 1 || got[0].SubjectURI != id || got[0].Comment != "Insulta un'impiegata." {
		t.Errorf("reported %+v", got)
	}
	// In a thread that somebody else began, nobody can hide anything.
	theirs := c.Say(t, "Un'altra cosa", "", false)
	network.Settle(t)
	h, err = s.adapter.Listen(t.Context(), d.account(), h.Cursor)
	if err != nil || len(h.Said) != 1 {
		t.Fatalf("%+v, %v", h.Said, err)
	}
	err = s.adapter.Hide(t.Context(), d.account(), channel.Reply{ID: theirs, Refs: h.Said[0].Refs})
	if e := channel.AsError(err); e.Code != channel.CodeCannotHide {
		t.Errorf("%v", err)
	}
}

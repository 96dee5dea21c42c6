package activitypub_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// holds is what a follower's server holds after all that it was sent, oldest first.
func (p *peer) holds(t testing.TB) (all []channeltest.Seen) {
	t.Helper()
	at := map[string]int{}
	for _, d := range p.inbox("Create", "Update", "Delete") {
		raw, err := json.Marshal(d.doc["object"])
		if err != nil {
			t.Fatal(err)
		}
		var o struct {
			ID, URL, Type, Content string
			Attachment             []struct{ Type, Name string }
		}
		if err := json.Unmarshal(raw, &o); err != nil {
			t.Fatal(err)
		}
		seen := channeltest.Seen{ID: o.ID, URL: o.URL, Text: words(t, o.Content), Edited: d.kind() == "Update"}
		for _, f := range o.Attachment {
			seen.Media = append(seen.Media, channeltest.SeenMedia{Alt: f.Name, Video: f.Type == "Video"})
		}
		n, known := at[o.ID]
		switch {
		case d.kind() == "Delete":
			if known {
				all[n] = channeltest.Seen{}
			}
		case known:
			all[n] = seen
		default:
			at[o.ID] = len(all)
			all = append(all, seen)
		}
	}
	return all
}

// words is what a person reads of HTML: paragraphs and lines as they were written.
func words(t testing.TB, content string) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(strings.ReplaceAll(content, "</p><p>", "\n\n")))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range doc.Descendants() {
		switch {
		case n.Type == html.TextNode:
			b.WriteString(n.Data)
		case n.Data == "br":
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestAdapterKeepsTheContract(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Subject {
		w := newTown(t)
		p := newPeer(t, w.clock)
		p.person("anna", 0).follows(w, "comune")
		return channeltest.Subject{
			Adapter: w.server.Adapter(), Account: w.account("comune"),
			Gate:  channeltest.NewGate(http.NotFoundHandler(), nil),
			Posts: func(t testing.TB) []channeltest.Seen { w.send(); return p.holds(t) },
			Near:  "what is said is stored in the same database; TestServerOutOfReach… and its neighbours prove the way from there",
			Cannot: map[channeltest.Case]string{
				channeltest.Connect:      "an actor is made for a profile (ConnectFor): TestNameIsGivenOnceAndForEver",
				channeltest.ConnectWrong: "an actor is made for a profile (ConnectFor): TestNameIsGivenOnceAndForEver",
			},
		}
	})
}

// TestPublishingThatBreaksIsFoundOrProvenAbsent stands for the suite's crashes: to
// publish is one transaction, which happened or did not.
func TestPublishingThatBreaksIsFoundOrProvenAbsent(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p := newPeer(t, w.clock)
		p.person("anna", 0).follows(w, "comune")
		a, account, post := w.server.Adapter(), w.account("comune"), w.note("Una volta.")
		cut, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := a.Finalize(cut, account, post, nil)
		if e := channel.AsError(err); err == nil || e.Class != channel.Unknown {
			t.Fatalf("a transaction that broke off: %v", err)
		}
		if _, found, err := a.Find(t.Context(), account, post, nil); found || err != nil {
			t.Fatalf("found %v, %v", found, err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := a.Finalize(t.Context(), account, post, nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		w.send()
		p.one("Create")
		r, found, err := a.Find(t.Context(), account, post, nil)
		if !found || err != nil || r.URL != post.Link {
			t.Errorf("%+v %v %v", r, found, err)
		}
	})
}

func TestChannelThatIsGoneTakesNothing(t *testing.T) {
	w := newTown(t)
	account := w.account("comune")
	w.must(w.channels.Cut(w.as("administrator"), w.inst.ID, account.ID))
	_, err := w.server.Adapter().Finalize(t.Context(), account, w.note("Nulla."), nil)
	if e := channel.AsError(err); e.Class != channel.Refused || e.Code != channel.CodeNotFound {
		t.Errorf("%v", err)
	}
}

package site

import (
	"strings"
	"testing"
	"time"
)

// TestFeedNamesItsHubs: a reader finds the hubs in the feed and in the header; a
// town without a hub names none.
func TestFeedNamesItsHubs(t *testing.T) {
	f := feed{Title: "Comune", Self: "https://a.example/feed", Zone: time.UTC, Hubs: []string{"https://a.example/websub", "https://hub.example.org/"}}
	for name, want := range map[string][]string{
		"feed.atom": {`<link rel="hub" href="https://a.example/websub">`, `<link rel="hub" href="https://hub.example.org/">`},
		"feed.rss":  {`<atom:link rel="hub" href="https://a.example/websub">`, `<atom:link rel="self" type="application/rss+xml" href="https://a.example/feed">`},
		"feed.json": {`"hubs":[{"type":"WebSub","url":"https://a.example/websub"},{"type":"WebSub","url":"https://hub.example.org/"}]`},
	} {
		write, _, ok := writerOf(name)
		if !ok {
			t.Fatal(name)
		}
		body, err := write(f)
		if err != nil {
			t.Fatal(err)
		}
		flat := strings.Join(strings.Fields(string(body)), " ")
		for _, w := range want {
			if !strings.Contains(strings.ReplaceAll(flat, `": "`, `":"`), w) && !strings.Contains(strings.ReplaceAll(flat, " ", ""), strings.ReplaceAll(w, " ", "")) {
				t.Errorf("%s has no %s:\n%s", name, w, body)
			}
		}
		alone, err := write(feed{Title: "Comune", Self: f.Self, Zone: time.UTC})
		if err != nil || strings.Contains(string(alone), "hub") {
			t.Errorf("%s of a town without a hub: %v\n%s", name, err, alone)
		}
	}
	if want := `<https://a.example/websub>; rel="hub", <https://hub.example.org/>; rel="hub", <https://a.example/feed>; rel="self"`; f.links() != want {
		t.Errorf("header %s", f.links())
	}
}

package activitypub_test

import (
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/prose"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// spoken are a text's, in one line: where a note has no margins, its words still stand.
func spoken(text string) string { return strings.Join(strings.Fields(text), " ") }

// A note is made of the plain text, an article of the page: of both a reader on the
// Fediverse reads what a reader of the site does.
func TestEveryConstructIsReadOnTheFediverse(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	p.person("anna", 0).follows(w, "comune")
	writing := publishing.NewWriting()
	for i, text := range testkit.Constructs() {
		want := spoken(writing.Plain(text, w.origin))
		page, err := writing.HTML(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"note", "event"} {
			post := w.note(writing.Plain(text, w.origin))
			post.Link, post.Tags = "", nil
			if kind == "event" {
				post.Title = "Titolo"
				post.Rich = &channel.Rich{Kind: "event", HTML: page, Published: w.clock.now(), Event: &channel.Event{Start: w.clock.now(), Zone: "Europe/Rome"}}
			}
			w.publish("comune", post)
			all := p.inbox("Create")
			content, _ := all[len(all)-1].object()["content"].(string)
			if got := spoken(prose.Reader{}.Plain(content)); !strings.Contains(got, want) {
				t.Errorf("%d, %s:\n%s\nreads\n%s\nwant\n%s", i, kind, content, got, want)
			}
		}
	}
}

package mastodon_test

import (
	"testing"

	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
)

// citizens are the people of the square.
type citizens struct{ square *square.Square }

var _ channeltest.People = citizens{}

const citizen = "marisa"

func (c citizens) must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c citizens) Say(t testing.TB, text, parent string, private bool) string {
	t.Helper()
	s := square.Saying{By: citizen, Name: "Marisa", Text: "@comune " + text, ReplyTo: parent}
	if private {
		s.Visibility = "direct"
	}
	id, err := c.square.Say(s)
	c.must(t, err)
	return id
}

func (c citizens) Change(t testing.TB, id, text string) {
	t.Helper()
	c.must(t, c.square.Change(id, "@comune "+text))
}

func (c citizens) TakeBack(t testing.TB, id string) {
	t.Helper()
	c.must(t, c.square.TakeBack(id))
}

func (c citizens) React(t testing.TB, id string) {
	t.Helper()
	c.must(t, c.square.React(citizen, id, false))
}

func (c citizens) Answers(_ testing.TB, id string) []channeltest.Seen {
	var list []channeltest.Seen
	for _, p := range c.square.Posts("comune") {
		if p.ReplyTo == id {
			list = append(list, channeltest.Seen{ID: p.ID, URL: p.URL, Text: p.Text, Edited: p.Edited, Private: p.Visibility == "direct"})
		}
	}
	return list
}

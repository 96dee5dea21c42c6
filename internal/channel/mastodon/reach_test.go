package mastodon_test

import (
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
)

// crowd speaks to the account on the square.
type crowd struct {
	town
	account channel.Account
}

// visibilities are the square's words for how far something reaches.
var visibilities = []string{"public", "unlisted", "private", "direct"}

func (c crowd) Ask(t testing.TB, text string, r channeltest.Reach) channel.Said {
	t.Helper()
	id, err := c.square.Say(square.Saying{By: citizen, Name: "Marisa", Text: "@comune " + text, Visibility: visibilities[r]})
	if err != nil {
		t.Fatal(err)
	}
	heard, err := c.adapter.Listen(t.Context(), c.account, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range heard.Said {
		if s.ID == id {
			return s
		}
	}
	t.Fatalf("%s was not heard", id)
	return channel.Said{}
}

func (c crowd) Reach(t testing.TB, id string) channeltest.Reach {
	t.Helper()
	for _, p := range c.square.Posts("comune") {
		if p.ID == id {
			for r, v := range visibilities {
				if p.Visibility == v {
					return channeltest.Reach(r)
				}
			}
		}
	}
	t.Fatalf("%s is not there", id)
	return 0
}

func TestAnswerIsNeverLouderThanWhatItAnswers(t *testing.T) {
	w := newTown(t, square.Options{})
	account := w.connect(t)
	channeltest.NeverLouder(t, w.adapter, account, crowd{w, account}, channeltest.Everybody, channeltest.Unlisted, channeltest.Followers, channeltest.Direct)
}

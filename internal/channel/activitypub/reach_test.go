package activitypub_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
)

// askers speak to the town from another server.
type askers struct {
	*town
	anna *person
}

func (c askers) Ask(t testing.TB, text string, r channeltest.Reach) channel.Said {
	t.Helper()
	note := c.anna.note(text, "", c.actorID("comune"))
	followers := c.anna.id() + "/followers"
	switch r {
	case channeltest.Unlisted:
		note["to"], note["cc"] = []string{followers}, []string{vocab.Public, c.actorID("comune")}
	case channeltest.Followers:
		note["to"], note["cc"] = []string{followers}, []string{c.actorID("comune")}
	case channeltest.Direct:
		note["to"], note["cc"] = []string{c.actorID("comune")}, nil
	}
	c.anna.does(c.town, c.anna.activity("Create", note))
	all := c.told()
	return all[len(all)-1].Said
}

// Reach is that of the newest copy that reached the other server.
func (c askers) Reach(t testing.TB, id string) channeltest.Reach {
	t.Helper()
	c.send()
	var newest map[string]any
	for _, d := range c.anna.inbox("Create", "Update") {
		if d.object()["id"] == id {
			newest = d.object()
		}
	}
	if newest == nil {
		t.Fatalf("%s did not arrive", id)
	}
	list := func(key string) (all []string) {
		raw, _ := json.Marshal(newest[key])
		_ = json.Unmarshal(raw, &all)
		return all
	}
	isFollowers := func(id string) bool { return strings.HasSuffix(id, "/followers") }
	switch to, cc := list("to"), list("cc"); {
	case slices.Contains(to, vocab.Public):
		return channeltest.Everybody
	case slices.Contains(cc, vocab.Public):
		return channeltest.Unlisted
	case slices.ContainsFunc(slices.Concat(to, cc), isFollowers):
		return channeltest.Followers
	}
	return channeltest.Direct
}

func TestAnswerIsNeverLouderThanWhatItAnswers(t *testing.T) {
	w := newTown(t)
	c := askers{w, newPeer(t, w.clock).person("anna", 0)}
	channeltest.NeverLouder(t, w.server.Adapter(), w.account("comune"), c, channeltest.Everybody, channeltest.Unlisted, channeltest.Followers, channeltest.Direct)
}

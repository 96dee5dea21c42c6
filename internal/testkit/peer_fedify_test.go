package testkit

import (
	"testing"
)

// Two servers of Fedify talk to each other: what the tests of our own server rely
// on is true of a server that we did not write.
func TestFedifyServersTalkToEachOther(t *testing.T) {
	f := Fedify(t)
	here, there := f.Server(t, FedifyRules{}), f.Server(t, FedifyRules{Secure: true})
	anna, bruno := here.Account(t), there.Account(t)

	found := anna.Find(t, bruno.Handle)
	if found == nil || found.ID != bruno.Actor || found.Inbox != bruno.Inbox {
		t.Fatalf("%s is %+v", bruno.Handle, found)
	}
	anna.Follow(t, bruno.Actor)
	if got := anna.State(t).Following[bruno.Actor]; got != "accepted" {
		t.Errorf("the follow is %q", got)
	}
	sent := bruno.Post(t, FedifyPost{To: anna.Actor, HTML: "<p>Ciao</p>", Lang: "it", Mention: &FedifyMention{anna.Actor, anna.Handle},
		Media: []FedifyPostMedia{{"http://127.0.0.1/x.png", "image/png", "Un gatto"}}})
	c := anna.Copy(t, sent.Object)
	if c == nil || c.Content != "<p>Ciao</p>" || c.Languages["it"] != "<p>Ciao</p>" || len(c.Media) != 1 || c.Media[0].Alt != "Un gatto" || len(c.Tags) != 1 || c.Author != bruno.Actor {
		t.Fatalf("copy %+v", c)
	}
	bruno.Edit(t, sent.Object, "<p>Ciao a tutti</p>", anna.Actor)
	if c = anna.Copy(t, sent.Object); c.Edits != 1 || c.Content != "<p>Ciao a tutti</p>" || c.Updated == "" {
		t.Errorf("after the edit %+v", c)
	}
	boost := bruno.Boost(t, sent.Object, anna.Actor)
	if got := anna.State(t).Boosts; len(got) != 1 || got[0].Object != sent.Object {
		t.Errorf("boosts %+v", got)
	}
	bruno.Undo(t, boost.ID, anna.Actor)
	bruno.Delete(t, sent.Object, anna.Actor)
	if c = anna.Copy(t, sent.Object); !c.Deleted || len(anna.State(t).Boosts) != 0 {
		t.Errorf("after the deletion %+v, %+v", c, anna.State(t).Boosts)
	}
	for _, a := range here.Log(t) {
		if a.Status != 202 || a.Scheme == "none" {
			t.Errorf("arrived %+v", a)
		}
	}
}

func TestFedifyRefusesWhatItShould(t *testing.T) {
	f := Fedify(t)
	here, picky := f.Server(t, FedifyRules{}), f.Server(t, FedifyRules{Only: "cavage"})
	anna, bruno, mallory := here.Account(t), picky.Account(t), f.Server(t, FedifyRules{}).Account(t)

	// Fedify knocks with the newer signature first, then with the older one.
	anna.Follow(t, bruno.Actor)
	if log := picky.Log(t); len(log) != 2 || log[0].Status != 401 || log[1].Status != 202 || log[1].Scheme != "cavage" {
		t.Errorf("log %+v", log)
	}
	status, _ := mallory.Raw(t, FedifyRaw{To: anna.Inbox, Document: map[string]any{
		"@context": "https://www.w3.org/ns/activitystreams", "id": bruno.Actor + "#1", "type": "Like", "actor": bruno.Actor, "object": anna.Actor,
	}})
	if status < 400 {
		t.Errorf("a like in the name of another was answered %d", status)
	}
	picky.Misbehave(t, 503, 0)
	if err := anna.Try(bruno.Actor); err == nil {
		t.Error("a server out of order took a follow")
	}
}

package activitypub_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
)

// named makes a person findable by WebFinger.
func (a *person) named() *person {
	a.Helper()
	a.set("/.well-known/webfinger", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		user, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Query().Get("resource"), "acct:"), "@")
		if user == "nessuno" {
			rw.WriteHeader(http.StatusNotFound)
			return
		}
		rw.Header().Set("Content-Type", "application/jrd+json")
		fmt.Fprintf(rw, `{"subject":"acct:%s@%s","links":[{"rel":"self","type":"application/activity+json","href":"%s/users/%s"}]}`, user, a.host(), a.URL, user)
	}))
	return a
}

func tagsOf(o map[string]any) string {
	raw, _ := json.Marshal(o["tag"])
	return string(raw)
}

// TestWhoIsNamedIsToldAndWhatIsTaggedIsFound: names and hashtags that an officer types
// are what they are on any server.
func TestWhoIsNamedIsToldAndWhatIsTaggedIsFound(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0).named()
	ghost := "@nessuno@" + p.host()
	post := w.note("Grazie a " + anna.handle() + ", a @biblioteca@" + strings.TrimPrefix(w.origin, "http://") + " e a " + ghost + ". Scrivete a urp@" + p.host() + " #FestaDelLibro #2026 a#b")
	r := w.publish("comune", post)
	o := p.one("Create").object()
	content, _ := o["content"].(string)
	cc := fmt.Sprint(o["cc"])
	for _, want := range []string{`class="u-url mention">@<span>anna</span>`, `href="` + w.actorID("biblioteca") + `" class="u-url mention"`, `class="mention hashtag" rel="tag">#<span>FestaDelLibro</span>`, ghost, "urp@" + p.host(), "a#b"} {
		if !strings.Contains(content, want) {
			t.Errorf("%s is missing in %s", want, content)
		}
	}
	for _, want := range []string{anna.id(), anna.handle(), w.actorID("biblioteca"), "#FestaDelLibro", "#mercato"} {
		if !strings.Contains(tagsOf(o), want) {
			t.Errorf("%s is missing in %s", want, tagsOf(o))
		}
	}
	if strings.Contains(tagsOf(o), "2026") || strings.Contains(tagsOf(o), "nessuno") || strings.Contains(tagsOf(o), "#b\"") || !strings.Contains(cc, anna.id()) {
		t.Errorf("%s for %s", tagsOf(o), cc)
	}
	// Found again, nobody is asked for lately.
	asked := p.asked("/.well-known/webfinger")
	post.Text = strings.Replace(post.Text, "Grazie", "Mille grazie", 1)
	must(w.server.Adapter().Edit(t.Context(), w.account("comune"), post, r))(t)
	w.send()
	if p.one("Update"); p.asked("/.well-known/webfinger") != asked || asked != 2 {
		t.Errorf("asked %d times, then %d", asked, p.asked("/.well-known/webfinger"))
	}
}

// TestMessageDoesNotWaitForWhomItNames: a server that is down makes a plain text of
// its people, not a late message; later they are found.
func TestMessageDoesNotWaitForWhomItNames(t *testing.T) {
	w := newTown(t)
	p, down := newPeer(t, w.clock), newPeer(t, w.clock)
	p.person("anna", 0).follows(w, "comune")
	bruno := down.person("bruno", 1)
	handle := bruno.handle()
	down.set("/.well-known/webfinger", http.StatusInternalServerError)
	w.publish("comune", w.note("Con "+handle))
	if o := p.one("Create").object(); !strings.Contains(o["content"].(string), handle) || strings.Contains(tagsOf(o), "bruno") {
		t.Errorf("%v", o)
	}
	bruno.named()
	w.clock.advance(11 * time.Minute)
	w.publish("comune", w.note("Di nuovo con "+handle))
	if len(down.inbox("Create")) != 1 {
		t.Error("nobody told Bruno")
	}
}

func TestBlockedAreNotMentioned(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0).named()
	w.must(w.server.Block(w.as("administrator"), w.inst.ID, anna.handle(), "Insulti"))
	w.publish("comune", w.note("Con "+anna.handle()))
	if n := len(p.inbox("Create")); n != 0 {
		t.Errorf("told %d times", n)
	}
}

// TestEventReadsWellWhateverAServerShows: GoToSocial hides all behind summary, Mastodon
// shows name and link, others the content only.
func TestEventReadsWellWhateverAServerShows(t *testing.T) {
	w := newTown(t)
	start := time.Date(2026, 12, 5, 14, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		end     time.Time
		warning string
		written bool
		want    []string
	}{
		"an event":              {start.Add(2 * time.Hour), "", false, []string{"<strong>Letture in piazza</strong>", "sabato 5 dicembre 2026, ore 15:00–17:00<br>Piazza Roma", "Storie per tutti", "href=\"" + w.origin + "/a\""}},
		"without an end":        {time.Time{}, "", false, []string{"sabato 5 dicembre 2026, ore 15:00<br>Piazza Roma"}},
		"of several days":       {start.Add(49 * time.Hour), "", false, []string{"da sabato 5 dicembre 2026, ore 15:00 a lunedì 7 dicembre 2026, ore 16:00"}},
		"with a warning":        {time.Time{}, "Luci intermittenti", false, []string{"Letture in piazza"}},
		"in an officer's words": {time.Time{}, "", true, []string{"Letture in piazza", "sabato 5 dicembre", "Scritto a mano"}},
	} {
		p := newPeer(t, w.clock)
		a := p.person("anna", 0)
		a.follows(w, "comune")
		post := w.note("Scritto a mano")
		post.Title, post.Warning = "Letture in piazza", c.warning
		post.Rich = &channel.Rich{Kind: "event", HTML: `<p>Storie per tutti. <a href="/a">Programma</a></p>`, Summary: "Storie per tutti.", Written: c.written, Published: w.clock.now(),
			Event: &channel.Event{Start: start, End: c.end, Zone: "Europe/Rome", Where: "Piazza Roma"}}
		w.publish("comune", post)
		o := p.one("Create").object()
		summary, _ := o["summary"].(string)
		content, _ := o["content"].(string)
		if o["type"] != "Event" || o["name"] != "Letture in piazza" || summary != c.warning || o["preview"] == nil {
			t.Errorf("%s: %v", name, o)
		}
		for _, want := range c.want {
			if !strings.Contains(content, want) {
				t.Errorf("%s: %q is missing in %s", name, want, content)
			}
		}
		if c.written == strings.Contains(content, "Storie per tutti") {
			t.Errorf("%s: %s", name, content)
		}
		a.does(w, a.activity("Undo", map[string]any{"type": "Follow", "actor": a.id(), "object": w.actorID("comune")}))
	}
}

package activitypub_test

import (
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
)

// Of whole days, the words name days and the fields end within the last one: the
// midnight after it would put the event on a day too many.
func TestEventOfWholeDays(t *testing.T) {
	w := newTown(t)
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, w.clock)
	p.person("anna", 0).follows(w, "comune")
	post := w.note("Festa")
	post.Title = "Festa patronale"
	post.Rich = &channel.Rich{Kind: "event", HTML: "<p>Musica.</p>", Published: w.clock.now(),
		Event: &channel.Event{Start: time.Date(2026, 10, 24, 0, 0, 0, 0, rome), End: time.Date(2026, 10, 27, 0, 0, 0, 0, rome), Days: true, Zone: "Europe/Rome", Where: "Piazza"}}
	w.publish("comune", post)
	o := p.one("Create").object()
	if content, _ := o["content"].(string); !strings.Contains(content, "<p>da sabato 24 ottobre 2026 a lunedì 26 ottobre 2026<br>Piazza</p>") {
		t.Errorf("%s", content)
	}
	if o["startTime"] != "2026-10-24T00:00:00+02:00" || o["endTime"] != "2026-10-26T23:59:59+01:00" {
		t.Errorf("%v to %v", o["startTime"], o["endTime"])
	}
}

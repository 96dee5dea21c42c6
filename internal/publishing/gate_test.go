package publishing

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// at makes a ticket for a channel on a host.
func at(id int, channelID, host string, urgent bool) *ticket {
	return &ticket{deliver: deliver{DeliveryID: fmt.Sprint(id)}, channelID: channelID, host: host, urgent: urgent}
}

func TestRoomWidensWithAnswersAndNarrowsWithSilence(t *testing.T) {
	g := newGate(64, time.Now)
	visit := func(id int, answered bool) {
		x := at(id, "c", "h", false)
		if !g.enter(x) {
			t.Fatal("no room for a single visitor")
		}
		x.answered, x.hung = answered, !answered
		g.leave(x, true)
	}
	host := func() *room { return g.rooms["host/h"] }
	for n := range 40 {
		visit(n, true)
	}
	if host().window != g.host.most || g.host.most > 64/2 || host().silent != (time.Time{}) {
		t.Fatalf("after answers: %+v", host())
	}
	for n := range 6 {
		visit(n, false)
	}
	if host().window != 1 || host().silent.IsZero() {
		t.Fatalf("after silence: %+v", host())
	}
	for n := range 40 {
		visit(n, true)
	}
	if host().window != g.host.most || !host().silent.IsZero() {
		t.Fatalf("it did not recover: %+v", host())
	}
}

func TestEmergencyFindsRoomWhereNothingElseDoes(t *testing.T) {
	g := newGate(64, time.Now)
	n := 0
	for ; g.enter(at(n, "c", "h", false)); n++ {
	}
	alarm := at(-1, "c", "h", true)
	if !g.enter(alarm) {
		t.Fatalf("no room behind %d", n)
	}
	waiting := at(-2, "c", "h", true)
	for g.enter(at(-100-n, "c", "h", true)) {
		n++
	}
	g.enter(waiting)
	alarm.answered = true
	if next, _ := g.leave(alarm, true); next == nil || !next.urgent {
		t.Fatalf("behind the emergency came %+v", next)
	}
}

// Whoever comes, waits and goes: no room holds more than it takes, nobody who waits
// is forgotten, and in the end everybody was in, whatever became of the visits.
func TestGateForgetsNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newGate(16, time.Now)
		total := rapid.IntRange(1, 60).Draw(t, "deliveries")
		var queue, inside []*ticket
		for n := range total {
			c := rapid.IntRange(0, 5).Draw(t, "channel")
			queue = append(queue, at(n, fmt.Sprint(c), fmt.Sprint(c/3), rapid.IntRange(0, 4).Draw(t, "urgent") == 0))
		}
		been := map[string]bool{}
		byID := map[string]*ticket{}
		for _, x := range queue {
			byID[x.DeliveryID] = x
		}
		for len(queue) > 0 || len(inside) > 0 {
			if len(queue) > 0 && (len(inside) == 0 || rapid.Bool().Draw(t, "arrive")) {
				if g.enter(queue[0]) {
					inside = append(inside, queue[0])
				}
				queue = queue[1:]
			} else {
				n := rapid.IntRange(0, len(inside)-1).Draw(t, "leaves")
				x := inside[n]
				inside = append(inside[:n], inside[n+1:]...)
				been[x.DeliveryID] = true
				x.hung = rapid.Bool().Draw(t, "hung")
				x.answered = !x.hung
				next, wake := g.leave(x, rapid.Bool().Draw(t, "goes on"))
				if next != nil {
					inside = append(inside, next)
				}
				for _, j := range wake {
					again := *byID[j.DeliveryID]
					queue = append(queue, &again)
				}
			}
			counts := map[string]int{}
			for _, x := range inside {
				counts["channel/"+x.channelID]++
				counts["host/"+x.host]++
			}
			for name, r := range g.rooms {
				if r.inside != counts[name] {
					t.Fatalf("%s says %d, holds %d", name, r.inside, counts[name])
				}
				if r.inside > r.most+r.reserve {
					t.Fatalf("%s holds %d", name, r.inside)
				}
			}
		}
		if len(been) != total || len(g.aside) != 0 {
			t.Fatalf("%d of %d were in; %d still wait", len(been), total, len(g.aside))
		}
	})
}

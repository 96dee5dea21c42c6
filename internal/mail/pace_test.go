package mail

import (
	"testing"
	"time"
)

func TestPaceFollowsTheServer(t *testing.T) {
	now := time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC)
	p := newPace(0)
	if !p.free() || !p.turn(now).Equal(now) || !p.turn(now).Equal(now) {
		t.Fatal("nobody asked to wait")
	}
	p.slower(now)
	p.slower(now.Add(time.Second)) // another connection heard the same
	if p.free() || p.gap != firstGap {
		t.Fatalf("a gap of %v", p.gap)
	}
	if first, second := p.turn(now), p.turn(now); second.Sub(first) != firstGap {
		t.Errorf("two letters within %v", second.Sub(first))
	}
	for range 20 {
		now = now.Add(time.Minute)
		p.slower(now)
	}
	if p.gap != longGap {
		t.Errorf("a gap of %v", p.gap)
	}
	for range wellDone * 100 {
		p.good()
	}
	if !p.free() {
		t.Errorf("all goes well, and the gap is still %v", p.gap)
	}
}

func TestPaceThatIsSetIsNeverExceeded(t *testing.T) {
	now := time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC)
	p := newPace(100)
	p.slower(now)
	for range wellDone * 100 {
		p.good()
	}
	if p.gap != 600*time.Millisecond {
		t.Errorf("a gap of %v", p.gap)
	}
}

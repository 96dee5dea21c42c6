package publishing

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"codeberg.org/arengo/arengo/internal/fault"
)

func rome(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestWallTimeInBothNightsOfTheClockChange(t *testing.T) {
	for _, c := range []struct {
		wall, utc string
		twice     bool
		err       error
	}{
		{"2026-07-01T08:00", "2026-07-01T06:00", false, nil},
		{"2026-01-15T08:00", "2026-01-15T07:00", false, nil},
		{"2026-03-29T01:59", "2026-03-29T00:59", false, nil},
		{"2026-03-29T02:00", "", false, errWallGap}, // the clocks go from 02:00 to 03:00
		{"2026-03-29T02:59", "", false, errWallGap},
		{"2026-03-29T03:00", "2026-03-29T01:00", false, nil},
		{"2026-10-25T01:59", "2026-10-24T23:59", false, nil},
		{"2026-10-25T02:30", "2026-10-25T00:30", true, nil}, // the first passage
		{"2026-10-25T03:00", "2026-10-25T02:00", false, nil},
		{"2026-02-30T08:00", "", false, errWallForm},
		{"domani", "", false, errWallForm},
		{"", "", false, errWallForm},
		{"0001-01-01T00:00", "", false, errWallForm},
	} {
		w, err := ParseWall(c.wall, rome(t))
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.wall, err, c.err)
			continue
		}
		if err == nil && (w.At.Format(WallForm) != c.utc || w.Twice != c.twice) {
			t.Errorf("%s: %s twice %v, want %s %v", c.wall, w.At.Format(WallForm), w.Twice, c.utc, c.twice)
		}
	}
}

func TestWhatAClockShowsIsReadAsThatInstant(t *testing.T) {
	zones := []*time.Location{rome(t), time.UTC}
	for _, name := range []string{"America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, loc)
	}
	rapid.Check(t, func(t *rapid.T) {
		loc := rapid.SampledFrom(zones).Draw(t, "zone")
		at := time.Unix(rapid.Int64Range(1_500_000_000, 1_900_000_000).Draw(t, "at")/60*60, 0)
		w, err := ParseWall(FormatWall(at, loc), loc)
		if err != nil {
			t.Fatalf("a time that a clock showed is none: %v", err)
		}
		if !w.At.Equal(at) && !(w.Twice && w.At.Before(at) && at.Sub(w.At) <= time.Hour) {
			t.Fatalf("%v read as %v", at, w.At)
		}
	})
}

func FuzzParseWall(f *testing.F) {
	f.Add("2026-03-29T02:30")
	f.Add("2026-10-25T02:30:00")
	loc := rome(f)
	f.Fuzz(func(t *testing.T, text string) {
		if w, err := ParseWall(text, loc); err == nil && FormatWall(w.At, loc) != w.Text {
			t.Fatalf("%q became %q", text, FormatWall(w.At, loc))
		}
	})
}

func TestPlanRefusesThePastAndAnEndBeforeTheStart(t *testing.T) {
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC) // 12:00 in Rome
	for _, c := range []struct{ due, notAfter, field, key string }{
		{"2026-05-04T11:00", "", "due", "message.when.past"},
		{"2026-05-04T14:00", "2026-05-04T13:00", "not_after", "message.when.order"},
		{"2027-03-28T02:30", "", "due", "message.when.gap"},
		{"presto", "", "due", "message.when.form"},
	} {
		_, err := ParsePlan(c.due, c.notAfter, rome(t), now)
		e := fault.Of(err)
		if e.Kind != fault.Invalid || len(e.Fields) != 1 || e.Fields[0].Name != c.field || e.Fields[0].Key != c.key {
			t.Errorf("%s, %s: got %v", c.due, c.notAfter, err)
		}
	}
	if p, err := ParsePlan("2026-05-04T14:00", "", rome(t), now); err != nil || !p.Set() || p.Zone != "Europe/Rome" {
		t.Fatal(p, err)
	}
}

func TestQueueGivesTheNextFreeSlot(t *testing.T) {
	loc := rome(t)
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC) // Monday noon
	slots := []Slot{{Weekday: time.Monday, Minute: 9 * 60}, {Weekday: time.Tuesday, Minute: 18*60 + 30}}
	first, ok := NextSlot(slots, nil, loc, now)
	if !ok || first.Text != "2026-05-05T18:30" {
		t.Fatalf("got %v", first)
	}
	second, _ := NextSlot(slots, []time.Time{first.At}, loc, now)
	if second.Text != "2026-05-11T09:00" {
		t.Fatalf("got %v", second)
	}
	if _, ok := NextSlot(nil, nil, loc, now); ok {
		t.Fatal("no slots, but a moment")
	}
	spring := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	if w, _ := NextSlot([]Slot{{Weekday: time.Sunday, Minute: 150}}, nil, loc, spring); w.Text != "2026-04-05T02:30" {
		t.Fatalf("the skipped hour was given: %v", w)
	}
}

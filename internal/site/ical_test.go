package site

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// observance is what a calendar program reads of one: from its onset, written in the
// time shown until then, clocks show this offset.
type readObservance struct {
	onset  time.Time // in UTC
	offset time.Duration
}

// moment reads a time as RFC 5545 (3.6.5) tells programs to: by the observance with
// the latest onset before it. Of a repeated hour the first counts.
func moment(t *rapid.T, calendar, name string) time.Time {
	var observances []readObservance
	var from, to time.Duration
	var onset, value string
	for line := range strings.SplitSeq(calendar, "\r\n") {
		property, v, _ := strings.Cut(line, ":")
		switch {
		case property == "DTSTART":
			onset = v
		case property == "TZOFFSETFROM":
			from = readOffset(t, v)
		case property == "TZOFFSETTO":
			to = readOffset(t, v)
		case line == "END:STANDARD" || line == "END:DAYLIGHT":
			at, err := time.Parse(icalLocal, onset)
			if err != nil {
				t.Fatal(err)
			}
			observances = append(observances, readObservance{at.Add(-from), to})
		case property == name:
			at, err := time.Parse("20060102T150405Z", v)
			if err != nil {
				t.Fatal(err)
			}
			return at
		case strings.HasPrefix(property, name+";TZID="):
			value = v
		}
	}
	wall, err := time.Parse(icalLocal, value)
	if err != nil {
		t.Fatal(err)
	}
	var found time.Time
	for n, o := range observances {
		at := wall.Add(-o.offset)
		next := n + 1
		if !at.Before(o.onset) && (next == len(observances) || at.Before(observances[next].onset)) && (found.IsZero() || at.Before(found)) {
			found = at
		}
	}
	return found
}

func readOffset(t *rapid.T, text string) time.Duration {
	var h, m int
	if _, err := fmt.Sscanf(text[1:], "%2d%2d", &h, &m); err != nil {
		t.Fatal(err)
	}
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if text[0] == '-' {
		return -d
	}
	return d
}

func TestTimeInACalendarIsTheMomentMeant(t *testing.T) {
	zones := []string{"Europe/Rome", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(rapid.Int64Range(1_500_000_000, 2_100_000_000).Draw(t, "at"), 0)
		if near := rapid.IntRange(-4, 4).Draw(t, "near a change"); near != 0 {
			// Half of what goes wrong does so in the hours around a change of the clocks.
			if _, change := at.In(zone).ZoneBounds(); !change.IsZero() {
				at = change.Add(time.Duration(near) * 30 * time.Minute)
			}
		}
		var l lines
		l.timezone(zone, at, at)
		l.at("X-MOMENT", at, zone)
		if got := moment(t, l.String(), "X-MOMENT"); !got.Equal(at) {
			t.Fatalf("%s is read as %s from\n%s", at.UTC(), got.UTC(), l.String())
		}
	})
}

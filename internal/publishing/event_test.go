package publishing

import (
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
)

func TestEventIsOfHoursOrOfDays(t *testing.T) {
	inst := institution.Institution{Zone: "Europe/Rome"}
	loc := inst.Location()
	for _, c := range []struct {
		name       string
		event      Event
		start, end string // RFC 3339; "" is unknown
		days       bool
		line       string
		wrong      string // field
	}{
		{"from an hour", Event{Start: "2026-05-04T18:30", Where: "Piazza"}, "2026-05-04T18:30:00+02:00", "", false, "04/05/2026, 18:30 · Piazza", ""},
		{"of some hours", Event{Start: "2026-05-04T18:30", End: "2026-05-04T20:00"}, "2026-05-04T18:30:00+02:00", "2026-05-04T20:00:00+02:00", false, "04/05/2026, 18:30–20:00", ""},
		{"over midnight", Event{Start: "2026-05-04T21:00", End: "2026-05-05T02:00"}, "2026-05-04T21:00:00+02:00", "2026-05-05T02:00:00+02:00", false, "04/05/2026, 21:00 – 05/05/2026, 02:00", ""},
		{"a day", Event{Start: "2026-05-04"}, "2026-05-04T00:00:00+02:00", "2026-05-05T00:00:00+02:00", true, "04/05/2026", ""},
		{"three days", Event{Start: "2026-05-04", End: "2026-05-06"}, "2026-05-04T00:00:00+02:00", "2026-05-07T00:00:00+02:00", true, "04/05/2026 – 06/05/2026", ""},
		{"the day in which clocks change", Event{Start: "2026-10-25"}, "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00", true, "25/10/2026", ""},
		{"an end before the start", Event{Start: "2026-05-04T18:30", End: "2026-05-04T18:00"}, "2026-05-04T18:30:00+02:00", "", false, "04/05/2026, 18:30", "event_end"},
		{"a last day before the first", Event{Start: "2026-05-04", End: "2026-05-03"}, "2026-05-04T00:00:00+02:00", "2026-05-05T00:00:00+02:00", true, "04/05/2026", "event_end"},
		{"an hour for the end only", Event{Start: "2026-05-04", End: "2026-05-04T20:00"}, "2026-05-04T00:00:00+02:00", "2026-05-05T00:00:00+02:00", true, "04/05/2026", "event_end"},
		{"an hour for the start only", Event{Start: "2026-05-04T18:00", End: "2026-05-05"}, "2026-05-04T18:00:00+02:00", "", false, "04/05/2026, 18:00", "event_end"},
		{"a day that is none", Event{Start: "2026-02-30"}, "", "", true, "", "event_start"},
		{"an hour without a day", Event{Start: "T18:30"}, "", "", false, "", "event_start"},
		{"an hour that is skipped", Event{Start: "2026-03-29T02:30"}, "", "", false, "", "event_start"},
		{"only a place", Event{Where: "Piazza"}, "", "", false, "", "event_start"},
	} {
		var f fault.Fields
		c.event.span(loc, &f)
		err := f.Err()
		fields := fault.Of(err).Fields
		if (err != nil) != (c.wrong != "") || c.wrong != "" && len(fields) == 0 {
			t.Errorf("%s: %v", c.name, err)
		} else if c.wrong != "" && fields[0].Name != c.wrong {
			t.Errorf("%s: %v", c.name, fields)
		}
		s, known := c.event.Span(loc)
		text := func(at time.Time) string {
			if at.IsZero() {
				return ""
			}
			return at.In(loc).Format(time.RFC3339)
		}
		if text(s.Start) != c.start || text(s.End) != c.end || s.Days != c.days || known != (c.start != "") {
			t.Errorf("%s: from %s to %s, %v", c.name, text(s.Start), text(s.End), s.Days)
		}
		if got := eventLine(&c.event, inst); got != c.line {
			t.Errorf("%s: %q, want %q", c.name, got, c.line)
		}
	}
}

package site

import (
	"fmt"
	"time"
)

// A calendar shows "21:00" of a town as 21:00 also to who is elsewhere, and after a
// government moves the clocks, when the time is written with its zone (RFC 5545,
// 3.3.5, form 3) and the zone with its rules (3.6.5).

// at writes a moment in the calendar's zone. Of an hour that the clocks repeat, local
// time means the first: the second is written in UTC.
func (l *lines) at(name string, t time.Time, zone *time.Location) {
	local := t.In(zone)
	if zone == time.UTC || repeated(local) {
		l.add(name, utc(t))
		return
	}
	l.add(name+";TZID="+zone.String(), local.Format(icalLocal))
}

const icalLocal = "20060102T150405"

// repeated reports whether the wall clock already showed this time an hour ago.
func repeated(t time.Time) bool {
	began, _ := t.ZoneBounds()
	if began.IsZero() {
		return false
	}
	_, offset := t.Zone()
	_, before := began.Add(-time.Second).Zone()
	return t.Sub(began) < time.Duration(before-offset)*time.Second
}

// timezone writes the rules of a zone from a year before the first moment to two
// years after the last: each observance by itself, since rules change.
func (l *lines) timezone(zone *time.Location, first, last time.Time) {
	if zone == time.UTC || first.IsZero() {
		return
	}
	l.add("BEGIN", "VTIMEZONE")
	l.add("TZID", zone.String())
	for at, end := first.AddDate(-1, 0, 0).In(zone), last.AddDate(2, 0, 0); at.Before(end); {
		began, ends := at.ZoneBounds()
		l.observance(at, began)
		if ends.IsZero() {
			break
		}
		at = ends
	}
	l.add("END", "VTIMEZONE")
}

// observance is the time between two changes of the clocks, of which at is within.
func (l *lines) observance(at, began time.Time) {
	name, offset := at.Zone()
	before, kind := offset, "STANDARD"
	if !began.IsZero() {
		_, before = began.Add(-time.Second).Zone()
	} else {
		began = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if at.IsDST() {
		kind = "DAYLIGHT"
	}
	l.add("BEGIN", kind)
	// The onset is written in the time that was shown until then.
	l.add("DTSTART", began.UTC().Add(time.Duration(before)*time.Second).Format(icalLocal))
	l.add("TZOFFSETFROM", icalOffset(before))
	l.add("TZOFFSETTO", icalOffset(offset))
	l.text("TZNAME", name)
	l.add("END", kind)
}

func icalOffset(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	text := fmt.Sprintf("%c%02d%02d", sign, seconds/3600, seconds/60%60)
	if s := seconds % 60; s > 0 {
		text += fmt.Sprintf("%02d", s)
	}
	return text
}

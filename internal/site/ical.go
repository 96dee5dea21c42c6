package site

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/fault"
)

// iCalendar (RFC 5545). Times of events are in the institution's zone; when
// something was written is in UTC.

// lines is a calendar being written: one content line after another.
type lines struct{ strings.Builder }

// add writes a property whose value is written as it is.
func (l *lines) add(name, value string) { l.fold(name + ":" + value) }

// text writes a property of type TEXT, escaped (3.3.11).
func (l *lines) text(name, value string) {
	if value != "" {
		l.fold(name + ":" + escapeText(value))
	}
}

// fold breaks a line at 75 octets without cutting a character (3.1).
func (l *lines) fold(line string) {
	room := 75
	for len(line) > room {
		at := room
		for !utf8.RuneStart(line[at]) {
			at--
		}
		l.WriteString(line[:at] + "\r\n ")
		line, room = line[at:], 74
	}
	l.WriteString(line + "\r\n")
}

var icalEscapes = strings.NewReplacer("\\", "\\\\", ";", "\\;", ",", "\\,", "\r\n", "\\n", "\n", "\\n", "\r", "\\n")

func escapeText(s string) string { return icalEscapes.Replace(visible(s)) }

func utc(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// calendar writes the events of the feed.
func (f feed) calendar() ([]byte, error) {
	var l lines
	l.add("BEGIN", "VCALENDAR")
	l.add("VERSION", "2.0")
	l.add("PRODID", "-//Arengo//Arengo//IT")
	l.add("CALSCALE", "GREGORIAN")
	l.add("METHOD", "PUBLISH")
	l.text("NAME", f.Title)
	l.text("X-WR-CALNAME", f.Title)
	l.text("X-WR-CALDESC", f.Description)
	l.add("X-WR-TIMEZONE", f.Zone.String())
	l.add("REFRESH-INTERVAL;VALUE=DURATION", "PT1H")
	first, last := f.span()
	l.timezone(f.Zone, first, last)
	for _, i := range f.Items {
		if i.IsEvent() {
			i.event(&l, f.Zone)
		}
	}
	l.add("END", "VCALENDAR")
	return []byte(l.String()), nil
}

// span is from the first event's beginning to the last one's end.
func (f feed) span() (first, last time.Time) {
	for _, i := range f.Items {
		if !i.IsEvent() {
			continue
		}
		if first.IsZero() || i.EventStart.Before(first) {
			first = i.EventStart
		}
		if end := i.Ends(); end.After(last) {
			last = end
		}
	}
	return first, last
}

func (i item) event(l *lines, zone *time.Location) {
	l.add("BEGIN", "VEVENT")
	l.add("UID", i.ID)
	l.add("DTSTAMP", utc(i.updated()))
	l.add("LAST-MODIFIED", utc(i.updated()))
	l.add("SEQUENCE", strconv.FormatInt(max(0, i.Rev-1), 10))
	i.times(l, zone)
	l.text("SUMMARY", i.Title)
	l.text("DESCRIPTION", strings.TrimSpace(i.Text+"\n\n"+i.URL))
	l.text("LOCATION", i.Place)
	if i.HasMap() {
		l.add("GEO", fmt.Sprintf("%.6f;%.6f", *i.Lat, *i.Lon))
	}
	l.add("URL", i.URL)
	var tags []string
	for _, t := range i.Tags {
		tags = append(tags, escapeText(t.Label))
	}
	if len(tags) > 0 {
		l.add("CATEGORIES", strings.Join(tags, ","))
	}
	l.add("STATUS", "CONFIRMED")
	l.add("TRANSP", "TRANSPARENT")
	l.add("END", "VEVENT")
}

// times writes when an event is. Without a known end it has none (3.6.1); of whole
// days the end is the day after the last.
func (i item) times(l *lines, zone *time.Location) {
	if i.EventDays {
		const date = "20060102"
		l.add("DTSTART;VALUE=DATE", i.EventStart.In(zone).Format(date))
		l.add("DTEND;VALUE=DATE", i.EventEnd.In(zone).Format(date))
		return
	}
	l.at("DTSTART", i.EventStart, zone)
	if i.EventEnd.After(i.EventStart) {
		l.at("DTEND", i.EventEnd, zone)
	}
}

// messageEvent is the event of one message, to add to a calendar.
func (s *Site) messageEvent(v *visit) (*answer, error) {
	p, err := bySlug(v.Context(), v.tx, v.i.ID, v.PathValue("slug"))
	if err != nil {
		return nil, err
	}
	if !p.IsEvent() || !p.WithdrawnAt.IsZero() {
		return nil, fault.Missing("site.event.missing")
	}
	f := feed{Title: p.Title, Zone: v.i.Location(), Items: []item{newItem(v, p)}}
	body, err := f.calendar()
	return &answer{status: http.StatusOK, kind: "text/calendar; charset=utf-8", body: body, modified: p.UpdatedAt}, err
}

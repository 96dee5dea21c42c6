package publishing

import (
	"fmt"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
)

// Event is when something happens, in the institution's zone: from a moment
// ("2026-05-04T18:30"), or on whole days ("2026-05-04"). End may be empty; of whole
// days it is the last.
type Event struct {
	Start string `json:"start"`
	End   string `json:"end,omitempty"`
	Where string `json:"where,omitempty"`
}

// Span is an event's time as instants.
type Span struct {
	Start time.Time
	End   time.Time // zero when nobody said; of whole days, the midnight after the last
	Days  bool      // it takes whole days
}

// ParseDay reads a day of a zone, "2026-05-04": its first instant.
func ParseDay(text string, loc *time.Location) (time.Time, error) {
	at, err := time.ParseInLocation(time.DateOnly, text, loc)
	if err != nil || at.Year() < 2000 || at.Year() > 2100 {
		return time.Time{}, errWallForm
	}
	return at, nil
}

// isDay tells a day from a moment, right or wrong.
func isDay(text string) bool { return text != "" && !strings.Contains(text, "T") }

// span reads an event's time, and tells the form what is wrong with it.
func (e Event) span(loc *time.Location, f *fault.Fields) (s Span) {
	s.Days = isDay(e.Start)
	if e.End != "" && isDay(e.End) != s.Days {
		f.Add("event_end", "message.event.mixed")
		return s
	}
	if s.Days {
		return e.days(loc, f)
	}
	start, err := ParseWall(e.Start, loc)
	if err != nil {
		f.Add("event_start", wallKey(err, "message.event.start.form"))
	}
	s.Start = start.At
	if e.End == "" {
		return s
	}
	end, wrong := ParseWall(e.End, loc)
	switch {
	case wrong != nil:
		f.Add("event_end", wallKey(wrong, "message.event.end.form"))
	case err == nil && end.At.Before(start.At):
		f.Add("event_end", "message.event.order")
	}
	s.End = end.At
	return s
}

func (e Event) days(loc *time.Location, f *fault.Fields) Span {
	s := Span{Days: true}
	first, err := ParseDay(e.Start, loc)
	if err != nil {
		f.Add("event_start", "message.event.start.form")
	}
	last := first
	if e.End != "" {
		day, wrong := ParseDay(e.End, loc)
		switch {
		case wrong != nil:
			f.Add("event_end", "message.event.end.form")
		case err == nil && day.Before(first):
			f.Add("event_end", "message.event.order")
		}
		last = day
	}
	if err == nil {
		s.Start, s.End = first, last.AddDate(0, 0, 1)
	}
	return s
}

// Span is when an event takes place; known is false when its start cannot be read.
func (e *Event) Span(loc *time.Location) (s Span, known bool) {
	if e == nil {
		return s, false
	}
	var f fault.Fields
	s = e.span(loc, &f)
	if f.Err() != nil { // half-written: what can be read is shown
		end := s.End
		s = Event{Start: e.Start}.span(loc, &fault.Fields{})
		if !s.Days && end.After(s.Start) {
			s.End = end
		}
	}
	return s, !s.Start.IsZero()
}

// Last is the last day of an event of whole days: its first instant.
func (s Span) Last(loc *time.Location) time.Time { return s.End.In(loc).AddDate(0, 0, -1) }

// eventLine says when and where in figures, which need no translation:
// "04/05/2026, 18:30–20:00 · Piazza Grande", "04/05/2026 – 06/05/2026".
func eventLine(e *Event, inst institution.Institution) string {
	loc := inst.Location()
	s, known := e.Span(loc)
	if !known {
		return ""
	}
	const day, hour = "02/01/2006", "15:04"
	start, end := s.Start.In(loc), s.End.In(loc)
	line := start.Format(day)
	switch {
	case s.Days:
		if last := s.Last(loc).Format(day); last != line {
			line += " – " + last
		}
	case s.End.IsZero() || s.End.Equal(s.Start):
		line += ", " + start.Format(hour)
	case end.Format(day) == line:
		line += ", " + start.Format(hour) + "–" + end.Format(hour)
	default:
		line = fmt.Sprintf("%s, %s – %s, %s", line, start.Format(hour), end.Format(day), end.Format(hour))
	}
	if e.Where != "" {
		line += " · " + e.Where
	}
	return line
}

func (e *Event) words() string {
	if e == nil {
		return ""
	}
	s := e.Start
	if e.End != "" {
		s += " – " + e.End
	}
	if e.Where != "" {
		s += ", " + e.Where
	}
	return s
}

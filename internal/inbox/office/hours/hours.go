// Package hours counts working time: how long an office has had something, and by
// when it must answer, when only the time counts in which it is open.
//
// A week says when the office opens, day by day, in several intervals; the national
// holidays of Italy, the feast of the patron saint and other closing days say when
// it does not. Everything is reckoned in the institution's zone, night by night:
// an hour that the clock skips in spring is not worked, one that it repeats in
// autumn is worked twice.
package hours

import (
	"slices"
	"time"
)

// Interval is a stretch of a day, in minutes of the wall clock from midnight, its
// end left out: 9:00–12:30 is {540, 750}. To may be 1440, midnight.
type Interval struct{ From, To int }

// Week is when an office is open, by day of the week (time.Sunday is 0).
type Week [7][]Interval

// Default is the week of an institution that has said nothing: Monday to Friday,
// 9–13 and 14–18, eight hours a day.
func Default() (w Week) {
	for day := time.Monday; day <= time.Friday; day++ {
		w[day] = []Interval{{9 * 60, 13 * 60}, {14 * 60, 18 * 60}}
	}
	return w
}

// Minutes is how many minutes a week without holidays has.
func (w Week) Minutes() (n int) {
	for _, day := range w {
		for _, i := range day {
			n += i.To - i.From
		}
	}
	return n
}

// Date is a day of the calendar, wherever.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the day of a moment in the zone that the moment is in.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// Next is the day after.
func (d Date) Next() Date { return DateOf(d.noon().AddDate(0, 0, 1)) }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.noon().Weekday() }

// String is the day as ISO 8601 writes it: 2026-05-04.
func (d Date) String() string { return d.noon().Format(time.DateOnly) }

// noon is a moment of the day that no clock skips.
func (d Date) noon() time.Time { return time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, time.UTC) }

// Closing is a day on which the institution is closed: each year when Year is 0
// (the patron saint), or once (the bridge before a holiday).
type Closing struct {
	Date
	Name string
}

// on reports whether the closing is that day.
func (c Closing) on(d Date) bool {
	return c.Month == d.Month && c.Day == d.Day && (c.Year == 0 || c.Year == d.Year)
}

// Calendar is when an office works. The zero Zone is UTC.
type Calendar struct {
	Week     Week
	Closings []Closing
	Zone     *time.Location
}

// horizon bounds the search for working time, in days: nobody's deadline is ten
// years away, and a calendar that is always closed must not search for ever.
const horizon = 3660

// Closed says why the office is closed on a day of its week; ok is false when it
// is not.
func (c Calendar) Closed(d Date) (name string, ok bool) {
	if h, ok := HolidayOn(d); ok {
		return h.Name, true
	}
	if i := slices.IndexFunc(c.Closings, func(k Closing) bool { return k.on(d) }); i >= 0 {
		return c.Closings[i].Name, true
	}
	return "", false
}

// Add is the first moment by which, counted from a moment, so much working time
// has passed; from itself when worked is not positive. ok is false when there is
// not as much within ten years: the office never opens.
func (c Calendar) Add(from time.Time, worked time.Duration) (due time.Time, ok bool) {
	if worked <= 0 {
		return from, true
	}
	day := DateOf(from.In(c.zone()))
	for range horizon {
		for _, s := range c.spans(day) {
			if s.from.Before(from) {
				s.from = from
			}
			has := s.to.Sub(s.from)
			if has >= worked {
				return s.from.Add(worked), true
			}
			worked -= max(has, 0)
		}
		day = day.Next()
	}
	return time.Time{}, false
}

// Between is how much working time lies between two moments; zero when the second
// is not after the first. Beyond ten years nothing is counted.
func (c Calendar) Between(from, to time.Time) (worked time.Duration) {
	if !to.After(from) {
		return 0
	}
	day, last := DateOf(from.In(c.zone())), DateOf(to.In(c.zone()))
	for range horizon {
		for _, s := range c.spans(day) {
			if s.from.Before(from) {
				s.from = from
			}
			if s.to.After(to) {
				s.to = to
			}
			worked += max(s.to.Sub(s.from), 0)
		}
		if day == last {
			break
		}
		day = day.Next()
	}
	return worked
}

// Open reports whether the office is open at a moment.
func (c Calendar) Open(t time.Time) bool {
	for _, s := range c.spans(DateOf(t.In(c.zone()))) {
		if !t.Before(s.from) && t.Before(s.to) {
			return true
		}
	}
	return false
}

type span struct{ from, to time.Time }

// spans are the moments in which the office is open on a day.
func (c Calendar) spans(d Date) []span {
	week := c.Week[d.Weekday()]
	if len(week) == 0 {
		return nil
	}
	if _, closed := c.Closed(d); closed {
		return nil
	}
	out := make([]span, 0, len(week))
	for _, i := range week {
		out = append(out, span{moment(d, i.From, c.zone()), moment(d, i.To, c.zone())})
	}
	return out
}

func (c Calendar) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// moment is when the clocks of a zone first show a minute of a day. A minute that
// they skip is the moment at which they skip it, so that later minutes are never
// earlier moments. (time.Date leaves open which one it returns.)
func moment(d Date, minute int, zone *time.Location) time.Time {
	t := time.Date(d.Year, d.Month, d.Day, 0, minute, 0, 0, zone)
	wanted := time.Date(d.Year, d.Month, d.Day, 0, minute, 0, 0, time.UTC)
	start, end := t.ZoneBounds()
	switch shown := onWall(t); {
	case shown.After(wanted) && !start.IsZero():
		return start
	case shown.Before(wanted) && !end.IsZero():
		return end
	case start.IsZero():
		return t
	}
	_, now := t.Zone()
	_, before := start.Add(-time.Nanosecond).Zone()
	if earlier := t.Add(-time.Duration(before-now) * time.Second); before > now && earlier.Before(start) {
		return earlier
	}
	return t
}

// onWall is what the clocks of a moment's zone show, as if it were UTC.
func onWall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

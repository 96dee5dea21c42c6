package board

import (
	"testing"
	"time"
)

// FuzzPeriod: whatever the address says, the period begins on a midnight, holds
// the chosen day, and is a week, or the weeks of a month, or a month.
func FuzzPeriod(f *testing.F) {
	for _, day := range []string{"", "2026-05-04", "2026-03-29", "2026-10-25", "2000-01-01", "2099-12-31", "0001-01-01", "x"} {
		f.Add(week, day)
		f.Add(month, day)
		f.Add(list, day)
	}
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, view, day string) {
		p := readPeriod(view, day, now, rome)
		if p.day.Before(p.from) || !p.day.Before(p.to) {
			t.Errorf("%v is not from %v to %v", p.day, p.from, p.to)
		}
		days := 0
		for d := noon(p.from); d.Before(p.to); d = d.AddDate(0, 0, 1) {
			days++
		}
		switch p.view {
		case week:
			if days != 7 || p.from.Weekday() != time.Monday {
				t.Errorf("a week of %d days from %v", days, p.from.Weekday())
			}
		case month:
			if days%7 != 0 || days < 28 || days > 42 || p.from.Weekday() != time.Monday {
				t.Errorf("a month in %d days from %v", days, p.from.Weekday())
			}
		case list:
			if days < 28 || days > 31 || p.from.Day() != 1 {
				t.Errorf("a list of %d days from %v", days, p.from)
			}
		default:
			t.Errorf("view %q", p.view)
		}
		if next := p.step(1); next.Before(p.to) && p.view == week || p.step(-1).After(p.day) {
			t.Errorf("the steps from %v lead to %v and %v", p.day, p.step(-1), next)
		}
	})
}

// FuzzClock: what is read as a time of day is one, and is written as it was read.
func FuzzClock(f *testing.F) {
	for _, text := range []string{"", "00:00", "09:30", "23:59", "24:00", "9:30", "09:30:15", "aa:bb", "-1:00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		minute := parseClock(text)
		if minute == -1 {
			return
		}
		if minute < 0 || minute >= 24*60 || clockTime(minute) != text[:5] {
			t.Errorf("%q was read as minute %d, %s", text, minute, clockTime(minute))
		}
	})
}

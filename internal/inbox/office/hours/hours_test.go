package hours_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"codeberg.org/arengo/arengo/internal/inbox/office/hours"
)

func rome(t interface{ Fatal(...any) }) *time.Location {
	l, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// week reads a week from the text of each day, Monday first.
func week(t testing.TB, days ...string) (w hours.Week) {
	t.Helper()
	for n, text := range days {
		day, err := hours.ParseDay(text)
		if err != nil {
			t.Fatal(err)
		}
		w[(n+1)%7] = day
	}
	return w
}

// TestDeadlineCountsOnlyWorkingTime: an office open 9–13 and 14–18 from Monday to
// Friday, in a town whose patron is Saint John.
func TestDeadlineCountsOnlyWorkingTime(t *testing.T) {
	c := hours.Calendar{Week: hours.Default(), Zone: rome(t), Closings: []hours.Closing{
		{Date: hours.Date{Month: time.June, Day: 24}, Name: "San Giovanni Battista"},
		{Date: hours.Date{Year: 2026, Month: time.December, Day: 7}, Name: "Ponte dell'Immacolata"},
	}}
	for _, x := range []struct {
		name, from, due string
		hours           float64
	}{
		{"within the morning", "2026-05-04T09:30", "2026-05-04T11:00", 1.5},
		{"ends as the office closes for lunch", "2026-05-04T09:00", "2026-05-04T13:00", 4},
		{"goes on after lunch", "2026-05-04T12:30", "2026-05-04T14:30", 1},
		{"asked at lunch", "2026-05-04T13:20", "2026-05-04T15:00", 1},
		{"asked in the evening", "2026-05-04T21:00", "2026-05-05T10:00", 1},
		{"asked before opening", "2026-05-04T03:00", "2026-05-04T10:00", 1},
		{"two days across a weekend", "2026-05-08T09:00", "2026-05-11T18:00", 16},
		{"asked on Saturday", "2026-05-09T10:00", "2026-05-12T18:00", 16},
		{"across 1 May", "2026-04-30T17:00", "2026-05-04T10:00", 2},
		{"across Easter Monday", "2026-04-03T17:00", "2026-04-07T10:00", 2},
		{"across the patron saint's day", "2026-06-23T17:00", "2026-06-25T10:00", 2},
		{"across a bridge of that year only", "2026-12-04T17:00", "2026-12-09T10:00", 2},
		{"the bridge is no closing day the year after", "2027-12-06T17:00", "2027-12-07T10:00", 2},
		{"across Christmas", "2026-12-24T17:00", "2026-12-28T10:00", 2},
		{"across Saint Francis, since 2026", "2027-10-01T17:00", "2027-10-05T10:00", 2},
		{"before law 151/2025 that day was a day of work", "2024-10-03T17:00", "2024-10-04T10:00", 2},
		{"across the night in which the clocks go forward", "2026-03-27T17:00", "2026-03-30T10:00", 2},
		{"no time at all", "2026-05-09T10:00", "2026-05-09T10:00", 0},
	} {
		from := wall(t, x.from)
		got, ok := c.Add(from, time.Duration(x.hours*float64(time.Hour)))
		if !ok || !got.Equal(wall(t, x.due)) {
			t.Errorf("%s: %s, %v; want %s", x.name, got.In(c.Zone).Format("2006-01-02T15:04"), ok, x.due)
		}
		if got := c.Between(from, wall(t, x.due)).Hours(); got != x.hours {
			t.Errorf("%s: %v hours between, want %v", x.name, got, x.hours)
		}
	}
}

func wall(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02T15:04", text, rome(t))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// In the night of 29 March 2026 the clocks of Rome jump from 2 to 3; in that of
// 25 October they show the hour from 2 to 3 twice.
func TestNightShiftsLastAsLongAsTheyLast(t *testing.T) {
	for _, x := range []struct {
		name, sunday, from, to string
		hours                  float64
	}{
		{"an ordinary night", "0:00-6:00", "2026-05-03T00:00", "2026-05-04T00:00", 6},
		{"the short night", "0:00-6:00", "2026-03-29T00:00", "2026-03-30T00:00", 5},
		{"the long night", "0:00-6:00", "2026-10-25T00:00", "2026-10-26T00:00", 7},
		{"an interval that the clocks skip", "2:15-2:45", "2026-03-29T00:00", "2026-03-30T00:00", 0},
		{"an interval that begins in the skipped hour", "2:30-4:00", "2026-03-29T00:00", "2026-03-30T00:00", 1},
		{"an interval that ends in the skipped hour", "1:00-2:30", "2026-03-29T00:00", "2026-03-30T00:00", 1},
		{"an interval that ends in the repeated hour", "1:00-2:30", "2026-10-25T00:00", "2026-10-26T00:00", 1.5},
		{"what is left of that night", "2:30-6:00", "2026-10-25T00:00", "2026-10-26T00:00", 4.5},
		{"until midnight", "20:00-24:00", "2026-05-03T00:00", "2026-05-04T00:00", 4},
	} {
		c := hours.Calendar{Week: week(t, "", "", "", "", "", "", x.sunday), Zone: rome(t)}
		if got := c.Between(wall(t, x.from), wall(t, x.to)).Hours(); got != x.hours {
			t.Errorf("%s: %v hours, want %v", x.name, got, x.hours)
		}
	}
}

func TestOfficeThatNeverOpensHasNoDeadline(t *testing.T) {
	c := hours.Calendar{Zone: rome(t)}
	if at, ok := c.Add(wall(t, "2026-05-04T09:00"), time.Minute); ok {
		t.Errorf("due at %s", at)
	}
	if got := c.Between(wall(t, "2026-05-04T09:00"), wall(t, "2027-05-04T09:00")); got != 0 {
		t.Errorf("worked %s", got)
	}
	if c.Open(wall(t, "2026-05-04T09:00")) {
		t.Error("it is open")
	}
}

func TestOpenFollowsTheIntervals(t *testing.T) {
	c := hours.Calendar{Week: hours.Default(), Zone: rome(t)}
	for text, want := range map[string]bool{"2026-05-04T08:59": false, "2026-05-04T09:00": true, "2026-05-04T12:59": true, "2026-05-04T13:00": false,
		"2026-05-04T17:59": true, "2026-05-09T10:00": false, "2026-05-01T10:00": false} {
		if got := c.Open(wall(t, text)); got != want {
			t.Errorf("open at %s: %v", text, got)
		}
	}
}

// calendars draws weeks, closings and zones.
func calendars(t *rapid.T) hours.Calendar {
	zones := []string{"Europe/Rome", "UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"}
	zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	c := hours.Calendar{Zone: zone}
	for day := range c.Week {
		at := 0
		for range rapid.IntRange(0, 3).Draw(t, "intervals") {
			if at >= 1439 {
				break
			}
			from := rapid.IntRange(at, 1439).Draw(t, "from")
			to := rapid.IntRange(from+1, 1440).Draw(t, "to")
			c.Week[day], at = append(c.Week[day], hours.Interval{From: from, To: to}), to+1
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "closings") {
		c.Closings = append(c.Closings, hours.Closing{Date: hours.Date{
			Month: time.Month(rapid.IntRange(1, 12).Draw(t, "month")), Day: rapid.IntRange(1, 28).Draw(t, "day")}})
	}
	return c
}

func moments(t *rapid.T, name string) time.Time {
	return time.Unix(rapid.Int64Range(1_577_836_800, 1_893_456_000).Draw(t, name), 0) // 2020–2030
}

// What Add promises, Between measures, and no earlier moment would do.
func TestAddAndBetweenAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, from := calendars(t), moments(t, "from")
		worked := time.Duration(rapid.IntRange(1, 6000).Draw(t, "minutes")) * time.Minute
		due, ok := c.Add(from, worked)
		if !ok {
			if c.Week.Minutes() > 60 {
				t.Fatal("no deadline although the office opens")
			}
			return
		}
		if got := c.Between(from, due); got != worked {
			t.Fatalf("%s between, want %s", got, worked)
		}
		if got := c.Between(from, due.Add(-time.Second)); got >= worked {
			t.Fatalf("an earlier moment would have done: %s", got)
		}
	})
}

func TestBetweenAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, a := calendars(t), moments(t, "a")
		b := a.Add(time.Duration(rapid.IntRange(0, 90*24*60).Draw(t, "b")) * time.Minute)
		d := b.Add(time.Duration(rapid.IntRange(0, 90*24*60).Draw(t, "d")) * time.Minute)
		if whole, parts := c.Between(a, d), c.Between(a, b)+c.Between(b, d); whole != parts {
			t.Fatalf("%s is not %s", whole, parts)
		}
		if got := c.Between(a, b); got < 0 || got > b.Sub(a) {
			t.Fatalf("%s of %s", got, b.Sub(a))
		}
		if c.Between(b, a) != 0 && !a.Equal(b) {
			t.Fatal("time worked backwards")
		}
	})
}

// Counting minute by minute, as slowly and plainly as can be, gives the same.
func TestBetweenIsTheMinutesInWhichTheOfficeIsOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, a := calendars(t), moments(t, "a").Truncate(time.Minute)
		n := rapid.IntRange(0, 3*24*60).Draw(t, "minutes")
		open := 0
		for i := range n {
			if c.Open(a.Add(time.Duration(i) * time.Minute)) {
				open++
			}
		}
		if got := c.Between(a, a.Add(time.Duration(n)*time.Minute)); got != time.Duration(open)*time.Minute {
			t.Fatalf("%s, counted %d minutes", got, open)
		}
	})
}

func TestLaterQuestionIsNeverDueEarlier(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, a := calendars(t), moments(t, "a")
		b := a.Add(time.Duration(rapid.IntRange(0, 30*24*60).Draw(t, "later")) * time.Minute)
		worked := time.Duration(rapid.IntRange(1, 3000).Draw(t, "minutes")) * time.Minute
		first, ok := c.Add(a, worked)
		second, also := c.Add(b, worked)
		if ok && also && second.Before(first) {
			t.Fatalf("%s before %s", second, first)
		}
	})
}

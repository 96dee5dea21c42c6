package hours_test

import (
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/inbox/office/hours"
)

// The dates are those of the almanacs, with the earliest and the latest possible
// ones and the years 1954 and 1981, in which the exceptions of the epact count.
func TestEasterIsThatOfTheAlmanac(t *testing.T) {
	for _, want := range []string{
		"1818-03-22", "1943-04-25", "1954-04-18", "1961-04-02", "1981-04-19", "2000-04-23", "2001-04-15", "2002-03-31", "2003-04-20", "2004-04-11",
		"2005-03-27", "2006-04-16", "2007-04-08", "2008-03-23", "2009-04-12", "2010-04-04", "2011-04-24", "2012-04-08", "2013-03-31", "2014-04-20",
		"2015-04-05", "2016-03-27", "2017-04-16", "2018-04-01", "2019-04-21", "2020-04-12", "2021-04-04", "2022-04-17", "2023-04-09", "2024-03-31",
		"2025-04-20", "2026-04-05", "2027-03-28", "2028-04-16", "2029-04-01", "2030-04-21", "2031-04-13", "2032-03-28", "2033-04-17", "2034-04-09",
		"2035-03-25", "2036-04-13", "2037-04-05", "2038-04-25", "2039-04-10", "2040-04-01", "2285-03-22",
	} {
		day, err := time.Parse(time.DateOnly, want)
		if err != nil {
			t.Fatal(err)
		}
		if got := hours.Easter(day.Year()).String(); got != want {
			t.Errorf("Easter is %s, want %s", got, want)
		}
	}
}

// meeus is the same rule in the form without tables (Butcher 1876, Meeus 1991).
func meeus(year int) (month, day int) {
	a, b, c := year%19, year/100, year%100
	h := (19*a + b - b/4 - (b-(b+8)/25+1)/3 + 15) % 30
	l := (32 + 2*(b%4) + 2*(c/4) - h - c%4) % 7
	m := (a + 11*h + 22*l) / 451
	return (h + l - 7*m + 114) / 31, (h+l-7*m+114)%31 + 1
}

func TestEasterAgreesWithTheOtherFormula(t *testing.T) {
	for year := 1583; year < 6000; year++ {
		month, day := meeus(year)
		if got := hours.Easter(year); int(got.Month) != month || got.Day != day || got.Weekday() != time.Sunday {
			t.Fatalf("Easter of %d is %s, want %d-%d", year, got, month, day)
		}
	}
}

func TestHolidaysOfAYear(t *testing.T) {
	want := map[int][]string{
		2025: {"01-01 Capodanno", "01-06 Epifania", "04-21 Lunedì dell'Angelo", "04-25 Anniversario della Liberazione", "05-01 Festa del lavoro", "06-02 Festa della Repubblica",
			"08-15 Assunzione di Maria", "11-01 Ognissanti", "12-08 Immacolata Concezione", "12-25 Natale", "12-26 Santo Stefano"},
		// From 2026 on Saint Francis is a holiday again (law 151/2025).
		2027: {"01-01 Capodanno", "01-06 Epifania", "03-29 Lunedì dell'Angelo", "04-25 Anniversario della Liberazione", "05-01 Festa del lavoro", "06-02 Festa della Repubblica",
			"08-15 Assunzione di Maria", "10-04 San Francesco d'Assisi", "11-01 Ognissanti", "12-08 Immacolata Concezione", "12-25 Natale", "12-26 Santo Stefano"},
	}
	for year, days := range want {
		got := hours.Holidays(year)
		if len(got) != len(days) {
			t.Errorf("%d has %d holidays, want %d", year, len(got), len(days))
			continue
		}
		for i, f := range got {
			if text := f.String()[5:] + " " + f.Name; text != days[i] || f.Source == "" {
				t.Errorf("%d: got %q (%s), want %q", year, text, f.Source, days[i])
			}
		}
	}
	// In 2011 Easter Monday fell on 25 April: one day, not two.
	if got := len(hours.Holidays(2011)); got != 10 {
		t.Errorf("2011 has %d holidays", got)
	}
}

package i18n

import (
	"math"
	"testing"
	"time"
)

func both(t *testing.T) (it, en *Printer) {
	t.Helper()
	b, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	return b.For(Italian, rome), b.For(English, rome)
}

func TestDatesAreWrittenInTheZoneOfTheInstitution(t *testing.T) {
	it, en := both(t)
	may := time.Date(2026, 5, 4, 16, 30, 0, 0, time.UTC)
	first := time.Date(2026, 4, 30, 22, 5, 0, 0, time.UTC) // after midnight in Rome
	cases := []struct{ got, want string }{
		{it.DateTime(may), "lunedì 4 maggio 2026, ore 18:30"},
		{en.DateTime(may), "Monday 4 May 2026, 18:30"},
		{it.Date(first), "venerdì 1º maggio 2026"},
		{en.Date(first), "Friday 1 May 2026"},
		{it.Time(first), "00:05"},
		{it.DateShort(may), "4 mag 2026"},
		{it.DateTimeShort(may), "4 mag 2026, 18:30"},
		{en.Month(may), "May 2026"},
		{it.Weekday(time.Sunday), "domenica"},
	}
	for _, c := range cases {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestNumbersHaveTheSeparatorsOfTheLanguage(t *testing.T) {
	it, en := both(t)
	cases := []struct{ got, want string }{
		{it.Number(1234.5), "1.234,5"}, {en.Number(1234.5), "1,234.5"},
		{it.Number(0), "0"}, {it.Number(999), "999"}, {it.Number(-1234567), "−1.234.567"}, {it.Number(-0.001), "0"},
		{it.Number(2.999), "3"}, {it.Number(math.NaN()), "–"}, {it.Number("testo"), ""},
		{it.Percent(0.125), "12,5%"}, {en.Percent(1), "100%"},
		{it.Money(123450), "1.234,50\u00a0€"}, {en.Money(-5), "−€0.05"}, {it.Money(-120), "−1,20\u00a0€"}, {it.Money(0), "0,00\u00a0€"},
		{it.Bytes(999), "999\u00a0byte"}, {it.Bytes(1500), "1,5\u00a0kB"}, {en.Bytes(200_000_000), "200\u00a0MB"}, {it.Bytes(999_999), "1\u00a0MB"},
	}
	for _, c := range cases {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestRelativeTimeUsesTheUnitAPersonWould(t *testing.T) {
	it, _ := both(t)
	now := time.Date(2026, 5, 4, 16, 30, 0, 0, time.UTC) // 18:30 in Rome
	cases := []struct {
		in   time.Duration
		want string
	}{
		{0, "adesso"}, {20 * time.Second, "adesso"}, {-time.Minute, "un minuto fa"}, {5 * time.Minute, "tra 5 minuti"},
		{-time.Hour, "un'ora fa"}, {3 * time.Hour, "tra 3 ore"}, {-17 * time.Hour, "oggi, ore 01:30"}, {-20 * time.Hour, "ieri, ore 22:30"},
		{6 * time.Hour, "domani, ore 00:30"}, {-72 * time.Hour, "3 giorni fa"}, {72 * time.Hour, "tra 3 giorni"}, {-30 * 24 * time.Hour, "4 apr 2026"},
	}
	for _, c := range cases {
		if got := it.Relative(now, now.Add(c.in)); got != c.want {
			t.Errorf("%v: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestADayOf25HoursIsOneDay(t *testing.T) {
	it, _ := both(t)
	// Clocks go back in the night of 25 October 2026.
	now := time.Date(2026, 10, 24, 22, 30, 0, 0, time.UTC) // 25 October, 00:30 in Rome
	if got := it.Relative(now, now.Add(24*time.Hour+20*time.Minute)); got != "oggi, ore 23:50" {
		t.Errorf("got %q", got)
	}
}

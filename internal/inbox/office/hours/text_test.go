package hours_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/inbox/office/hours"
)

func TestOpeningIsReadAsPeopleWriteIt(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"9-13":                      "09:00–13:00",
		"9:00-12:30, 14:30-17:00":   "09:00–12:30, 14:30–17:00",
		"14.30 – 17.00; 9.00—12.30": "09:00–12:30, 14:30–17:00",
		"9:00-11:00,11:00-12:00":    "09:00–12:00",
		"20:00-24:00":               "20:00–24:00",
		"0-24":                      "00:00–24:00",
	} {
		day, err := hours.ParseDay(text)
		if got := hours.FormatDay(day); err != nil || got != want {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestWrongOpeningIsRefused(t *testing.T) {
	for text, want := range map[string]error{
		"mattina": hours.ErrForm, "9:00": hours.ErrForm, "25:00-26:00": hours.ErrForm, "9:60-10:00": hours.ErrForm, "9:5-10:00": hours.ErrForm, "-9-10": hours.ErrForm,
		"24:30-25:00": hours.ErrForm, "٩-١٠": hours.ErrForm, "13:00-9:00": hours.ErrOrder, "9:00-9:00": hours.ErrOrder, "9:00-12:00, 11:00-13:00": hours.ErrOverlap,
		"1-2,3-4,5-6,7-8,9-10,11-12,13-14": hours.ErrMany,
	} {
		if day, err := hours.ParseDay(text); !errors.Is(err, want) {
			t.Errorf("%q: %v, %v; want %v", text, day, err, want)
		}
	}
}

func TestClosingDayIsReadAsPeopleWriteIt(t *testing.T) {
	for text, want := range map[string]hours.Date{
		"24/06": {Month: time.June, Day: 24}, "24.6": {Month: time.June, Day: 24}, "29/02": {Month: time.February, Day: 29},
		"24/12/2026": {Year: 2026, Month: time.December, Day: 24}, "2026-12-24": {Year: 2026, Month: time.December, Day: 24},
	} {
		if got, err := hours.ParseDate(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "24", "24/13", "30/02", "31/04", "29/02/2027", "24/06/26", "24/06/1999", "giugno", "24/06/2026/1", "0/1", "2026-13-01"} {
		if got, err := hours.ParseDate(text); !errors.Is(err, hours.ErrDate) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

func FuzzParseDay(f *testing.F) {
	for _, s := range []string{"", "9-13", "9:00-12:30, 14:30-17:00", "20.00–24.00", "13-9", "1-2,3-4,5-6,7-8,9-10,11-12,13-14"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		day, err := hours.ParseDay(s)
		if err != nil {
			return
		}
		last := -1
		for _, i := range day {
			if i.From <= last || i.To <= i.From || i.To > 1440 {
				t.Fatalf("%q is %v", s, day)
			}
			last = i.To
		}
		again, err := hours.ParseDay(hours.FormatDay(day))
		if err != nil || !slices.Equal(again, day) {
			t.Fatalf("%v became %v, %v", day, again, err)
		}
	})
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"24/06", "29/02", "24/12/2026", "2026-12-24", "31.4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := hours.ParseDate(s)
		if err != nil {
			return
		}
		again, err := hours.ParseDate(hours.Closing{Date: d}.Text())
		if err != nil || again != d {
			t.Fatalf("%v became %v, %v", d, again, err)
		}
	})
}

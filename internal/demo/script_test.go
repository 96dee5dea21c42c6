package demo

import (
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/publishing"
)

// On whatever day the town is filled, its script can be told.
func TestScriptHoldsAllYear(t *testing.T) {
	s, err := readScript()
	if err != nil {
		t.Fatal(err)
	}
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	for day := range 366 {
		now := time.Date(2026, 1, 1+day, 11, 0, 0, 0, rome)
		told := 0
		for _, e := range s.Messages {
			at, err := e.moment(now, rome)
			if err != nil {
				t.Fatal(err)
			}
			if !e.inSeason(at) {
				continue
			}
			told++
			text := e.dated(e.Title+"\n"+e.Body+"\n"+e.Square, at)
			if left := mark.FindString(strings.ReplaceAll(text, "{link}", "")); left != "" {
				t.Errorf("%q on %s: %s is left", e.Title, now.Format(time.DateOnly), left)
			}
			if e.Event == nil {
				continue
			}
			if _, err := publishing.ParseWall(e.Event.when(at).Start, rome); err != nil {
				t.Errorf("%q on %s: %v", e.Title, now.Format(time.DateOnly), err)
			}
		}
		if told < 75 {
			t.Errorf("%s: only %d messages", now.Format(time.DateOnly), told)
		}
	}
}

func TestDaysOpenSentencesWithACapital(t *testing.T) {
	at := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	e := entry{Event: &event{After: 2, On: "sab", Start: "09:30"}}
	got := e.dated("{+1} si parte. {+2} si arriva.\n\n**{evento}** festa; da {+3} riposo, come a {mese}. {link}", at)
	want := "Martedì 5 maggio si parte. Mercoledì 6 maggio si arriva.\n\n**Sabato 9 maggio alle 9:30** festa; da giovedì 7 maggio riposo, come a maggio. {link}"
	if got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

package pages

import (
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/publishing"
)

func TestPointIsReadAsMapsWriteIt(t *testing.T) {
	for text, want := range map[string][2]float64{
		"45.59, 9.08":            {45.59, 9.08},
		"45.59,9.08":             {45.59, 9.08},
		" 45.5901 9.0812 ":       {45.5901, 9.0812},
		"45,59 9,08":             {45.59, 9.08},
		"45,59, 9,08":            {45.59, 9.08},
		"-33.9; 18.4":            {-33.9, 18.4},
		"geo:45.59,9.08":         {45.59, 9.08},
		"#map=17/45.5901/9.0812": {45.5901, 9.0812},
		"https://www.openstreetmap.org/#map=17/45.5/9.1": {45.5, 9.1},
	} {
		if lat, lon, ok := parsePoint(text); !ok || lat != want[0] || lon != want[1] {
			t.Errorf("%q: %v %v %v, want %v", text, lat, lon, ok, want)
		}
	}
	for _, text := range []string{"", "Piazza Grande", "45.59", "45.59 N, 9.08 E", "a, b"} {
		if _, _, ok := parsePoint(text); ok {
			t.Errorf("%q was read as a point", text)
		}
	}
}

func FuzzPoint(f *testing.F) {
	for _, seed := range []string{"45.59, 9.08", "45,59 9,08", "geo:1,2", "", "--1,2", "1e9,2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lat, lon, ok := parsePoint(text)
		if !ok {
			return
		}
		lat2, lon2, ok := parsePoint(formatPoint(publishing.Place{Lat: lat, Lon: lon}))
		if !ok || lat2 != lat || lon2 != lon {
			t.Errorf("%q: %v %v is not read back", text, lat, lon)
		}
	})
}

func TestCursorLeadsBackToItsMessage(t *testing.T) {
	at := time.Date(2026, 5, 4, 8, 0, 0, 123_000, time.UTC)
	c, err := parseCursor(cursor(publishing.Message{ID: "0190", UpdatedAt: at}))
	if err != nil || !c.At.Equal(at) || c.ID != "0190" {
		t.Errorf("got %v, %v", c, err)
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("MTAgMDE5MA")
	f.Add("")
	f.Add("!!")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCursor(text)
		if err == nil && (c.At.IsZero() || c.ID == "") {
			t.Errorf("%q: a cursor to nowhere was accepted", text)
		}
	})
}

func TestTagsArePartedByCommasOrHashes(t *testing.T) {
	for text, want := range map[string]int{"biblioteca, estate 2026": 2, "#uno #due": 2, " , ;": 0, "bilancio partecipativo": 1} {
		if got := splitTags(text); len(got) != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

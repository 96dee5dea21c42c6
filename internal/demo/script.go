package demo

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"codeberg.org/arengo/arengo/internal/publishing"
)

//go:embed cesate.toml
var townText string

// script is what the town says, as written in cesate.toml.
type script struct {
	Messages    []entry      `toml:"message"`
	Subscribers []subscriber `toml:"subscriber"`
}

// entry is one message. Days are counted from today; those in the text, from
// the day on which it goes out.
type entry struct {
	Profile  string   `toml:"profile"`
	Ago      int      `toml:"ago"` // days; negative: ahead
	Time     string   `toml:"time"`
	Months   []int    `toml:"months"` // only if it goes out in one of these
	State    string   `toml:"state"`  // where it stands today; empty: out or scheduled
	Category string   `toml:"category"`
	Title    string   `toml:"title"`
	Body     string   `toml:"body"`
	Tags     []string `toml:"tags"`
	Pictures []string `toml:"pictures"` // name of the picture | alt text | caption
	Event    *event   `toml:"event"`
	Place    *place   `toml:"place"`
	Reason   string   `toml:"reason"` // for which it was sent back
	Square   string   `toml:"square"` // what the writer wrote for the square by hand
	Correct  *change  `toml:"correct"`
	Withdraw *change  `toml:"withdraw"`
}

// event happens some days after the message; On is the weekday it waits for.
type event struct {
	After int    `toml:"after"`
	On    string `toml:"on"`
	Start string `toml:"start"`
	End   string `toml:"end"`
	Where string `toml:"where"`
}

type place struct {
	Name string  `toml:"name"`
	Lat  float64 `toml:"lat"`
	Lon  float64 `toml:"lon"`
}

// change is a correction or a withdrawal, some hours later.
type change struct {
	Hours   int    `toml:"hours"`
	Replace string `toml:"replace"`
	With    string `toml:"with"`
	Note    string `toml:"note"`
}

type subscriber struct {
	Email    string   `toml:"email"`
	Cadence  string   `toml:"cadence"`
	Profiles []string `toml:"profiles"`
	Tags     []string `toml:"tags"`
	Ago      int      `toml:"ago"`
	Locale   string   `toml:"locale"`
}

func readScript() (s script, err error) {
	m, err := toml.Decode(townText, &s)
	if err != nil {
		return s, fmt.Errorf("the town's script: %w", err)
	}
	if unknown := m.Undecoded(); len(unknown) > 0 {
		return s, fmt.Errorf("the town's script: unknown %v", unknown)
	}
	return s, nil
}

// moment is when an entry goes out, for a town that is filled at now.
func (e entry) moment(now time.Time, loc *time.Location) (time.Time, error) {
	clock, err := time.Parse("15:04", e.Time)
	if err != nil {
		return clock, fmt.Errorf("%q: %w", e.Title, err)
	}
	t := now.In(loc)
	return time.Date(t.Year(), t.Month(), t.Day()-e.Ago, clock.Hour(), clock.Minute(), 0, 0, loc), nil
}

// inSeason reports whether an entry is told in the month of its moment.
func (e entry) inSeason(at time.Time) bool {
	return len(e.Months) == 0 || slices.Contains(e.Months, int(at.Month()))
}

var weekdays = []string{"dom", "lun", "mar", "mer", "gio", "ven", "sab"}

// when is the event's day and hours, for a message that goes out at.
func (v event) when(at time.Time) publishing.Event {
	day := at.AddDate(0, 0, v.After)
	for v.On != "" && weekdays[day.Weekday()] != v.On {
		day = day.AddDate(0, 0, 1)
	}
	out := publishing.Event{Start: day.Format(time.DateOnly) + "T" + v.Start, Where: v.Where}
	if v.End != "" {
		out.End = day.Format(time.DateOnly) + "T" + v.End
	}
	return out
}

var mark = regexp.MustCompile(`\{([a-z]+|[+-]?\d+)\}`)

// dated puts the days into a text: {+3} is three days after it goes out,
// {evento} the event's day and hour, {mese} the month of the day before.
func (e entry) dated(text string, at time.Time) string {
	var b strings.Builder
	last := 0
	for _, m := range mark.FindAllStringIndex(text, -1) {
		b.WriteString(text[last:m[0]])
		word := e.word(text[m[0]+1:m[1]-1], at)
		if opens(text[:m[0]]) {
			word = strings.ToUpper(word[:1]) + word[1:]
		}
		b.WriteString(word)
		last = m[1]
	}
	return b.String() + text[last:]
}

// opens reports whether what follows a text begins a sentence.
func opens(before string) bool {
	before = strings.TrimRight(before, "*")
	return before == "" || strings.HasSuffix(before, "\n") || strings.HasSuffix(before, ". ")
}

func (e entry) word(m string, at time.Time) string {
	switch {
	case m == "evento" && e.Event != nil:
		day, err := time.Parse(publishing.WallForm, e.Event.when(at).Start)
		if err != nil {
			return m
		}
		return italian(day) + " alle " + strings.TrimPrefix(day.Format("15:04"), "0")
	case m == "mese":
		return months[at.AddDate(0, 0, -1).Month()-1]
	}
	n, err := strconv.Atoi(m)
	if err != nil {
		return "{" + m + "}" // the desk's own: {link}
	}
	return italian(at.AddDate(0, 0, n))
}

var (
	months = []string{"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"}
	days   = []string{"domenica", "lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato"}
)

func italian(t time.Time) string {
	return fmt.Sprintf("%s %d %s", days[t.Weekday()], t.Day(), months[t.Month()-1])
}

// cutPicture reads "name | alt text | caption".
func cutPicture(p string) (name, alt, caption string) {
	parts := strings.SplitN(p, "|", 3)
	for len(parts) < 3 {
		parts = append(parts, "")
	}
	return strings.TrimSpace(parts[0]), strings.TrimSpace(parts[1]), strings.TrimSpace(parts[2])
}

// replace puts one text in the place of another, once.
func replace(text, before, after string) string { return strings.Replace(text, before, after, 1) }

package publishing

import (
	"errors"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
)

// WallForm is how a local time is written: the form of an HTML datetime-local.
const WallForm = "2006-01-02T15:04"

// Wall is a local time as a person typed it, and the instant it means.
type Wall struct {
	Text string    // in WallForm
	At   time.Time // UTC
	// Twice is set in the hour that the autumn night has twice; At is the first.
	Twice bool
}

// The ways in which a typed time is no time.
var (
	errWallForm = errors.New("not a local time")
	errWallGap  = errors.New("no such time: the clocks skip it")
)

// ParseWall reads a local time of a zone. In the spring night the skipped hour
// is an error; in the autumn night the doubled hour means its first passage.
func ParseWall(text string, loc *time.Location) (Wall, error) {
	if len(text) == len(WallForm)+3 { // some browsers add seconds
		text = text[:len(WallForm)]
	}
	naive, err := time.Parse(WallForm, text)
	if err != nil || naive.Year() < 2000 || naive.Year() > 2100 {
		return Wall{}, errWallForm
	}
	// The instants that read as this wall time lie within a day of it read as UTC:
	// try the offsets in force on both sides.
	var found []time.Time
	for _, probe := range []time.Time{naive.Add(-26 * time.Hour), naive.Add(26 * time.Hour)} {
		_, offset := probe.In(loc).Zone()
		at := naive.Add(-time.Duration(offset) * time.Second)
		if at.In(loc).Format(WallForm) == text && !slices.ContainsFunc(found, at.Equal) {
			found = append(found, at)
		}
	}
	if len(found) == 0 {
		return Wall{}, errWallGap
	}
	slices.SortFunc(found, time.Time.Compare)
	return Wall{Text: text, At: found[0].UTC(), Twice: len(found) > 1}, nil
}

// wallKey is the catalogue key that explains a wall time's fault; form is the
// one for a text that is no time at all.
func wallKey(err error, form string) string {
	if errors.Is(err, errWallGap) {
		return "message.when.gap"
	}
	return form
}

// FormatWall writes an instant as a local time.
func FormatWall(at time.Time, loc *time.Location) string { return at.In(loc).Format(WallForm) }

// Plan is when a message goes out: its moment, and the moment after which it
// must not go out any more. Both are kept as typed, with the zone, and as instants.
type Plan struct {
	Due, NotAfter Wall // NotAfter may be zero
	Zone          string
}

// Set reports whether a moment was chosen.
func (p Plan) Set() bool { return !p.Due.At.IsZero() }

// ParsePlan reads what a person typed about a moment in the institution's zone.
// notAfter may be empty. The moment must lie after now.
func ParsePlan(due, notAfter string, loc *time.Location, now time.Time) (Plan, error) {
	var f fault.Fields
	p := Plan{Zone: loc.String()}
	var err error
	if p.Due, err = ParseWall(due, loc); err != nil {
		f.Add("due", wallKey(err, "message.when.form"))
	} else if p.Due.At.Before(now.Add(-time.Minute)) {
		f.Add("due", "message.when.past")
	}
	if notAfter != "" {
		if p.NotAfter, err = ParseWall(notAfter, loc); err != nil {
			f.Add("not_after", wallKey(err, "message.when.form"))
		} else if !p.NotAfter.At.After(p.Due.At) {
			f.Add("not_after", "message.when.order")
		}
	}
	return p, f.Err()
}

// Slot is a weekly moment of a profile at which the next message of its queue
// goes out. Minute counts from local midnight.
type Slot struct {
	ID, ProfileID string
	Weekday       time.Weekday
	Minute        int
}

// NextSlot returns the first free moment among a profile's weekly slots after
// now; taken are the moments already given. ok is false when there is no slot at
// all, or none is free within a year. A slot in the skipped hour of the spring
// night is passed over that day.
func NextSlot(slots []Slot, taken []time.Time, loc *time.Location, now time.Time) (w Wall, ok bool) {
	if len(slots) == 0 {
		return Wall{}, false
	}
	today := now.In(loc)
	for day := range 366 {
		d := time.Date(today.Year(), today.Month(), today.Day()+day, 12, 0, 0, 0, loc)
		var best Wall
		for _, s := range slots {
			if s.Weekday != d.Weekday() {
				continue
			}
			wall := time.Date(d.Year(), d.Month(), d.Day(), s.Minute/60, s.Minute%60, 0, 0, time.UTC).Format(WallForm)
			w, err := ParseWall(wall, loc)
			if err != nil || !w.At.After(now) || slices.ContainsFunc(taken, w.At.Equal) {
				continue
			}
			if best.At.IsZero() || w.At.Before(best.At) {
				best = w
			}
		}
		if !best.At.IsZero() {
			return best, true
		}
	}
	return Wall{}, false
}

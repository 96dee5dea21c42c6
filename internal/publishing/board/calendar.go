package board

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// The views of the calendar, as they stand in the address.
const (
	week  = "settimana"
	month = "mese"
	list  = "elenco"
)

// dayForm is a day as HTML writes it.
const dayForm = "2006-01-02"

// period is the days that the calendar shows.
type period struct {
	view     string
	day      time.Time // noon of the chosen day: no change of clocks can move it to another
	from, to time.Time // midnights: the first day, and the day after the last
	loc      *time.Location
}

// readPeriod reads the view and the day of an address. What cannot be read means
// this week: an address is not a form.
func readPeriod(view, day string, now time.Time, loc *time.Location) period {
	if view != month && view != list {
		view = week
	}
	at := noon(now.In(loc))
	if d, err := time.ParseInLocation(dayForm, day, loc); err == nil && d.Year() >= 2000 && d.Year() < 2100 {
		at = noon(d)
	}
	p := period{view: view, day: at, loc: loc}
	first, last := at, at
	if view != week {
		first = time.Date(at.Year(), at.Month(), 1, 12, 0, 0, 0, loc)
		last = time.Date(at.Year(), at.Month()+1, 0, 12, 0, 0, 0, loc)
	}
	if view != list {
		first = first.AddDate(0, 0, -(int(first.Weekday())+6)%7)
		last = last.AddDate(0, 0, (7-int(last.Weekday()))%7)
	}
	p.from, p.to = midnight(first), midnight(last.AddDate(0, 0, 1))
	return p
}

func noon(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, t.Location())
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// step is a day in the period before or after.
func (p period) step(n int) time.Time {
	if p.view == week {
		return p.day.AddDate(0, 0, 7*n)
	}
	return time.Date(p.day.Year(), p.day.Month()+time.Month(n), 1, 12, 0, 0, 0, p.loc)
}

// calendarPage is the calendar.
type calendarPage struct {
	View        string
	Period      string
	Views       []layout.Link
	Before      string
	After       string
	Today       string
	Form        *web.Form
	Profiles    []mark
	Filtered    bool
	Weekdays    []string
	Days        []calendarDay
	Empty       bool
	Undated     []calendarItem
	Corrections []calendarItem
	MayMove     bool
	MayWrite    bool
	Here        string // address of this view, to come back to
	Stream      string
}

type calendarDay struct {
	At      time.Time // noon
	Day     string    // dayForm
	Today   bool
	Outside bool   // of the month that is shown
	NewURL  string // where a message for this day is written
	Items   []calendarItem
}

// calendarItem is a message in the calendar.
type calendarItem struct {
	ID, URL, MoveURL string
	Title            string
	Mark             mark
	At               time.Time
	Wall             string // time of day, "15:04": moving keeps it
	Badges           []wording.Badge
	Movable          bool
	Gone             bool // withdrawn after it was out
	Slot             bool // the profile's week has a free moment for it
	Here             string
}

// reading is what the calendar needs, in a fixed number of queries.
type reading struct {
	messages, undated []publishing.Message
	profiles          []institution.Profile
	slots             []publishing.Slot
}

// hasSlots reports whether a profile has a weekly moment.
func (r reading) hasSlots(profileID string) bool {
	return slices.ContainsFunc(r.slots, func(s publishing.Slot) bool { return s.ProfileID == profileID })
}

func (b *Board) readCalendar(ctx context.Context, v visit, p period) (r reading, err error) {
	return r, b.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if r.messages, err = publishing.Calendar(ctx, tx, v.inst.ID, p.from, p.to); err != nil {
			return err
		}
		if r.undated, err = publishing.Unplanned(ctx, tx, v.inst.ID); err != nil {
			return err
		}
		if r.slots, err = publishing.SlotsOf(ctx, tx, v.inst.ID); err != nil {
			return err
		}
		r.profiles, err = institution.Profiles(ctx, tx, v.inst.ID)
		return err
	})
}

func (b *Board) calendar(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := b.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	p := readPeriod(form.String("vista"), form.String("giorno"), v.now, v.loc)
	read, err := b.readCalendar(r.Context(), v, p)
	if err != nil {
		return err
	}
	wanted := form.Strings("profilo")
	page := calendarPage{
		View: p.view, Period: v.period(p), Form: form, Filtered: len(wanted) > 0, Stream: Stream,
		MayMove: v.actor.May(people.Publish), MayWrite: v.actor.May(people.Write), Here: p.address(p.view, p.day, wanted),
	}
	page.links(v, p, wanted)
	profiles, byID := marks(read.profiles)
	for i := range profiles {
		profiles[i].Checked = slices.Contains(wanted, profiles[i].ID)
	}
	page.Profiles = profiles
	shown := func(m publishing.Message) bool {
		return len(wanted) == 0 || slices.Contains(wanted, m.Content.ProfileID)
	}
	items := items{v, byID, page.MayMove, page.Here}
	page.Days, page.Empty = items.days(p, read.messages, shown)
	for _, m := range read.undated {
		switch {
		case !shown(m):
		case m.Movable():
			item := items.item(m)
			item.Slot, item.Here = item.Movable && read.hasSlots(m.Content.ProfileID), page.Here
			page.Undated = append(page.Undated, item)
		default:
			page.Corrections = append(page.Corrections, items.item(m))
		}
	}
	return b.Kit.Render(w, r, http.StatusOK, "board/calendar", layout.Page{Content: page, Wide: true})
}

// period names the days that are shown.
func (v visit) period(p period) string {
	if p.view != week {
		return v.p.Month(p.day)
	}
	return v.p.T("calendar.week", v.p.DateShort(p.from), v.p.DateShort(p.to.AddDate(0, 0, -1)))
}

// address is where a view of a day is, for the wanted profiles.
func (p period) address(view string, day time.Time, profiles []string) string {
	q := url.Values{"vista": {view}, "giorno": {day.Format(dayForm)}}
	if len(profiles) > 0 {
		q["profilo"] = profiles
	}
	return calendarPath + "?" + q.Encode()
}

func (c *calendarPage) links(v visit, p period, wanted []string) {
	for _, view := range []string{week, month, list} {
		c.Views = append(c.Views, layout.Link{Label: v.p.T("calendar.view." + view), URL: p.address(view, p.day, wanted), Current: view == p.view})
	}
	c.Before, c.After = p.address(p.view, p.step(-1), wanted), p.address(p.view, p.step(1), wanted)
	c.Today = p.address(p.view, v.now.In(p.loc), wanted)
	for i := range 7 {
		c.Weekdays = append(c.Weekdays, v.p.Weekday(time.Weekday((i+1)%7)))
	}
}

// items turns messages into what the calendar shows.
type items struct {
	v       visit
	marks   map[string]mark
	mayMove bool
	here    string
}

func (i items) item(m publishing.Message) calendarItem {
	item := calendarItem{
		ID: m.ID, URL: messagesPath + "/" + m.ID, MoveURL: moveURL(m.ID, i.here), Title: m.Content.Title, Mark: i.marks[m.Content.ProfileID], At: m.Moment(),
		Badges: wording.Badges(i.v.p, m), Movable: i.mayMove && m.Movable(), Gone: m.State == publishing.Withdrawn,
	}
	if item.Title == "" {
		item.Title = i.v.p.T("message.untitled")
	}
	if !item.At.IsZero() {
		item.Wall = item.At.In(i.v.loc).Format("15:04")
	}
	return item
}

func moveURL(id, here string) string {
	return calendarPath + "/" + id + "/sposta?" + url.Values{"next": {here}}.Encode()
}

// days lays the messages out over the period.
func (i items) days(p period, messages []publishing.Message, shown func(publishing.Message) bool) (days []calendarDay, empty bool) {
	today := i.v.now.In(p.loc).Format(dayForm)
	place := map[string]int{}
	for d := noon(p.from); d.Before(p.to); d = d.AddDate(0, 0, 1) {
		day := calendarDay{At: d, Day: d.Format(dayForm), Outside: p.view != week && d.Month() != p.day.Month()}
		day.Today = day.Day == today
		if p.view == week && i.v.actor.May(people.Write) && day.Day >= today {
			day.NewURL = messagesPath + "/nuovo?data=" + day.Day
		}
		place[day.Day] = len(days)
		days = append(days, day)
	}
	empty = true
	for _, m := range messages {
		if !shown(m) {
			continue
		}
		if n, ok := place[m.Moment().In(p.loc).Format(dayForm)]; ok {
			days[n].Items = append(days[n].Items, i.item(m))
			empty = false
		}
	}
	return days, empty
}

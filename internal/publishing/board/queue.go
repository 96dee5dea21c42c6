package board

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// ahead is how many coming messages the queue shows.
const ahead = 200

// queuePage is the weekly moments of each profile and what stands in the queue.
type queuePage struct {
	Form     *web.Form
	Profiles []queueOf
	Options  []layout.Option
	Weekdays []layout.Option
	MayEdit  bool
}

// queueOf is the queue of one profile.
type queueOf struct {
	Mark   mark
	Days   []slotDay
	Coming []calendarItem
	Free   time.Time // next free moment, zero when there is none
}

// slotDay is a day of the week with its moments.
type slotDay struct {
	Name  string
	Slots []slot
}

type slot struct{ ID, Time string }

// line is what the queue page reads, in a fixed number of queries.
type line struct {
	profiles []institution.Profile
	slots    []publishing.Slot
	coming   []publishing.Message
}

func (b *Board) readQueue(ctx context.Context, v visit) (q line, err error) {
	return q, b.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if q.profiles, err = institution.Profiles(ctx, tx, v.inst.ID); err != nil {
			return err
		}
		if q.slots, err = publishing.SlotsOf(ctx, tx, v.inst.ID); err != nil {
			return err
		}
		q.coming, err = publishing.Coming(ctx, tx, v.inst.ID, v.now, ahead)
		return err
	})
}

func (b *Board) queue(w http.ResponseWriter, r *http.Request, v visit) error {
	return b.showQueue(w, r, v, web.NewForm("weekday", "1", "time", "09:00"))
}

func (b *Board) showQueue(w http.ResponseWriter, r *http.Request, v visit, form *web.Form) error {
	q, err := b.readQueue(r.Context(), v)
	if err != nil {
		return err
	}
	page := queuePage{Form: form, MayEdit: v.actor.May(people.Configure)}
	all, byID := marks(q.profiles)
	items := items{v, byID, v.actor.May(people.Publish), queuePath}
	for _, m := range all {
		page.Profiles = append(page.Profiles, q.of(v, m, items))
		page.Options = append(page.Options, layout.Option{Value: m.ID, Label: m.Name})
	}
	for i := range 7 {
		page.Weekdays = append(page.Weekdays, layout.Option{Value: strconv.Itoa(i + 1), Label: v.p.Weekday(time.Weekday((i + 1) % 7))})
	}
	form.Label("profile", v.p.T("message.profile"), "weekday", v.p.T("slot.weekday"), "time", v.p.T("slot.time"))
	return b.Kit.Render(w, r, form.Status(), "board/queue", page)
}

// of is the queue of one profile.
func (q line) of(v visit, m mark, items items) queueOf {
	out := queueOf{Mark: m}
	var mine []publishing.Slot
	for i := range 7 {
		day := slotDay{Name: v.p.Weekday(time.Weekday((i + 1) % 7))}
		for _, s := range q.slots {
			if s.ProfileID == m.ID && s.Weekday == time.Weekday((i+1)%7) {
				day.Slots = append(day.Slots, slot{s.ID, clockTime(s.Minute)})
				mine = append(mine, s)
			}
		}
		if len(day.Slots) > 0 {
			out.Days = append(out.Days, day)
		}
	}
	var taken []time.Time
	for _, c := range q.coming {
		if c.Content.ProfileID == m.ID {
			out.Coming = append(out.Coming, items.item(c))
			taken = append(taken, c.Plan.Due.At)
		}
	}
	if free, ok := publishing.NextSlot(mine, taken, v.loc, v.now); ok {
		out.Free = free.At
	}
	return out
}

// clockTime writes minutes from midnight as a time of day.
func clockTime(minute int) string {
	return time.Date(2000, 1, 1, 0, minute, 0, 0, time.UTC).Format("15:04")
}

// parseClock reads a time of day as HTML writes it, in minutes from midnight; -1
// for anything else, which is no slot's time.
func parseClock(text string) int {
	if len(text) == len("15:04:05") { // some browsers add seconds
		text = text[:len("15:04")]
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return -1
	}
	return t.Hour()*60 + t.Minute()
}

func (b *Board) addSlot(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := b.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	day, err := strconv.Atoi(form.String("weekday"))
	if err != nil || day < 1 || day > 7 {
		day = 14 // beyond the week: AddSlot refuses it
	}
	weekday := time.Weekday(day)
	if day == 7 {
		weekday = time.Sunday
	}
	s, err := b.Desk.AddSlot(r.Context(), v.inst.ID, form.String("profile"), weekday, parseClock(form.String("time")))
	if err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		return b.showQueue(w, r, v, form)
	}
	b.Kit.Flash(r, web.Success, "slot.added", v.p.Weekday(s.Weekday), clockTime(s.Minute))
	return web.Redirect(w, r, queuePath)
}

func (b *Board) removeSlot(w http.ResponseWriter, r *http.Request, v visit) error {
	s, err := b.Desk.RemoveSlot(r.Context(), v.inst.ID, r.PathValue("id"))
	if err != nil {
		return err
	}
	b.Kit.Flash(r, web.Success, "slot.removed", v.p.Weekday(s.Weekday), clockTime(s.Minute))
	return web.Redirect(w, r, queuePath)
}

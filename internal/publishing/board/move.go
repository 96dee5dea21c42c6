package board

import (
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// movePage asks for another moment.
type movePage struct {
	Form    *web.Form
	ID      string
	URL     string // of the message
	Title   string
	At      time.Time // its moment now, may be zero
	Free    time.Time // next free moment of the profile's week, may be zero
	Back    string
	Planned bool
}

func (b *Board) askMove(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Publish); err != nil {
		return err
	}
	form, err := b.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	return b.showMove(w, r, v, form)
}

// showMove shows the form for a moment, filled in with the one the message has.
func (b *Board) showMove(w http.ResponseWriter, r *http.Request, v visit, form *web.Form) error {
	m, free, err := b.messageAt(r.Context(), v, r.PathValue("id"))
	if err != nil {
		return err
	}
	if form.Status() == http.StatusOK {
		if !m.Movable() {
			return fault.Clash("message.state.live")
		}
		form.Values.Set("due", m.Plan.Due.Text)
		form.Values.Set("not_after", m.Plan.NotAfter.Text)
	}
	form.Label("due", v.p.T("message.when"), "not_after", v.p.T("message.when.not_after"))
	page := movePage{Form: form, ID: m.ID, URL: messagesPath + "/" + m.ID, Title: m.Content.Title, At: m.Plan.Due.At, Free: free.At, Back: form.String("next"),
		Planned: m.Plan.Set()}
	if page.Title == "" {
		page.Title = v.p.T("message.untitled")
	}
	return b.Kit.Render(w, r, form.Status(), "board/move", layout.Page{
		Content: page, Crumbs: []layout.Link{{Label: v.p.T("calendar"), URL: calendarPath}},
	})
}

// move chooses another moment for a message: as typed, the same time of another
// day, or the next free moment of its profile's week.
func (b *Board) move(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Publish); err != nil {
		return err
	}
	form, err := b.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	m, err := b.moved(r, v, form)
	if err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		return b.showMove(w, r, v, form)
	}
	done := "calendar.moved.planned"
	if m.State == publishing.Scheduled {
		done = "calendar.moved.scheduled"
	}
	b.Kit.Flash(r, web.Success, done, m.Content.Title, m.Plan.Due.At)
	if m.Plan.Due.Twice {
		b.Kit.Flash(r, web.Info, "message.when.twice")
	}
	return back(w, r, form, calendarPath)
}

func (b *Board) moved(r *http.Request, v visit, form *web.Form) (publishing.Message, error) {
	m, _, err := b.messageAt(r.Context(), v, r.PathValue("id"))
	if err != nil {
		return m, err
	}
	due, notAfter := form.String("due"), m.Plan.NotAfter.Text
	if form.Values.Has("not_after") {
		notAfter = form.String("not_after")
	}
	if form.Bool("slot") {
		return b.Desk.ScheduleNext(r.Context(), v.inst.ID, m.ID, notAfter)
	}
	return b.Desk.Schedule(r.Context(), v.inst.ID, m.ID, due, notAfter)
}

package office

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox/office/hours"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// officesPage is what the page "offices" shows.
type officesPage struct {
	Opening  *web.Form // of the institution's hours
	Closing  *web.Form // of a new closing day
	Days     []dayField
	Offices  []officeRow
	Closings []closingRow
	Holidays []holidayRow // of this year
	Year     int
	Rules    int
}

// dayField is a day of the week in a form.
type dayField struct{ Name, Label string }

// officeRow is an office in the list.
type officeRow struct {
	institution.Office
	Target, Reminder string // empty: none
	Head             string
	OwnWeek          bool
	Silent           bool // no address: nothing can be sent
}

type closingRow struct{ ID, Day, Name string }

type holidayRow struct{ Short, Name, Source string }

// weekFields are the fields of a week, Monday first.
func weekFields(p *i18n.Printer) (all []dayField) {
	for i := range 7 {
		day := time.Weekday((i + 1) % 7)
		all = append(all, dayField{dayName(day), p.Weekday(day)})
	}
	return all
}

func dayName(d time.Weekday) string { return "day" + strconv.Itoa(int(d)) }

// fillWeek puts a week into a form.
func fillWeek(form *web.Form, w hours.Week) {
	for day, intervals := range w {
		form.Values.Set(dayName(time.Weekday(day)), hours.FormatDay(intervals))
	}
}

// typedWeek reads a week out of a form.
func typedWeek(form *web.Form) (w hours.Week) {
	for day := range w {
		name := dayName(time.Weekday(day))
		intervals, err := hours.ParseDay(form.Limited(name, 120))
		switch {
		case errors.Is(err, hours.ErrOrder):
			form.Add(name, "offices.week.order")
		case errors.Is(err, hours.ErrOverlap):
			form.Add(name, "offices.week.overlap")
		case errors.Is(err, hours.ErrMany):
			form.Add(name, "offices.week.many", hours.MaxIntervals)
		case err != nil:
			form.Add(name, "offices.week.form")
		}
		w[day] = intervals
	}
	return w
}

// labelWeek names the fields of a week in the summary of faults.
func labelWeek(form *web.Form, p *i18n.Printer) {
	for _, d := range weekFields(p) {
		form.Label(d.Name, d.Label)
	}
}

func (o *Offices) house(ctx context.Context, institutionID string) (h house, err error) {
	return h, o.DB.Read(ctx, func(tx *db.Tx) error {
		h, err = read(ctx, tx, institutionID)
		return err
	})
}

func (o *Offices) offices(w http.ResponseWriter, r *http.Request, v visit) error {
	return o.showOffices(w, r, v, nil, web.NewForm())
}

// showOffices shows the settings; opening is nil when the institution's hours are
// shown as they are stored.
func (o *Offices) showOffices(w http.ResponseWriter, r *http.Request, v visit, opening, closing *web.Form) error {
	if err := v.can(people.Configure); err != nil {
		return err
	}
	var h house
	var rules []Rule
	err := o.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		if h, err = read(r.Context(), tx, v.inst.ID); err != nil {
			return err
		}
		rules, err = Rules(r.Context(), tx, v.inst.ID)
		return err
	})
	if err != nil {
		return err
	}
	if opening == nil {
		opening = web.NewForm()
		fillWeek(opening, h.week)
	}
	year := v.now.In(h.inst.Location()).Year()
	page := officesPage{Opening: opening, Closing: closing, Days: weekFields(v.p), Year: year, Rules: len(rules)}
	for _, of := range h.offices {
		page.Offices = append(page.Offices, rowOf(v.p, of, h.setting(of.ID)))
	}
	for _, f := range hours.Holidays(year) {
		page.Holidays = append(page.Holidays, holidayRow{hours.Closing{Date: hours.Date{Month: f.Month, Day: f.Day}}.Text(), f.Name, f.Source})
	}
	for _, c := range h.closings {
		page.Closings = append(page.Closings, closingRow{c.ID, c.Text(), c.Name})
	}
	return o.Kit.Render(w, r, max(opening.Status(), closing.Status()), "offices", page)
}

func rowOf(p *i18n.Printer, of institution.Office, s Setting) officeRow {
	row := officeRow{Office: of, OwnWeek: s.OwnWeek, Silent: of.Email == "", Head: s.HeadName}
	if row.Head == "" {
		row.Head = s.HeadEmail
	}
	if s.Target > 0 {
		row.Target = span(p, s.Target)
	}
	if s.Reminder > 0 {
		row.Reminder = span(p, s.Reminder)
	}
	return row
}

func (o *Offices) saveOpening(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Configure); err != nil {
		return err
	}
	form, err := o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	week := typedWeek(form)
	if err = form.Err(); err == nil {
		err = o.SaveOpening(r.Context(), v.inst.ID, week)
	}
	if err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		labelWeek(form, v.p)
		return o.showOffices(w, r, v, form, web.NewForm())
	}
	o.Kit.Flash(r, web.Success, "offices.week.saved")
	return web.Redirect(w, r, officesPath)
}

func (o *Offices) addClosing(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Configure); err != nil {
		return err
	}
	form, err := o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	c := hours.Closing{Name: form.Limited("name", maxSigned)}
	form.Required("name")
	if c.Date, err = hours.ParseDate(form.String("day")); err != nil {
		form.Add("day", "offices.closing.form")
	}
	if err = form.Err(); err == nil {
		err = o.AddClosing(r.Context(), v.inst.ID, c)
	}
	if err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		form.Label("day", v.p.T("offices.closing.day"), "name", v.p.T("offices.closing.name"))
		return o.showOffices(w, r, v, nil, form)
	}
	o.Kit.Flash(r, web.Success, "offices.closing.added", c.Name)
	return web.Redirect(w, r, officesPath)
}

func (o *Offices) removeClosing(w http.ResponseWriter, r *http.Request, v visit) error {
	return o.done(w, r, o.RemoveClosing(r.Context(), v.inst.ID, r.PathValue("id")), officesPath, "offices.closing.removed")
}

// officePage is what the page "office" shows.
type officePage struct {
	Form   *web.Form
	Office institution.Office
	Days   []dayField
}

func (o *Offices) office(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Configure); err != nil {
		return err
	}
	h, err := o.house(r.Context(), v.inst.ID)
	if err != nil {
		return err
	}
	of, err := h.office(r.PathValue("id"))
	if err != nil {
		return err
	}
	s := h.setting(of.ID)
	form := web.NewForm("head_name", s.HeadName, "head_email", s.HeadEmail, "target", hoursText(s.Target), "reminder", hoursText(s.Reminder))
	tick(form, "letters", s.Letters)
	tick(form, "own_week", s.OwnWeek)
	fillWeek(form, h.week)
	if s.OwnWeek {
		fillWeek(form, s.Week)
	}
	return o.showOffice(w, r, v, form, of)
}

func tick(form *web.Form, name string, on bool) {
	if on {
		form.Values.Set(name, "1")
	}
}

// hoursText is a duration in whole hours as a form has it.
func hoursText(d time.Duration) string { return strconv.Itoa(int(d.Round(time.Hour).Hours())) }

func (o *Offices) showOffice(w http.ResponseWriter, r *http.Request, v visit, form *web.Form, of institution.Office) error {
	labelWeek(form, v.p)
	form.Label("head_email", v.p.T("offices.head.email"), "target", v.p.T("offices.target"), "reminder", v.p.T("offices.reminder"), "own_week", v.p.T("offices.week.own"))
	return o.Kit.Render(w, r, form.Status(), "office", layout.Page{
		Crumbs:  []layout.Link{{Label: v.p.T("offices.title"), URL: officesPath}},
		Content: officePage{form, of, weekFields(v.p)},
	})
}

func (o *Offices) saveOffice(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Configure); err != nil {
		return err
	}
	form, err := o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	h, err := o.house(r.Context(), v.inst.ID)
	if err != nil {
		return err
	}
	of, err := h.office(r.PathValue("id"))
	if err != nil {
		return err
	}
	s := Setting{OfficeID: of.ID, HeadName: form.Limited("head_name", maxSigned), HeadEmail: form.Limited("head_email", 254), OwnWeek: form.Bool("own_week"), Letters: form.Bool("letters")}
	s.Target = time.Duration(form.Int("target", 0, int(maxTarget.Hours()))) * time.Hour
	s.Reminder = time.Duration(form.Int("reminder", 0, int(maxTarget.Hours()))) * time.Hour
	if s.OwnWeek {
		s.Week = typedWeek(form)
	}
	if err = form.Err(); err == nil {
		err = o.SaveSetting(r.Context(), v.inst.ID, s)
	}
	if err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		return o.showOffice(w, r, v, form, of)
	}
	o.Kit.Flash(r, web.Success, "office.saved", of.Name)
	return web.Redirect(w, r, officesPath)
}

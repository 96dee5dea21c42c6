package site

import (
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// eventsPage shows what comes, or all of one month.
type eventsPage struct {
	Title        string
	Cards        []card
	Month        time.Time // zero: what comes
	Before, Next time.Time // the months around
	Weeks        [][]day
	Weekdays     []string
	Paging       layout.Paging
	Social       social
}

// day is a square of the month.
type day struct {
	At      time.Time
	N       int
	Outside bool // of another month
	Today   bool
	Events  []card
}

func (s *Site) events(v *visit) (*answer, error) {
	if text := v.URL.Query().Get("mese"); text != "" {
		first, err := time.ParseInLocation("2006-01", text, v.i.Location())
		if err != nil || first.Year() < 1990 || first.Year() > 2150 {
			return nil, fault.Missing("fault.not_found")
		}
		return s.month(v, first)
	}
	t := s.kit.Printer(v.Request).T
	f := filter{events: true, from: v.now}
	n, err := pageNumber(v.Request)
	if err != nil {
		return nil, err
	}
	total, err := count(v.Context(), v.tx, v.i.ID, f)
	if err != nil {
		return nil, err
	}
	f.limit, f.offset = perPage, (n-1)*perPage
	all, err := list(v.Context(), v.tx, v.i.ID, f)
	if err != nil {
		return nil, err
	}
	now := v.now.In(v.i.Location())
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, v.i.Location())
	page := eventsPage{Title: t("site.nav.events"), Cards: s.cards(v, all), Before: first, Paging: paging("/eventi", n, total, perPage)}
	return s.eventsAnswer(v, "/eventi", page)
}

func (s *Site) month(v *visit, first time.Time) (*answer, error) {
	end := first.AddDate(0, 1, 0)
	all, err := list(v.Context(), v.tx, v.i.ID, filter{events: true, from: first, to: end, limit: 400})
	if err != nil {
		return nil, err
	}
	t := s.kit.Printer(v.Request)
	page := eventsPage{Title: t.T("site.events.month", t.Month(first)), Cards: s.cards(v, all), Month: first, Before: first.AddDate(0, -1, 0), Next: end}
	for n := range 7 {
		page.Weekdays = append(page.Weekdays, t.Weekday(time.Weekday((n+1)%7)))
	}
	page.Weeks = weeks(first, v.now.In(v.i.Location()), page.Cards)
	return s.eventsAnswer(v, "/eventi?mese="+first.Format("2006-01"), page)
}

// weeks lays a month out from Monday to Sunday. Days are counted on the
// calendar, never in hours, since two days a year do not have 24.
func weeks(first, today time.Time, cards []card) [][]day {
	y, m, _ := first.Date()
	at := func(n int) time.Time { return time.Date(y, m, n, 0, 0, 0, 0, first.Location()) }
	start := 1 - (int(first.Weekday())+6)%7
	var out [][]day
	for n := start; at(n).Before(first.AddDate(0, 1, 0)); {
		week := make([]day, 7)
		for i := range week {
			d := day{At: at(n), N: at(n).Day(), Outside: at(n).Month() != m, Today: at(n).Format(time.DateOnly) == today.Format(time.DateOnly)}
			for _, c := range cards {
				if !d.Outside && c.EventStart.Before(at(n+1)) && c.Ends().After(at(n)) {
					d.Events = append(d.Events, c)
				}
			}
			week[i] = d
			n++
		}
		out = append(out, week)
	}
	return out
}

func (s *Site) eventsAnswer(v *visit, path string, page eventsPage) (*answer, error) {
	t := s.kit.Printer(v.Request).T
	page.Social = social{Title: page.Title, Description: t("site.events.lead", v.i.Name), URL: v.url(path), Kind: "website", Site: v.i.Name}
	crumbs := []layout.Link{{Label: t("site.nav.home"), URL: "/"}}
	if !page.Month.IsZero() {
		crumbs = append(crumbs, layout.Link{Label: t("site.nav.events"), URL: "/eventi"})
	}
	return s.html(v, http.StatusOK, "site-events", layout.Page{Content: page, Title: page.Title, Description: page.Social.Description, Canonical: v.url(path), Crumbs: crumbs})
}

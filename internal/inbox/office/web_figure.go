package office

import (
	"net/http"
	"strconv"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
)

// figuresPage is what the page "office-figures" shows.
type figuresPage struct {
	Form         *web.Form
	Figures      []figureRow
	More         bool
	Any          bool
	MayConfigure bool
}

// figureRow is an office's figures in words.
type figureRow struct {
	Figure
	FirstMedian, FirstMost, ResolvedMedian, ResolvedMost string // empty: nothing to tell
	InTimeShare                                          string
}

// usualPeriod is what the figures cover when nothing else is asked for.
const usualPeriod = 90 // days

func (o *Offices) figures(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	loc := v.inst.Location()
	from, until := form.Date("dal", loc), form.Date("al", loc)
	if until.IsZero() {
		y, m, d := v.now.In(loc).Date()
		until = time.Date(y, m, d, 0, 0, 0, 0, loc)
	}
	if from.IsZero() {
		from = until.AddDate(0, 0, -usualPeriod)
	}
	if until.Before(from) {
		form.Add("al", "offices.figures.order")
	}
	if err := form.Err(); err != nil {
		form.Fail(v.p, err)
		form.Label("dal", v.p.T("offices.figures.from"), "al", v.p.T("offices.figures.until"))
		return o.Kit.Render(w, r, form.Status(), "office-figures", figuresPage{Form: form, MayConfigure: v.actor.May(people.Configure)})
	}
	form.Values.Set("dal", from.Format(time.DateOnly))
	form.Values.Set("al", until.Format(time.DateOnly))
	page := figuresPage{Form: form, MayConfigure: v.actor.May(people.Configure)}
	var all []Figure
	err = o.DB.Read(r.Context(), func(tx *db.Tx) error {
		all, page.More, err = Figures(r.Context(), tx, v.inst.ID, from, until.AddDate(0, 0, 1), v.now)
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range all {
		page.Any = page.Any || f.Got > 0
		page.Figures = append(page.Figures, figureWords(v.p, f))
	}
	return o.Kit.Render(w, r, http.StatusOK, "office-figures", page)
}

func figureWords(p *i18n.Printer, f Figure) figureRow {
	row := figureRow{Figure: f}
	if f.First.N > 0 {
		row.FirstMedian, row.FirstMost = span(p, f.First.Median), span(p, f.First.Most)
	}
	if f.Resolved.N > 0 {
		row.ResolvedMedian, row.ResolvedMost = span(p, f.Resolved.Median), span(p, f.Resolved.Most)
	}
	if share, ok := f.Share(); ok {
		row.InTimeShare = p.T("offices.figures.share", p.Percent(share), strconv.Itoa(f.InTime), strconv.Itoa(f.WithDeadline))
	}
	return row
}

package insight

import (
	"context"
	"embed"
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

//go:embed all:templates
var templates embed.FS

// Options are what Pages are built from; all are required but Stream.
type Options struct {
	DB    *db.DB
	Kit   *web.Kit
	Clock func() time.Time
	// Stream is the path of the server-sent events that announce inbox.Topic; empty
	// when there are none, and the picture changes on reload.
	Stream string
}

// Pages show consent and dissent to the desk.
type Pages struct{ Options }

// New registers the pages' templates and the work of keeping labels.
func New(o Options, r *jobs.Registry) (*Pages, error) {
	if o.DB == nil || o.Kit == nil || o.Clock == nil {
		return nil, errors.New("insight: DB, Kit and Clock are required")
	}
	p := &Pages{o}
	jobs.Handle(r, p.workLabels)
	jobs.Every(r, time.Hour, labels{})
	return p, o.Kit.AddTemplates(templates)
}

// labels is the job that keeps what officers corrected.
type labels struct{}

func (labels) Kind() string { return "insight.labels" }

func (p *Pages) workLabels(ctx context.Context, _ labels) error {
	var all []institution.Institution
	if err := p.DB.Read(ctx, func(tx *db.Tx) (err error) { all, err = institution.All(ctx, tx); return err }); err != nil {
		return err
	}
	var failed []error
	for _, i := range all {
		for after := ""; ; {
			err := p.DB.InTx(ctx, func(tx *db.Tx) (err error) { after, err = keepLabels(ctx, tx, i, after, p.Clock()); return err })
			if failed = append(failed, err); err != nil || after == "" {
				break
			}
		}
	}
	return errors.Join(failed...)
}

// Path is the address of the page about a message.
func Path(messageID string) string { return "/redazione/messaggi/" + messageID + "/consenso" }

// Mount registers the page.
func (p *Pages) Mount(mux *http.ServeMux) { p.Kit.Handle(mux, "GET "+Path("{id}"), p.page) }

// picturePage is consent and dissent about one message.
type picturePage struct {
	Picture
	ID, Title, Slug string
	Stream          string
	Corrected, Same int
	Kept            []Kept
	Whole           bar
	Moments         []bar
	Places          []bar
	Interval        interval
	Percent         interval // rounded to whole hundredths
	Heads           []head
}

// head is a group in words, with the colour of its part of a bar.
type head struct {
	Label, Class string
	People       int
	Share        float64
}

// bar is one row as a table and a drawing say it.
type bar struct {
	Label  string
	People int
	Counts []int
	Parts  []part
}

// part is a piece of a bar, in units of the drawing.
type part struct {
	X, Width float64
	Class    string
}

// interval is the share of consent with its bounds.
type interval struct{ Low, High, Share float64 }

// width is how wide the drawings are, in their own units.
const width = 600

func (p *Pages) page(w http.ResponseWriter, r *http.Request) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	if _, err := people.Can(r.Context(), people.See, i.ID); err != nil {
		return err
	}
	ctx, page := r.Context(), picturePage{Stream: p.Stream}
	err = p.DB.Read(ctx, func(tx *db.Tx) error {
		m, err := aboutMessage(ctx, tx, i.ID, r.PathValue("id"))
		if err != nil {
			return err
		}
		page.ID, page.Title, page.Slug = m.id, m.title, m.slug
		if page.Picture, err = pictureOf(ctx, tx, i.ID, m); err != nil {
			return err
		}
		if page.Kept, err = kept(ctx, tx, i.ID, m.id); err != nil {
			return err
		}
		page.Corrected, page.Same, err = Corrections(ctx, tx, i.ID)
		return err
	})
	if err != nil {
		return err
	}
	t := p.Kit.Printer(r)
	page.words(t)
	return p.Kit.Render(w, r, http.StatusOK, "insight-consent", layout.Page{Layout: layout.Desk, Content: page, Title: t.T("insight.title"),
		Crumbs: []layout.Link{{Label: t.T("insight.messages"), URL: "/redazione/messaggi"}, {Label: page.Title, URL: "/redazione/messaggi/" + page.ID}}})
}

// words puts the picture into words and drawings.
func (g *picturePage) words(t *i18n.Printer) {
	if !g.Shown() {
		return
	}
	var counts []int
	for _, group := range g.Groups {
		var names []string
		for _, s := range group.Sides {
			names = append(names, t.T("insight.side."+string(s)))
		}
		h := head{Label: strings.Join(names, t.T("insight.or")), Class: "ar-side-mixed", People: group.People, Share: float64(group.People) / float64(g.People)}
		if len(group.Sides) == 1 {
			h.Class = "ar-side-" + string(group.Sides[0])
		}
		g.Heads, counts = append(g.Heads, h), append(counts, group.People)
	}
	g.Interval = interval{g.Low * width, g.High * width, g.Share * width}
	whole := func(share float64) float64 { return math.Round(100*share) / 100 }
	g.Percent = interval{whole(g.Low), whole(g.High), whole(g.Share)}
	g.Whole = g.bar("", Row{People: g.People, Counts: counts}, g.People)
	most := 0
	for _, r := range append(g.Times, g.Squares...) {
		most = max(most, r.People)
	}
	for _, r := range g.Times {
		g.Moments = append(g.Moments, g.bar(moment(t, r.From, r.To), r, most))
	}
	for _, r := range g.Squares {
		var names []string
		for _, q := range r.Platforms {
			names = append(names, wording.PlatformOf(t, q).Name)
		}
		g.Places = append(g.Places, g.bar(strings.Join(names, ", "), r, most))
	}
}

// moment is a time in words: an hour, a day, or from one to another.
func moment(t *i18n.Printer, from, to time.Time) string {
	last := to.Add(-time.Nanosecond)
	switch {
	case t.Date(from) != t.Date(last):
		return t.T("insight.from_to", t.DateShort(from), t.DateShort(last))
	case to.Sub(from) >= 23*time.Hour:
		return t.DateShort(from)
	}
	return t.DateShort(from) + ", " + t.Time(from) + "–" + t.Time(to)
}

// bar draws a row so that the longest fills the width.
func (g *picturePage) bar(label string, r Row, most int) bar {
	b, x := bar{Label: label, People: r.People, Counts: r.Counts}, 0.0
	for i, n := range r.Counts {
		if n > 0 {
			w := width * float64(n) / float64(most)
			b.Parts = append(b.Parts, part{x, w, g.Heads[i].Class})
			x += w
		}
	}
	return b
}

// Why puts into words by which rule a text was read, and which words led to it.
func Why(t *i18n.Printer, text, lang string) string {
	v := Judge(text, lang)
	said := t.T("insight.rule." + string(v.Rule))
	if len(v.Words) > 0 {
		said += ": «" + strings.Join(v.Words, "», «") + "»"
	}
	return said
}

package listen

import (
	"embed"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
)

//go:embed all:templates
var templates embed.FS

// Path is the address of the page of the sources.
const Path = "/redazione/fonti"

// Pages shows how the reading of the squares goes.
type Pages struct {
	kit    *web.Kit
	poller *Poller
}

// NewPages registers the templates with the kit.
func NewPages(kit *web.Kit, p *Poller) (*Pages, error) {
	return &Pages{kit, p}, kit.AddTemplates(templates)
}

// Mount registers the routes.
func (g *Pages) Mount(mux *http.ServeMux) {
	g.kit.Handle(mux, "GET "+Path, g.list)
	g.kit.Handle(mux, "POST "+Path+"/{id}/leggi", g.readNow)
}

// sourcesPage lists the sources.
type sourcesPage struct {
	Sources []sourceRow
	MayRead bool
}

// sourceRow is how a source stands, in words.
type sourceRow struct {
	ID, Name, Profile   string
	Platform            wording.Platform
	Badge               wording.Badge
	Why, Detail         string
	Success, Next, Said time.Time
	Lag                 string
	Usable              bool
}

func (g *Pages) list(w http.ResponseWriter, r *http.Request) error {
	inst, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	actor, err := people.Can(r.Context(), people.See, inst.ID)
	if err != nil {
		return err
	}
	page := sourcesPage{MayRead: actor.May(people.Configure)}
	var all []SourceState
	err = g.poller.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		all, err = Sources(r.Context(), tx, inst.ID)
		return err
	})
	if err != nil {
		return err
	}
	printer, now := g.kit.Printer(r), g.poller.Clock()
	for _, s := range all {
		page.Sources = append(page.Sources, row(printer, s, now))
	}
	return g.kit.Render(w, r, http.StatusOK, "listen/sources", page)
}

// late is how many turns a source may miss before somebody should look.
const late = 10

// row says how a source stands.
func row(p *i18n.Printer, s SourceState, now time.Time) sourceRow {
	x := sourceRow{ID: s.ChannelID, Name: s.Name, Profile: s.Profile, Platform: wording.PlatformOf(p, s.Platform), Detail: s.Detail,
		Success: s.Success, Next: s.Next, Said: s.Newest, Usable: s.State.Usable()}
	is, kind, icon := "reading", web.Success, "it-check-circle"
	lag := s.Lag(now)
	switch {
	case !s.State.Usable():
		is, kind, icon = "stopped", web.Danger, "it-error"
		x.Why = p.T("listen.why.stopped")
	case s.Code != "":
		is, kind, icon = "failing", web.Warning, "it-warning-circle"
		x.Why = why(p, s.Code)
	case s.Success.IsZero():
		is, kind, icon = "waiting", web.Info, "it-clock"
	case lag > late*Interval(s.Platform)+claim:
		is, kind, icon = "late", web.Warning, "it-clock"
		x.Why = p.T("listen.why.late")
	}
	x.Badge = wording.Badge{Label: p.T("listen.is." + is), Kind: kind, Icon: icon}
	x.Lag = inWords(p, lag)
	return x
}

// why explains an error and says what to do.
func why(p *i18n.Printer, code string) string {
	for _, key := range []string{"listen.why." + code, "channel.error." + code} {
		if p.Has(key) {
			return p.T(key)
		}
	}
	return p.T("listen.why.other")
}

// inWords says a length of time in its largest unit.
func inWords(p *i18n.Printer, d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return p.T("listen.lag.seconds", int(d/time.Second))
	case d < 2*time.Hour:
		return p.T("listen.lag.minutes", int(d/time.Minute))
	case d < 48*time.Hour:
		return p.T("listen.lag.hours", int(d/time.Hour))
	}
	return p.T("listen.lag.days", int(d/(24*time.Hour)))
}

func (g *Pages) readNow(w http.ResponseWriter, r *http.Request) error {
	inst, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	if _, err := g.kit.ReadForm(r); err != nil {
		return err
	}
	err = g.poller.ReadNow(r.Context(), inst.ID, r.PathValue("id"))
	switch {
	case fault.Is(err, fault.Conflict):
		f := fault.Of(err)
		g.kit.Flash(r, web.Danger, f.Text.Key, f.Text.Args...)
	case err != nil:
		return err
	default:
		g.kit.Flash(r, web.Success, "listen.started")
	}
	return web.Redirect(w, r, Path)
}

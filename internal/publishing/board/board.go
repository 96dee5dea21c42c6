package board

import (
	"context"
	"embed"
	"net/http"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web"
)

//go:embed all:templates
var templates embed.FS

// Addresses of the pages.
const (
	desk         = "/redazione"
	messagesPath = desk + "/messaggi"
	calendarPath = desk + "/calendario"
	queuePath    = desk + "/coda"
	boardPath    = desk + "/consegne"
	tasksPath    = desk + "/compiti"
	freezePath   = desk + "/blocco"
	channelsPath = desk + "/canali"
	returnPath   = channelsPath + "/ritorno"
)

// Options are what the pages are built from; all are required.
type Options struct {
	Kit      *web.Kit
	Desk     *publishing.Desk
	DB       *db.DB
	Channels *channel.Switchboard
	Clock    func() time.Time
	// Address is the base URL of an institution's site, without a final slash:
	// where a platform sends a person back after a sign-in there.
	Address func(institution.Institution) string
}

// Board holds the pages. Safe for concurrent use.
type Board struct{ Options }

// New registers the templates of the pages with the kit. It fails when one of
// them is broken.
func New(o Options) (*Board, error) { return &Board{o}, o.Kit.AddTemplates(templates) }

// Mount registers the routes.
func (b *Board) Mount(mux *http.ServeMux) {
	b.Kit.Handle(mux, "GET "+Stream, b.live, web.WithoutCompression())
	for pattern, h := range map[string]handler{
		"GET " + calendarPath:                     b.calendar,
		"GET " + calendarPath + "/{id}/sposta":    b.askMove,
		"POST " + calendarPath + "/{id}/sposta":   b.move,
		"GET " + queuePath:                        b.queue,
		"POST " + queuePath:                       b.addSlot,
		"POST " + queuePath + "/{id}/togli":       b.removeSlot,
		"GET " + boardPath:                        b.deliveries,
		"POST " + boardPath + "/{id}/riprova":     b.retry,
		"POST " + boardPath + "/{id}/abbandona":   b.giveUp,
		"POST " + boardPath + "/{id}/conferma":    b.confirm,
		"GET " + tasksPath:                        b.tasks,
		"POST " + tasksPath + "/{id}/fatto":       b.taskDone,
		"GET " + freezePath:                       b.freezes,
		"POST " + freezePath:                      b.freeze,
		"POST " + freezePath + "/togli":           b.unfreeze,
		"GET " + channelsPath:                     b.channels,
		"GET " + channelsPath + "/nuovo":          b.newChannel,
		"POST " + channelsPath + "/nuovo":         b.connect,
		"GET " + returnPath:                       b.comeBack,
		"GET " + channelsPath + "/{id}":           b.channel,
		"POST " + channelsPath + "/{id}":          b.options,
		"POST " + channelsPath + "/{id}/prova":    b.test,
		"GET " + channelsPath + "/{id}/scollega":  b.askCut,
		"POST " + channelsPath + "/{id}/scollega": b.cut,
	} {
		b.Kit.Handle(mux, pattern, b.signed(h))
	}
}

// visit is who asks, for which institution, and in which language.
type visit struct {
	inst  institution.Institution
	actor people.Actor
	loc   *time.Location
	now   time.Time
	p     *i18n.Printer
}

type handler func(w http.ResponseWriter, r *http.Request, v visit) error

// signed hands a request on with the visit. Faults: NotFound for a host without
// institution, Unsigned, and Forbidden for somebody without a role here.
func (b *Board) signed(h handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := b.visit(r, people.See)
		if err != nil {
			return err
		}
		return h(w, r, v)
	}
}

// visit says who asks, if that person may do the action.
func (b *Board) visit(r *http.Request, action people.Action) (visit, error) {
	inst, err := institution.Of(r.Context())
	if err != nil {
		return visit{}, err
	}
	actor, err := people.Can(r.Context(), action, inst.ID)
	return visit{inst: inst, actor: actor, loc: inst.Location(), now: b.Clock(), p: b.Kit.Printer(r)}, err
}

// can fails with Forbidden when the visitor may not do the action.
func (v visit) can(action people.Action) error {
	if !v.actor.May(action) {
		return fault.Refused("people.forbidden." + string(action))
	}
	return nil
}

// back goes to the page of the desk that the form names, or to another one: a
// form cannot lead anywhere else.
func back(w http.ResponseWriter, r *http.Request, form *web.Form, otherwise string) error {
	if next := form.String("next"); strings.HasPrefix(next, desk+"/") {
		return web.Redirect(w, r, next)
	}
	return web.Redirect(w, r, otherwise)
}

// refuse says above the next page why an act was refused, when a person can do
// something about it; any other error is returned.
func (b *Board) refuse(r *http.Request, err error) error {
	f := fault.Of(err)
	switch f.Kind {
	case fault.Conflict, fault.Invalid, fault.Unavailable:
	default:
		return err
	}
	if len(f.Fields) == 0 {
		b.Kit.Flash(r, web.Danger, f.Text.Key, f.Text.Args...)
	}
	for _, field := range f.Fields {
		b.Kit.Flash(r, web.Danger, field.Key, field.Args...)
	}
	return nil
}

// mark is a profile with the colour that it has on all these pages; its name
// always stands beside the colour.
type mark struct {
	ID, Name, Class string
	Checked         bool
}

// colours is how many profile colours the style sheet has.
const colours = 8

// marks gives each profile its colour, by its place among the profiles.
func marks(profiles []institution.Profile) (list []mark, byID map[string]mark) {
	byID = map[string]mark{}
	for i, p := range profiles {
		m := mark{ID: p.ID, Name: p.Name, Class: "ar-profile-" + string(rune('0'+i%colours))}
		list = append(list, m)
		byID[p.ID] = m
	}
	return list, byID
}

// messageAt reads a message and the next free moment of its profile's week; the
// moment is zero when there is none.
func (b *Board) messageAt(ctx context.Context, v visit, id string) (m publishing.Message, free publishing.Wall, err error) {
	return m, free, b.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if m, err = publishing.ByID(ctx, tx, v.inst.ID, id); err != nil {
			return err
		}
		free, _, err = publishing.FreeSlot(ctx, tx, v.inst.ID, m.Content.ProfileID, v.loc, v.now)
		return err
	})
}

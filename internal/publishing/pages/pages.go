package pages

import (
	"embed"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web"
)

//go:embed all:templates
var templates embed.FS

// Addresses of the desk.
const (
	homePath     = "/redazione"
	messagesPath = "/redazione/messaggi"
	newPath      = "/redazione/messaggi/nuovo"
	previewPath  = "/redazione/messaggi/anteprima"
	filesPath    = "/redazione/messaggi/allegati"
	mediaPath    = "/redazione/media"
)

// Options are what the pages are built from. All but Stream and MaxUpload are
// required.
type Options struct {
	Kit      *web.Kit
	Desk     *publishing.Desk
	DB       *db.DB
	Channels *channel.Switchboard
	Clock    func() time.Time
	// Stream is the path of the server-sent events that announce "delivery";
	// empty when there are none, and deliveries show on reload.
	Stream string
	// MaxUpload bounds a request with files, in bytes; 0: 220 MB, room for the
	// largest file that the desk takes.
	MaxUpload int64
}

// Pages are the officer's pages.
type Pages struct {
	kit       *web.Kit
	desk      *publishing.Desk
	db        *db.DB
	channels  *channel.Switchboard
	clock     func() time.Time
	writing   *publishing.Writing
	stream    string
	maxUpload int64
}

// New registers the templates of the pages with the kit. It fails when one of
// them is broken.
func New(o Options) (*Pages, error) {
	if o.MaxUpload == 0 {
		o.MaxUpload = 220 << 20
	}
	p := &Pages{kit: o.Kit, desk: o.Desk, db: o.DB, channels: o.Channels, clock: o.Clock,
		writing: publishing.NewWriting(), stream: o.Stream, maxUpload: o.MaxUpload}
	return p, o.Kit.AddTemplates(templates)
}

// Mount registers the routes.
func (p *Pages) Mount(mux *http.ServeMux) {
	files := web.MaxBody(p.maxUpload)
	for pattern, h := range map[string]handler{
		"GET " + homePath:                              p.home,
		"GET " + messagesPath:                          p.list,
		"GET " + messagesPath + "/{id}":                p.show,
		"POST " + messagesPath + "/{id}/invia":         p.submit,
		"POST " + messagesPath + "/{id}/approva":       p.approve,
		"POST " + messagesPath + "/{id}/rimanda":       p.sendBack,
		"POST " + messagesPath + "/{id}/programma":     p.schedule,
		"POST " + messagesPath + "/{id}/togli-data":    p.unschedule,
		"GET " + messagesPath + "/{id}/pubblica":       p.askPublish,
		"POST " + messagesPath + "/{id}/pubblica":      p.publish,
		"GET " + messagesPath + "/{id}/ritira":         p.askWithdraw,
		"POST " + messagesPath + "/{id}/ritira":        p.withdraw,
		"POST " + messagesPath + "/{id}/decidi":        p.decide,
		"POST " + messagesPath + "/{id}/duplica":       p.duplicate,
		"GET " + mediaPath + "/{id}":                   p.media,
		"GET " + mediaPath + "/{id}/scheda":            p.mediaCard,
		"POST " + filesPath:                            p.mediaList,
		"GET " + newPath:                               p.compose,
		"GET " + messagesPath + "/{id}/modifica":       p.edit,
		"GET " + messagesPath + "/{id}/versioni/{rev}": p.version,
	} {
		p.kit.Handle(mux, pattern, p.signed(h))
	}
	p.kit.Handle(mux, "POST "+previewPath, p.signed(p.preview), web.MaxBody(maxTyped))
	p.kit.Handle(mux, "POST "+newPath, p.signed(p.save), files)
	p.kit.Handle(mux, "POST "+messagesPath+"/{id}/modifica", p.signed(p.save), files)
	p.kit.Handle(mux, "POST "+mediaPath, p.signed(p.upload), files)
}

// visit is who asks, and for which institution.
type visit struct {
	institution institution.Institution
	actor       people.Actor
	loc         *time.Location
	now         time.Time
}

type handler func(w http.ResponseWriter, r *http.Request, v visit) error

// signed hands a request on with the visit. Faults: NotFound for a host without
// institution, Unsigned, and Forbidden for somebody without a role here.
func (p *Pages) signed(h handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		inst, err := institution.Of(r.Context())
		if err != nil {
			return err
		}
		actor, err := people.Can(r.Context(), people.See, inst.ID)
		if err != nil {
			return err
		}
		return h(w, r, visit{institution: inst, actor: actor, loc: inst.Location(), now: p.clock()})
	}
}

// messagePath is the address of a message's page.
func messagePath(id string) string { return messagesPath + "/" + id }

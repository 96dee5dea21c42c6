package pages

import (
	"context"
	"embed"
	"net/http"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

//go:embed all:templates
var templates embed.FS

// Addresses of the pages.
const (
	deskPath   = "/redazione"
	listPath   = deskPath + "/conversazioni"
	bulkPath   = listPath + "/insieme"
	viewsPath  = deskPath + "/viste"
	cannedPath = deskPath + "/risposte-pronte"
)

// Options are what the pages are built from. Kit, Inbox, DB and Clock are
// required.
type Options struct {
	Kit   *web.Kit
	Inbox *inbox.Inbox
	DB    *db.DB
	Clock func() time.Time
	// Stream is the path of the server-sent events that announce "conversation" and
	// "delivery"; empty when there are none, and news show on reload.
	Stream string
	// Address is the base URL of an institution's site, without a final slash: for
	// the placeholder {link}. Nil leaves it to be written by hand.
	Address func(institution.Institution) string
	// Due is the moment by which an office must have answered what it is given at
	// from, by its working hours; zero when it has no deadline. Nil sets none.
	Due func(ctx context.Context, tx *db.Tx, institutionID, officeID string, from time.Time) (time.Time, error)
	// Rules are those of the institution's policy, in its words, from which the one
	// that was broken is chosen. Nil, or none: the rule is typed.
	Rules func(ctx context.Context, tx *db.Tx, institutionID string) ([]string, error)
	// Why puts into words by which rule a comment's stance was guessed. Nil says only
	// that it was.
	Why func(p *i18n.Printer, text, lang string) string
}

// Pages are the inbox's pages. Safe for concurrent use.
type Pages struct {
	kit     *web.Kit
	inbox   *inbox.Inbox
	db      *db.DB
	clock   func() time.Time
	stream  string
	address func(institution.Institution) string
	due     func(ctx context.Context, tx *db.Tx, institutionID, officeID string, from time.Time) (time.Time, error)
	rules   func(ctx context.Context, tx *db.Tx, institutionID string) ([]string, error)
	why     func(p *i18n.Printer, text, lang string) string
}

// New registers the templates of the pages with the kit. It fails when one of
// them is broken.
func New(o Options) (*Pages, error) {
	p := &Pages{kit: o.Kit, inbox: o.Inbox, db: o.DB, clock: o.Clock, stream: o.Stream, address: o.Address, due: o.Due, rules: o.Rules, why: o.Why}
	if p.due == nil {
		p.due = func(context.Context, *db.Tx, string, string, time.Time) (time.Time, error) { return time.Time{}, nil }
	}
	if p.rules == nil {
		p.rules = func(context.Context, *db.Tx, string) ([]string, error) { return nil, nil }
	}
	if p.address == nil {
		p.address = func(institution.Institution) string { return "" }
	}
	return p, o.Kit.AddTemplates(templates)
}

// Mount registers the routes.
func (p *Pages) Mount(mux *http.ServeMux) {
	one := listPath + "/{id}"
	for pattern, h := range map[string]handler{
		"GET " + listPath:                              p.list,
		"POST " + bulkPath:                             p.together,
		"POST " + viewsPath:                            p.keepView,
		"POST " + viewsPath + "/{id}/togli":            p.dropView,
		"GET " + one:                                   p.show,
		"POST " + one + "/assegna":                     p.assign,
		"POST " + one + "/chiudi":                      p.close,
		"POST " + one + "/riapri":                      p.reopen,
		"POST " + one + "/nota":                        p.note,
		"POST " + one + "/risposta":                    p.answer,
		"POST " + one + "/anteprima":                   p.preview,
		"POST " + one + "/risposte/{answer}/approva":   p.approve,
		"POST " + one + "/risposte/{answer}/rimanda":   p.sendBack,
		"GET " + one + "/risposte/{answer}/ritira":     p.askWithdraw,
		"POST " + one + "/risposte/{answer}/ritira":    p.withdraw,
		"POST " + one + "/commenti/{comment}/segnale":  p.stance,
		"POST " + one + "/commenti/{comment}/modera":   p.moderate,
		"POST " + one + "/commenti/{comment}/pubblica": p.release,
		"POST " + one + "/commenti/{comment}/mostra":   p.unhide,
		"POST " + one + "/autore/sblocca":              p.unblock,
		"GET " + one + "/autore/dati":                  p.export,
		"GET " + one + "/autore/cancella":              p.askForget,
		"POST " + one + "/autore/cancella":             p.forget,
		"GET " + answersPath + "/{answer}":             p.toAnswer,
		"GET " + one + "/commenti/{comment}/file/{n}":  p.file,
		"GET " + lettersPath:                           p.letters,
		"POST " + lettersPath + "/accogli":             p.takeIn,
		"POST " + lettersPath + "/lascia":              p.letGo,
		"GET " + cannedPath:                            p.listCanned,
		"POST " + cannedPath:                           p.addCanned,
		"GET " + cannedPath + "/{id}":                  p.showCanned,
		"POST " + cannedPath + "/{id}":                 p.changeCanned,
		"GET " + cannedPath + "/{id}/togli":            p.askDropCanned,
		"POST " + cannedPath + "/{id}/togli":           p.dropCanned,
	} {
		p.kit.Handle(mux, pattern, p.signed(h))
	}
}

// visit is who asks, for which institution, and in which language.
type visit struct {
	inst  institution.Institution
	actor people.Actor
	loc   *time.Location
	now   time.Time
	p     *i18n.Printer
	why   func(p *i18n.Printer, text, lang string) string
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
		return h(w, r, visit{inst: inst, actor: actor, loc: inst.Location(), now: p.clock(), p: p.kit.Printer(r), why: p.why})
	}
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
func (p *Pages) back(w http.ResponseWriter, r *http.Request, form *web.Form, otherwise string) error {
	if next := form.String("next"); strings.HasPrefix(next, deskPath+"/") {
		return web.Redirect(w, r, next)
	}
	return web.Redirect(w, r, otherwise)
}

// refuse says above the next page why an act was refused, when a person can do
// something about it; any other error is returned.
func (p *Pages) refuse(r *http.Request, v visit, err error) error {
	switch fault.Of(err).Kind {
	case fault.Conflict, fault.Invalid, fault.Unavailable:
	default:
		return err
	}
	f := fault.Of(err)
	if len(f.Fields) == 0 {
		p.kit.Flash(r, web.Danger, f.Text.Key, f.Text.Args...)
	}
	for _, field := range f.Fields {
		p.kit.Flash(r, web.Danger, field.Key, field.Args...)
	}
	return nil
}

// conversationPath is the address of a conversation's page.
func conversationPath(id string) string { return listPath + "/" + id }

// crumbs are the way back to the list.
func (v visit) crumbs(more ...layout.Link) []layout.Link {
	return append([]layout.Link{{Label: v.p.T("inbox.page"), URL: listPath}}, more...)
}

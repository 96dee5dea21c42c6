package office

import (
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// Addresses of the pages.
const (
	desk              = "/redazione"
	officesPath       = desk + "/uffici"
	rulesPath         = officesPath + "/regole"
	figuresPath       = officesPath + "/tempi"
	requestsPath      = desk + "/richieste"
	conversationsPath = desk + "/conversazioni"
)

func conversationPath(id string) string { return conversationsPath + "/" + id }
func requestPath(id string) string      { return requestsPath + "/" + id }

// Mount registers the routes.
func (o *Offices) Mount(mux *http.ServeMux) {
	for pattern, h := range map[string]handler{
		"GET " + officesPath:                           o.offices,
		"POST " + officesPath + "/orario":              o.saveOpening,
		"POST " + officesPath + "/chiusure":            o.addClosing,
		"POST " + officesPath + "/chiusure/{id}/togli": o.removeClosing,
		"GET " + officesPath + "/{id}":                 o.office,
		"POST " + officesPath + "/{id}":                o.saveOffice,
		"GET " + rulesPath:                             o.rules,
		"POST " + rulesPath:                            o.saveRule,
		"GET " + rulesPath + "/{id}":                   o.rule,
		"POST " + rulesPath + "/{id}":                  o.saveRule,
		"POST " + rulesPath + "/{id}/su":               o.ruleUp,
		"POST " + rulesPath + "/{id}/giu":              o.ruleDown,
		"POST " + rulesPath + "/{id}/togli":            o.removeRule,
		"GET " + figuresPath:                           o.figures,
		"GET " + requestsPath:                          o.requests,
		"POST " + requestsPath:                         o.newRequest,
		"GET " + requestsPath + "/{id}":                o.request,
		"POST " + requestsPath + "/{id}/sollecita":     o.remind,
		"POST " + requestsPath + "/{id}/chiudi":        o.closeRequest,
		"POST " + requestsPath + "/{id}/bozza":         o.makeDraft,
		"POST " + requestsPath + "/{id}/revoca":        o.revokeRequest,
		"GET " + conversationsPath + "/{id}/chiedi":    o.asking,
		"POST " + conversationsPath + "/{id}/chiedi":   o.ask,
		"POST " + conversationsPath + "/{id}/revoca":   o.revoke,
	} {
		o.Kit.Handle(mux, pattern, o.signed(h))
	}
	open := []web.RouteOption{web.WithoutSession(), web.MaxBody(128 << 10)}
	o.Kit.Handle(mux, "GET /ufficio/{token}", o.linked, open...)
	o.Kit.Handle(mux, "POST /ufficio/{token}", o.supplyForm, open...)
}

// visit is who asks, for which institution, and in which language.
type visit struct {
	inst  institution.Institution
	actor people.Actor
	now   time.Time
	p     *i18n.Printer
}

type handler func(w http.ResponseWriter, r *http.Request, v visit) error

// signed hands a request on with the visit. Faults: NotFound for a host without
// institution, Unsigned, and Forbidden for somebody without a role here.
func (o *Offices) signed(h handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		inst, err := institution.Of(r.Context())
		if err != nil {
			return err
		}
		actor, err := people.Can(r.Context(), people.See, inst.ID)
		if err != nil {
			return err
		}
		return h(w, r, visit{inst, actor, o.Clock(), o.Kit.Printer(r)})
	}
}

// can fails with Forbidden when the visitor may not do the action.
func (v visit) can(action people.Action) error {
	if !v.actor.May(action) {
		return fault.Refused("people.forbidden." + string(action))
	}
	return nil
}

// done says that something was done and goes on to a page. What a person can do
// something about is said there too; any other error is returned.
func (o *Offices) done(w http.ResponseWriter, r *http.Request, err error, path, key string, args ...any) error {
	f := fault.Of(err)
	switch {
	case err == nil:
		o.Kit.Flash(r, web.Success, key, args...)
	case f.Kind == fault.Conflict || f.Kind == fault.Invalid && len(f.Fields) == 0:
		o.Kit.Flash(r, web.Danger, f.Text.Key, f.Text.Args...)
	case f.Kind == fault.Invalid:
		for _, field := range f.Fields {
			o.Kit.Flash(r, web.Danger, field.Key, field.Args...)
		}
	default:
		return err
	}
	return web.Redirect(w, r, path)
}

// officeOptions are the offices as choices of a field, after an empty one.
func officeOptions(offices []institution.Office, none string) []layout.Option {
	all := []layout.Option{{Value: "", Label: none}}
	for _, of := range offices {
		all = append(all, layout.Option{Value: of.ID, Label: of.Name})
	}
	return all
}

// span writes working time: "3 h 20 min".
func span(p *i18n.Printer, d time.Duration) string {
	d = d.Round(time.Minute)
	h, m := int(d/time.Hour), int(d%time.Hour/time.Minute)
	switch {
	case h == 0:
		return p.T("offices.span.minutes", m)
	case m == 0:
		return p.T("offices.span.hours", h)
	}
	return p.T("offices.span", h, m)
}

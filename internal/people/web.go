package people

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

//go:embed all:templates
var templates embed.FS

const path = "/redazione/persone"

// Pages are the administration of people. The functions come from packages that
// know this one, and are joined by the application.
type Pages struct {
	DB  *db.DB
	Kit *web.Kit

	// Invite and InviteAgain let somebody in; link is to be handed over when there
	// is no e-mail.
	Invite      func(r *http.Request, tx *db.Tx, n Invitation) (p Person, link string, err error)
	InviteAgain func(r *http.Request, tx *db.Tx, institutionID, personID, by string) (link string, err error)

	// Record writes the audit log.
	Record func(ctx context.Context, tx *db.Tx, institutionID, action, subject string, detail any, now time.Time) error

	// Confirmed wraps acts that need a recent proof of identity.
	Confirmed func(web.Handler) web.Handler
}

// Invitation is who is invited, by whom, as what.
type Invitation struct {
	InstitutionID string
	Email, Name   string
	Locale        string
	Roles         []Role
	By            string // name of who invites
}

// Mount registers the pages.
func (g *Pages) Mount(mux *http.ServeMux) error {
	if err := g.Kit.AddTemplates(templates); err != nil {
		return fmt.Errorf("people: %w", err)
	}
	g.Kit.Handle(mux, "GET "+path, g.list)
	g.Kit.Handle(mux, "POST "+path, g.Confirmed(g.invite))
	g.Kit.Handle(mux, "GET "+path+"/{id}", g.show)
	g.Kit.Handle(mux, "POST "+path+"/{id}", g.Confirmed(g.save))
	g.Kit.Handle(mux, "POST "+path+"/{id}/invito", g.Confirmed(g.inviteAgain))
	g.Kit.Handle(mux, "GET "+path+"/{id}/togli", g.askRemove)
	g.Kit.Handle(mux, "POST "+path+"/{id}/togli", g.Confirmed(g.remove))
	return nil
}

// listPage is what the page "people-list" shows.
type listPage struct {
	Form    *web.Form
	Members []Member
	Roles   []Role
	Link    string // of an invitation, shown once
	Invited string // whose it is
}

// enter is who administers which institution. Faults: those of Here.
func (g *Pages) enter(r *http.Request) (a Actor, institutionID string, err error) {
	a, err = Here(r.Context(), Staff)
	return a, a.InstitutionID, err
}

func (g *Pages) list(w http.ResponseWriter, r *http.Request) error {
	return g.renderList(w, r, listPage{Form: web.NewForm("locale", "it")})
}

func (g *Pages) renderList(w http.ResponseWriter, r *http.Request, p listPage) error {
	_, institutionID, err := g.enter(r)
	if err != nil {
		return err
	}
	p.Roles = Roles()
	ctx := r.Context()
	err = g.DB.Read(ctx, func(tx *db.Tx) error {
		p.Members, err = Members(ctx, tx, institutionID)
		return err
	})
	if err != nil {
		return err
	}
	return g.Kit.Render(w, r, p.Form.Status(), "people-list", p)
}

func (g *Pages) invite(w http.ResponseWriter, r *http.Request) error {
	a, institutionID, err := g.enter(r)
	if err != nil {
		return err
	}
	form, err := g.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	var p Person
	var link string
	roles, err := ParseRoles(form.Strings("roles"))
	if err == nil {
		n := Invitation{InstitutionID: institutionID, Email: form.String("email"), Name: form.String("name"),
			Locale: form.Choice("locale", "it", "en"), Roles: roles, By: a.Name}
		if err = form.Err(); err == nil {
			err = g.DB.InTx(r.Context(), func(tx *db.Tx) (err error) {
				p, link, err = g.Invite(r, tx, n)
				return err
			})
		}
	}
	if err != nil {
		if !form.Fail(g.Kit.Printer(r), err) {
			return err
		}
		return g.renderList(w, r, listPage{Form: form})
	}
	if link != "" {
		return g.renderList(w, r, listPage{Form: web.NewForm("locale", "it"), Link: link, Invited: p.Name})
	}
	g.Kit.Flash(r, web.Success, "people.invited.mail", p.Name)
	return web.Redirect(w, r, path)
}

// memberPage is what the page "people-member" shows.
type memberPage struct {
	Form   *web.Form
	Member Member
	Roles  []Role
}

func (g *Pages) show(w http.ResponseWriter, r *http.Request) error {
	_, institutionID, err := g.enter(r)
	if err != nil {
		return err
	}
	m, err := g.member(r, institutionID)
	if err != nil {
		return err
	}
	form := &web.Form{Values: url.Values{}}
	for _, role := range m.Roles {
		form.Values.Add("roles", string(role))
	}
	return g.renderMember(w, r, form, m)
}

func (g *Pages) member(r *http.Request, institutionID string) (m Member, err error) {
	ctx := r.Context()
	err = g.DB.Read(ctx, func(tx *db.Tx) error {
		m, err = MemberByID(ctx, tx, institutionID, r.PathValue("id"))
		return err
	})
	return m, err
}

func (g *Pages) renderMember(w http.ResponseWriter, r *http.Request, form *web.Form, m Member) error {
	return g.Kit.Render(w, r, form.Status(), "people-member", layout.Page{
		Crumbs:  []layout.Link{{Label: g.Kit.Printer(r).T("people.title"), URL: path}},
		Content: memberPage{form, m, Roles()},
	})
}

func (g *Pages) save(w http.ResponseWriter, r *http.Request) error {
	_, institutionID, err := g.enter(r)
	if err != nil {
		return err
	}
	m, err := g.member(r, institutionID)
	if err != nil {
		return err
	}
	form, err := g.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	roles, err := ParseRoles(form.Strings("roles"))
	if err == nil && len(roles) == 0 {
		err = fault.InvalidField("roles", "people.roles.missing")
	}
	ctx, now := r.Context(), g.Kit.Now()
	if err == nil {
		err = g.DB.InTx(ctx, func(tx *db.Tx) error {
			if err := SetRoles(ctx, tx, institutionID, m.ID, roles, now); err != nil {
				return err
			}
			return g.Record(ctx, tx, institutionID, "people.roles", m.ID, map[string]any{"before": m.Roles, "roles": roles}, now)
		})
	}
	if err != nil {
		if !form.Fail(g.Kit.Printer(r), err) {
			return err
		}
		return g.renderMember(w, r, form, m)
	}
	g.Kit.Flash(r, web.Success, "people.saved")
	return web.Redirect(w, r, path)
}

func (g *Pages) inviteAgain(w http.ResponseWriter, r *http.Request) error {
	a, institutionID, err := g.enter(r)
	if err != nil {
		return err
	}
	m, err := g.member(r, institutionID)
	if err != nil {
		return err
	}
	var link string
	err = g.DB.InTx(r.Context(), func(tx *db.Tx) error {
		link, err = g.InviteAgain(r, tx, institutionID, m.ID, a.Name)
		return err
	})
	if err != nil {
		return err
	}
	if link != "" {
		return g.renderList(w, r, listPage{Form: web.NewForm("locale", "it"), Link: link, Invited: m.Name})
	}
	g.Kit.Flash(r, web.Success, "people.invited.mail", m.Name)
	return web.Redirect(w, r, path)
}

func (g *Pages) askRemove(w http.ResponseWriter, r *http.Request) error {
	_, institutionID, err := g.enter(r)
	if err != nil {
		return err
	}
	m, err := g.member(r, institutionID)
	if err != nil {
		return err
	}
	p := g.Kit.Printer(r)
	return g.Kit.Confirm(w, r, layout.Confirm{
		Question: p.T("people.remove.question", m.Name), Text: p.T("people.remove.text"), Danger: true,
		Action: path + "/" + m.ID + "/togli", Label: p.T("people.remove"), Cancel: path,
	})
}

func (g *Pages) remove(w http.ResponseWriter, r *http.Request) error {
	_, institutionID, err := g.enter(r)
	if err != nil {
		return err
	}
	m, err := g.member(r, institutionID)
	if err != nil {
		return err
	}
	ctx, now := r.Context(), g.Kit.Now()
	err = g.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := Remove(ctx, tx, institutionID, m.ID, now); err != nil {
			return err
		}
		return g.Record(ctx, tx, institutionID, "people.remove", m.ID, map[string]any{"before": m.Roles}, now)
	})
	if err != nil {
		return err
	}
	g.Kit.Flash(r, web.Success, "people.removed", m.Name)
	return web.Redirect(w, r, path)
}

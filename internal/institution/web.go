package institution

import (
	"embed"
	"fmt"
	"net/http"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/hostname"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

//go:embed all:templates
var templates embed.FS

const (
	path         = "/redazione/ente"
	profilesPath = path + "/profili"
	officesPath  = path + "/uffici"
)

// Mount registers the pages of the institution's settings. The resolver forgets
// what it knows when one of them changes, so that the change shows at once.
func Mount(k *web.Kit, mux *http.ServeMux, d *db.DB, v *Resolver) error {
	if err := k.AddTemplates(templates); err != nil {
		return fmt.Errorf("institution: %w", err)
	}
	g := &pages{k, d, v}
	k.Handle(mux, "GET "+path, g.show)
	k.Handle(mux, "POST "+path, g.save)
	k.Handle(mux, "GET "+profilesPath, g.listProfiles)
	k.Handle(mux, "POST "+profilesPath, g.saveProfile)
	k.Handle(mux, "GET "+profilesPath+"/{id}", g.showProfile)
	k.Handle(mux, "POST "+profilesPath+"/{id}", g.saveProfile)
	k.Handle(mux, "POST "+profilesPath+"/{id}/archivia", g.archiveProfile)
	k.Handle(mux, "GET "+officesPath, g.listOffices)
	k.Handle(mux, "POST "+officesPath, g.saveOffice)
	k.Handle(mux, "GET "+officesPath+"/{id}", g.showOffice)
	k.Handle(mux, "POST "+officesPath+"/{id}", g.saveOffice)
	return nil
}

type pages struct {
	kit      *web.Kit
	db       *db.DB
	resolver *Resolver
}

// settingsPage is what the page "institution" shows.
type settingsPage struct {
	Form  *web.Form
	Hosts []string
	Slug  string
}

// current reads the institution afresh: what is edited must not come from a cache.
func (g *pages) current(r *http.Request) (i Institution, err error) {
	ctx := r.Context()
	a, err := people.Here(ctx, people.Configure)
	if err != nil {
		return i, err
	}
	err = g.db.Read(ctx, func(tx *db.Tx) error {
		i, err = ByID(ctx, tx, a.InstitutionID)
		return err
	})
	return i, err
}

func (g *pages) show(w http.ResponseWriter, r *http.Request) error {
	i, err := g.current(r)
	if err != nil {
		return err
	}
	form := web.NewForm("name", i.Name, "motto", i.Motto, "locale", i.Locale, "zone", i.Zone, "colour", i.Colour,
		"site_url", i.SiteURL, "privacy_url", i.PrivacyURL, "accessibility_url", i.AccessibilityURL, "legal_url", i.LegalURL,
		"address", i.Address, "email", hostname.Readable(i.Email), "phone", i.Phone, "keep_days", fmt.Sprint(i.KeepDays), "version", fmt.Sprint(i.Version))
	return g.render(w, r, form, i)
}

func (g *pages) render(w http.ResponseWriter, r *http.Request, form *web.Form, i Institution) error {
	return g.kit.Render(w, r, form.Status(), "institution", settingsPage{form, i.Hosts, i.Slug})
}

func (g *pages) save(w http.ResponseWriter, r *http.Request) error {
	i, err := g.current(r)
	if err != nil {
		return err
	}
	form, err := g.kit.ReadForm(r)
	if err != nil {
		return err
	}
	next := typed(form, i)
	if err = form.Err(); err == nil && form.String("version") != fmt.Sprint(i.Version) {
		err = fault.Clash("institution.changed")
	}
	if err == nil {
		err = g.change(r, "institution.update", func(tx *db.Tx) (string, error) { return i.ID, Update(r.Context(), tx, next) })
	}
	if err != nil {
		if !form.Fail(g.kit.Printer(r), err) {
			return err
		}
		return g.render(w, r, form, i)
	}
	g.kit.Flash(r, web.Success, "institution.saved")
	return web.Redirect(w, r, path)
}

// typed is the institution with what the form says.
func typed(form *web.Form, i Institution) Institution {
	i.Name, i.Motto = form.Limited("name", maxLine), form.Limited("motto", maxLine)
	i.Locale, i.Zone, i.Colour = form.Choice("locale", "it", "en"), form.String("zone"), form.String("colour")
	i.SiteURL, i.PrivacyURL = form.Limited("site_url", maxURL), form.Limited("privacy_url", maxURL)
	i.AccessibilityURL, i.LegalURL = form.Limited("accessibility_url", maxURL), form.Limited("legal_url", maxURL)
	i.Address, i.Email, i.Phone = form.Limited("address", maxText), form.Limited("email", maxLine), form.Limited("phone", maxLine)
	if form.String("keep_days") != "" {
		i.KeepDays = form.Int("keep_days", 1, MaxKeepDays)
	}
	return i
}

// change runs a change, which returns the identifier of what it changed, with its
// record, and makes it show at once.
func (g *pages) change(r *http.Request, action string, do func(tx *db.Tx) (subject string, err error)) error {
	ctx := r.Context()
	a, err := people.Here(ctx, people.Configure)
	if err != nil {
		return err
	}
	err = g.db.InTx(ctx, func(tx *db.Tx) error {
		subject, err := do(tx)
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, a.InstitutionID, action, subject, nil, g.kit.Now())
	})
	g.resolver.Forget()
	return err
}

// profilesPage is what the page "institution-profiles" shows.
type profilesPage struct {
	Form     *web.Form
	Profiles []Profile
}

func (g *pages) listProfiles(w http.ResponseWriter, r *http.Request) error {
	return g.renderProfiles(w, r, web.NewForm("four_eyes", "1"))
}

func (g *pages) renderProfiles(w http.ResponseWriter, r *http.Request, form *web.Form) error {
	ctx := r.Context()
	a, err := people.Here(ctx, people.Configure)
	if err != nil {
		return err
	}
	page := profilesPage{Form: form}
	err = g.db.Read(ctx, func(tx *db.Tx) error {
		page.Profiles, err = Profiles(ctx, tx, a.InstitutionID)
		return err
	})
	if err != nil {
		return err
	}
	return g.kit.Render(w, r, form.Status(), "institution-profiles", page)
}

// profilePage is what the page "institution-profile" shows.
type profilePage struct {
	Form    *web.Form
	Profile Profile
}

// profile is the profile of the path.
func (g *pages) profile(r *http.Request) (p Profile, err error) {
	ctx := r.Context()
	a, err := people.Here(ctx, people.Configure)
	if err != nil {
		return p, err
	}
	err = g.db.Read(ctx, func(tx *db.Tx) error {
		p, err = ProfileByID(ctx, tx, a.InstitutionID, r.PathValue("id"))
		return err
	})
	return p, err
}

func (g *pages) showProfile(w http.ResponseWriter, r *http.Request) error {
	p, err := g.profile(r)
	if err != nil {
		return err
	}
	form := web.NewForm("name", p.Name, "bio", p.Bio, "position", fmt.Sprint(p.Position))
	if p.FourEyes {
		form.Values.Set("four_eyes", "1")
	}
	if p.FourEyesAnswers {
		form.Values.Set("four_eyes_answers", "1")
	}
	return g.renderProfile(w, r, form, p)
}

func (g *pages) renderProfile(w http.ResponseWriter, r *http.Request, form *web.Form, p Profile) error {
	return g.kit.Render(w, r, form.Status(), "institution-profile", layout.Page{
		Crumbs:  []layout.Link{{Label: g.kit.Printer(r).T("profile.list"), URL: profilesPath}},
		Content: profilePage{form, p},
	})
}

// saveProfile changes the profile of the path, or makes a new one.
func (g *pages) saveProfile(w http.ResponseWriter, r *http.Request) error {
	a, err := people.Here(r.Context(), people.Configure)
	if err != nil {
		return err
	}
	p := Profile{InstitutionID: a.InstitutionID}
	if r.PathValue("id") != "" {
		if p, err = g.profile(r); err != nil {
			return err
		}
	}
	form, err := g.kit.ReadForm(r)
	if err != nil {
		return err
	}
	p.Name, p.Bio, p.FourEyes = form.Limited("name", maxLine), form.Limited("bio", maxText), form.Bool("four_eyes")
	p.FourEyesAnswers, p.Position = form.Bool("four_eyes_answers"), form.Int("position", 0, 999)
	if err = form.Err(); err == nil {
		err = g.change(r, "profile.save", func(tx *db.Tx) (string, error) {
			saved, err := SaveProfile(r.Context(), tx, p, g.kit.Now())
			return saved.ID, err
		})
	}
	if err != nil {
		if !form.Fail(g.kit.Printer(r), err) {
			return err
		}
		if p.ID == "" {
			return g.renderProfiles(w, r, form)
		}
		return g.renderProfile(w, r, form, p)
	}
	g.kit.Flash(r, web.Success, "profile.saved", p.Name)
	return web.Redirect(w, r, profilesPath)
}

func (g *pages) archiveProfile(w http.ResponseWriter, r *http.Request) error {
	p, err := g.profile(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	err = g.change(r, "profile.archive", func(tx *db.Tx) (string, error) {
		return p.ID, archive(ctx, tx, p, g.kit.Now())
	})
	if err != nil {
		return err
	}
	g.kit.Flash(r, web.Success, "profile.archived", p.Name)
	return web.Redirect(w, r, profilesPath)
}

package institution

import (
	"net/http"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// officesPage is what the page "institution-offices" shows.
type officesPage struct {
	Form    *web.Form
	Offices []Office
}

// officePage is what the page "institution-office" shows.
type officePage struct {
	Form   *web.Form
	Office Office
}

func (g *pages) listOffices(w http.ResponseWriter, r *http.Request) error {
	return g.renderOffices(w, r, web.NewForm())
}

func (g *pages) renderOffices(w http.ResponseWriter, r *http.Request, form *web.Form) error {
	all, err := g.offices(r)
	if err != nil {
		return err
	}
	return g.kit.Render(w, r, form.Status(), "institution-offices", officesPage{form, all})
}

func (g *pages) offices(r *http.Request) (all []Office, err error) {
	ctx := r.Context()
	a, err := people.Here(ctx, people.Configure)
	if err != nil {
		return nil, err
	}
	err = g.db.Read(ctx, func(tx *db.Tx) error {
		all, err = Offices(ctx, tx, a.InstitutionID)
		return err
	})
	return all, err
}

// office is the office of the path. Fault: NotFound.
func (g *pages) office(r *http.Request) (Office, error) {
	all, err := g.offices(r)
	if err != nil {
		return Office{}, err
	}
	for _, o := range all {
		if o.ID == r.PathValue("id") {
			return o, nil
		}
	}
	return Office{}, fault.Missing("office.missing")
}

func (g *pages) showOffice(w http.ResponseWriter, r *http.Request) error {
	o, err := g.office(r)
	if err != nil {
		return err
	}
	return g.renderOffice(w, r, web.NewForm("name", o.Name, "email", o.Email, "phone", o.Phone), o)
}

func (g *pages) renderOffice(w http.ResponseWriter, r *http.Request, form *web.Form, o Office) error {
	return g.kit.Render(w, r, form.Status(), "institution-office", layout.Page{
		Crumbs:  []layout.Link{{Label: g.kit.Printer(r).T("office.list"), URL: officesPath}},
		Content: officePage{form, o},
	})
}

// saveOffice changes the office of the path, or makes a new one.
func (g *pages) saveOffice(w http.ResponseWriter, r *http.Request) error {
	a, err := people.Here(r.Context(), people.Configure)
	if err != nil {
		return err
	}
	o := Office{InstitutionID: a.InstitutionID}
	if r.PathValue("id") != "" {
		if o, err = g.office(r); err != nil {
			return err
		}
	}
	form, err := g.kit.ReadForm(r)
	if err != nil {
		return err
	}
	o.Name, o.Email, o.Phone = form.Limited("name", maxLine), form.Limited("email", maxLine), form.Limited("phone", maxLine)
	if address, ok := people.Address(o.Email); ok {
		o.Email = address
	} else if o.Email != "" {
		form.Add("email", "people.email.form")
	}
	if err = form.Err(); err == nil {
		err = g.change(r, "office.save", func(tx *db.Tx) (string, error) {
			saved, err := SaveOffice(r.Context(), tx, o)
			return saved.ID, err
		})
	}
	if err != nil {
		if !form.Fail(g.kit.Printer(r), err) {
			return err
		}
		if o.ID == "" {
			return g.renderOffices(w, r, form)
		}
		return g.renderOffice(w, r, form, o)
	}
	g.kit.Flash(r, web.Success, "office.saved", o.Name)
	return web.Redirect(w, r, officesPath)
}

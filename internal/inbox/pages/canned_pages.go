package pages

import (
	"context"
	"net/http"
	"strconv"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// cannedPage lists the canned answers, with the form for a new one.
type cannedPage struct {
	Form         *web.Form
	All          []cannedRow
	Profiles     []layout.Option
	Placeholders []string
}

type cannedRow struct {
	canned
	URL, Profile, By string
}

// onePage is the page on which one canned answer is changed.
type onePage struct {
	Form         *web.Form
	Canned       canned
	URL          string
	Profiles     []layout.Option
	Placeholders []string
	Theirs       *canned // what somebody else saved meanwhile
	By           string
}

func (p *Pages) listCanned(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.showAllCanned(w, r, v, web.NewForm(), http.StatusOK)
}

func (p *Pages) showAllCanned(w http.ResponseWriter, r *http.Request, v visit, form *web.Form, status int) error {
	if err := v.can(people.Answer); err != nil {
		return err
	}
	page := cannedPage{Form: form, Placeholders: placeholders()}
	err := p.db.Read(r.Context(), func(tx *db.Tx) error {
		all, err := cannedAnswers(r.Context(), tx, v.inst.ID, "")
		if err != nil {
			return err
		}
		names, err := people.Names(r.Context(), tx, v.inst.ID)
		if err != nil {
			return err
		}
		profiles := map[string]string{}
		page.Profiles, err = v.profileOptions(r.Context(), tx, profiles)
		for _, c := range all {
			page.All = append(page.All, cannedRow{c, cannedPath + "/" + c.ID, profiles[c.ProfileID], names[c.EditedBy]})
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.kit.Render(w, r, status, "inbox/canned", layout.Page{Content: page, Crumbs: v.crumbs()})
}

func (v visit) profileOptions(ctx context.Context, tx *db.Tx, names map[string]string) ([]layout.Option, error) {
	all, err := institution.Profiles(ctx, tx, v.inst.ID)
	out := []layout.Option{{Label: v.p.T("inbox.page.canned.profile.any")}}
	for _, profile := range all {
		out = append(out, layout.Option{Value: profile.ID, Label: profile.Name})
		names[profile.ID] = profile.Name
	}
	return out, err
}

// readCanned takes a canned answer from its form.
func readCanned(form *web.Form, id string) canned {
	version, err := strconv.ParseInt(form.String("version"), 10, 64)
	if err != nil {
		version = 0 // clashes with anything stored
	}
	return canned{ID: id, ProfileID: form.String("profile"), Name: form.String("name"), Text: form.String("text"), Version: version}
}

func (p *Pages) addCanned(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	if err := p.saveCanned(r.Context(), v.inst.ID, readCanned(form, ""), v.now); err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		return p.showAllCanned(w, r, v, form, form.Status())
	}
	p.kit.Flash(r, web.Success, "inbox.page.done.canned")
	return web.Redirect(w, r, cannedPath)
}

func (p *Pages) showCanned(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.showOneCanned(w, r, v, nil, http.StatusOK)
}

// showOneCanned shows a canned answer, or what was typed about it and refused.
func (p *Pages) showOneCanned(w http.ResponseWriter, r *http.Request, v visit, typed *web.Form, status int) error {
	if err := v.can(people.Answer); err != nil {
		return err
	}
	page := onePage{Form: typed, Placeholders: placeholders(), URL: cannedPath + "/" + r.PathValue("id")}
	err := p.db.Read(r.Context(), func(tx *db.Tx) (err error) {
		if page.Canned, err = cannedByID(r.Context(), tx, v.inst.ID, r.PathValue("id")); err != nil {
			return err
		}
		names, err := people.Names(r.Context(), tx, v.inst.ID)
		if err != nil {
			return err
		}
		page.By = names[page.Canned.EditedBy]
		page.Profiles, err = v.profileOptions(r.Context(), tx, map[string]string{})
		return err
	})
	if err != nil {
		return err
	}
	c := page.Canned
	if typed == nil {
		page.Form = web.NewForm("name", c.Name, "text", c.Text, "profile", c.ProfileID)
	}
	if status == fault.Conflict.Status() {
		page.Theirs = &c
	}
	return p.kit.Render(w, r, status, "inbox/canned-one", layout.Page{Content: page, Crumbs: v.crumbs(layout.Link{Label: v.p.T("inbox.page.canned"), URL: cannedPath})})
}

func (p *Pages) changeCanned(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	if err := p.saveCanned(r.Context(), v.inst.ID, readCanned(form, r.PathValue("id")), v.now); err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		return p.showOneCanned(w, r, v, form, fault.Of(err).Kind.Status())
	}
	p.kit.Flash(r, web.Success, "inbox.page.done.canned")
	return web.Redirect(w, r, cannedPath)
}

func (p *Pages) askDropCanned(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Answer); err != nil {
		return err
	}
	var c canned
	err := p.db.Read(r.Context(), func(tx *db.Tx) (err error) {
		c, err = cannedByID(r.Context(), tx, v.inst.ID, r.PathValue("id"))
		return err
	})
	if err != nil {
		return err
	}
	return p.kit.Confirm(w, r, layout.Confirm{Question: v.p.T("inbox.page.canned.remove.ask", c.Name), Text: v.p.T("inbox.page.canned.remove.text"),
		Action: cannedPath + "/" + c.ID + "/togli", Label: v.p.T("inbox.page.canned.remove"), Cancel: cannedPath + "/" + c.ID, Danger: true})
}

func (p *Pages) dropCanned(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := p.removeCanned(r.Context(), v.inst.ID, r.PathValue("id"), v.now); err != nil {
		return err
	}
	p.kit.Flash(r, web.Success, "inbox.page.done.canned_removed")
	return web.Redirect(w, r, cannedPath)
}

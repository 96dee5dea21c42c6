package policy

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// editing is the page on which a text is changed.
type editing struct {
	Form     *web.Form
	Kind     Kind
	Headings []string
	Action   string
	Version  Version // the newest
	Versions []Version
	Theirs   *shown // what somebody else saved meanwhile
}

// External reports whether it is the text for citizens.
func (e editing) External() bool { return e.Kind == External }

func (k Kind) action() string {
	if k == Internal {
		return internalPath + "/modifica"
	}
	return deskPath
}

// configured finds the institution that somebody may configure. Faults: NotFound,
// Unsigned, Forbidden.
func configured(r *http.Request) (institution.Institution, error) {
	i, err := institution.Of(r.Context())
	if err == nil {
		_, err = people.Can(r.Context(), people.Configure, i.ID)
	}
	return i, err
}

func (p *Policy) editor(k Kind) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		i, err := configured(r)
		if actor, signed := people.From(r.Context()); k == External && fault.Is(err, fault.Forbidden) && signed && actor.May(people.See) {
			// Who works here and may change nothing reads the rules for the staff.
			return web.Redirect(w, r, internalPath)
		}
		if err != nil {
			return err
		}
		return p.showEditor(w, r, i, k, nil, false)
	}
}

// showEditor shows the newest text, or what was typed. After a conflict the other
// person's text stands beside it, and saving again replaces that.
func (p *Policy) showEditor(w http.ResponseWriter, r *http.Request, i institution.Institution, k Kind, form *web.Form, conflict bool) error {
	ctx := r.Context()
	page := editing{Form: form, Kind: k, Headings: k.Headings(), Action: k.action()}
	if err := p.o.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if page.Version, err = p.current(ctx, tx, i, k); err != nil {
			return err
		}
		page.Versions, err = versions(ctx, tx, i.ID, k)
		return err
	}); err != nil {
		return err
	}
	v := page.Version
	if form == nil {
		page.Form = web.NewForm("rules", strings.Join(v.Content.Rules, "\n"), "version", strconv.FormatInt(v.Version, 10))
		for h, text := range v.Content.Sections {
			page.Form.Values.Set(h, text)
		}
		if v.Confirmed {
			page.Form.Values.Set("confirmed", "1")
		}
	}
	if conflict {
		page.Form.Values.Set("version", strconv.FormatInt(v.Version, 10))
		sections, err := p.writing.sections(v)
		if err != nil {
			return err
		}
		page.Theirs = &shown{Version: v, Sections: sections}
	}
	return p.o.Kit.Render(w, r, page.Form.Status(), "policy-edit", layout.Page{Content: page, Title: p.o.Kit.Printer(r).T("policy.edit." + string(k))})
}

func (p *Policy) save(k Kind) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		i, err := configured(r)
		if err != nil {
			return err
		}
		form, err := p.o.Kit.ReadForm(r)
		if err != nil {
			return err
		}
		t := p.o.Kit.Printer(r).T
		c := Content{Sections: map[string]string{}}
		for _, h := range k.Headings() {
			c.Sections[h] = form.String(h)
			form.Label(h, t(fmt.Sprint("policy.heading.", k, ".", h)))
		}
		if k == External {
			c.Rules = lines(form.Raw("rules"))
			form.Label("rules", t("policy.rules"))
		}
		from, err := strconv.ParseInt(form.String("version"), 10, 64)
		if err != nil || from < 0 {
			return fault.New(fault.Invalid, "policy.changed")
		}
		if err := p.Save(r.Context(), i.ID, k, from, c, form.Bool("confirmed")); err != nil {
			if !form.Fail(p.o.Kit.Printer(r), err) {
				return err
			}
			return p.showEditor(w, r, i, k, form, fault.Is(err, fault.Conflict))
		}
		p.o.Kit.Flash(r, web.Success, "policy.saved")
		return web.Redirect(w, r, k.action())
	}
}

package comments

import (
	"net/http"
	"slices"
	"strconv"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// deskPath is the address of the settings.
const deskPath = "/redazione/commenti"

// deskShown is the page with the settings.
type deskShown struct {
	Form     *web.Form
	Profiles []layout.Option
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

func (c *Comments) deskPage(w http.ResponseWriter, r *http.Request) error {
	return c.showDesk(w, r, nil)
}

func (c *Comments) showDesk(w http.ResponseWriter, r *http.Request, form *web.Form) error {
	ctx := r.Context()
	i, err := configured(r)
	if err != nil {
		return err
	}
	page := deskShown{Form: form}
	err = c.o.DB.Read(ctx, func(tx *db.Tx) error {
		s, err := settingOf(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		if page.Form == nil {
			page.Form = web.NewForm("close_days", strconv.Itoa(s.CloseDays), "hold", string(s.Hold))
			if s.Enabled {
				page.Form.Values.Set("enabled", "1")
			}
			page.Form.Values["silent"] = s.Silent
		}
		all, err := institution.Profiles(ctx, tx, i.ID)
		for _, p := range all {
			page.Profiles = append(page.Profiles, layout.Option{Value: p.ID, Label: p.Name})
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.o.Kit.Render(w, r, page.Form.Status(), "comments-desk", layout.Page{Layout: layout.Desk, Content: page, Title: c.o.Kit.Printer(r).T("comments.desk.title")})
}

func (c *Comments) deskSave(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	i, err := configured(r)
	if err != nil {
		return err
	}
	form, err := c.o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	s := Setting{Enabled: form.Bool("enabled"), CloseDays: form.Int("close_days", 0, 3650), Hold: Hold(form.Choice("hold", string(HoldAll), string(HoldNew))), Silent: form.Strings("silent")}
	if err = form.Err(); err == nil {
		err = c.o.DB.InTx(ctx, func(tx *db.Tx) error {
			all, err := institution.Profiles(ctx, tx, i.ID)
			if err != nil {
				return err
			}
			s.Silent = slices.DeleteFunc(s.Silent, func(id string) bool {
				return !slices.ContainsFunc(all, func(p institution.Profile) bool { return p.ID == id })
			})
			if err := s.save(ctx, tx, i.ID); err != nil {
				return err
			}
			return audit.Record(ctx, tx, i.ID, "comments.settings", i.ID,
				map[string]any{"enabled": s.Enabled, "close_days": s.CloseDays, "hold": s.Hold, "silent": s.Silent}, c.o.Clock())
		})
	}
	if err != nil {
		form.Label("close_days", c.o.Kit.Printer(r).T("comments.desk.close_days"))
		if !form.Fail(c.o.Kit.Printer(r), err) {
			return err
		}
		return c.showDesk(w, r, form)
	}
	c.o.Kit.Flash(r, web.Success, "comments.desk.saved")
	return web.Redirect(w, r, deskPath)
}

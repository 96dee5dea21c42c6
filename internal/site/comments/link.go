package comments

import (
	"context"
	"net/http"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

func enqueue(ctx context.Context, c *Comments, tx *db.Tx, institutionID, link string) error {
	return c.jobs.Enqueue(ctx, tx, c.sealedLink(institutionID, link), jobs.When{Queue: jobs.Letters})
}

// linkShown is what an author sees behind the link: the draft to confirm, or what
// became of it.
type linkShown struct {
	Form     *web.Form
	Action   string
	Draft    *draft
	Who      string // who signed in, as it will be shown
	Mine     *mine
	Editable bool
	Entry    Entry
	Appeal   string // where the author can ask for another judgement; empty when there is none
	Path     string // of the message's page
	MaxText  int
}

// State is what became of a confirmed comment, in the catalogue's words.
func (p linkShown) State() string {
	switch m := p.Mine; {
	case m.Gone:
		return "gone"
	case m.Hidden:
		return "hidden"
	case m.Held:
		return "held"
	}
	return "shown"
}

// link finds what is behind the link of a request. Fault: NotFound.
func (c *Comments) link(r *http.Request, i institution.Institution) (page linkShown, err error) {
	ctx, link, now := r.Context(), r.PathValue("link"), c.o.Clock()
	page = linkShown{Action: linkPath(link), MaxText: MaxText}
	err = c.o.DB.Read(ctx, func(tx *db.Tx) error {
		d, err := c.openDraft(ctx, tx, i.ID, link, now)
		if err == nil {
			m, err := subjectByID(ctx, tx, i.ID, d.MessageID)
			page.Draft, page.Entry, page.Path, page.Who = &d, Entry{Text: d.Text, Lang: d.Lang}, m.Path(), c.author(i.ID, d).Name
			return err
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		m, err := mineByLink(ctx, tx, i.ID, link)
		if err != nil {
			return err
		}
		s, err := settingOf(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		waits, err := holds(ctx, tx, s, i.ID, m.AuthorID)
		if err != nil {
			return err
		}
		page.Mine, page.Entry, page.Editable = &m, Entry{ID: m.ID, Text: m.Text, Lang: m.Lang}, m.editable(s, !waits, now) == nil
		if m.Subject.ID != "" {
			page.Path = m.Subject.Path()
		}
		if m.Hidden && m.ModerationID != "" && c.o.Appeal != nil {
			page.Appeal = c.o.Appeal(i.ID, m.ModerationID)
		}
		return nil
	})
	return page, err
}

func (c *Comments) linkPage(w http.ResponseWriter, r *http.Request) error {
	return c.showLink(w, r, nil)
}

func (c *Comments) showLink(w http.ResponseWriter, r *http.Request, form *web.Form) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	page, err := c.link(r, i)
	if err != nil {
		return err
	}
	if page.Form = form; form == nil {
		page.Form = web.NewForm("text", page.Entry.Text)
	}
	t := c.o.Kit.Printer(r).T
	full := layout.Page{Content: page, Title: t("comments.mine.title")}
	if page.Draft != nil {
		full.Title = t("comments.confirm.title")
	}
	switch r.URL.Query().Get("esito") {
	case "confermato":
		full.Flash = []layout.Flash{{Kind: web.Success, Text: t("comments.confirmed")}}
	case "cambiato":
		full.Flash = []layout.Flash{{Kind: web.Success, Text: t("comments.edited")}}
	}
	return c.render(w, r, page.Form.Status(), "site-comment-link", full)
}

// linkAct does what the author asks: confirm, change, delete.
func (c *Comments) linkAct(w http.ResponseWriter, r *http.Request) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	form, err := c.o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	link, done := r.PathValue("link"), ""
	switch form.Choice("do", "confirm", "edit", "delete") {
	case "delete":
		err = c.Delete(r.Context(), i, link)
	case "edit":
		done = "?esito=cambiato"
		text := form.Required("text")
		form.Limited("text", MaxText)
		if err = form.Err(); err == nil {
			err = c.Edit(r.Context(), i, link, text)
		}
	default:
		done = "?esito=confermato"
		err = c.confirmed(r, i, link)
	}
	if err != nil {
		if !form.Fail(c.o.Kit.Printer(r), err) {
			return err
		}
		return c.showLink(w, r, form)
	}
	return web.Redirect(w, r, linkPath(link)+done)
}

// confirmed is Confirm; a second click on the same button finds it done.
func (c *Comments) confirmed(r *http.Request, i institution.Institution, link string) error {
	err := c.Confirm(r.Context(), i, link)
	if fault.Is(err, fault.NotFound) {
		return c.o.DB.Read(r.Context(), func(tx *db.Tx) error {
			if _, found := mineByLink(r.Context(), tx, i.ID, link); found != nil {
				return err
			}
			return nil
		})
	}
	return err
}

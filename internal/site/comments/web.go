package comments

import (
	"bytes"
	"context"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// linkPath is the address of an author's link.
func linkPath(link string) string { return "/commenti/" + url.PathEscape(link) }

// Writing is the form in which somebody comments.
type Writing struct {
	Form      *web.Form
	Action    string
	Message   subject
	ReplyTo   *Entry // what is answered, when it is no message
	Privacy   string
	Fediverse bool
	Identity  string // name of the provider, empty without one
	MaxText   int
}

// below is what stands under a message.
type below struct {
	Writing
	Threads   []Thread
	Count     int
	Mentions  []Mention
	Elsewhere []Elsewhere
	Open      bool
	Closed    bool // it was open once
}

// Below is the part of a message's page that belongs to those who comment. It is
// the same for every reader, so that the page may be kept.
func (c *Comments) Below(r *http.Request, tx *db.Tx, i institution.Institution, messageID string, now time.Time) (template.HTML, error) {
	ctx := r.Context()
	m, err := subjectByID(ctx, tx, i.ID, messageID)
	if err != nil {
		return "", err
	}
	s, err := settingOf(ctx, tx, i.ID)
	if err != nil {
		return "", err
	}
	page := below{Writing: c.writing(i, m, web.NewForm())}
	refused := s.takes(m, now)
	page.Open, page.Closed = refused == nil, refused != nil && fault.Of(refused).Text.Key == "comments.closed"
	if page.Threads, page.Count, err = threads(ctx, tx, i.ID, m.ID, i.Name); err != nil {
		return "", err
	}
	if page.Mentions, err = mentions(ctx, tx, i.ID, m.ID); err != nil {
		return "", err
	}
	if page.Elsewhere, err = elsewhere(ctx, tx, i.ID, m.ID); err != nil {
		return "", err
	}
	b := buffer{header: http.Header{}}
	err = c.o.Kit.RenderFragment(&b, r, http.StatusOK, "site-comment", "comments-below", page)
	return template.HTML(b.String()), err
}

// buffer keeps what the kit renders.
type buffer struct {
	bytes.Buffer
	header http.Header
}

func (b *buffer) Header() http.Header { return b.header }
func (b *buffer) WriteHeader(int)     {}

func (c *Comments) writing(i institution.Institution, m subject, form *web.Form) Writing {
	w := Writing{Form: form, Action: m.Path() + "/commenta", Message: m, Privacy: i.PrivacyURL, Fediverse: c.o.Fediverse != nil, MaxText: MaxText}
	if c.o.Identity != nil {
		w.Identity = c.o.Identity.Name
	}
	return w
}

// open finds the message of a request and reports whether it takes comments.
func (c *Comments) open(r *http.Request, form *web.Form) (i institution.Institution, page Writing, err error) {
	ctx := r.Context()
	if i, err = institution.Of(ctx); err != nil {
		return i, page, err
	}
	err = c.o.DB.Read(ctx, func(tx *db.Tx) error {
		m, err := subjectBySlug(ctx, tx, i.ID, r.PathValue("slug"))
		if err != nil {
			return err
		}
		page = c.writing(i, m, form)
		s, err := settingOf(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		if err := s.takes(m, c.o.Clock()); err != nil {
			return err
		}
		if to := form.String("a"); to != "" {
			page.ReplyTo, err = c.answered(ctx, tx, i, m, to)
		}
		return err
	})
	return i, page, err
}

// answered is the comment or answer that somebody answers. Fault: NotFound when
// nobody may read it.
func (c *Comments) answered(ctx context.Context, tx *db.Tx, i institution.Institution, m subject, id string) (*Entry, error) {
	all, _, err := threads(ctx, tx, i.ID, m.ID, i.Name)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		for _, e := range append([]Entry{t.Entry}, t.Below...) {
			if e.ID == id {
				return &e, nil
			}
		}
	}
	return nil, fault.Missing("comments.gone")
}

func (c *Comments) writePage(w http.ResponseWriter, r *http.Request) error {
	form := web.NewForm("a", r.URL.Query().Get("a"))
	_, page, err := c.open(r, form)
	if err != nil {
		return err
	}
	return c.showWriting(w, r, http.StatusOK, page)
}

func (c *Comments) showWriting(w http.ResponseWriter, r *http.Request, status int, page Writing) error {
	t := c.o.Kit.Printer(r).T
	title := t("comments.write.title")
	if page.ReplyTo != nil {
		title = t("comments.write.reply", page.ReplyTo.Name)
	}
	return c.render(w, r, status, "site-comment", layout.Page{Content: page, Title: title,
		Crumbs: []layout.Link{{Label: t("site.nav.home"), URL: "/"}, {Label: page.Message.Title, URL: page.Message.Path()}}})
}

func (c *Comments) render(w http.ResponseWriter, r *http.Request, status int, name string, p layout.Page) error {
	p.Layout, p.NoIndex = layout.Site, true
	if p.Crumbs == nil {
		p.Crumbs = []layout.Link{{Label: c.o.Kit.Printer(r).T("site.nav.home"), URL: "/"}}
	}
	return c.o.Kit.Render(w, r, status, name, p)
}

// write takes what somebody typed. Whatever is wrong, the text stays in the form.
func (c *Comments) write(w http.ResponseWriter, r *http.Request) error {
	form, err := c.o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	// People do not see this field; programs that fill in everything do. They get
	// the answer that everybody gets.
	if form.String("website") != "" {
		return web.Redirect(w, r, "/commenti/inviato")
	}
	i, page, err := c.open(r, form)
	if err == nil {
		err = c.begin(w, r, i, page)
	}
	if err == nil {
		return nil
	}
	form.Label("text", c.label(r, "text"), "name", c.label(r, "name"), "email", c.label(r, "email"), "address", c.label(r, "address"))
	switch {
	case form.Fail(c.o.Kit.Printer(r), err) && page.Message.ID != "":
		return c.showWriting(w, r, form.Status(), page)
	case fault.Is(err, fault.TooMany), fault.Is(err, fault.Unavailable):
		// Not the writer's fault: what was typed is shown again all the same.
		form.Text, _ = c.o.Kit.Printer(r).Fault(err)
		return c.showWriting(w, r, fault.Of(err).Kind.Status(), page)
	}
	return err
}

func (c *Comments) label(r *http.Request, field string) string {
	return c.o.Kit.Printer(r).T("comments.field." + field)
}

// begin checks the form and starts the way by which its author is to be known.
func (c *Comments) begin(w http.ResponseWriter, r *http.Request, i institution.Institution, page Writing) error {
	d, err := c.typed(r, page)
	if err != nil {
		return err
	}
	link := newLink()
	now := c.o.Clock()
	keep := func(more func(tx *db.Tx) error) error {
		return c.o.DB.InTx(r.Context(), func(tx *db.Tx) error {
			if err := c.allow(r.Context(), tx, now, limit.Comments.From(web.From(r))); err != nil {
				return err
			}
			if err := room(r.Context(), tx, i.ID); err != nil {
				return err
			}
			if err := c.keepDraft(r.Context(), tx, i.ID, link, d, now); err != nil || more == nil {
				return err
			}
			return more(tx)
		})
	}
	switch d.Way {
	case byFediverse:
		host, ok := addressOf(page.Form.String("address"))
		if !ok {
			return fault.InvalidField("address", "comments.address.form")
		}
		// Counted and stored before any other server hears of it.
		if err := keep(nil); err != nil {
			return err
		}
		address, err := c.invite(r, i, host, link, &d)
		if err != nil {
			return err
		}
		return c.leave(w, r, link, address)
	case byIdentity:
		if err := keep(nil); err != nil {
			return err
		}
		c.setJourney(w, link)
		return c.o.Identity.Depart(w, r, identityPath)
	}
	err = keep(func(tx *db.Tx) error {
		if err := c.allow(r.Context(), tx, now, limit.CommentAddress.Of(d.Email)); err != nil {
			return err
		}
		return enqueue(r.Context(), c, tx, i.ID, link)
	})
	if err != nil {
		return err
	}
	return web.Redirect(w, r, "/commenti/inviato")
}

// typed reads a draft out of the form. Fault: Invalid.
func (c *Comments) typed(r *http.Request, page Writing) (draft, error) {
	form := page.Form
	d := draft{MessageID: page.Message.ID, Way: byLetter, Lang: c.o.Kit.Printer(r).Lang(), Name: form.Limited("name", maxName)}
	if form.Required("text") != "" {
		d.Text = form.Limited("text", MaxText)
	}
	if page.ReplyTo != nil {
		d.ParentID = page.ReplyTo.ID
	}
	switch chosen := way(form.String("way")); {
	case chosen == byIdentity && page.Identity != "":
		d.Way = byIdentity
	case page.Fediverse && (chosen == byFediverse || form.String("email") == "" && form.String("address") != ""):
		// The Enter key in the field of the address presses the form's first button.
		d.Way = byFediverse
		form.Required("address")
	}
	if d.Way == byLetter {
		form.Required("name")
		if email := form.Required("email"); email != "" {
			clean, err := mail.NormalAddress("email", email)
			if err != nil {
				form.Add("email", fault.Of(err).Fields[0].Key, fault.Of(err).Fields[0].Args...)
			}
			// The standard lets a mailbox tell capitals apart; no server in use does.
			d.Email = strings.ToLower(clean)
		}
	}
	d.Name = strings.Join(strings.Fields(d.Name), " ")
	return d, form.Err()
}

func (c *Comments) sentPage(w http.ResponseWriter, r *http.Request) error {
	t := c.o.Kit.Printer(r).T
	return c.render(w, r, http.StatusOK, "site-comment-sent", layout.Page{Title: t("comments.sent.title")})
}

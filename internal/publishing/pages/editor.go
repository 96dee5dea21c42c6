package pages

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// editorPage is the page on which a message is written.
type editorPage struct {
	Form       *web.Form
	ID         string // "" for a new message
	Action     string
	Draft      string // the name under which the browser keeps what is typed
	Rev        int64
	Title      string
	Badges     []wording.Badge
	SentBack   string
	Live       bool // citizens see a revision: this is a correction
	FourEyes   bool
	Profiles   []layout.Option
	Categories []layout.Option
	Langs      []layout.Option
	Media      []mediaItem
	Focus      string // the control that takes the focus
	Variants   variants
	Conflict   *conflict
	Accept     string
}

// mediaItem is one file in the list of the message's media.
type mediaItem struct {
	publishing.Media
	Form   *web.Form
	Number int
	Focus  string
}

// Missing reports whether the file is not stored (any more).
func (m mediaItem) Missing() bool { return m.Hash == "" }

// accepted are the files that the desk takes, as a file field names them. The
// content decides; this only spares a person a wrong choice.
const accepted = "image/jpeg,image/png,image/gif,image/webp,video/mp4,video/webm,video/quicktime,application/pdf,.odt,.docx"

// langs are the languages that a message is offered in: those of the interface
// and those most spoken at Italian counters.
func langs() []string { return []string{"it", "en", "fr", "de", "es", "ro", "sq", "ar", "uk", "zh"} }

func (p *Pages) compose(w http.ResponseWriter, r *http.Request, v visit) error {
	if _, err := people.Can(r.Context(), people.Write, v.institution.ID); err != nil {
		return err
	}
	profiles, err := p.profiles(r.Context(), v)
	if err != nil {
		return err
	}
	if len(profiles) == 0 {
		return fault.Clash("message.profile.none")
	}
	c := publishing.Content{ProfileID: profiles[0].ID, Lang: v.institution.Locale, Category: publishing.News}
	if chosen := r.URL.Query().Get("profilo"); slices.ContainsFunc(profiles, func(pr institution.Profile) bool { return pr.ID == chosen }) {
		c.ProfileID = chosen
	}
	form := fill(c)
	if at := r.URL.Query().Get("data"); at != "" { // chosen on the calendar
		if len(at) == len("2026-05-04") {
			at += "T09:00"
		}
		form.Values.Set("due", at)
	}
	return p.showEditor(w, r, v, http.StatusOK, editorPage{Form: form})
}

func (p *Pages) edit(w http.ResponseWriter, r *http.Request, v visit) error {
	if _, err := people.Can(r.Context(), people.Write, v.institution.ID); err != nil {
		return err
	}
	m, err := p.message(r.Context(), v, r.PathValue("id"))
	if err != nil {
		return err
	}
	if !m.Editable() {
		return fault.Clash("message.state.withdrawn")
	}
	page := editorPage{Form: fill(m.Content), ID: m.ID}
	if r.URL.Query().Has("controlla") {
		// The person asked to submit: say what is still missing.
		err := p.db.Read(r.Context(), func(tx *db.Tx) error { return p.desk.Ready(r.Context(), tx, m) })
		if err != nil && !page.Form.Fail(p.kit.Printer(r), err) {
			return err
		}
	}
	return p.showEditor(w, r, v, http.StatusOK, page)
}

// save reads the editor and does what its button says: store, submit, or only
// show the page again with something moved, added or taken over.
func (p *Pages) save(w http.ResponseWriter, r *http.Request, v visit) error {
	if _, err := people.Can(r.Context(), people.Write, v.institution.ID); err != nil {
		return err
	}
	id := r.PathValue("id")
	form, err := p.readTyped(r, v)
	if err != nil {
		if form == nil || !form.Fail(p.kit.Printer(r), err) {
			return err
		}
		return p.showEditor(w, r, v, fault.Of(err).Kind.Status(), editorPage{Form: form, ID: id})
	}
	do := form.String("do")
	if do != "" && do != "save" && do != "submit" {
		return p.again(w, r, v, form, id, do)
	}
	return p.store(w, r, v, form, id, do == "submit")
}

// again shows the page with everything typed in place, after a button that
// stores nothing.
func (p *Pages) again(w http.ResponseWriter, r *http.Request, v visit, form *web.Form, id, do string) error {
	page := editorPage{Form: form, ID: id}
	what, about, _ := strings.Cut(do, ":")
	switch what {
	case "up", "down", "remove":
		rearrange(form, what, about)
		page.Focus = do
	case "take":
		if err := p.takeOver(r, v, form, id, about); err != nil {
			return err
		}
	case "upload":
		page.Focus = "media"
	case "hand", "follow":
		page.Focus = chooseVariant(form, do)
	case "preview":
		page.Focus = "preview"
	}
	if form.Bool("conflict") && id != "" {
		if err := p.readConflict(r, v, &page); err != nil {
			return err
		}
	}
	status := http.StatusOK
	if err := form.Err(); err != nil { // a file was refused
		form.Fail(p.kit.Printer(r), err)
		status = form.Status()
	}
	return p.showEditor(w, r, v, status, page)
}

func (p *Pages) takeOver(r *http.Request, v visit, form *web.Form, id, part string) error {
	m, err := p.message(r.Context(), v, id)
	if err == nil {
		take(form, fill(m.Content), part)
	}
	return err
}

// store saves the message, and submits it when asked. When somebody else saved
// meanwhile, the page shows both and nothing changes.
func (p *Pages) store(w http.ResponseWriter, r *http.Request, v visit, form *web.Form, id string, submit bool) error {
	ctx, printer := r.Context(), p.kit.Printer(r)
	c := content(form)
	err := form.Err()
	var m publishing.Message
	if err == nil {
		if id == "" {
			m, err = p.desk.Create(ctx, v.institution.ID, c)
		} else {
			m, err = p.desk.Save(ctx, v.institution.ID, id, rev(form), c)
		}
	}
	if publishing.ErrEdited(err) {
		page := editorPage{Form: form, ID: id}
		if err := p.readConflict(r, v, &page); err != nil {
			return err
		}
		return p.showEditor(w, r, v, http.StatusConflict, page)
	}
	if err != nil {
		if !form.Fail(printer, err) {
			return err
		}
		return p.showEditor(w, r, v, fault.Of(err).Kind.Status(), editorPage{Form: form, ID: id})
	}
	if due := form.String("due"); id == "" && due != "" {
		if _, err := p.desk.Schedule(ctx, v.institution.ID, m.ID, due, ""); err != nil {
			if fault.Of(err).Kind != fault.Invalid {
				return err
			}
			p.kit.Flash(r, web.Warning, "message.saved_undated")
			return web.Redirect(w, r, messagePath(m.ID))
		}
	}
	if !submit {
		p.kit.Flash(r, web.Success, "message.saved")
		return web.Redirect(w, r, messagePath(m.ID)+"/modifica")
	}
	if m, err = p.desk.Submit(ctx, v.institution.ID, m.ID); err != nil {
		if k := fault.Of(err).Kind; k != fault.Invalid && k != fault.Conflict {
			return err
		}
		p.kit.Flash(r, web.Warning, "message.saved_incomplete")
		return web.Redirect(w, r, messagePath(m.ID)+"/modifica?controlla=1")
	}
	p.kit.Flash(r, web.Success, "message.done."+string(m.State))
	return web.Redirect(w, r, messagePath(m.ID))
}

// showEditor completes the page with what the database knows and renders it.
func (p *Pages) showEditor(w http.ResponseWriter, r *http.Request, v visit, status int, page editorPage) error {
	ctx, printer := r.Context(), p.kit.Printer(r)
	profiles, err := p.profiles(ctx, v)
	if err != nil {
		return err
	}
	page.Title, page.Action, page.Accept = printer.T("message.new"), newPath, accepted
	page.Draft = "nuovo-" + v.actor.PersonID
	if page.ID != "" {
		if err := p.aboutStored(ctx, v, printer, &page); err != nil {
			return err
		}
	}
	c := content(&web.Form{Values: page.Form.Values}) // what is wrong with it was told already
	page.FourEyes = byID(profiles)[c.ProfileID].FourEyes
	page.Profiles = profileOptions(profiles)
	for _, cat := range publishing.Categories() {
		page.Categories = append(page.Categories, layout.Option{Value: string(cat), Label: printer.T("category." + string(cat))})
	}
	for _, l := range langs() {
		page.Langs = append(page.Langs, layout.Option{Value: l, Label: printer.T("message.lang." + l)})
	}
	files, err := p.filesOf(ctx, v, c)
	if err != nil {
		return err
	}
	page.Media = mediaItems(page.Form, c, files, page.Focus)
	if page.Variants, err = p.looks(ctx, printer, v, page.ID, c, files); err != nil {
		return err
	}
	page.Variants.write(page.Form, page.Focus)
	return p.kit.Render(w, r, status, "publishing/editor", layout.Page{Content: page, Wide: true,
		Crumbs: crumbs(printer.T("message.home"), layout.Link{Label: printer.T("message.list"), URL: messagesPath})})
}

// aboutStored adds what the page says of a message that exists.
func (p *Pages) aboutStored(ctx context.Context, v visit, printer *i18n.Printer, page *editorPage) error {
	m, err := p.message(ctx, v, page.ID)
	if err != nil {
		return err
	}
	page.Action, page.Draft = messagePath(m.ID)+"/modifica", m.ID
	page.Title, page.Badges, page.SentBack, page.Live = printer.T("message.edit"), wording.Badges(printer, m), m.SentBack, m.Live()
	if page.Live {
		page.Title = printer.T("message.correct")
	}
	// Whoever has seen the conflict saves over the newest revision, anybody else
	// over the one they started from.
	if page.Conflict == nil {
		page.Rev = m.Rev
		if started := rev(page.Form); started > 0 {
			page.Rev = started
		}
	}
	return nil
}

func (p *Pages) profiles(ctx context.Context, v visit) (ps []institution.Profile, err error) {
	err = p.db.Read(ctx, func(tx *db.Tx) error {
		ps, err = institution.Profiles(ctx, tx, v.institution.ID)
		return err
	})
	return ps, err
}

func (p *Pages) message(ctx context.Context, v visit, id string) (m publishing.Message, err error) {
	err = p.db.Read(ctx, func(tx *db.Tx) error {
		m, err = publishing.ByID(ctx, tx, v.institution.ID, id)
		return err
	})
	return m, err
}

func (p *Pages) filesOf(ctx context.Context, v visit, c publishing.Content) (files map[string]publishing.Media, err error) {
	err = p.db.Read(ctx, func(tx *db.Tx) error {
		files, err = publishing.Files(ctx, tx, v.institution.ID, c.Media)
		return err
	})
	return files, err
}

func mediaItems(form *web.Form, c publishing.Content, files map[string]publishing.Media, focus string) []mediaItem {
	items := make([]mediaItem, len(c.Media))
	for i, a := range c.Media {
		f := files[a.MediaID]
		f.ID = a.MediaID
		items[i] = mediaItem{Media: f, Form: form, Number: i + 1, Focus: focus}
	}
	return items
}

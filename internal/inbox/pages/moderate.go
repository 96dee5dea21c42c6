package pages

import (
	"bytes"
	"net/http"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// moderate does with a comment, or with its author, what the button asks. The rule
// that was broken is always named: it stands in the moderation log.
func (p *Pages) moderate(w http.ResponseWriter, r *http.Request, v visit) error {
	id := r.PathValue("comment")
	return p.act(w, r, v, "modera-"+id, people.Moderate, func(form *web.Form) (string, string, error) {
		rule := form.Required("rule")
		form.Required("do")
		do := form.Choice("do", "hide", "report", "block", "refuse")
		if err := form.Err(); err != nil {
			return "", "", err
		}
		c, err := p.commentHere(r, v)
		if err != nil {
			return "", "", err
		}
		ctx, inst, reason := r.Context(), v.inst.ID, form.String("reason")
		switch do {
		case "hide":
			_, err = p.inbox.Hide(ctx, inst, id, rule, reason, form.String("warning"))
		case "report":
			_, err = p.inbox.Report(ctx, inst, id, rule, reason)
		case "refuse":
			_, err = p.inbox.Refuse(ctx, inst, id, rule, reason)
		case "block":
			_, err = p.inbox.Block(ctx, inst, c.AuthorID, rule, reason)
		}
		return "inbox.page.done." + do, "#e-" + id, err
	})
}

// release lets others see a comment that waited for it.
func (p *Pages) release(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "release", people.Moderate, func(*web.Form) (string, string, error) {
		if _, err := p.commentHere(r, v); err != nil {
			return "", "", err
		}
		id := r.PathValue("comment")
		return "inbox.page.done.released", "#e-" + id, p.inbox.Release(r.Context(), v.inst.ID, id)
	})
}

func (p *Pages) unhide(w http.ResponseWriter, r *http.Request, v visit) error {
	id := r.PathValue("comment")
	return p.act(w, r, v, "mostra-"+id, people.Moderate, func(form *web.Form) (string, string, error) {
		if _, err := p.commentHere(r, v); err != nil {
			return "", "", err
		}
		_, err := p.inbox.Unhide(r.Context(), v.inst.ID, id, form.String("reason"))
		return "inbox.page.done.unhidden", "#e-" + id, err
	})
}

// author is who began the conversation of the path. Fault: NotFound.
func (p *Pages) author(r *http.Request, v visit) (a inbox.Author, err error) {
	return a, p.db.Read(r.Context(), func(tx *db.Tx) error {
		c, err := inbox.Find(r.Context(), tx, v.inst.ID, r.PathValue("id"))
		if err != nil {
			return err
		}
		a, err = inbox.AuthorByID(r.Context(), tx, v.inst.ID, c.AuthorID)
		return err
	})
}

func (p *Pages) unblock(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "unblock", people.Moderate, func(form *web.Form) (string, string, error) {
		a, err := p.author(r, v)
		if err != nil {
			return "", "", err
		}
		_, err = p.inbox.Unblock(r.Context(), v.inst.ID, a.ID, form.String("reason"))
		return "inbox.page.done.unblocked", "", err
	})
}

// export hands over all that is kept of a person, for a request of access
// (GDPR, art. 15). It is made whole before it is sent: half a document is none.
func (p *Pages) export(w http.ResponseWriter, r *http.Request, v visit) error {
	a, err := p.author(r, v)
	if err != nil {
		return err
	}
	var document bytes.Buffer
	if err := p.inbox.Export(r.Context(), v.inst.ID, a.ID, &document); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="dati-`+a.ID+`.json"`)
	w.Header().Set("Cache-Control", "no-store")
	// A reader who has left is no failure of ours.
	_, _ = w.Write(document.Bytes())
	return nil
}

// askForget asks before a person's words are deleted for good (GDPR, art. 17).
func (p *Pages) askForget(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Moderate); err != nil {
		return err
	}
	a, err := p.author(r, v)
	if err != nil {
		return err
	}
	here := conversationPath(r.PathValue("id"))
	return p.kit.Confirm(w, r, layout.Confirm{Question: v.p.T("inbox.page.forget.ask", v.nameOf(a)), Text: v.p.T("inbox.page.forget.text"),
		Consequences: []string{v.p.T("inbox.page.forget.words"), v.p.T("inbox.page.forget.kept"), v.p.T("inbox.page.forget.there")},
		Action:       here + "/autore/cancella", Label: v.p.T("inbox.page.forget.do"), Cancel: here, Danger: true})
}

func (p *Pages) forget(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Moderate); err != nil {
		return err
	}
	a, err := p.author(r, v)
	if err != nil {
		return err
	}
	if err := p.inbox.Forget(r.Context(), v.inst.ID, a.ID); err != nil {
		return err
	}
	p.kit.Flash(r, web.Success, "inbox.page.done.forgotten")
	return web.Redirect(w, r, listPath)
}

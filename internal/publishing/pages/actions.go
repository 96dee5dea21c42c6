package pages

import (
	"net/http"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// act reads a form, does something to the message, and goes back to its page.
// What the person can put right is shown there, in the form that was sent; done
// is the catalogue key of what has happened.
func (p *Pages) act(w http.ResponseWriter, r *http.Request, v visit, name string, do func(form *web.Form) (m publishing.Message, done string, err error)) error {
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	m, done, err := do(form)
	if err != nil {
		if !form.Fail(p.kit.Printer(r), err) {
			return err
		}
		return p.showWith(w, r, v, fault.Of(err).Kind.Status(), form, name)
	}
	if m.Held != "" && m.State == publishing.Scheduled {
		p.kit.Flash(r, web.Warning, "message.held."+m.Held)
	} else {
		p.kit.Flash(r, web.Success, done, m.Plan.Due.At)
	}
	return web.Redirect(w, r, messagePath(m.ID))
}

func (p *Pages) submit(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "submit", func(*web.Form) (publishing.Message, string, error) {
		m, err := p.desk.Submit(r.Context(), v.institution.ID, r.PathValue("id"))
		return m, "message.done." + string(m.State), err
	})
}

// approve sends the hash of the content that was read along, so that nobody
// approves what somebody changed meanwhile.
func (p *Pages) approve(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "approve", func(form *web.Form) (publishing.Message, string, error) {
		hash := form.String("hash")
		if hash == "" {
			return publishing.Message{}, "", fault.Clash("message.approve.changed")
		}
		m, err := p.desk.Approve(r.Context(), v.institution.ID, r.PathValue("id"), hash)
		return m, "message.done." + string(m.State), err
	})
}

func (p *Pages) sendBack(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "send_back", func(form *web.Form) (publishing.Message, string, error) {
		m, err := p.desk.SendBack(r.Context(), v.institution.ID, r.PathValue("id"), form.String("reason"))
		return m, "message.done.sent_back", err
	})
}

// schedule chooses a moment, as typed or the next free one of the profile's week.
func (p *Pages) schedule(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "schedule", func(form *web.Form) (publishing.Message, string, error) {
		id, notAfter := r.PathValue("id"), form.String("not_after")
		m, err := publishing.Message{}, error(nil)
		if form.Bool("slot") {
			m, err = p.desk.ScheduleNext(r.Context(), v.institution.ID, id, notAfter)
		} else {
			m, err = p.desk.Schedule(r.Context(), v.institution.ID, id, form.String("due"), notAfter)
		}
		done := "message.done.planned"
		if m.State == publishing.Scheduled {
			done = "message.done.scheduled"
		}
		return m, done, err
	})
}

func (p *Pages) unschedule(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "unschedule", func(*web.Form) (publishing.Message, string, error) {
		m, err := p.desk.Unschedule(r.Context(), v.institution.ID, r.PathValue("id"))
		return m, "message.done.unscheduled", err
	})
}

// askPublish asks before a message goes out at once, and says where to.
func (p *Pages) askPublish(w http.ResponseWriter, r *http.Request, v visit) error {
	if _, err := people.Can(r.Context(), people.Publish, v.institution.ID); err != nil {
		return err
	}
	m, err := p.message(r.Context(), v, r.PathValue("id"))
	if err != nil {
		return err
	}
	if !m.ApprovedAsIs() || m.State != publishing.Approved && m.State != publishing.Scheduled {
		return fault.Clash("message.state.not_approved")
	}
	printer := p.kit.Printer(r)
	where := []string{printer.T("message.publish.site")}
	err = p.db.Read(r.Context(), func(tx *db.Tx) error {
		channels, err := p.channels.Squares(r.Context(), tx, v.institution.ID, m.Content.ProfileID)
		for _, c := range channels {
			if !m.Content.Variant(c.ID).LeftOut {
				where = append(where, printer.T("message.publish.on", wording.PlatformOf(printer, c.Platform).Name, c.Name))
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.kit.Confirm(w, r, layout.Confirm{
		Question: printer.T("message.publish.ask", m.Content.Title), Text: printer.T("message.publish.text"), Consequences: where,
		Action: messagePath(m.ID) + "/pubblica", Label: printer.T("message.publish.now"), Cancel: messagePath(m.ID),
	})
}

func (p *Pages) publish(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "publish", func(form *web.Form) (publishing.Message, string, error) {
		m, err := p.desk.PublishNow(r.Context(), v.institution.ID, r.PathValue("id"), form.String("note"))
		done := "message.done.out"
		if m.Rev > 1 && m.OutAt.Before(m.UpdatedAt) {
			done = "message.done.corrected"
		}
		return m, done, err
	})
}

// withdrawPage asks for the reason, which citizens read where the page was.
type withdrawPage struct {
	Form  *web.Form
	URL   string
	Title string
	Live  bool
}

func (p *Pages) askWithdraw(w http.ResponseWriter, r *http.Request, v visit) error {
	if _, err := people.Can(r.Context(), people.Publish, v.institution.ID); err != nil {
		return err
	}
	return p.showWithdraw(w, r, v, web.NewForm())
}

func (p *Pages) showWithdraw(w http.ResponseWriter, r *http.Request, v visit, form *web.Form) error {
	m, err := p.message(r.Context(), v, r.PathValue("id"))
	if err != nil {
		return err
	}
	if m.State == publishing.Withdrawn {
		return fault.Clash("message.state.withdrawn")
	}
	printer := p.kit.Printer(r)
	return p.kit.Render(w, r, form.Status(), "publishing/withdraw", layout.Page{
		Content: withdrawPage{Form: form, URL: messagePath(m.ID), Title: m.Content.Title, Live: m.Live()},
		Crumbs:  crumbs(printer.T("message.home"), layout.Link{Label: m.Content.Title, URL: messagePath(m.ID)}),
	})
}

func (p *Pages) withdraw(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	m, err := p.desk.Withdraw(r.Context(), v.institution.ID, r.PathValue("id"), form.String("reason"))
	if err != nil {
		if !form.Fail(p.kit.Printer(r), err) {
			return err
		}
		return p.showWithdraw(w, r, v, form)
	}
	p.kit.Flash(r, web.Success, "message.done.withdrawn")
	return web.Redirect(w, r, messagePath(m.ID))
}

// decide is a person's verdict on a message that was held when it came due.
func (p *Pages) decide(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "decide", func(form *web.Form) (m publishing.Message, done string, err error) {
		id := r.PathValue("id")
		form.Required("verdict")
		verdict := publishing.Verdict(form.Choice("verdict", string(publishing.Drop), string(publishing.Keep)))
		if err := form.Err(); err != nil {
			return m, "", err
		}
		if err := p.desk.Decide(r.Context(), v.institution.ID, id, verdict); err != nil {
			return m, "", err
		}
		m, err = p.message(r.Context(), v, id)
		return m, "message.done.decided." + string(verdict), err
	})
}

// duplicate starts a new draft from a message: its text, files and choices.
func (p *Pages) duplicate(w http.ResponseWriter, r *http.Request, v visit) error {
	m, err := p.message(r.Context(), v, r.PathValue("id"))
	if err != nil {
		return err
	}
	fresh, err := p.desk.Create(r.Context(), v.institution.ID, m.Content)
	if err != nil {
		return err
	}
	p.kit.Flash(r, web.Success, "message.done.duplicated")
	return web.Redirect(w, r, messagePath(fresh.ID)+"/modifica")
}

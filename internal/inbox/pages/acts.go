package pages

import (
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// act reads a form, does something in the conversation and goes back to its page,
// at the place that the act is about. What the person can put right is shown
// there, in the form that was sent; done is the catalogue key of what happened.
func (p *Pages) act(w http.ResponseWriter, r *http.Request, v visit, name string, action people.Action, do func(form *web.Form) (done, anchor string, err error)) error {
	if err := v.can(action); err != nil {
		return err
	}
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	done, anchor, err := do(form)
	if err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		return p.showThread(w, r, v, shown{form: form, failed: name, status: fault.Of(err).Kind.Status()})
	}
	if done != "" {
		p.kit.Flash(r, web.Success, done)
	}
	return web.Redirect(w, r, conversationPath(r.PathValue("id"))+anchor)
}

// assign gives the conversation to an office and a person, with a deadline. Where
// the office is another one and the deadline was left as it was, or none was
// typed, the office's own working hours say by when.
func (p *Pages) assign(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "assign", people.Answer, func(form *web.Form) (string, string, error) {
		to := inbox.To{OfficeID: form.String("office"), PersonID: form.String("person"), DueAt: v.wall(form, "due")}
		if err := form.Err(); err != nil {
			return "", "", err
		}
		untouched := form.String("due") == form.String("due_was")
		if to.OfficeID != "" && to.OfficeID != form.String("office_was") && untouched {
			own, err := p.toOffice(r, v, to.OfficeID)
			if err != nil {
				return "", "", err
			}
			to.DueAt = own.DueAt
		}
		return "inbox.page.done.assigned_one", "", p.inbox.Assign(r.Context(), v.inst.ID, []string{r.PathValue("id")}, to)
	})
}

// wall reads a moment as typed, in the institution's zone. An hour that the spring
// night skips is a fault.
func (v visit) wall(form *web.Form, name string) time.Time {
	t := form.DateTime(name, v.loc)
	if typed := form.String(name); !t.IsZero() && len(typed) >= len(wallFormat) && t.Format("15:04") != typed[11:16] {
		form.Add(name, "message.when.gap")
	}
	return t
}

func (p *Pages) close(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "close", people.Answer, func(*web.Form) (string, string, error) {
		id := r.PathValue("id")
		if err := p.inbox.Close(r.Context(), v.inst.ID, []string{id}); err != nil {
			return "", "", err
		}
		p.kit.FlashUndo(r, conversationPath(id)+"/riapri", "inbox.page.done.closed", 1)
		return "", "", nil
	})
}

func (p *Pages) reopen(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "reopen", people.Answer, func(*web.Form) (string, string, error) {
		return "inbox.page.done.reopened_one", "", p.inbox.Reopen(r.Context(), v.inst.ID, []string{r.PathValue("id")})
	})
}

// note keeps what the desk says among itself.
func (p *Pages) note(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "note", people.Answer, func(form *web.Form) (string, string, error) {
		n, err := p.inbox.Note(r.Context(), v.inst.ID, r.PathValue("id"), form.String("text"))
		return "inbox.page.done.noted", "#e-" + n.ID, err
	})
}

// stance is the officer's own reading of what a comment says of ours.
func (p *Pages) stance(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "stance", people.Answer, func(form *web.Form) (string, string, error) {
		form.Required("stance")
		s := form.Choice("stance", string(inbox.Agrees), string(inbox.Against), string(inbox.Neutral), string(inbox.Question))
		if err := form.Err(); err != nil {
			return "", "", err
		}
		if _, err := p.commentHere(r, v); err != nil {
			return "", "", err
		}
		id := r.PathValue("comment")
		return "inbox.page.done.stance", "#e-" + id, p.inbox.SetStance(r.Context(), v.inst.ID, id, inbox.Stance(s))
	})
}

// commentHere is the comment of the path, if it belongs to the conversation of the
// path. Fault: NotFound.
func (p *Pages) commentHere(r *http.Request, v visit) (c inbox.Comment, err error) {
	return c, p.db.Read(r.Context(), func(tx *db.Tx) error {
		here, err := inbox.Find(r.Context(), tx, v.inst.ID, r.PathValue("id"))
		if err != nil {
			return err
		}
		if c, err = inbox.CommentByID(r.Context(), tx, v.inst.ID, r.PathValue("comment")); err == nil && c.ConversationID != here.ID {
			return fault.Missing("inbox.page.comment.missing")
		}
		return err
	})
}

// answersPath leads to an answer by its own name, from the delivery board.
const answersPath = "/redazione/risposte"

func (p *Pages) toAnswer(w http.ResponseWriter, r *http.Request, v visit) error {
	var a inbox.Answer
	err := p.db.Read(r.Context(), func(tx *db.Tx) (err error) {
		a, err = inbox.AnswerByID(r.Context(), tx, v.inst.ID, r.PathValue("answer"))
		return err
	})
	if err != nil {
		return err
	}
	return web.Redirect(w, r, conversationPath(a.ConversationID)+"#e-"+a.ID)
}

// answerHere is the answer of the path, if it belongs to the conversation of the
// path. Fault: NotFound.
func (p *Pages) answerHere(r *http.Request, v visit) (a inbox.Answer, err error) {
	return a, p.db.Read(r.Context(), func(tx *db.Tx) error {
		here, err := inbox.Find(r.Context(), tx, v.inst.ID, r.PathValue("id"))
		if err != nil {
			return err
		}
		if a, err = inbox.AnswerByID(r.Context(), tx, v.inst.ID, r.PathValue("answer")); err == nil && a.ConversationID != here.ID {
			return fault.Missing("inbox.page.answer.missing")
		}
		return err
	})
}

// approve sends the hash of the text that was read along, so that nobody approves
// what somebody changed meanwhile.
func (p *Pages) approve(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "approve", people.Approve, func(form *web.Form) (string, string, error) {
		a, err := p.answerHere(r, v)
		if err != nil {
			return "", "", err
		}
		if form.String("hash") == "" {
			return "", "", fault.Clash("inbox.page.approve.changed")
		}
		_, err = p.inbox.Approve(r.Context(), v.inst.ID, a.ID, form.String("hash"))
		return "inbox.page.done.approved", "#e-" + a.ID, err
	})
}

func (p *Pages) sendBack(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "back-"+r.PathValue("answer"), people.Approve, func(form *web.Form) (string, string, error) {
		a, err := p.answerHere(r, v)
		if err != nil {
			return "", "", err
		}
		_, err = p.inbox.SendBack(r.Context(), v.inst.ID, a.ID, form.String("why"))
		return "inbox.page.done.sent_back", "#e-" + a.ID, err
	})
}

// askWithdraw asks before an answer is taken back, and says what cannot be undone.
func (p *Pages) askWithdraw(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Answer); err != nil {
		return err
	}
	a, err := p.answerHere(r, v)
	if err != nil {
		return err
	}
	text := v.p.T("inbox.page.withdraw.text")
	if a.SentRev == 0 {
		text = v.p.T("inbox.page.withdraw.draft")
	}
	here := conversationPath(a.ConversationID)
	return p.kit.Confirm(w, r, layout.Confirm{Question: v.p.T("inbox.page.withdraw.ask"), Text: text, Consequences: []string{"«" + short(a.Text, 200) + "»"},
		Action: here + "/risposte/" + a.ID + "/ritira", Label: v.p.T("inbox.page.withdraw.do"), Cancel: here + "#e-" + a.ID, Danger: true})
}

func (p *Pages) withdraw(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.act(w, r, v, "withdraw", people.Answer, func(*web.Form) (string, string, error) {
		a, err := p.answerHere(r, v)
		if err != nil {
			return "", "", err
		}
		_, err = p.inbox.Withdraw(r.Context(), v.inst.ID, a.ID)
		return "inbox.page.done.withdrawn", "", err
	})
}

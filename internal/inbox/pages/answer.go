package pages

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// answerForm is where an answer is written, corrected or continued.
type answerForm struct {
	ID         string // of the answer; empty for a new one
	Rev        int64
	Target     string // comment that is answered
	Text       string
	Private    bool
	Correcting bool // the answer is out; its copy will be changed
	FourEyes   bool
	WhyNot     string // why no answer can be given here, in words
	Refused    *web.Form
	Conflict   *conflict

	Targets      []layout.Option
	Canned       []cannedChoice
	MayBePrivate bool // the person chooses
	MustPrivate  bool // what is answered was private
	FromNote     string
	Check        checkView
}

// Possible reports whether an answer can be given.
func (f answerForm) Possible() bool { return f.WhyNot == "" }

// Draft names the text for the browser that keeps it until it has arrived. The
// revision belongs to the name: a text of before a save is not offered after it.
func (f answerForm) Draft(conversationID string) string {
	return "answer-" + conversationID + "-" + f.ID + "-" + strconv.FormatInt(f.Rev, 10)
}

func (f answerForm) draft(conversationID string) inbox.AnswerDraft {
	return inbox.AnswerDraft{ID: f.ID, ConversationID: conversationID, CommentID: f.Target, Text: f.Text, Private: f.Private, Rev: f.Rev}
}

// conflict is what somebody else saved while this person was writing.
type conflict struct {
	By, Text string
	At       time.Time
}

// cannedChoice is a canned answer with the values of this conversation in it.
type cannedChoice struct{ ID, Name, Text string }

// checkView is how the text stands on its channel.
type checkView struct {
	Have, Most int
	Prefix     string
	Problems   []problem
	Seen       string // tells one list of problems from another
	OOB, Quiet bool
}

// Over reports whether the text is longer than the channel takes.
func (c checkView) Over() bool { return c.Most > 0 && c.Have > c.Most }

type problem struct {
	Text     string
	Blocking bool
}

// typed is an answer as it was sent by the form.
type typed struct {
	id, comment, text, do, canned string
	rev                           int64
	private                       bool
	clash                         bool
}

func readTyped(form *web.Form) typed {
	// What is no number was not written by our form: 0 clashes with anything stored.
	rev, err := strconv.ParseInt(form.String("rev"), 10, 64)
	if err != nil {
		rev = 0
	}
	return typed{id: identifier(form.String("answer")), comment: identifier(form.String("comment")), text: strings.TrimSpace(form.Raw("text")),
		do: form.String("do"), canned: form.String("canned"), rev: rev, private: form.Bool("private")}
}

// answerForm prepares the form: as it was typed; or with the answer that the
// address names, to continue or correct it; or with the newest draft; or empty.
func (v visit) answerForm(r *http.Request, s stored, as shown, base string) (answerForm, error) {
	t := s.thread
	f := answerForm{FourEyes: t.FourEyes, Refused: nil}
	if as.failed == "answer" {
		f.Refused = as.form
	}
	if t.WhyNot != "" {
		f.WhyNot = v.p.T(t.WhyNot)
	}
	answers := map[string]inbox.Answer{}
	for _, e := range t.Entries {
		if e.Answer != nil {
			answers[e.Answer.ID] = *e.Answer
		}
	}
	f.start(r, t, answers, as.typed)
	f.targets(v, t)
	values := v.values(t, base)
	for _, c := range s.canned {
		f.Canned = append(f.Canned, cannedChoice{c.ID, c.Name, fill(c.Text, values)})
	}
	if ty := as.typed; ty != nil && ty.do == "canned" {
		for _, c := range f.Canned {
			if c.ID == ty.canned {
				f.Text = strings.TrimSpace(f.Text + "\n\n" + c.Text)
			}
		}
	}
	if ty := as.typed; ty != nil && ty.clash {
		if stored, ok := answers[ty.id]; ok {
			f.Rev = stored.Rev
			f.Conflict = &conflict{By: t.People[stored.EditedBy], Text: stored.Text, At: stored.UpdatedAt}
		}
	}
	return f, nil
}

// start says which text the form begins with.
func (f *answerForm) start(r *http.Request, t inbox.Thread, answers map[string]inbox.Answer, ty *typed) {
	take := func(a inbox.Answer) {
		f.ID, f.Rev, f.Target, f.Text, f.Private, f.Correcting = a.ID, a.Rev, a.CommentID, a.Text, a.Private, a.SentRev > 0
	}
	q := r.URL.Query()
	if ty != nil {
		f.ID, f.Rev, f.Target, f.Text, f.Private = ty.id, ty.rev, ty.comment, ty.text, ty.private
		f.Correcting = answers[ty.id].SentRev > 0
		return
	}
	if asked, ok := answers[q.Get("risposta")]; ok && asked.State != inbox.AnswerWithdrawn {
		take(asked)
		return
	}
	f.Target = identifier(q.Get("a"))
	for _, e := range t.Entries {
		if e.Answer != nil && e.Answer.State == inbox.AnswerDrafted && e.Answer.SentRev == 0 && f.Target == "" {
			take(*e.Answer)
		}
	}
	for _, e := range t.Entries {
		if e.Note != nil && e.Note.ID == q.Get("da-nota") {
			f.FromNote = e.Note.OfficeName
			f.Text = strings.TrimSpace(f.Text + "\n\n" + e.Note.Text)
		}
	}
}

// targets are the comments that can be answered, newest first.
func (f *answerForm) targets(v visit, t inbox.Thread) {
	private := t.Private
	for i := len(t.Entries) - 1; i >= 0; i-- {
		c := t.Entries[i].Comment
		if c == nil || c.Ours || !c.DeletedAt.IsZero() {
			continue
		}
		f.Targets = append(f.Targets, layout.Option{Value: c.ID, Label: v.p.T("inbox.page.answer.to.one", v.nameOf(c.Author), short(c.Text, 50))})
		if f.Target == c.ID || f.Target == "" && len(f.Targets) == 1 {
			private = private || c.Private
		}
	}
	known := slices.ContainsFunc(f.Targets, func(o layout.Option) bool { return o.Value == f.Target })
	if !known && len(f.Targets) > 0 {
		f.Target = f.Targets[0].Value
	}
	f.MustPrivate = private
	f.Private = f.Private || private
	f.MayBePrivate = !private && t.Caps.Whispers
}

// values are what the placeholders of a canned answer stand for here.
func (v visit) values(t inbox.Thread, base string) map[string]string {
	link := ""
	if t.MessagePath != "" && base != "" {
		link = base + t.MessagePath
	}
	return map[string]string{"nome": v.nameOf(t.Author), "ufficio": t.OfficeName, "profilo": t.ProfileName, "ente": v.inst.Name, "link": link, "firma": v.actor.Name}
}

// checked puts into words how a text stands. An empty text is no problem yet.
func (v visit) checked(c inbox.AnswerCheck, text string) checkView {
	out := checkView{Have: c.Have, Most: c.Most, Prefix: strings.TrimSpace(c.Prefix)}
	if text == "" {
		return out
	}
	for _, pr := range c.Problems {
		out.Problems = append(out.Problems, problem{v.p.T(pr.Key, pr.Args...), pr.Blocking})
	}
	if open := openPlaceholders(text); len(open) > 0 {
		out.Problems = append(out.Problems, problem{v.p.T("inbox.page.answer.placeholders", strings.Join(open, ", ")), true})
	}
	keys := make([]string, len(out.Problems))
	for i, pr := range out.Problems {
		keys[i] = pr.Text
	}
	out.Seen = strings.Join(keys, "|")
	return out
}

// preview answers htmx with the count and what is wrong while somebody types. It
// stores nothing and refuses nothing.
func (p *Pages) preview(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Answer); err != nil {
		return err
	}
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	ty := readTyped(form)
	var check inbox.AnswerCheck
	err = p.db.Read(r.Context(), func(tx *db.Tx) (err error) {
		check, err = p.inbox.CheckAnswer(r.Context(), tx, v.inst.ID, ty.draft(r.PathValue("id")))
		return err
	})
	if err != nil {
		return err
	}
	view := v.checked(check, ty.text)
	view.OOB, view.Quiet = true, form.Values.Has("_seen") && form.Values.Get("_seen") == view.Seen
	return p.kit.RenderFragment(w, r, http.StatusOK, "inbox/conversation", "answer-check", view)
}

func (ty typed) draft(conversationID string) inbox.AnswerDraft {
	return inbox.AnswerDraft{ID: ty.id, ConversationID: conversationID, CommentID: ty.comment, Text: ty.text, Private: ty.private, Rev: ty.rev}
}

// answer does with the typed answer what the button asks: keep it, send it, submit
// it, correct what is out, or put a canned text into it.
func (p *Pages) answer(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Answer); err != nil {
		return err
	}
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	ty := readTyped(form)
	if ty.do == "canned" {
		return p.showThread(w, r, v, shown{typed: &ty, status: http.StatusOK})
	}
	done, anchor, err := p.carryOut(r, v, &ty)
	if err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		ty.clash = fault.Of(err).Text.Key == "inbox.answer.edited"
		return p.showThread(w, r, v, shown{form: form, failed: "answer", typed: &ty, status: fault.Of(err).Kind.Status()})
	}
	p.kit.Flash(r, web.Success, done)
	return web.Redirect(w, r, conversationPath(r.PathValue("id"))+anchor)
}

// carryOut saves first, so that nothing typed is lost when sending is refused.
func (p *Pages) carryOut(r *http.Request, v visit, ty *typed) (done, anchor string, err error) {
	ctx, inst := r.Context(), v.inst.ID
	if ty.text == "" {
		return "", "", fault.InvalidField("text", "inbox.page.answer.empty")
	}
	if open := openPlaceholders(ty.text); len(open) > 0 && ty.do != "save" {
		return "", "", fault.InvalidField("text", "inbox.page.answer.placeholders", strings.Join(open, ", "))
	}
	if ty.do == "correct" {
		a, err := p.inbox.Correct(ctx, inst, ty.id, ty.rev, ty.text)
		return "inbox.page.done.corrected." + string(a.State), "#e-" + ty.id, err
	}
	a, err := p.inbox.Draft(ctx, inst, ty.draft(r.PathValue("id")))
	if err != nil {
		return "", "", err
	}
	ty.id, ty.rev = a.ID, a.Rev
	switch ty.do {
	case "submit":
		_, err = p.inbox.Submit(ctx, inst, a.ID)
		return "inbox.page.done.submitted", "#e-" + a.ID, err
	case "send":
		_, err = p.inbox.Send(ctx, inst, a.ID)
		return "inbox.page.done.sent", "#e-" + a.ID, err
	}
	return "inbox.page.done.saved", "#rispondi", nil
}

package pages

import (
	"context"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// othersShown is how many other conversations of an author the page shows.
const othersShown = 5

// wallFormat is how a moment is written in a datetime-local field.
const wallFormat = "2006-01-02T15:04"

// threadPage is one conversation: what was said, what became of it, and all that
// the person may do.
type threadPage struct {
	T          inbox.Thread
	URL        string
	Title      string
	Author     string
	Handle     string
	Square     wording.Platform
	Badges     []wording.Badge
	Due        string
	Late       bool
	PersonName string
	Entries    []entry
	History    []happening
	Form       *web.Form // of the act that was refused
	Failed     string    // which act that was: "note", "assign", "modera-ID" …

	Offices, Members            []layout.Option
	Office, Person, DueAt, Zone string
	Rules                       []layout.Option
	Others                      []row
	OthersURL, MessageURL       string
	Answer                      answerForm
	MayAnswer, MayModerate      bool
	Stream                      string
}

// FormOf is the form of an act that was refused, nil for any other act.
func (p threadPage) FormOf(act string) *web.Form {
	if p.Failed == act {
		return p.Form
	}
	return nil
}

// FieldID is the id of an act's field. The act that was refused has the plain ones,
// to which the summary of what is wrong leads; several acts have a field "text".
func (p threadPage) FieldID(act, field string) string {
	if p.Failed == act {
		return "f-" + field
	}
	return act + "-" + field
}

// happening is one thing that was done with the conversation.
type happening struct {
	At           time.Time
	Text, Person string
}

// stored is what the page reads, in one state of the database.
type stored struct {
	thread  inbox.Thread
	offices []institution.Office
	members []people.Member
	rules   []string
	others  []inbox.Row
	canned  []canned
	check   inbox.AnswerCheck
}

// shown is how the page is asked for: plainly, or because an act was refused.
type shown struct {
	form   *web.Form
	failed string
	typed  *typed // an answer as it was sent
	status int
}

func (p *Pages) show(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.showThread(w, r, v, shown{status: http.StatusOK})
}

func (p *Pages) showThread(w http.ResponseWriter, r *http.Request, v visit, as shown) error {
	s, form, err := p.readThread(r, v, as)
	if err != nil {
		return err
	}
	t := s.thread
	if t.ID != r.PathValue("id") && r.Method == http.MethodGet {
		return web.Redirect(w, r, conversationPath(t.ID)) // it was joined to another one
	}
	page := threadPage{T: t, URL: conversationPath(t.ID), Title: short(title(v, t), 60), PersonName: t.People[t.PersonID], Author: v.nameOf(t.Author), Handle: handleOf(t.Author), Square: v.square(t.Platform),
		Badges: v.badges(t.Conversation), Due: v.due(t.Conversation), Late: t.Overdue(v.now), Form: as.form, Failed: as.failed, Zone: v.inst.Zone, Stream: p.stream,
		Office: t.OfficeID, Person: t.PersonID, MayAnswer: v.actor.May(people.Answer), MayModerate: v.actor.May(people.Moderate), Answer: form}
	if !t.DueAt.IsZero() {
		page.DueAt = t.DueAt.In(v.loc).Format(wallFormat)
	}
	if base := p.address(v.inst); t.MessagePath != "" {
		page.MessageURL = base + t.MessagePath
	}
	page.Entries = v.entries(t, form.Target)
	page.History = v.history(t, s.offices)
	v.hands(&page, s)
	for _, rule := range s.rules {
		page.Rules = append(page.Rules, layout.Option{Value: rule, Label: rule})
	}
	for _, other := range s.others {
		if other.ID != t.ID && len(page.Others) < othersShown {
			page.Others = append(page.Others, v.row(other))
		}
	}
	page.OthersURL = filter{Private: t.Private, Queue: everything, Order: newestFirst, Author: t.AuthorID}.url()
	return p.kit.Render(w, r, as.status, "inbox/conversation", layout.Page{Title: page.Title, Content: page, Crumbs: v.crumbs()})
}

func title(v visit, t inbox.Thread) string {
	if t.Subject != "" {
		return t.Subject
	}
	return v.p.T("inbox.page.of", v.nameOf(t.Author))
}

// readThread costs a fixed number of queries, whatever was said.
func (p *Pages) readThread(r *http.Request, v visit, as shown) (s stored, form answerForm, err error) {
	ctx := r.Context()
	err = p.db.Read(ctx, func(tx *db.Tx) (err error) {
		if s.thread, err = p.inbox.Thread(ctx, tx, v.inst.ID, r.PathValue("id"), v.now); err != nil {
			return err
		}
		if err = p.readBeside(ctx, tx, v, &s); err != nil {
			return err
		}
		if form, err = v.answerForm(r, s, as, p.address(v.inst)); err != nil || !form.Possible() || !v.actor.May(people.Answer) {
			return err
		}
		s.check, err = p.inbox.CheckAnswer(ctx, tx, v.inst.ID, form.draft(s.thread.ID))
		form.Check = v.checked(s.check, form.Text)
		return err
	})
	return s, form, err
}

func (p *Pages) readBeside(ctx context.Context, tx *db.Tx, v visit, s *stored) (err error) {
	if s.offices, err = institution.Offices(ctx, tx, v.inst.ID); err != nil {
		return err
	}
	if s.others, err = inbox.List(ctx, tx, v.inst.ID, inbox.Filter{AuthorID: s.thread.AuthorID, Limit: othersShown + 1}, v.now); err != nil {
		return err
	}
	if !v.actor.May(people.Answer) {
		return nil
	}
	if s.members, err = people.Members(ctx, tx, v.inst.ID); err != nil {
		return err
	}
	if s.canned, err = cannedAnswers(ctx, tx, v.inst.ID, s.thread.ProfileID); err != nil {
		return err
	}
	s.rules, err = p.rules(ctx, tx, v.inst.ID)
	return err
}

// hands are the offices and people to whom the conversation can be given.
func (v visit) hands(page *threadPage, s stored) {
	page.Offices = []layout.Option{{Label: v.p.T("inbox.page.office.none")}}
	for _, o := range s.offices {
		page.Offices = append(page.Offices, layout.Option{Value: o.ID, Label: o.Name})
	}
	page.Members = []layout.Option{{Label: v.p.T("inbox.page.person.none")}}
	for _, m := range s.members {
		if (people.Actor{Roles: m.Roles}).May(people.Answer) || m.ID == s.thread.PersonID {
			page.Members = append(page.Members, layout.Option{Value: m.ID, Label: m.Name})
		}
	}
}

// history is what was done, newest first.
func (v visit) history(t inbox.Thread, offices []institution.Office) (out []happening) {
	names := map[string]string{}
	for _, o := range offices {
		names[o.ID] = o.Name
	}
	for i := len(t.Entries) - 1; i >= 0; i-- {
		e := t.Entries[i].Event
		if e == nil {
			continue
		}
		text := v.p.T("inbox.page.event." + e.What)
		switch {
		case e.What == inbox.EventAssigned && e.Detail == "":
			text = v.p.T("inbox.page.unassigned")
		case e.What == inbox.EventAssigned && names[e.Detail] != "":
			text = v.p.T("inbox.page.assigned_to", names[e.Detail])
		case e.What == inbox.EventDeadline && e.Detail == "":
			text = v.p.T("inbox.page.deadline_gone")
		case e.What == inbox.EventDeadline:
			if at, err := time.Parse(time.RFC3339, e.Detail); err == nil {
				text = v.p.T("inbox.page.deadline_is", at)
			}
		}
		out = append(out, happening{At: e.At, Text: text, Person: t.People[e.PersonID]})
	}
	return out
}

package pages

import (
	"path"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
)

// deepest is how far a reply is moved to the right at most: further, a phone has
// no room for words.
const deepest = 3

// entry is one thing in the thread as the page shows it. One of the pointers is set.
type entry struct {
	ID      string
	At      time.Time
	Level   int // 0 to deepest
	ReplyTo link
	Word    *word
	Answer  *said
	Note    *inbox.Note
	By      string // who wrote the note
}

type link struct{ Label, URL string }

// word is what somebody outside said.
type word struct {
	inbox.Comment
	Author, Handle, AuthorURL string
	Blocked                   bool
	Other                     bool // by somebody else than who began the conversation
	Target                    bool // the answer form answers it
	Earlier                   []inbox.Earlier
	Files                     []link
	Letter                    []attached // the files of a letter, which we keep
	Reactions                 []string
	Stances                   []choice
	StanceBy                  string
	Badges                    []wording.Badge
	MayModerate, MayHide      bool
}

// Gone reports whether nothing is left of the words.
func (w word) Gone() bool { return !w.DeletedAt.IsZero() }

type choice struct {
	Value, Label, Icon string
	On                 bool
}

// said is what we answered.
type said struct {
	inbox.Answer
	By, Approved        string
	Badges              []wording.Badge
	Why                 string
	Reactions           []string
	Behind              bool // the copy still shows an older revision
	MayApprove, MayEdit bool
	MayWithdraw         bool
	MaySteer            bool // the delivery waits for a person's word
	WhyNot              string
}

// entries are the thread without its events, which the history shows.
func (v visit) entries(t inbox.Thread, target string) (out []entry) {
	before := ""
	for _, e := range t.Entries {
		shown := entry{At: e.At, Level: min(e.Depth, deepest)}
		switch {
		case e.Comment != nil:
			shown.ID, shown.Word = e.Comment.ID, v.word(t, *e.Comment)
			shown.Word.Target = e.Comment.ID == target
			if e.Comment.Answers != "" && e.Comment.Answers != before {
				shown.ReplyTo = v.replied(t, e.Comment.Answers)
			}
		case e.Answer != nil:
			shown.ID, shown.Answer = e.Answer.ID, v.said(t, *e.Answer)
			if e.Answer.CommentID != before {
				shown.ReplyTo = v.replied(t, e.Answer.CommentID)
			}
		case e.Note != nil:
			shown.ID, shown.Note, shown.By, shown.Level = e.Note.ID, e.Note, v.signed(t, *e.Note), 0
		default:
			continue
		}
		if e.Note == nil {
			before = shown.ID
		}
		out = append(out, shown)
	}
	return out
}

// replied names an entry that another one answers, and leads to it.
func (v visit) replied(t inbox.Thread, id string) link {
	for _, e := range t.Entries {
		switch {
		case e.Comment != nil && e.Comment.ID == id:
			return link{v.nameOf(e.Comment.Author), "#e-" + id}
		case e.Answer != nil && e.Answer.ID == id:
			return link{v.p.T("inbox.page.our_answer"), "#e-" + id}
		}
	}
	return link{}
}

func (v visit) signed(t inbox.Thread, n inbox.Note) string {
	switch {
	case n.PersonID != "" && t.People[n.PersonID] != "":
		return t.People[n.PersonID]
	case n.Signed != "" && n.OfficeName != "":
		return n.Signed + ", " + n.OfficeName
	case n.Signed != "":
		return n.Signed
	}
	return n.OfficeName
}

func (v visit) word(t inbox.Thread, c inbox.Word) *word {
	w := &word{Comment: c.Comment, Author: v.nameOf(c.Author), Handle: handleOf(c.Author), AuthorURL: c.Author.URL, Earlier: c.Earlier,
		Blocked: !c.Author.BlockedAt.IsZero(), Other: c.AuthorID != t.AuthorID && !c.Ours, MayModerate: v.actor.May(people.Moderate) && !c.Ours}
	w.MayHide = w.MayModerate && !c.Held && c.HiddenAt.IsZero() && c.DeletedAt.IsZero()
	for i, m := range c.Media {
		label := m.Alt
		if label == "" {
			label = path.Base(strings.TrimRight(m.URL, "/"))
		}
		w.Files = append(w.Files, link{v.p.T("inbox.page.file", i+1, short(label, 120)), m.URL})
	}
	w.Letter = v.attached(c)
	for _, r := range c.Reactions {
		w.Reactions = append(w.Reactions, v.reactionWords(r))
	}
	add := func(on bool, key, kind, icon string) {
		if on {
			w.Badges = append(w.Badges, wording.Badge{Label: v.p.T(key), Kind: kind, Icon: icon})
		}
	}
	add(c.Held, "inbox.page.is.held", web.Warning, "it-password-invisible")
	add(!c.HiddenAt.IsZero(), "inbox.page.is.hidden", "", "it-password-invisible")
	add(c.Quotes, "inbox.page.is.quote", "", "it-copy")
	add(c.Private && !t.Private, "inbox.page.is.private", "", "it-lock")
	add(w.Blocked, "inbox.page.is.blocked", web.Danger, "it-ban")
	add(c.Ours, "inbox.page.is.ours", web.Info, "it-pa")
	if !c.Ours && c.DeletedAt.IsZero() {
		w.Stances = v.stances(c.Stance)
		if c.StanceBy == "rule" {
			w.StanceBy = v.p.T("inbox.page.stance.guessed")
			if v.why != nil {
				w.StanceBy += " (" + v.why(v.p, c.Text, c.Lang) + ")"
			}
		}
	}
	return w
}

func (v visit) stances(now inbox.Stance) (out []choice) {
	icons := map[inbox.Stance]string{inbox.Agrees: "it-plus-circle", inbox.Against: "it-minus-circle", inbox.Neutral: "it-more-actions", inbox.Question: "it-help-circle"}
	for _, s := range []inbox.Stance{inbox.Agrees, inbox.Against, inbox.Neutral, inbox.Question} {
		out = append(out, choice{string(s), v.p.T("inbox.page.stance." + string(s)), icons[s], s == now})
	}
	return out
}

func (v visit) said(t inbox.Thread, a inbox.Answer) *said {
	s := &said{Answer: a, By: t.People[a.AuthorID], Behind: a.Delivery.State == publishing.Delivered && a.Delivery.Rev > a.Delivery.OutRev}
	if a.ApprovedBy != "" && a.ApprovedHash == a.Hash {
		s.Approved = t.People[a.ApprovedBy]
	}
	for _, r := range a.Reactions {
		s.Reactions = append(s.Reactions, v.reactionWords(r))
	}
	add := func(label, kind, icon string) {
		s.Badges = append(s.Badges, wording.Badge{Label: label, Kind: kind, Icon: icon})
	}
	switch a.State {
	case inbox.AnswerDrafted:
		add(v.p.T("inbox.page.answer.draft"), "", "it-pencil")
	case inbox.AnswerSubmitted:
		add(v.p.T("inbox.page.answer.submitted"), web.Warning, "it-user")
	case inbox.AnswerWithdrawn:
		add(v.p.T("inbox.page.answer.withdrawn"), "", "it-ban")
	}
	if a.Delivery.ID != "" && a.State != inbox.AnswerWithdrawn {
		s.Badges = append(s.Badges, wording.Delivery(v.p, a.Delivery, v.now))
		s.Why = wording.Why(v.p, a.Delivery)
		s.MaySteer = a.Delivery.State == publishing.Refused || a.Delivery.State == publishing.Unconfirmed || a.Delivery.State == publishing.GivenUp
	}
	if !a.FailedAt.IsZero() {
		add(v.p.T("inbox.page.answer.failed"), web.Danger, "it-error")
		if s.Why = v.p.T("inbox.page.answer.failed.plain"); a.FailedWhy != "" {
			s.Why = v.p.T("inbox.page.answer.failed.why", a.FailedWhy)
		}
	}
	if a.Private && !t.Private {
		add(v.p.T("inbox.page.is.private"), "", "it-lock")
	}
	if a.ModerationID != "" {
		add(v.p.T("inbox.page.answer.warning"), web.Warning, "it-flag")
	}
	v.mayDo(t, s)
	return s
}

// mayDo says what this person may do with an answer, and why not approve it.
func (v visit) mayDo(t inbox.Thread, s *said) {
	answers := v.actor.May(people.Answer)
	s.MayEdit = answers && t.CanAnswer() && s.State != inbox.AnswerWithdrawn && (s.SentRev == 0 || s.OutAt.IsZero() || t.Caps.Edit)
	s.MayWithdraw = answers && s.State != inbox.AnswerWithdrawn && (s.SentRev == 0 || !t.Caps.Final)
	if s.State != inbox.AnswerSubmitted {
		return
	}
	switch {
	case !v.actor.May(people.Approve):
		s.WhyNot = v.p.T("inbox.page.approve.others")
	case s.ApprovableBy(v.actor.PersonID, t.FourEyes) != nil:
		s.WhyNot = v.p.T("inbox.page.approve.own")
	default:
		s.MayApprove = true
	}
}

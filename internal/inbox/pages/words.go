package pages

import (
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
)

// square is how a person of the desk calls a platform, and its symbol.
func (v visit) square(p channel.Platform) wording.Platform { return wording.PlatformOf(v.p, p) }

// due says by when, as a person would: "entro oggi alle 17:00". Empty without a
// deadline, or where nobody waits.
func (v visit) due(c inbox.Conversation) string {
	if c.DueAt.IsZero() || c.State != inbox.Open || !c.Waiting {
		return ""
	}
	days := v.daysTo(c.DueAt)
	switch {
	case c.Overdue(v.now):
		return v.p.T("inbox.page.due.late", v.p.Relative(v.now, c.DueAt))
	case days == 0:
		return v.p.T("inbox.page.due.today", v.p.Time(c.DueAt))
	case days == 1:
		return v.p.T("inbox.page.due.tomorrow", v.p.Time(c.DueAt))
	case days < 7:
		return v.p.T("inbox.page.due.weekday", v.p.Weekday(c.DueAt.In(v.loc).Weekday()), v.p.Time(c.DueAt))
	}
	return v.p.T("inbox.page.due.date", v.p.DateShort(c.DueAt), v.p.Time(c.DueAt))
}

// daysTo counts the midnights of the institution's zone until a moment.
func (v visit) daysTo(t time.Time) int {
	day := func(t time.Time) time.Time {
		y, m, d := t.In(v.loc).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(day(t).Sub(day(v.now)) / (24 * time.Hour))
}

// fresh reports whether nobody has done anything yet about a conversation.
func fresh(c inbox.Conversation) bool {
	return c.State == inbox.Open && c.Waiting && c.AnsweredAt.IsZero() && c.OfficeID == "" && c.PersonID == ""
}

// badges say where a conversation stands. It has one badge for its own state,
// and others for what asks for somebody's hand.
func (v visit) badges(c inbox.Conversation) (out []wording.Badge) {
	add := func(key, kind, icon string) {
		out = append(out, wording.Badge{Label: v.p.T(key), Kind: kind, Icon: icon})
	}
	switch {
	case !c.ReducedAt.IsZero():
		add("inbox.page.is.reduced", "", "it-box")
	case c.State == inbox.Closed:
		add("inbox.page.is.closed", "", "it-check")
	case c.Overdue(v.now):
		add("inbox.page.is.late", web.Danger, "it-clock")
	case fresh(c):
		add("inbox.page.is.new", web.Info, "it-star-full")
	case c.Waiting:
		add("inbox.page.is.waiting", web.Warning, "it-comment")
	default:
		add("inbox.page.is.answered", web.Success, "it-check-circle")
	}
	if c.Private {
		add("inbox.page.is.private", "", "it-lock")
	}
	return out
}

// rowBadges are a row's: the conversation's, and what waits in it.
func (v visit) rowBadges(r inbox.Row) []wording.Badge {
	out := v.badges(r.Conversation)
	add := func(on bool, key, kind, icon string) {
		if on {
			out = append(out, wording.Badge{Label: v.p.T(key), Kind: kind, Icon: icon})
		}
	}
	add(r.Held, "inbox.page.is.held", web.Warning, "it-password-invisible")
	add(r.ToApprove, "inbox.page.is.to_approve", web.Warning, "it-user")
	add(r.Unsent, "inbox.page.is.unsent", web.Danger, "it-error")
	return out
}

// nameOf is how an author is called: by name, else by handle.
func (v visit) nameOf(a inbox.Author) string {
	switch {
	case strings.TrimSpace(a.Name) != "":
		return a.Name
	case a.Handle != "":
		return a.Handle
	}
	return v.p.T("inbox.page.somebody")
}

// handleOf is what stands beside the name; empty when it would say the same.
func handleOf(a inbox.Author) string {
	if a.Handle == a.Name || strings.TrimSpace(a.Name) == "" {
		return ""
	}
	return a.Handle
}

// bounded is a count as it is shown: where counting stopped, "999+".
func (v visit) bounded(n int) string {
	if n >= inbox.MaxCount {
		return v.p.Number(inbox.MaxCount-1) + "+"
	}
	return v.p.Number(n)
}

// short cuts a text on one line after so many characters.
func short(text string, n int) string {
	r := []rune(strings.Join(strings.Fields(text), " "))
	if len(r) <= n {
		return string(r)
	}
	return strings.TrimSpace(string(r[:n-1])) + "…"
}

// reactionWords name a reaction: a like and a boost in words, an emoji as it is.
func (v visit) reactionWords(r inbox.Reaction) string {
	switch r.Reaction {
	case channel.Like:
		return v.p.T("inbox.page.reaction.likes", r.N)
	case channel.Boost:
		return v.p.T("inbox.page.reaction.boosts", r.N)
	}
	return r.Reaction + " " + strconv.Itoa(r.N)
}

package pages

import (
	"context"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// homePage answers three questions: what goes out today, what waits for me, and
// what went wrong.
type homePage struct {
	Name     string
	Now      time.Time
	Freeze   *publishing.Freeze
	FreezeBy string
	Allowed  string // categories that go out all the same, in words
	Today    []row
	Approve  []row
	SentBack []row
	Held     []row
	Undated  []row
	Drafts   []row
	Tasks    []taskRow
	Troubles []troubleRow
	Channels []channelRow
	MayWrite bool
}

// Waiting is how many things wait for this person.
func (h homePage) Waiting() int {
	return len(h.Approve) + len(h.SentBack) + len(h.Held) + len(h.Undated) + len(h.Tasks)
}

// Wrong is how many things went wrong.
func (h homePage) Wrong() int { return len(h.Troubles) + len(h.Channels) }

type taskRow struct {
	Text, Title, Link, MessageURL string
	Since                         time.Time
}

type troubleRow struct {
	URL, Title, Channel string
	Icon                string
	Badge               wording.Badge
	Why                 string
	When                time.Time
}

type channelRow struct {
	Name, Icon, Profile string
	Badge               wording.Badge
	Why                 string
	Since               time.Time
}

// desk is what the home page reads, in one state of the database.
type desk struct {
	freeze                                    publishing.Freeze
	frozen                                    bool
	profiles                                  []institution.Profile
	names                                     map[string]string
	today, submitted, back, held, undated, my []publishing.Message
	tasks                                     []publishing.Task
	troubles                                  []publishing.Trouble
	channels                                  []channel.Channel
}

func (p *Pages) home(w http.ResponseWriter, r *http.Request, v visit) error {
	printer := p.kit.Printer(r)
	d, err := p.readDesk(r.Context(), v)
	if err != nil {
		return err
	}
	l := lister{printer, byID(d.profiles), d.names, v.now}
	page := homePage{
		Name: firstName(v.actor.Name), Now: v.now, Today: l.rows(d.today), MayWrite: v.actor.May(people.Write),
	}
	if d.frozen {
		page.Freeze, page.FreezeBy, page.Allowed = &d.freeze, d.names[d.freeze.ByID], categoryNames(printer, d.freeze.Allowed)
	}
	if v.actor.May(people.Approve) {
		for _, m := range d.submitted {
			if ok, _ := m.ApprovableBy(v.actor.PersonID, l.profiles[m.Content.ProfileID].FourEyes); ok {
				page.Approve = append(page.Approve, l.row(m))
			}
		}
	}
	if v.actor.May(people.Write) {
		page.SentBack, page.Drafts = l.rows(d.back), l.rows(withoutSentBack(d.my))
		page.Tasks = tasks(printer, d.tasks)
	}
	if v.actor.May(people.Publish) {
		page.Held, page.Undated = l.rows(d.held), l.rows(d.undated)
	}
	page.Troubles = troubles(printer, d.troubles, v.now)
	page.Channels = sickChannels(printer, d.channels, l.profiles)
	return p.kit.Render(w, r, http.StatusOK, "publishing/home", layout.Page{Content: page})
}

// readDesk asks a fixed number of questions of the database.
func (p *Pages) readDesk(ctx context.Context, v visit) (d desk, err error) {
	id := v.institution.ID
	today := v.now.In(v.loc)
	start := time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, v.loc)
	return d, p.db.Read(ctx, func(tx *db.Tx) (err error) {
		list := func(into *[]publishing.Message, f publishing.Filter) {
			if err == nil {
				*into, err = publishing.List(ctx, tx, id, f)
			}
		}
		list(&d.today, publishing.Filter{States: []publishing.State{publishing.Draft, publishing.Submitted, publishing.Approved, publishing.Scheduled, publishing.Out},
			DueFrom: start, DueTo: start.AddDate(0, 0, 1), ByDue: true})
		list(&d.submitted, publishing.Filter{States: []publishing.State{publishing.Submitted}})
		list(&d.held, publishing.Filter{Held: true, ByDue: true})
		list(&d.my, publishing.Filter{States: []publishing.State{publishing.Draft}, AuthorID: v.actor.PersonID, Limit: 8})
		if err != nil {
			return err
		}
		if d.freeze, d.frozen, err = publishing.CurrentFreeze(ctx, tx, id); err != nil {
			return err
		}
		if d.profiles, d.names, err = who(ctx, tx, id); err != nil {
			return err
		}
		if d.back, err = publishing.SentBackTo(ctx, tx, id, v.actor.PersonID); err != nil {
			return err
		}
		if d.undated, err = publishing.Unplanned(ctx, tx, id); err != nil {
			return err
		}
		if d.tasks, err = publishing.Tasks(ctx, tx, id); err != nil {
			return err
		}
		if d.troubles, err = publishing.Troubles(ctx, tx, id, v.now, 20); err != nil {
			return err
		}
		d.channels, err = channel.List(ctx, tx, id)
		return err
	})
}

// who reads the names that lists show: profiles and people.
func who(ctx context.Context, tx *db.Tx, institutionID string) ([]institution.Profile, map[string]string, error) {
	profiles, err := institution.Profiles(ctx, tx, institutionID)
	if err != nil {
		return nil, nil, err
	}
	names, err := people.Names(ctx, tx, institutionID)
	return profiles, names, err
}

func byID(ps []institution.Profile) map[string]institution.Profile {
	m := make(map[string]institution.Profile, len(ps))
	for _, p := range ps {
		m[p.ID] = p
	}
	return m
}

func withoutSentBack(ms []publishing.Message) (out []publishing.Message) {
	for _, m := range ms {
		if m.SentBack == "" {
			out = append(out, m)
		}
	}
	return out
}

func tasks(p *i18n.Printer, ts []publishing.Task) (out []taskRow) {
	for _, t := range ts {
		out = append(out, taskRow{Text: p.T("task."+t.Kind, t.Channel), Title: t.Title, Link: t.Link,
			MessageURL: wording.Page(t.Brings, t.MessageID), Since: db.When(t.CreatedAt)})
	}
	return out
}

func troubles(p *i18n.Printer, ts []publishing.Trouble, now time.Time) (out []troubleRow) {
	for _, t := range ts {
		out = append(out, troubleRow{URL: wording.Page(t.Delivery.Kind, t.MessageID) + "#consegne", Title: t.Title, Channel: t.Channel, Icon: wording.PlatformOf(p, t.Platform).Icon,
			Badge: wording.Delivery(p, t.Delivery, now), Why: wording.Why(p, t.Delivery), When: t.UpdatedAt})
	}
	return out
}

// sickChannels are those through which nothing goes out, or nothing did lately.
func sickChannels(p *i18n.Printer, cs []channel.Channel, profiles map[string]institution.Profile) (out []channelRow) {
	for _, c := range cs {
		if c.State == channel.Connected {
			continue
		}
		kind := web.Warning
		if c.State == channel.Lapsed {
			kind = web.Danger
		}
		out = append(out, channelRow{Name: c.Name, Icon: wording.PlatformOf(p, c.Platform).Icon, Profile: profiles[c.ProfileID].Name, Since: c.FailingSince,
			Badge: wording.Badge{Label: p.T("message.channel." + string(c.State)), Kind: kind, Icon: "it-warning-circle"}, Why: p.T("message.channel." + string(c.State) + ".why")})
	}
	return out
}

func categoryNames(p *i18n.Printer, cs []publishing.Category) string {
	text := ""
	for i, c := range cs {
		if i > 0 {
			text += ", "
		}
		text += p.T("category." + string(c))
	}
	return text
}

// firstName is how the greeting calls somebody.
func firstName(name string) string {
	for i, c := range name {
		if c == ' ' {
			return name[:i]
		}
	}
	return name
}

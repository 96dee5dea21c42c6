package pages

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// listSize is how many conversations a page of the list shows.
const listSize = 30

// listPage is the list of conversations.
type listPage struct {
	Filter filter
	Here   string // address of this page
	Plain  string // of the same queue without a narrower filter
	Query  string // what a saved view keeps
	Kept   url.Values
	Where  []tab
	Queues []tab
	Form   *web.Form
	Open   bool // the narrower fields are shown
	About  string

	Offices, Profiles, Squares, Orders []layout.Option
	Assign                             []layout.Option

	Views     []viewLink
	Saving    *web.Form // a view that was refused
	Savable   bool
	Rows      []row
	Paging    layout.Paging
	Narrowed  bool
	MayAnswer bool
	Closing   bool
	Reopening bool
	Empty     string
	EmptyText string
	Stream    string
}

// tab is a link to a part of the list with how many conversations are there.
type tab struct {
	Label, URL, Icon string
	Count            int
	Shown            string // the count; where counting stopped, "999+"
	Current, Alarm   bool
}

// viewLink is a saved view in the page.
type viewLink struct {
	view
	URL     string
	Current bool
}

// row is a conversation in the list.
type row struct {
	ID, URL, Stamp string
	Author, Handle string
	Square         wording.Platform
	Excerpt, Short string
	Lang           string
	About          string
	Office, Person string
	Comments       int
	When           time.Time
	Due            string
	Badges         []wording.Badge
	Late, Fresh    bool
}

// listed is what the page reads, in one state of the database.
type listed struct {
	rows     []inbox.Row
	counts   inbox.Counts
	offices  []institution.Office
	profiles []institution.Profile
	channels []channel.Channel
	views    []view
}

func (p *Pages) list(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	return p.showList(w, r, v, parseFilter(form.Values), nil)
}

// showList renders the list; saving is the form of a view that was refused.
func (p *Pages) showList(w http.ResponseWriter, r *http.Request, v visit, f filter, saving *web.Form) error {
	asked, err := v.asked(f)
	if err != nil {
		return err
	}
	l, err := p.readList(r.Context(), v, asked)
	if err != nil {
		return err
	}
	page := listPage{Filter: f, Here: f.url(), Plain: f.plain().url(), Query: f.first().query().Encode(), Narrowed: f.narrowed(),
		Form: &web.Form{Values: f.query()}, Saving: saving, Stream: p.stream, MayAnswer: v.actor.May(people.Answer),
		Open: f.narrowed() && f.Text == "" || f.Order != newestFirst, Closing: f.Queue != closed, Reopening: f.Queue == closed || f.Queue == everything}
	page.Savable = saving != nil || f.first().url() != listPath
	page.Kept = url.Values{}
	for _, name := range []string{"dove", "coda", "messaggio", "autore"} {
		if value := f.query().Get(name); value != "" {
			page.Kept.Set(name, value)
		}
	}
	if len(l.rows) > listSize {
		l.rows = l.rows[:listSize]
		next := f
		next.After = cursor(l.rows[listSize-1].After(asked.Sort))
		page.Paging.Next = next.url()
	}
	if f.After != "" {
		page.Paging.Previous = f.first().url() // back to the start: a cursor leads one way
	}
	v.tabs(&page, f, l.counts)
	v.choices(&page, f, l)
	for _, found := range l.rows {
		page.Rows = append(page.Rows, v.row(found))
	}
	for _, saved := range l.views {
		q, err := url.ParseQuery(saved.Query)
		if err != nil {
			continue // written by another release: it cannot be followed
		}
		u := parseFilter(q).url()
		page.Views = append(page.Views, viewLink{saved, u, u == f.first().url()})
	}
	page.Empty, page.EmptyText = v.p.T("inbox.page.none."+string(f.Queue)), v.p.T("inbox.page.none.text")
	status := http.StatusOK
	if saving != nil {
		status = saving.Status()
	}
	return p.kit.Render(w, r, status, "inbox/list", layout.Page{Content: page})
}

// asked is the filter in the inbox's words. Fault: NotFound for a broken cursor.
func (v visit) asked(f filter) (inbox.Filter, error) {
	out := inbox.Filter{Public: !f.Private, Private: f.Private, OfficeID: f.Office, ProfileID: f.Profile, Platform: f.Platform,
		MessageID: f.Message, AuthorID: f.Author, Text: f.Text, Limit: listSize + 1, Sort: inbox.Newest}
	switch f.Queue {
	case toAnswer:
		out.State, out.Waiting = inbox.Open, true
	case overdue:
		out.State, out.Overdue = inbox.Open, true
	case mine:
		out.State, out.PersonID = inbox.Open, v.actor.PersonID
	case toApprove:
		out.ToApprove = true
	case toModerate:
		out.Held = true
	case unsent:
		out.Unsent = true
	case closed:
		out.State = inbox.Closed
	case everything:
	}
	switch f.Order {
	case oldestFirst:
		out.Sort = inbox.Oldest
	case dueFirst:
		out.Sort = inbox.Deadline
	}
	if f.After == "" {
		return out, nil
	}
	before, err := parseCursor(f.After)
	out.Before = before
	return out, err
}

// readList costs a fixed number of queries, whatever there is to show.
func (p *Pages) readList(ctx context.Context, v visit, f inbox.Filter) (l listed, err error) {
	return l, p.db.Read(ctx, func(tx *db.Tx) (err error) {
		if l.rows, err = inbox.List(ctx, tx, v.inst.ID, f, v.now); err != nil {
			return err
		}
		if l.counts, err = inbox.CountAll(ctx, tx, v.inst.ID, v.actor.PersonID, v.now); err != nil {
			return err
		}
		if l.offices, err = institution.Offices(ctx, tx, v.inst.ID); err != nil {
			return err
		}
		if l.profiles, err = institution.Profiles(ctx, tx, v.inst.ID); err != nil {
			return err
		}
		if l.channels, err = channel.List(ctx, tx, v.inst.ID); err != nil {
			return err
		}
		l.views, err = views(ctx, tx, v.inst.ID, v.actor.PersonID)
		return err
	})
}

// tabs lead to public and private conversations and to the queues. A queue that is
// rarely used is shown only while something is in it.
func (v visit) tabs(page *listPage, f filter, c inbox.Counts) {
	for _, private := range []bool{false, true} {
		t := tab{Label: v.p.T("inbox.page.public"), URL: f.where(private).url(), Icon: "it-horn", Count: c.Public.Waiting, Current: f.Private == private}
		if private {
			t.Label, t.Icon, t.Count = v.p.T("inbox.page.private"), "it-lock", c.Private.Waiting
		}
		t.Shown = v.bounded(t.Count)
		page.Where = append(page.Where, t)
	}
	n := c.Public
	if f.Private {
		n = c.Private
	}
	counts := map[queue]int{toAnswer: n.Waiting, overdue: n.Overdue, mine: n.Mine, toApprove: n.ToApprove, toModerate: n.Held, unsent: n.Unsent,
		closed: n.Closed, everything: n.All}
	for _, q := range queues() {
		t := tab{Label: v.p.T("inbox.page.queue." + string(q)), URL: f.in(q).url(), Count: counts[q], Shown: v.bounded(counts[q]), Current: f.Queue == q}
		t.Alarm = t.Count > 0 && (q == overdue || q == unsent)
		if rare := q == toApprove || q == toModerate || q == unsent; rare && t.Count == 0 && !t.Current {
			continue
		}
		page.Queues = append(page.Queues, t)
	}
}

// choices are what the fields offer, and in words what the list is narrowed to.
func (v visit) choices(page *listPage, f filter, l listed) {
	var about []string
	pick := func(asked, value, label string) layout.Option {
		if asked == value {
			about = append(about, label)
		}
		return layout.Option{Value: value, Label: label}
	}
	page.Offices = []layout.Option{{Label: v.p.T("inbox.page.office.any")}, pick(f.Office, noOffice, v.p.T("inbox.page.office.none"))}
	page.Assign = []layout.Option{{Value: noOffice, Label: v.p.T("inbox.page.office.none")}}
	for _, o := range l.offices {
		page.Offices = append(page.Offices, pick(f.Office, o.ID, o.Name))
		page.Assign = append(page.Assign, layout.Option{Value: o.ID, Label: o.Name})
	}
	page.Profiles = []layout.Option{{Label: v.p.T("inbox.page.profile.any")}}
	for _, profile := range l.profiles {
		page.Profiles = append(page.Profiles, pick(f.Profile, profile.ID, profile.Name))
	}
	page.Squares = []layout.Option{{Label: v.p.T("inbox.page.square.any")}}
	offered := map[channel.Platform]bool{channel.Email: true, channel.WebPush: true} // nobody speaks through these
	for _, c := range l.channels {
		if !offered[c.Platform] {
			offered[c.Platform] = true
			page.Squares = append(page.Squares, pick(string(f.Platform), string(c.Platform), v.square(c.Platform).Name))
		}
	}
	for _, o := range orders() {
		page.Orders = append(page.Orders, layout.Option{Value: o, Label: v.p.T("inbox.page.order." + o)})
	}
	if f.Text != "" {
		about = append(about, v.p.T("inbox.page.about.text", f.Text))
	}
	if f.Author != "" {
		about = append(about, v.p.T("inbox.page.about.author"))
	}
	if f.Message != "" {
		about = append(about, v.p.T("inbox.page.about.message"))
	}
	if len(about) > 0 {
		page.About = v.p.T("inbox.page.about", strings.Join(about, ", "))
	}
}

func (v visit) row(r inbox.Row) row {
	out := row{ID: r.ID, URL: conversationPath(r.ID), Stamp: strconv.FormatInt(r.Version, 10) + "-" + strconv.FormatInt(db.At(r.LastAt), 36),
		Author: v.nameOf(r.Author), Handle: handleOf(r.Author), Square: v.square(r.Platform), Excerpt: r.Excerpt, Short: short(r.Excerpt, 40),
		About: r.MessageTitle, Office: r.OfficeName, Person: r.PersonName, Comments: r.Comments, When: r.LastAt, Due: v.due(r.Conversation),
		Badges: v.rowBadges(r), Late: r.Overdue(v.now), Fresh: fresh(r.Conversation)}
	if out.Excerpt == "" {
		out.Excerpt = v.p.T("inbox.page.no_words")
		out.Short = out.Excerpt
	}
	return out
}

// cursor names where a page ended, for the address of the next one.
func cursor(c inbox.Cursor) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(db.At(c.At), 36) + " " + c.ID))
}

// parseCursor reads what cursor wrote. Fault: NotFound for anything else.
func parseCursor(text string) (inbox.Cursor, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	at, id, found := strings.Cut(string(raw), " ")
	us, err2 := strconv.ParseInt(at, 36, 64)
	if err != nil || err2 != nil || !found || us <= 0 || id == "" || identifier(id) != id {
		return inbox.Cursor{}, fault.Missing("inbox.page.cursor")
	}
	return inbox.Cursor{At: db.When(us), ID: id}, nil
}

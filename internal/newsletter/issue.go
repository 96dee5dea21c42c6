package newsletter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/prose"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/retain"
)

// IssueKind says why letters are sent.
type IssueKind string

// The kinds of issue.
const (
	OfMessage IssueKind = "message" // one message, at once
	OfDay     IssueKind = "daily"
	OfWeek    IssueKind = "weekly"
)

// IssueState is how a sending stands.
type IssueState string

// The states of an issue.
const (
	Sending       IssueState = "sending"
	PausedSending IssueState = "paused" // the mail server defers most letters: a person decides
	Done          IssueState = "done"
	Withdrawn     IssueState = "withdrawn"
	Empty         IssueState = "empty" // a digest of a time in which nothing was said
)

// Issue is one sending.
type Issue struct {
	InstitutionID, ID string
	Kind              IssueKind
	Title, Link       string
	Items             []Item
	State             IssueState
	Pause             string // why it does not go on: storm, server, slow; empty while it does
	Urgent            bool   // of an emergency
	CreatedAt, DoneAt time.Time
	Counts            map[Outcome]int // of all letters, also of those whose rows are past their time
	again             map[Outcome]int // of those whose rows are still there
}

// Count is how many letters have an outcome and could be sent again.
func (i Issue) Count(o string) int { return i.again[Outcome(o)] }

// Item is one message in a letter.
type Item struct {
	MessageID string     `json:"id,omitempty"`
	ProfileID string     `json:"profile_id"`
	Profile   string     `json:"profile"`
	Title     string     `json:"title"`
	Text      string     `json:"text"`
	HTML      string     `json:"html,omitempty"` // the same as a page, sanitised; empty: Text is all there is
	Link      string     `json:"link"`
	Lang      string     `json:"lang"`
	Tags      []string   `json:"tags,omitempty"` // folded
	Pictures  []Picture  `json:"pictures,omitempty"`
	Event     *time.Time `json:"event,omitempty"`
	EventEnd  *time.Time `json:"event_end,omitempty"`
	EventDays bool       `json:"event_days,omitempty"` // see publication.event_days
}

// Picture is a photograph that a letter shows from the site.
type Picture struct {
	URL   string `json:"url"`
	Alt   string `json:"alt"`
	Video bool   `json:"video,omitempty"` // shown as a link
}

// Outcome is what became of one letter.
type Outcome string

// The outcomes.
const (
	Waiting     Outcome = "waiting"
	Attempting  Outcome = "attempting" // handed over now; committed before
	Sent        Outcome = "sent"
	Refused     Outcome = "refused"
	Unconfirmed Outcome = "unconfirmed" // it may have arrived
	Cancelled   Outcome = "cancelled"   // unsubscribed, or the message was withdrawn
)

// HandOver takes over a message for the immediate subscribers of a channel's
// profile: their letters are written into the ledger and go out in the
// background. Handing over the same key again changes nothing. Fault: NotFound
// when there is no such channel.
func (l *List) HandOver(ctx context.Context, channelID string, p channel.Post) (r channel.Remote, err error) {
	now := l.clock()
	err = l.db.InTx(ctx, func(tx *db.Tx) error {
		i, profile, err := place(ctx, tx, channelID)
		if err != nil {
			return err
		}
		item := l.item(i, profile, p)
		id, err := l.open(ctx, tx, i, opening{origin: p.Key, kind: OfMessage, channelID: channelID, title: p.Title, link: p.Link, items: []Item{item}, urgent: p.Urgent}, now)
		r = channel.Remote{ID: id, URL: p.Link}
		return err
	})
	return r, err
}

// item is what the letters of a message say.
func (l *List) item(i institution.Institution, profile institution.Profile, p channel.Post) Item {
	item := Item{ProfileID: profile.ID, Profile: profile.Name, Title: p.Title, Link: p.Link, Lang: p.Lang,
		Text: strings.TrimSpace(strings.TrimPrefix(p.Text, p.Title+"\n")), HTML: l.page(i, p)}
	for _, t := range p.Tags {
		item.Tags = append(item.Tags, publishing.TagKey(t))
	}
	for _, m := range p.Media {
		if m.IsImage() || m.IsVideo() {
			item.Pictures = append(item.Pictures, Picture{URL: l.address(i) + "/media/" + m.Hash + "/posta/" + url.PathEscape(orFile(m.Name)), Alt: m.Alt, Video: m.IsVideo()})
		}
	}
	return item
}

// page is a message as the site shows it, for a letter's HTML: when and where it takes
// place, its text, its topics. It is empty where somebody wrote the text by hand.
func (l *List) page(i institution.Institution, p channel.Post) string {
	if p.Rich == nil || p.Rich.Written {
		return ""
	}
	var b strings.Builder
	if e := p.Rich.Event; e != nil {
		b.WriteString("<p><strong>" + html.EscapeString(l.bundle.For(p.Lang, i.Location()).Span(e.Start, e.End, e.Days)) + "</strong>")
		if e.Where != "" {
			b.WriteString("<br>" + html.EscapeString(e.Where))
		}
		b.WriteString("</p>")
	}
	b.WriteString(prose.Rebase(p.Rich.HTML, l.address(i)))
	var topics []string
	for _, t := range p.Tags {
		if word := channel.Hashtag(t); word != "" {
			topics = append(topics, "#"+word)
		}
	}
	if len(topics) > 0 {
		b.WriteString("<p>" + html.EscapeString(strings.Join(topics, " ")) + "</p>")
	}
	// Mail programs know no style sheet of ours: without these the cells stand glued.
	return strings.NewReplacer("<table>", `<table border="1" cellpadding="6" style="border-collapse:collapse;margin:0 0 14px">`, "<p>", `<p style="margin:0 0 14px">`,
		"<blockquote>", `<blockquote style="margin:0 0 14px;padding:0 0 0 14px;border-left:4px solid #d5dde6">`).Replace(b.String())
}

func orFile(name string) string {
	if name == "" {
		return "file"
	}
	return name
}

// place is whose channel it is.
func place(ctx context.Context, tx *db.Tx, channelID string) (i institution.Institution, p institution.Profile, err error) {
	var institutionID, profileID string
	err = tx.QueryRow(ctx, `SELECT institution_id, profile_id FROM channel WHERE id = $1`, channelID).Scan(&institutionID, &profileID)
	if errors.Is(err, db.ErrNone) {
		return i, p, fault.Missing("newsletter.channel.missing")
	}
	if err != nil {
		return i, p, err
	}
	if i, err = institution.ByID(ctx, tx, institutionID); err != nil {
		return i, p, err
	}
	p, err = institution.ProfileByID(ctx, tx, institutionID, profileID)
	return i, p, err
}

// opening is a sending about to begin.
type opening struct {
	origin, channelID, title, link string
	kind                           IssueKind
	items                          []Item
	until                          time.Time
	urgent                         bool
}

// open enters an issue and its letters in the ledger, and returns its id. The
// origin makes it once: a second call returns the id of the first.
func (l *List) open(ctx context.Context, tx *db.Tx, i institution.Institution, o opening, now time.Time) (id string, err error) {
	items, err := json.Marshal(o.items)
	if err != nil {
		return "", err
	}
	state := Sending
	if len(o.items) == 0 {
		state = Empty
	}
	id = db.NewID()
	n, err := tx.Change(ctx, `
		INSERT INTO issue (institution_id, id, origin, kind, channel_id, title, link, items, urgent, state, until_at, next_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $12, $9, $10, $11, $11) ON CONFLICT (institution_id, origin) DO NOTHING`,
		i.ID, id, o.origin, o.kind, o.channelID, o.title, o.link, string(items), state, db.At(o.until), db.At(now), o.urgent)
	if err != nil {
		return "", err
	}
	if n == 0 {
		err = tx.QueryRow(ctx, `SELECT id FROM issue WHERE institution_id = $1 AND origin = $2`, i.ID, o.origin).Scan(&id)
		return id, err
	}
	if state == Empty {
		return id, nil
	}
	if err := enter(ctx, tx, i.ID, id, o, now); err != nil {
		return "", err
	}
	return id, l.jobs.Enqueue(ctx, tx, send{i.ID, id}, jobs.When{Queue: jobs.LaneOf(o.urgent, jobs.Bulk)})
}

// enter writes one row for each subscriber who asked for any of the items.
func enter(ctx context.Context, tx *db.Tx, institutionID, issueID string, o opening, now time.Time) error {
	var profiles, tags []any
	for _, it := range o.items {
		if !slices.Contains(profiles, any(it.ProfileID)) {
			profiles = append(profiles, it.ProfileID)
		}
		for _, t := range it.Tags {
			if !slices.Contains(tags, any(t)) {
				tags = append(tags, t)
			}
		}
	}
	cadence := Immediate
	if o.kind != OfMessage {
		cadence = Cadence(o.kind)
	}
	args := []any{institutionID, issueID, cadence, db.At(now)}
	chosen := fmt.Sprintf("c.kind = 'profile' AND c.value IN (%s)", placeholders(len(args)+1, len(profiles)))
	args = append(args, profiles...)
	if len(tags) > 0 {
		chosen += fmt.Sprintf(" OR c.kind = 'tag' AND c.value IN (%s)", placeholders(len(args)+1, len(tags)))
		args = append(args, tags...)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO recipient (institution_id, issue_id, subscriber_id, state, changed_at)
		SELECT s.institution_id, CAST($2 AS TEXT), s.id, 'waiting', CAST($4 AS BIGINT) FROM subscriber s
		WHERE s.institution_id = $1 AND s.state = 'active' AND s.cadence = $3 AND (
			NOT EXISTS (SELECT 1 FROM subscriber_scope c WHERE c.institution_id = s.institution_id AND c.subscriber_id = s.id)
			OR EXISTS (SELECT 1 FROM subscriber_scope c WHERE c.institution_id = s.institution_id AND c.subscriber_id = s.id AND (`+chosen+`)))`, args...)
	return err
}

// mailHost is the right part of the Message-IDs of a site.
func mailHost(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return "localhost"
	}
	return u.Hostname()
}

// Lookup finds a message that was handed over, by its key.
func (l *List) Lookup(ctx context.Context, channelID, key string) (r channel.Remote, found bool, err error) {
	err = l.db.Read(ctx, func(tx *db.Tx) error {
		err := tx.QueryRow(ctx, `SELECT id, link FROM issue WHERE channel_id = $1 AND origin = $2
			AND institution_id = (SELECT institution_id FROM channel WHERE id = $1)`, channelID, key).Scan(&r.ID, &r.URL)
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		found = err == nil
		return err
	})
	return r, found, err
}

// Cancel stops the letters of a message that still wait. Repeating it, or
// cancelling what was never handed over, changes nothing.
func (l *List) Cancel(ctx context.Context, channelID, issueID string) error {
	now := l.clock()
	return l.db.InTx(ctx, func(tx *db.Tx) error {
		const which = `institution_id = (SELECT institution_id FROM channel WHERE id = $1) AND `
		if _, err := tx.Exec(ctx, `UPDATE recipient SET state = 'cancelled', changed_at = $3 WHERE `+which+`issue_id = $2 AND state = 'waiting'`, channelID, issueID, db.At(now)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE issue SET state = 'withdrawn', done_at = $3 WHERE `+which+`id = $2 AND state <> 'withdrawn'`, channelID, issueID, db.At(now))
		return err
	})
}

// Describe says for which profile a channel sends, and how many receive it at once.
func (l *List) Describe(ctx context.Context, channelID string) (profile, address string, subscribers int, err error) {
	err = l.db.Read(ctx, func(tx *db.Tx) error {
		i, p, err := place(ctx, tx, channelID)
		if err != nil {
			return err
		}
		profile, address = p.Name, l.address(i)
		return tx.QueryRow(ctx, `SELECT count(*) FROM subscriber WHERE institution_id = $1 AND state = 'active' AND cadence = 'immediate'`, i.ID).Scan(&subscribers)
	})
	return profile, address, subscribers, err
}

const issueColumns = `institution_id, id, kind, title, link, items, state, pause, urgent, created_at, done_at`

func scanIssue(s db.Scanner) (i Issue, err error) {
	var items string
	var created, done int64
	if err := s.Scan(&i.InstitutionID, &i.ID, &i.Kind, &i.Title, &i.Link, &items, &i.State, &i.Pause, &i.Urgent, &created, &done); err != nil {
		return i, err
	}
	i.CreatedAt, i.DoneAt = db.When(created), db.When(done)
	if err := json.Unmarshal([]byte(items), &i.Items); err != nil {
		return i, fmt.Errorf("items of issue %s: %w", i.ID, err)
	}
	return i, nil
}

func issueByID(ctx context.Context, tx *db.Tx, institutionID, id string) (Issue, error) {
	i, err := scanIssue(tx.QueryRow(ctx, `SELECT `+issueColumns+` FROM issue WHERE institution_id = $1 AND id = $2`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return i, fault.Missing("newsletter.issue.missing")
	}
	return i, err
}

// issues lists the newest sendings with how many letters have each outcome.
func issues(ctx context.Context, tx *db.Tx, institutionID string, n int) ([]Issue, error) {
	all, err := db.All(ctx, tx, scanIssue, `SELECT `+issueColumns+` FROM issue WHERE institution_id = $1 AND state <> 'empty' ORDER BY created_at DESC, id DESC LIMIT $2`, institutionID, n)
	if err != nil || len(all) == 0 {
		return all, err
	}
	at := map[string]int{}
	args, ids := []any{institutionID}, []string(nil)
	for k := range all {
		at[all[k].ID] = k
		all[k].Counts, all[k].again = map[Outcome]int{}, map[Outcome]int{}
		ids = append(ids, all[k].ID)
		args = append(args, all[k].ID)
	}
	past, err := retain.Remaining(ctx, tx, institutionID, retain.Letter, ids)
	if err != nil {
		return nil, err
	}
	for id, counts := range past {
		for o, n := range counts {
			all[at[id]].Counts[Outcome(o)] = n
		}
	}
	_, err = db.All(ctx, tx, func(s db.Scanner) (struct{}, error) {
		var id string
		var o Outcome
		var n int
		err := s.Scan(&id, &o, &n)
		if err == nil {
			all[at[id]].Counts[o] += n
			all[at[id]].again[o] = n
		}
		return struct{}{}, err
	}, `SELECT issue_id, state, count(*) FROM recipient WHERE institution_id = $1 AND issue_id IN (`+placeholders(2, len(all))+`) GROUP BY issue_id, state`, args...)
	return all, err
}

// again puts letters of an issue back in line: those that were refused, or those
// of which nobody knows whether they arrived. Only a person asks for it.
func (l *List) again(ctx context.Context, tx *db.Tx, institutionID, issueID string, which Outcome, now time.Time) (n int64, err error) {
	if which != Refused && which != Unconfirmed {
		return 0, fault.InvalidField("which", "fault.field.choice")
	}
	i, err := issueByID(ctx, tx, institutionID, issueID)
	if err != nil {
		return 0, err
	}
	if i.State == Withdrawn || i.State == Empty {
		return 0, fault.Clash("newsletter.issue.over")
	}
	n, err = tx.Change(ctx, `
		UPDATE recipient SET state = 'waiting', attempts = 0, next_at = 0, code = '', changed_at = $4
		WHERE institution_id = $1 AND issue_id = $2 AND state = $3
			AND subscriber_id IN (SELECT id FROM subscriber WHERE institution_id = $1 AND state = 'active')`, institutionID, issueID, which, db.At(now))
	if err != nil {
		return 0, err
	}
	return n, l.resume(ctx, tx, institutionID, issueID, now)
}

// resume lets an issue go on.
func (l *List) resume(ctx context.Context, tx *db.Tx, institutionID, issueID string, now time.Time) error {
	if _, err := tx.Exec(ctx, `UPDATE issue SET state = 'sending', pause = '', next_at = $3 WHERE institution_id = $1 AND id = $2 AND state IN ('paused', 'done', 'sending')`,
		institutionID, issueID, db.At(now)); err != nil {
		return err
	}
	var urgent bool
	if err := tx.QueryRow(ctx, `SELECT urgent FROM issue WHERE institution_id = $1 AND id = $2`, institutionID, issueID).Scan(&urgent); err != nil {
		return err
	}
	return l.jobs.Enqueue(ctx, tx, send{institutionID, issueID}, jobs.When{Queue: jobs.LaneOf(urgent, jobs.Bulk)})
}

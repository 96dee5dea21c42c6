package mastodon

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

var (
	_ channel.Listener  = (*Adapter)(nil)
	_ channel.Rechecker = (*Adapter)(nil)
	_ channel.Moderator = (*Adapter)(nil)
)

// pageSize is how many notifications or statuses are asked for at once.
const pageSize = 40

// cursor is where listening goes on.
type cursor struct {
	Note string `json:"note"` // the newest notification heard
	Own  string `json:"own"`  // the newest status of the account that was looked at
}

// beginning is an id before any other.
const beginning = "0"

// notification is the part of a Notification entity that we use.
type notification struct {
	ID      string    `json:"id"`
	Type    string    `json:"type"`
	At      time.Time `json:"created_at"`
	Account person    `json:"account"`
	Status  *status   `json:"status"`
	Emoji   string    `json:"emoji"` // of a reaction, on servers that have them
}

// Listen reads the account's notifications, and what the account itself said with
// another program. Follows and the like are passed over.
func (a *Adapter) Listen(ctx context.Context, account channel.Account, from json.RawMessage) (channel.Heard, error) {
	c, who, apiErr := a.on(account)
	if apiErr != nil {
		return channel.Heard{}, apiErr
	}
	var at cursor
	if len(from) > 0 && json.Unmarshal(from, &at) != nil {
		at = cursor{} // of an older program: told twice is harmless
	}
	notes, apiErr := c.notifications(ctx, at.Note)
	if apiErr != nil {
		return channel.Heard{}, apiErr
	}
	heard := channel.Heard{More: len(notes) == pageSize && at.Note != ""}
	e := ear{server: home(account)}
	for i := len(notes) - 1; i >= 0; i-- { // they come newest first
		if s, ok := e.hear(notes[i]); ok {
			heard.Said = append(heard.Said, s)
		}
	}
	if len(notes) > 0 {
		at.Note = notes[0].ID
	} else if at.Note == "" {
		at.Note = beginning // nothing yet: from now on all is new, however much it is
	}
	own, newest, apiErr := c.ownAnswers(ctx, who.UserID, at.Own, e)
	if apiErr != nil {
		return channel.Heard{}, apiErr
	}
	at.Own = newest
	if len(from) > 0 { // what the account answered before it was connected is history
		heard.Said = append(heard.Said, own...)
	}
	kept, err := json.Marshal(at)
	if err != nil {
		return channel.Heard{}, &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Err: err}
	}
	heard.Cursor = kept
	return heard, nil
}

// notifications reads the page after since, newest first, or the newest page.
// min_id gives the page right after it, where since_id would give the newest and
// leave a hole.
func (c api) notifications(ctx context.Context, since string) ([]notification, *channel.Error) {
	q := url.Values{"limit": {"40"}}
	if since != "" {
		q.Set("min_id", since)
	}
	var raw []json.RawMessage
	if err := c.call(ctx, "GET", "/api/v1/notifications?"+q.Encode(), nil, &raw); err != nil {
		if err.Code == channel.CodeForbidden {
			// The token may publish and may not read: that is no reason to stop publishing.
			err.Class = channel.Refused
		}
		return nil, err
	}
	notes := make([]notification, len(raw))
	for i, text := range raw {
		// One that makes no sense must not keep the others from being heard. Its id, at
		// least, says where to go on.
		if json.Unmarshal(text, &notes[i]) != nil {
			var known struct{ ID string }
			json.Unmarshal(text, &known) // without an id it is refused below
			notes[i] = notification{ID: known.ID}
		}
		if notes[i].ID == "" {
			return nil, &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI}
		}
	}
	return notes, nil
}

// settled is how old a status of our own must be before it is taken for one that
// somebody wrote with another program: what we are just sending ourselves must
// first be on record.
const settled = 2 * time.Minute

// ownAnswers reads what the account answered since a status, oldest first.
func (c api) ownAnswers(ctx context.Context, userID, since string, e ear) (said []channel.Said, newest string, err *channel.Error) {
	q := "limit=40&exclude_reblogs=true"
	if since != "" {
		q += "&min_id=" + url.QueryEscape(since)
	}
	list, err := c.statuses(ctx, userID, q)
	if err != nil {
		return nil, since, err
	}
	if newest = since; newest == "" {
		newest = beginning
	}
	for i := len(list) - 1; i >= 0; i-- {
		s := list[i]
		if time.Since(s.CreatedAt) < settled {
			break
		}
		newest = s.ID
		if s.ReplyTo != "" {
			it := e.comment(s)
			it.Ours = true
			said = append(said, it)
		}
	}
	return said, newest, nil
}

// ear turns entities into what was said.
type ear struct {
	server string // domain of the accounts that have none in their acct
}

// home is the domain of the account's own server.
func home(account channel.Account) string {
	if _, domain, found := strings.Cut(strings.TrimPrefix(account.Handle, "@"), "@"); found {
		return domain
	}
	u, err := url.Parse(account.Server)
	if err != nil {
		return ""
	}
	return u.Host
}

// hear tells what a notification says. ok is false for what is not said to us.
func (e ear) hear(n notification) (s channel.Said, ok bool) {
	if n.Account.ID == "" || n.Status == nil || n.Status.ID == "" {
		return s, false
	}
	switch n.Type {
	case "mention":
		return e.comment(*n.Status), true
	case "quote":
		s = e.comment(*n.Status)
		s.Quotes = true
		return s, true
	case "favourite":
		s.Reaction = channel.Like
	case "reblog":
		s.Reaction = channel.Boost
	case "pleroma:emoji_reaction", "emoji_reaction", "reaction":
		s.Reaction = wire.Cut(n.Emoji, 64)
	}
	if s.Reaction == "" {
		return s, false
	}
	s.Act, s.Parent, s.Author, s.At = channel.Reacts, n.Status.ID, e.author(n.Account), n.At
	return s, true
}

// refs is what an answer needs besides the id.
type refs struct {
	Acct       string `json:"acct"` // as the server calls the author
	Account    string `json:"account_id"`
	Visibility string `json:"visibility"`
}

func (e ear) comment(s status) channel.Said {
	said := channel.Said{
		Act: channel.Comments, ID: s.ID, URL: s.remote().URL, Parent: s.ReplyTo,
		Author: e.author(s.Account), Text: words(s), Lang: s.Language, At: s.CreatedAt,
		Private: s.Visibility == "direct" || s.Visibility == "private",
	}
	if s.Quote != nil {
		said.Quotes = true
		if said.Parent == "" && s.Quote.Status != nil {
			said.Parent = s.Quote.Status.ID
		}
	}
	for _, m := range s.Media {
		if len(said.Media) < channel.MaxSaidMedia && m.URL != "" {
			said.Media = append(said.Media, channel.SaidMedia{URL: m.URL, ContentType: m.kind(), Alt: wire.Cut(m.Description, 1500)})
		}
	}
	said.Refs, _ = json.Marshal(refs{s.Account.Acct, s.Account.ID, s.Visibility}) // texts: it cannot fail
	return said
}

// words is the text with the warning before it, without the mentions that it
// begins with: they say to whom it is, not what.
func words(s status) string {
	text := wire.Plain(s.Content)
	for strings.HasPrefix(text, "@") {
		first, rest, found := strings.Cut(text, " ")
		if line, after, broken := strings.Cut(first, "\n"); broken {
			first, rest, found = line, after+" "+rest, true
		}
		if !found || !s.mentions(strings.TrimPrefix(first, "@")) {
			break
		}
		text = strings.TrimSpace(rest)
	}
	if s.Warning != "" {
		text = "⚠️ " + wire.Tidy(s.Warning) + "\n\n" + text
	}
	return wire.Cut(text, channel.MaxSaid)
}

// mentions reports whether the server took a word for a mention.
func (s status) mentions(name string) bool {
	for _, m := range s.Mentions {
		user, _, _ := strings.Cut(m.Acct, "@")
		if strings.EqualFold(name, m.Acct) || strings.EqualFold(name, user) || strings.EqualFold(name, m.Username) {
			return true
		}
	}
	return false
}

func (e ear) author(p person) channel.Author {
	acct := p.Acct
	if acct == "" {
		acct = p.Username
	}
	if !strings.Contains(acct, "@") && e.server != "" {
		acct += "@" + e.server
	}
	// The account's number is its server's own: on another one somebody else has it.
	id := p.URI
	if id == "" {
		id = p.URL
	}
	if id == "" {
		id = "@" + acct
	}
	return channel.Author{ID: id, Handle: "@" + acct, Name: p.DisplayName, URL: p.URL, Avatar: p.Avatar}
}

// kind is the content type as far as the entity says it.
func (x attachment) kind() string {
	switch x.Type {
	case "image", "video", "audio":
		return x.Type + "/*"
	case "gifv":
		return "video/*"
	}
	return ""
}

// recheckPage is how many statuses the API gives in one call.
const recheckPage = 20

// Recheck looks at the statuses again: at many in one call where the server can
// (Mastodon 4.3), else at each.
func (a *Adapter) Recheck(ctx context.Context, account channel.Account, ids []string) ([]channel.Said, error) {
	c, _, apiErr := a.on(account)
	if apiErr != nil {
		return nil, apiErr
	}
	e := ear{server: home(account)}
	var changed []channel.Said
	for len(ids) > 0 {
		n := min(len(ids), recheckPage)
		there, err := c.several(ctx, ids[:n])
		if err != nil {
			return nil, err
		}
		for _, id := range ids[:n] {
			s, found := there[id]
			if !found {
				// What is missing in a page may only be hidden from us there: the status' own
				// address tells.
				one, err := c.statusByID(ctx, id)
				if err != nil && (err.Code == channel.CodeNotFound || err.Code == channel.CodeGone) {
					changed = append(changed, channel.Said{Act: channel.Deleted, ID: id})
					continue
				}
				if err != nil {
					return nil, err
				}
				s = one
			}
			if s.EditedAt != nil {
				it := e.comment(s)
				it.Act, it.At = channel.Edited, *s.EditedAt
				changed = append(changed, it)
			}
		}
		ids = ids[n:]
	}
	return changed, nil
}

// several reads many statuses; what the server does not give is not in the map.
func (c api) several(ctx context.Context, ids []string) (map[string]status, *channel.Error) {
	var list []status
	err := c.call(ctx, "GET", "/api/v1/statuses?"+url.Values{"id[]": ids}.Encode(), nil, &list)
	if err != nil && err.Class == channel.Refused {
		err = nil // the server has no such call
	}
	there := map[string]status{}
	for _, s := range list {
		there[s.ID] = s
	}
	return there, err
}

func (c api) statusByID(ctx context.Context, id string) (status, *channel.Error) {
	var s status
	err := c.call(ctx, "GET", "/api/v1/statuses/"+url.PathEscape(id), nil, &s)
	if err == nil && s.ID != id {
		err = &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI}
	}
	return s, err
}

// Hide is refused: on the Fediverse a post belongs to its author's server, and no
// call takes somebody's answer from the sight of others. Report does what can be
// done.
func (*Adapter) Hide(context.Context, channel.Account, channel.Reply) error {
	return &channel.Error{Class: channel.Refused, Code: channel.CodeCannotHide}
}

// Unhide has nothing to undo.
func (*Adapter) Unhide(context.Context, channel.Account, channel.Reply) error { return nil }

// Report tells the moderators of the account's server, and asks them to tell
// those of the author's. A second report of the same status opens no new case
// there that matters: they are shown together.
func (a *Adapter) Report(ctx context.Context, account channel.Account, r channel.Reply, reason string) error {
	c, _, apiErr := a.on(account)
	if apiErr != nil {
		return apiErr
	}
	var about refs
	if json.Unmarshal(r.Refs, &about) != nil || about.Account == "" {
		return &channel.Error{Class: channel.Refused, Code: channel.CodeNotFound, Detail: "no account for " + r.ID}
	}
	report := map[string]any{
		"account_id": about.Account, "comment": wire.Cut(reason, 1000), "forward": true, "category": "other",
	}
	if r.ID != "" {
		report["status_ids"] = []string{r.ID}
	}
	if err := c.call(ctx, "POST", "/api/v1/reports", report, nil); err != nil {
		return err
	}
	return nil
}

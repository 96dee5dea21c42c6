package mastodon

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/text/unicode/norm"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
)

// maxPages bounds what Find reads: 2,000 statuses since the attempt.
const maxPages = 50

// statuses lists an account's statuses, newest first.
func (c api) statuses(ctx context.Context, userID, query string) ([]status, *channel.Error) {
	var page []status
	err := c.call(ctx, "GET", "/api/v1/accounts/"+url.PathEscape(userID)+"/statuses?"+query, nil, &page)
	return page, err
}

// Find accounts for every status that the account made since Prepare: one is the
// copy when it shows what was sent; it is not when it is known as another post of
// ours, or when its source, which no server renders, says something else. What is
// neither (the text with other files, our link with another text, a text changed
// since, a server that shows no source) may be the copy: only a person knows.
func (a *Adapter) Find(ctx context.Context, account channel.Account, p channel.Post, done channel.Progress) (channel.Remote, bool, error) {
	c, who, apiErr := a.on(account)
	if apiErr != nil {
		return channel.Remote{}, false, unread(apiErr)
	}
	prior := readProgress(done)
	all, apiErr := c.since(ctx, who.UserID, prior, p.Due)
	if apiErr != nil {
		return channel.Remote{}, false, unread(apiErr)
	}
	want := soughtAs(p, prior)
	all, err := notOthers(ctx, account, all)
	if err != nil {
		return channel.Remote{}, false, &channel.Error{Class: channel.Transient, Code: channel.CodeServer, Err: err}
	}
	all = slices.DeleteFunc(all, func(s status) bool { return s.Reblog != nil || elsewhere(s, p) })
	slices.Reverse(all) // the oldest, should there ever be two
	for _, s := range all {
		if want.shownBy(s) {
			return s.remote(), true, nil
		}
	}
	return c.bySource(ctx, all, want)
}

// maxSources bounds how many sources one Find asks for.
const maxSources = 200

// bySource judges the statuses that do not show what was sent by what was typed.
func (c api) bySource(ctx context.Context, all []status, want sought) (channel.Remote, bool, error) {
	var doubt *status
	for i, s := range all {
		var v verdict
		text, known, err := "", false, (*channel.Error)(nil)
		if i < maxSources {
			text, known, err = c.source(ctx, s)
		}
		if err != nil {
			return channel.Remote{}, false, unread(err)
		}
		if v = want.typedAs(s, text, known); v == ours {
			return s.remote(), true, nil
		}
		if v == perhaps {
			doubt = &s
		}
	}
	if doubt != nil {
		return channel.Remote{}, false, &channel.Error{Class: channel.Unknown, Code: channel.CodeCannotRead, Detail: doubt.remote().URL}
	}
	return channel.Remote{}, false, nil
}

// source is the text of a status as it was typed: in the entity where the server
// gives it there, else asked for (Mastodon 3.5). known is false where it tells
// neither.
func (c api) source(ctx context.Context, s status) (text string, known bool, err *channel.Error) {
	if s.Text != "" {
		return s.Text, true, nil
	}
	var is struct {
		ID   string `json:"id"`
		Text string `json:"text"`
	}
	err = c.call(ctx, "GET", "/api/v1/statuses/"+url.PathEscape(s.ID)+"/source", nil, &is)
	switch {
	case err == nil:
		return is.Text, is.ID == s.ID, nil
	case err.Class == channel.Refused, err.Code == channel.CodeForbidden, err.Code == channel.CodeNotAPI:
		return "", false, nil
	}
	return "", false, err
}

// skew is how far the server's clock and ours may be apart.
const skew = 24 * time.Hour

// since lists the statuses that the account made since Prepare, newest first. Not
// every server knows since_id (GoToSocial does not), so the list ends at the status
// that was noted; where none was, or it is gone, no copy is older than the moment
// at which the post was due.
func (c api) since(ctx context.Context, userID string, prior progress, due time.Time) ([]status, *channel.Error) {
	query := "limit=40&exclude_reblogs=true"
	if prior.Noted && prior.Since != "" {
		query += "&since_id=" + url.QueryEscape(prior.Since)
	}
	old := func(s status) bool {
		return !due.IsZero() && !s.CreatedAt.IsZero() && s.CreatedAt.Before(due.Add(-skew))
	}
	var all []status
	older := ""
	for range maxPages {
		page, err := c.statuses(ctx, userID, query+older)
		if err != nil || len(page) == 0 {
			return all, err
		}
		older = "&max_id=" + url.QueryEscape(page[len(page)-1].ID)
		for _, s := range page {
			if prior.Noted && s.ID == prior.Since || old(s) {
				return all, nil
			}
			all = append(all, s)
		}
	}
	return nil, &channel.Error{Class: channel.Unknown, Code: channel.CodeCannotRead}
}

// notOthers leaves out what is known as another post of ours.
func notOthers(ctx context.Context, account channel.Account, all []status) ([]status, error) {
	if account.Others == nil || len(all) == 0 {
		return all, nil
	}
	ids := make([]string, len(all))
	for i, s := range all {
		ids[i] = s.ID
	}
	others, err := account.Others(ctx, ids)
	return slices.DeleteFunc(all, func(s status) bool { return others[s.ID] }), err
}

// unread is the error of a reading that proved nothing. Its class stays what the
// platform's answer says, for reading may be tried again.
func unread(e *channel.Error) *channel.Error {
	if e.Class == channel.Refused {
		e.Class, e.Code = channel.Unknown, channel.CodeCannotRead
	}
	return e
}

// shown is what a status says.
type shown struct {
	text  string
	links []string
}

// read takes the text and the links out of a status' HTML. Elements that end a
// line become white space, all others nothing: a server cuts a long link into
// several.
func read(content string) shown {
	var s shown
	var b strings.Builder
	t := html.NewTokenizer(strings.NewReader(content))
	for {
		switch t.Next() {
		case html.ErrorToken:
			s.text = b.String()
			return s
		case html.TextToken:
			b.Write(t.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := t.TagName()
			switch string(name) {
			case "br", "p", "li", "blockquote", "pre":
				b.WriteByte('\n')
			}
			isLink := string(name) == "a"
			for more {
				var key, value []byte
				key, value, more = t.TagAttr()
				if isLink && string(key) == "href" {
					s.links = append(s.links, string(value))
				}
			}
		}
	}
}

// sought is what was sent.
type sought struct {
	text    string   // its essence
	alts    []string // of its files
	replyTo string
	link    string
}

// soughtAs is what the attempt sent, as Prepare noted it: what the post says now may
// be a correction, or the work of a newer program.
func soughtAs(p channel.Post, prior progress) sought {
	w := sought{text: essence(written(p)), link: p.Link}
	if p.To != nil {
		w.replyTo = p.To.ID
	}
	for _, m := range p.Media {
		w.alts = append(w.alts, m.Alt)
	}
	if prior.Text != nil {
		w.text, w.alts = essence(*prior.Text), nil
		for _, m := range prior.Media {
			w.alts = append(w.alts, m.Alt)
		}
	}
	return w
}

// shownBy reports whether a status shows what was sent. Without any text the
// descriptions of the files tell.
func (w sought) shownBy(s status) bool { return essence(read(s.Content).text) == w.text && w.with(s) }

// with reports whether a status whose text is right has the rest of it, too.
func (w sought) with(s status) bool {
	if w.replyTo != "" && s.ReplyTo != w.replyTo || len(s.Media) != len(w.alts) {
		return false
	}
	if w.text != "" {
		return true
	}
	for i, alt := range w.alts {
		if s.Media[i].Description != alt {
			return false
		}
	}
	return len(w.alts) > 0
}

// verdict is what a status turns out to be.
type verdict int

const (
	another verdict = iota
	ours
	perhaps
)

// typedAs judges a status by its source.
func (w sought) typedAs(s status, source string, known bool) verdict {
	shown := read(s.Content)
	same := essence(source) == w.text
	switch {
	case !known, s.EditedAt != nil:
		return perhaps
	case same && w.with(s):
		return ours
	case same && w.text == "":
		return another // files alone, and others
	case same, essence(shown.text) == w.text && w.text != "":
		return perhaps
	case w.link != "" && (slices.Contains(shown.links, w.link) || strings.Contains(source, w.link)):
		return perhaps
	}
	return another
}

// elsewhere reports whether a status answers something else than p does, so that
// the same words in it are no copy. What answers nothing may have lost what it
// answered.
func elsewhere(s status, p channel.Post) bool {
	if p.To == nil {
		return false
	}
	return s.ReplyTo != "" && s.ReplyTo != p.To.ID
}

// essence is a text without what a server may change when it shows it: white
// space, the composition of accents, the server of a mention.
func essence(text string) string {
	var b strings.Builder
	last := 0
	for _, e := range count.Entities(text) {
		if e.Kind == count.Mention {
			user, _, _ := strings.Cut(e.Name, "@")
			b.WriteString(text[last:e.Start] + "@" + user)
			last = e.End
		}
	}
	b.WriteString(text[last:])
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, norm.NFC.String(b.String()))
}

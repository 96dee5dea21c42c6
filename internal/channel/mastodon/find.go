package mastodon

import (
	"context"
	"net/url"
	"slices"
	"strings"
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

// Find reads every status that the account made since Prepare. Text and number
// of files tell the copy. A status with the text but other files, or with the
// link but another text, may be the copy, changed by hand since, or another
// message about the same thing: only a person knows.
func (a *Adapter) Find(ctx context.Context, account channel.Account, p channel.Post, done channel.Progress) (channel.Remote, bool, error) {
	c, who, apiErr := a.on(account)
	if apiErr != nil {
		return channel.Remote{}, false, unread(apiErr)
	}
	query := "limit=40&exclude_reblogs=true"
	if prior := readProgress(done); prior.Noted && prior.Since != "" {
		query += "&since_id=" + url.QueryEscape(prior.Since)
	}
	var found, doubt *status
	older := ""
	for range maxPages {
		page, err := c.statuses(ctx, who.UserID, query+older)
		if err != nil {
			return channel.Remote{}, false, unread(err)
		}
		for _, s := range page {
			switch shown := read(s.Content); {
			case same(shown, s, p):
				found = &s // the oldest, should there ever be two
			case elsewhere(s, p):
			case p.Text != "" && essence(shown.text) == essence(written(p)), p.Link != "" && slices.Contains(shown.links, p.Link):
				doubt = &s
			}
		}
		if len(page) == 0 {
			switch {
			case found != nil:
				return found.remote(), true, nil
			case doubt != nil:
				return channel.Remote{}, false, &channel.Error{Class: channel.Unknown, Code: channel.CodeCannotRead, Detail: doubt.remote().URL}
			}
			return channel.Remote{}, false, nil
		}
		older = "&max_id=" + url.QueryEscape(page[len(page)-1].ID)
	}
	if found != nil {
		return found.remote(), true, nil
	}
	return channel.Remote{}, false, &channel.Error{Class: channel.Unknown, Code: channel.CodeCannotRead}
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

// same reports whether a status says what p says. Without any text the
// descriptions of the files tell.
func same(read shown, s status, p channel.Post) bool {
	if p.To != nil && s.ReplyTo != p.To.ID {
		return false
	}
	want := essence(written(p))
	if want != "" {
		return essence(read.text) == want && len(s.Media) == len(p.Media)
	}
	if essence(read.text) != "" || len(s.Media) != len(p.Media) || len(p.Media) == 0 {
		return false
	}
	for i, m := range p.Media {
		if s.Media[i].Description != m.Alt {
			return false
		}
	}
	return true
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

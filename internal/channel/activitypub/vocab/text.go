package vocab

import (
	"net/url"
	"strings"

	"golang.org/x/net/html"

	"codeberg.org/arengo/arengo/internal/channel/wire"
)

// Text is what a reader sees of a post's HTML, as plain text: paragraphs parted by
// an empty line, links with their address, whoever is mentioned as "@user@host",
// nothing of scripts and styles. The result is at most channel.MaxSaid bytes.
func Text(content string, tags []Tag) string {
	if !strings.ContainsAny(content, "<&") {
		return wire.Tidy(content)
	}
	return wire.Plain(spellLinks(content, tags))
}

// spellLinks puts in the place of each link what says it in words. The words are
// HTML again, for wire.Plain.
func spellLinks(content string, tags []Tag) string {
	var out, words strings.Builder
	var link *anchor
	finish := func() {
		if link != nil {
			out.WriteString(html.EscapeString(link.words(words.String(), tags)))
			words.Reset()
			link = nil
		}
	}
	t := html.NewTokenizer(strings.NewReader(content))
	for {
		kind := t.Next()
		if kind == html.ErrorToken {
			finish()
			return out.String()
		}
		raw := string(t.Raw())
		switch kind {
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := t.TagName()
			switch string(name) {
			case "a":
				finish()
				link = anchorOf(t, more)
				continue
			case "img":
				raw = html.EscapeString(attribute(t, more, "alt"))
			case "script", "style", "p", "div", "li", "blockquote":
				finish() // a link that nobody closed
			}
		case html.EndTagToken:
			if name, _ := t.TagName(); string(name) == "a" {
				finish()
				continue
			}
		case html.TextToken:
			if link != nil {
				words.WriteString(html.UnescapeString(raw))
				continue
			}
		}
		if link == nil {
			out.WriteString(raw)
		}
	}
}

// anchor is a link of a post.
type anchor struct {
	href    string
	mention bool
}

func anchorOf(t *html.Tokenizer, more bool) *anchor {
	a := &anchor{}
	for more {
		var key, value []byte
		key, value, more = t.TagAttr()
		switch string(key) {
		case "href":
			a.href = address(strings.TrimSpace(string(value)))
		case "class":
			for class := range strings.FieldsSeq(string(value)) {
				a.mention = a.mention || class == "mention" || class == "u-url"
			}
		}
	}
	return a
}

func attribute(t *html.Tokenizer, more bool, name string) (value string) {
	for more {
		var key, v []byte
		key, v, more = t.TagAttr()
		if string(key) == name {
			value = string(v)
		}
	}
	return value
}

// words says the link in plain text.
func (a *anchor) words(text string, tags []Tag) string {
	shown := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(shown, "#") || a.href == "":
		return text
	case strings.HasPrefix(shown, "@") || a.mention && shown != "":
		if handle := a.handle(shown, tags); handle != "" {
			return handle
		}
	}
	short := strings.TrimSuffix(strings.TrimSuffix(shown, "…"), "/")
	bare := a.href[strings.Index(a.href, "://")+3:]
	switch {
	case short == "" || strings.HasPrefix(a.href, short) || strings.HasPrefix(bare, short) || strings.HasPrefix(strings.TrimPrefix(bare, "www."), short):
		return a.href
	}
	return text + " (" + a.href + ")"
}

// handle is the full name of whoever the link mentions. Servers shorten it in what
// they show, and the link goes to a page, not to the actor that the tag names.
func (a *anchor) handle(shown string, tags []Tag) string {
	user, host, full := strings.Cut(strings.TrimPrefix(shown, "@"), "@")
	if user == "" || strings.ContainsAny(user, " /") {
		return ""
	}
	if full && host != "" {
		return "@" + user + "@" + host
	}
	for _, t := range tags {
		name, home, hasHome := strings.Cut(strings.TrimPrefix(t.Name, "@"), "@")
		if t.Type != "Mention" || t.Href != a.href && (!strings.EqualFold(name, user) || !SameHost(t.Href, a.href)) {
			continue
		}
		if !hasHome || home == "" {
			home = Host(t.Href)
		}
		if name != "" && home != "" {
			return "@" + name + "@" + home
		}
	}
	if u, err := url.Parse(a.href); err == nil && a.mention {
		return "@" + user + "@" + u.Host
	}
	return ""
}

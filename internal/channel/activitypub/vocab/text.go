package vocab

import (
	"net/url"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/prose"
)

// Text is what a reader sees of a post's HTML, as plain text: paragraphs parted by
// an empty line, links with their address, whoever is mentioned as "@user@host",
// nothing of scripts and styles. The result is at most channel.MaxSaid bytes.
func Text(content string, tags []Tag) string {
	if !strings.ContainsAny(content, "<&") {
		return wire.Tidy(content)
	}
	return wire.Cut(prose.Reader{Most: channel.MaxSaid, Name: func(a prose.Anchor) string { return handle(a, tags) }}.Plain(content), channel.MaxSaid)
}

// handle is the full name of whoever a link mentions, or "". Servers shorten it in
// what they show, and the link goes to a page, not to the actor that the tag names.
func handle(a prose.Anchor, tags []Tag) string {
	mention := false
	for class := range strings.FieldsSeq(a.Class) {
		mention = mention || class == "mention" || class == "u-url"
	}
	if a.Href == "" || strings.HasPrefix(a.Shown, "#") || !strings.HasPrefix(a.Shown, "@") && !(mention && a.Shown != "") {
		return ""
	}
	user, host, full := strings.Cut(strings.TrimPrefix(a.Shown, "@"), "@")
	if user == "" || strings.ContainsAny(user, " /") {
		return ""
	}
	if full && host != "" {
		return "@" + user + "@" + host
	}
	for _, t := range tags {
		name, home, hasHome := strings.Cut(strings.TrimPrefix(t.Name, "@"), "@")
		if t.Type != "Mention" || t.Href != a.Href && (!strings.EqualFold(name, user) || !SameHost(t.Href, a.Href)) {
			continue
		}
		if !hasHome || home == "" {
			home = Host(t.Href)
		}
		if name != "" && home != "" {
			return "@" + name + "@" + home
		}
	}
	if u, err := url.Parse(a.Href); err == nil && mention {
		return "@" + user + "@" + u.Host
	}
	return ""
}

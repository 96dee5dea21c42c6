package mastodon

import (
	"encoding/json"
	"strings"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
)

// written is the text as it is posted. An answer names whom it answers first,
// unless its writer already did: on this API only a mention reaches somebody.
func written(p channel.Post) string {
	name := asked(p)
	if name == "" {
		return p.Text
	}
	for _, e := range count.Entities(p.Text) {
		if e.Kind == count.Mention && sameAccount(e.Name, name) {
			return p.Text
		}
	}
	return "@" + name + " " + p.Text
}

// sameAccount compares a mention with an account as the server calls it, which
// has no domain for its own people.
func sameAccount(mention, acct string) bool {
	if strings.EqualFold(mention, acct) {
		return true
	}
	user, _, remote := strings.Cut(mention, "@")
	return remote && !strings.Contains(acct, "@") && strings.EqualFold(user, acct)
}

// asked is whom a post answers, as the server calls them.
func asked(p channel.Post) string {
	if p.To == nil {
		return ""
	}
	var r refs
	if json.Unmarshal(p.To.Refs, &r) == nil && r.Acct != "" {
		return r.Acct
	}
	return strings.TrimPrefix(p.To.Author.Handle, "@")
}

// visibility is who sees a post: an answer to something private is for its author
// alone, and one to something unlisted is no louder than that.
func visibility(p channel.Post, o channel.Options) string {
	usual := o.Visibility
	if usual == "" {
		usual = "public"
	}
	if p.To == nil {
		return usual
	}
	var r refs
	json.Unmarshal(p.To.Refs, &r) // without them the answer is as loud as our posts
	switch {
	case p.To.Private, r.Visibility == "direct", r.Visibility == "private":
		return "direct"
	case r.Visibility == "unlisted":
		return "unlisted"
	}
	return usual
}

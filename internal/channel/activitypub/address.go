package activitypub

import (
	"net/url"
	"strings"
)

// addresses are where an institution's actors, and what they said, are found.
// They are identities, too: others know us by them for ever.
type addresses struct{ origin string }

func (a addresses) host() string {
	_, host, _ := strings.Cut(a.origin, "://")
	return host
}

// secure tells whether citizens reach us by https: then we speak with nobody else
// in clear.
func (a addresses) secure() bool { return strings.HasPrefix(a.origin, "https://") }

func (a addresses) instance() string               { return a.origin + "/ap/actor" }
func (a addresses) actor(name string) string       { return a.origin + "/ap/u/" + name }
func (a addresses) inbox(name string) string       { return a.actor(name) + "/inbox" }
func (a addresses) followers(name string) string   { return a.actor(name) + "/followers" }
func (a addresses) sharedInbox() string            { return a.origin + "/ap/inbox" }
func (a addresses) object(id string) string        { return a.origin + "/ap/o/" + url.PathEscape(id) }
func (a addresses) activity(id string) string      { return a.origin + "/ap/a/" + url.PathEscape(id) }
func (a addresses) grant(id string) string         { return a.origin + "/ap/g/" + url.PathEscape(id) }
func (a addresses) handle(name string) string      { return "@" + name + "@" + a.host() }
func (a addresses) media(hash, name string) string { return a.origin + mediaPath(hash, name) }
func (a addresses) tag(key string) string          { return a.origin + "/argomenti/" + url.PathEscape(key) }

// key is the id of the key with which an actor signs; of the institution itself
// for the empty name.
func (a addresses) key(name string) string {
	if name == "" {
		return a.instance() + "#main-key"
	}
	return a.actor(name) + "#main-key"
}

// mediaPath is where the site shows a file of a published message.
func mediaPath(hash, name string) string {
	if name == "" {
		name = "file"
	}
	return "/media/" + hash + "/originale/" + url.PathEscape(name)
}

// actorName is the name in an address of one of our actors, "" for any other.
func (a addresses) actorName(address string) string { return a.last(address, "/ap/u/") }

// objectID is the id in an address of an object of ours, "" for any other.
func (a addresses) objectID(address string) string { return a.last(address, "/ap/o/") }

func (a addresses) last(address, under string) string {
	rest, ok := strings.CutPrefix(address, a.origin+under)
	if !ok || rest == "" || strings.ContainsAny(rest, "/?#") {
		return ""
	}
	id, err := url.PathUnescape(rest)
	if err != nil {
		return ""
	}
	return id
}

// public is the address of everybody, in the three ways it is written.
func public(address string) bool {
	return address == publicAddress || address == "as:Public" || address == "Public"
}

const publicAddress = "https://www.w3.org/ns/activitystreams#Public"

package vocab

import (
	"fmt"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel/wire"
)

// Peer is an actor of another server, as its server describes it.
type Peer struct {
	ID, Type    string
	Username    string // of "@username@host"
	Name        string // empty where the actor has none but the Username
	Summary     string // plain text
	URL         string // the page that a person reads
	Icon        string // address of a picture
	Inbox       string
	SharedInbox string // empty when the server has none
	Outbox      string
	Followers   string
	Keys        []Key

	AlsoKnownAs []string
	MovedTo     string
	Indexable   bool // may be found by searching; what is not said is no
	Suspended   bool
}

// Key is a public key that a document shows. It counts only when the Owner's own
// document, read from the Owner's own address, shows it too.
type Key struct {
	ID, Owner, PEM string
}

// ParseActor reads an actor's document. Its errors are ErrTooLarge and
// ErrMalformed, the latter also for what is no actor.
func ParseActor(body []byte, l Limits) (Peer, error) {
	n, err := readObject(body, l)
	if err != nil {
		return Peer{}, err
	}
	p := Peer{
		ID: n.id(), Type: n.kind(),
		Username:    oneLine(n.text("preferredUsername")),
		Name:        oneLine(n.plain("name", nil)),
		Summary:     wire.Tidy(n.plain("summary", nil)),
		URL:         n.page("url"),
		Inbox:       n.first("inbox"),
		Outbox:      n.first("outbox"),
		Followers:   n.first("followers"),
		Keys:        keysOf(n),
		AlsoKnownAs: n.ids("alsoKnownAs", l.Tags),
		MovedTo:     n.first("movedTo"),
		Indexable:   n.flag("indexable"),
		Suspended:   n.flag("suspended"),
	}
	if endpoints := n.object("endpoints"); endpoints != nil {
		p.SharedInbox = endpoints.first("sharedInbox")
	}
	if icon := n.object("icon"); icon != nil {
		p.Icon = icon.page("url")
	}
	switch {
	case p.ID == "":
		return Peer{}, fmt.Errorf("%w: no id", ErrMalformed)
	case !isActor(p.Type):
		return Peer{}, fmt.Errorf("%w: %.40q is no actor", ErrMalformed, p.Type)
	}
	if p.URL == "" {
		p.URL = p.ID
	}
	return p, nil
}

// ParseKey reads the key of the given id from a document: the key itself, or the
// actor that shows it. Without an id it takes the first.
func ParseKey(body []byte, id string, l Limits) (Key, error) {
	n, err := readObject(body, l)
	if err != nil {
		return Key{}, err
	}
	keys := keysOf(n)
	if pem := n.text("publicKeyPem"); pem != "" {
		keys = append(keys, Key{n.id(), n.first("owner"), pem})
	}
	for _, k := range keys {
		if k.ID == id || id == "" {
			return k, nil
		}
	}
	return Key{}, fmt.Errorf("%w: no key %.200q", ErrMalformed, id)
}

// Key returns the actor's own key of this id.
func (p Peer) Key(id string) (Key, bool) {
	for _, k := range p.Keys {
		if k.ID == id && (k.Owner == "" || k.Owner == p.ID) {
			return k, true
		}
	}
	return Key{}, false
}

// Handle is "@username@host", or the id of an actor without a name.
func (p Peer) Handle() string {
	if p.Username == "" || strings.ContainsAny(p.Username, "@/ ") {
		return p.ID
	}
	return "@" + p.Username + "@" + Host(p.ID)
}

func isActor(kind string) bool {
	switch kind {
	case Person, Organization, Service, Application, Group:
		return true
	}
	return false
}

func keysOf(n node) []Key {
	const most = 8
	var keys []Key
	for _, v := range n.list("publicKey") {
		m, ok := v.(map[string]any)
		if !ok || len(keys) == most {
			continue
		}
		k := node(m)
		if id, pem := k.id(), k.text("publicKeyPem"); id != "" && pem != "" {
			keys = append(keys, Key{id, k.first("owner"), pem})
		}
	}
	return keys
}

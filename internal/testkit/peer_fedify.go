package testkit

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// FedifyPeer is a process of Fedify servers: an implementation of ActivityPub that
// has nothing in common with ours.
type FedifyPeer struct {
	peer *peer
}

// FedifyServer is one server of the Fediverse on the loopback, over plain HTTP.
type FedifyServer struct {
	URL string

	id   string
	peer *peer
}

// FedifyRules are what a server demands of others.
type FedifyRules struct {
	Secure bool   // refuses unsigned requests for its actors and posts
	Only   string // "cavage" or "rfc9421": takes only so signed requests in its inboxes
}

// FedifyAccount is an account of a FedifyServer.
type FedifyAccount struct {
	Actor  string // id
	Handle string // "@name@127.0.0.1:port"
	Inbox  string
	KeyID  string

	peer *peer
}

// FedifyArrival is one request to an inbox.
type FedifyArrival struct {
	Path, Type, ID, Actor string
	Scheme                string // "cavage", "rfc9421" or "none"
	Status                int    // what the server answered
}

// FedifyCopy is a post of somebody else as a server understood and keeps it.
type FedifyCopy struct {
	ID, Type, Name, Summary, Content string
	Languages                        map[string]string // text by language
	URL, Author, InReplyTo           string
	To, CC                           []string
	Published, Updated               string // RFC 3339; empty when not told
	Sensitive                        bool
	Media                            []FedifyMedia
	Tags                             []FedifyTag
	Start, End                       string // of an event
	Place                            *FedifyPlace
	CanReply                         []string // who may answer without being asked
	Deleted                          bool
	Edits                            int
}

// FedifyMedia is a file beside a FedifyCopy.
type FedifyMedia struct {
	Type, MediaType, URL, Alt string
	Width, Height             int
}

// FedifyTag is a hashtag or a mention.
type FedifyTag struct{ Type, Name, Href string }

// FedifyPlace is where an event takes place.
type FedifyPlace struct {
	Name                string
	Latitude, Longitude *float64
}

// FedifyState is what an account and its server know of others.
type FedifyState struct {
	Following map[string]string // actor: "asked", "accepted", "rejected"
	Followers []string
	Boosts    []struct{ Actor, Object string } // that reached the server
	Names     map[string]string                // of actors that told their changes
}

// FedifySent is an activity that an account sent, and the post it is about.
type FedifySent struct{ ID, Object string }

// FedifyFound is what an account finds by a handle or an address.
type FedifyFound struct {
	ID, Type, Name, Username, Summary, Content string
	Inbox, SharedInbox, Followers, Outbox      string
	Featured, Icon, URL                        string
	Fields                                     []struct{ Name, Value string }
	Discoverable, Indexable                    *bool
	ManuallyApprovesFollowers                  *bool
}

// fedifyOnce starts the process once for each test binary; it takes a second.
var fedifyOnce = sync.OnceValues(func() (FedifyPeer, error) {
	var ready struct{ Version string }
	p, err := startPeer("fedify", &ready)
	return FedifyPeer{p}, err
})

// Fedify returns the test binary's process of Fedify servers.
func Fedify(t testing.TB) FedifyPeer {
	t.Helper()
	p, err := fedifyOnce()
	if errors.Is(err, errNoPeers) {
		Missing(t, "Fedify", howPeers)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Server starts a server that ends with the test.
func (p FedifyPeer) Server(t testing.TB, rules FedifyRules) FedifyServer {
	t.Helper()
	var s struct{ Server, URL string }
	p.peer.must(t, "server", map[string]any{"secure": rules.Secure, "only": rules.Only}, &s)
	t.Cleanup(func() {
		if err := p.peer.do("stop", map[string]any{"server": s.Server}, nil); err != nil {
			t.Error(err)
		}
	})
	return FedifyServer{URL: s.URL, id: s.Server, peer: p.peer}
}

// Account makes an account with a name unlike any other.
func (s FedifyServer) Account(t testing.TB) FedifyAccount {
	t.Helper()
	a := FedifyAccount{peer: s.peer}
	id := db.NewID()
	s.peer.must(t, "account", map[string]any{"server": s.id, "name": "anna" + id[len(id)-6:]}, &a)
	return a
}

// Crowd makes many accounts that share a key.
func (s FedifyServer) Crowd(t testing.TB, n int) []FedifyAccount {
	t.Helper()
	var made struct{ Actors []string }
	s.peer.must(t, "crowd", map[string]any{"server": s.id, "count": n}, &made)
	all := make([]FedifyAccount, len(made.Actors))
	for i, actor := range made.Actors {
		all[i] = FedifyAccount{Actor: actor, Inbox: actor + "/inbox", KeyID: actor + "#main-key", peer: s.peer}
	}
	return all
}

// Log lists what came to the server's inboxes, oldest first.
func (s FedifyServer) Log(t testing.TB) []FedifyArrival {
	t.Helper()
	var all []FedifyArrival
	s.peer.must(t, "log", map[string]any{"server": s.id}, &all)
	return all
}

// Misbehave lets the inboxes answer with a status and after a delay, without
// looking at what comes. Zeros end it.
func (s FedifyServer) Misbehave(t testing.TB, status int, delay time.Duration) {
	t.Helper()
	s.peer.must(t, "behave", map[string]any{"server": s.id, "status": status, "delay": delay.Milliseconds()}, nil)
}

// do asks the process for something on the account's behalf.
func (a FedifyAccount) do(t testing.TB, what string, with map[string]any, out any) {
	t.Helper()
	with["actor"] = a.Actor
	a.peer.must(t, what, with, out)
}

func (a FedifyAccount) send(t testing.TB, what string, with map[string]any) (sent FedifySent) {
	t.Helper()
	a.do(t, what, with, &sent)
	return sent
}

// Find looks an actor or a post up by handle or address, signed; nil is nothing.
func (a FedifyAccount) Find(t testing.TB, what string) *FedifyFound {
	t.Helper()
	var f *FedifyFound
	a.do(t, "lookup", map[string]any{"what": what}, &f)
	return f
}

// FedifyCollection is a collection that an account read to its end.
type FedifyCollection struct {
	Type  string
	Total int
	Items []struct{ ID, Type, Object string }
}

// Page reads a collection, page by page, up to a hundred things; nil is nothing.
func (a FedifyAccount) Page(t testing.TB, what string) *FedifyCollection {
	t.Helper()
	var c *FedifyCollection
	a.do(t, "page", map[string]any{"what": what}, &c)
	return c
}

// NodeInfo is what the server at an address says of itself. Fedify reads it
// strictly: nil is a document that is not valid, or none.
func (p FedifyPeer) NodeInfo(t testing.TB, address string) (info map[string]any) {
	t.Helper()
	p.peer.must(t, "nodeinfo", map[string]any{"url": address}, &info)
	return info
}

// State tells what the account knows of others.
func (a FedifyAccount) State(t testing.TB) (s FedifyState) {
	t.Helper()
	a.do(t, "state", map[string]any{}, &s)
	return s
}

// Copies lists the posts of others that the account's server holds, oldest first.
func (a FedifyAccount) Copies(t testing.TB) (all []FedifyCopy) {
	t.Helper()
	a.do(t, "copies", map[string]any{}, &all)
	return all
}

// Copy returns one post of somebody else, if the account's server holds it.
func (a FedifyAccount) Copy(t testing.TB, id string) *FedifyCopy {
	t.Helper()
	var c *FedifyCopy
	a.do(t, "copy", map[string]any{"post": id}, &c)
	return c
}

// Rotate gives the account another key under the same id.
func (a FedifyAccount) Rotate(t testing.TB) {
	t.Helper()
	a.do(t, "rotate", map[string]any{}, nil)
}

// Follow asks to follow an actor.
func (a FedifyAccount) Follow(t testing.TB, whom string) FedifySent {
	t.Helper()
	return a.send(t, "follow", map[string]any{"whom": whom})
}

// FedifyPost is what an account says.
type FedifyPost struct {
	To        string `json:"to"` // the actor that is told
	HTML      string `json:"html"`
	Lang      string `json:"lang,omitempty"`
	InReplyTo string `json:"inReplyTo,omitempty"`
	Private   bool   `json:"private,omitempty"` // for To only

	Mention *FedifyMention    `json:"mention,omitempty"`
	Media   []FedifyPostMedia `json:"media,omitempty"`
}

// FedifyMention names an actor in a post.
type FedifyMention struct {
	Actor  string `json:"actor"`
	Handle string `json:"handle"`
}

// FedifyPostMedia is a file beside a FedifyPost.
type FedifyPostMedia struct {
	URL  string `json:"url"`
	Type string `json:"type"`
	Alt  string `json:"alt"`
}

// Post says something to somebody.
func (a FedifyAccount) Post(t testing.TB, p FedifyPost) FedifySent {
	t.Helper()
	return a.send(t, "post", map[string]any{"to": p.To, "html": p.HTML, "lang": p.Lang, "inReplyTo": p.InReplyTo, "private": p.Private, "mention": p.Mention, "media": p.Media})
}

// Edit changes what the account said.
func (a FedifyAccount) Edit(t testing.TB, id, html, to string) FedifySent {
	t.Helper()
	return a.send(t, "edit", map[string]any{"post": id, "html": html, "to": to})
}

// Delete takes back what the account said.
func (a FedifyAccount) Delete(t testing.TB, id, to string) FedifySent {
	t.Helper()
	return a.send(t, "delete", map[string]any{"post": id, "to": to})
}

// Like, React, Boost react to the post id of the account to.
func (a FedifyAccount) Like(t testing.TB, id, to string) FedifySent {
	t.Helper()
	return a.send(t, "like", map[string]any{"post": id, "to": to})
}

// React reacts with an emoji.
func (a FedifyAccount) React(t testing.TB, id, emoji, to string) FedifySent {
	t.Helper()
	return a.send(t, "react", map[string]any{"post": id, "emoji": emoji, "to": to})
}

// Boost shows a post to the account's followers.
func (a FedifyAccount) Boost(t testing.TB, id, to string) FedifySent {
	t.Helper()
	return a.send(t, "boost", map[string]any{"post": id, "to": to})
}

// Undo takes back an activity that the account sent.
func (a FedifyAccount) Undo(t testing.TB, activity, to string) FedifySent {
	t.Helper()
	return a.send(t, "undo", map[string]any{"activity": activity, "to": to})
}

// Flag reports an actor and its posts.
func (a FedifyAccount) Flag(t testing.TB, ids []string, why, to string) FedifySent {
	t.Helper()
	return a.send(t, "flag", map[string]any{"ids": ids, "content": why, "to": to})
}

// Block asks an actor to stay away.
func (a FedifyAccount) Block(t testing.TB, whom string) FedifySent {
	t.Helper()
	return a.send(t, "block", map[string]any{"whom": whom})
}

// Move tells a follower's server that the account lives elsewhere now; target is
// another account of Fedify, which confirms it.
func (a FedifyAccount) Move(t testing.TB, target FedifyAccount, to string) FedifySent {
	t.Helper()
	return a.send(t, "move", map[string]any{"target": target.Actor, "to": to})
}

// Rename changes the account's name and tells somebody.
func (a FedifyAccount) Rename(t testing.TB, name, to string) FedifySent {
	t.Helper()
	return a.send(t, "update", map[string]any{"name": name, "to": to})
}

// Leave deletes the account and tells somebody.
func (a FedifyAccount) Leave(t testing.TB, to string) FedifySent {
	t.Helper()
	return a.send(t, "leave", map[string]any{"to": to})
}

// FedifyRaw is any document on its way to an inbox.
type FedifyRaw struct {
	To       string
	Document any       // a text goes as it is
	Scheme   string    // "cavage" (default) or "rfc9421"
	At       time.Time // when it is said to be signed; zero is now
}

// Raw signs a document with the account's key and sends it, and returns what the
// inbox answered.
func (a FedifyAccount) Raw(t testing.TB, r FedifyRaw) (status int, body string) {
	t.Helper()
	with := map[string]any{"to": r.To, "document": r.Document}
	if r.Scheme != "" {
		with["scheme"] = r.Scheme
	}
	if !r.At.IsZero() {
		with["date"] = r.At.UTC().Format(time.RFC3339)
	}
	var answer struct {
		Status int
		Body   string
	}
	a.do(t, "raw", with, &answer)
	return answer.Status, answer.Body
}

// Try is like Follow, but returns why Fedify could not send it.
func (a FedifyAccount) Try(whom string) error {
	if err := a.peer.do("follow", map[string]any{"actor": a.Actor, "whom": whom}, nil); err != nil {
		return fmt.Errorf("follow %s: %w", whom, err)
	}
	return nil
}

package bluesky

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/url"
	"slices"
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

const (
	pageSize = 100 // of notifications, the most that the lexicon allows
	maxPages = 10  // in one call; what is left comes with the next

	// overlap is how far before the newest thing heard is looked again: notifications
	// are sorted by when their authors say that they wrote, so that one can come to
	// stand behind others that were heard already.
	overlap = time.Hour
	maxSeen = 1000 // things of the overlap that are remembered
)

// cursor is where listening goes on.
type cursor struct {
	Since time.Time `json:"since"` // of the newest thing heard
	Seen  []seen    `json:"seen,omitempty"`
	Deep  *deep     `json:"deep,omitempty"` // a reading that is not at its end
	Own   string    `json:"own"`            // the newest post of the account that was looked at
}

// seen is something heard within the overlap.
type seen struct {
	Hash string    `json:"h"`
	At   time.Time `json:"t"`
}

// deep is where a reading goes on that found more than it takes at once.
type deep struct {
	Cursor string    `json:"cursor"`
	Floor  time.Time `json:"floor"` // what is older was heard before
}

func readCursor(from json.RawMessage) (at cursor) {
	if len(from) > 0 && json.Unmarshal(from, &at) != nil {
		return cursor{} // of an older program: told twice is harmless
	}
	return at
}

func hashOf(n notification) string {
	h := fnv.New64a()
	h.Write([]byte(n.URI + "\x00" + n.Reason))
	return fmt.Sprintf("%016x", h.Sum64())
}

// heard reports whether a notification was heard before.
func (c cursor) heard(n notification) bool {
	h := hashOf(n)
	return slices.ContainsFunc(c.Seen, func(s seen) bool { return s.Hash == h })
}

// remember keeps what lies within the overlap.
func (c *cursor) remember(list []notification) {
	for _, n := range list {
		c.Seen = append(c.Seen, seen{hashOf(n), n.IndexedAt})
		if n.IndexedAt.After(c.Since) {
			c.Since = n.IndexedAt
		}
	}
	floor := c.Since.Add(-overlap)
	c.Seen = slices.DeleteFunc(c.Seen, func(s seen) bool { return s.At.Before(floor) })
	slices.SortStableFunc(c.Seen, func(a, b seen) int { return a.At.Compare(b.At) })
	c.Seen = slices.Clone(c.Seen[max(len(c.Seen)-maxSeen, 0):])
}

// profile is the part of a profileView that we use.
type profile struct {
	DID         string `json:"did"`
	Handle      string `json:"handle"`
	DisplayName string `json:"displayName"`
	Avatar      string `json:"avatar"`
}

// notification is one of app.bsky.notification.listNotifications.
type notification struct {
	URI       string          `json:"uri"`
	CID       string          `json:"cid"`
	Author    profile         `json:"author"`
	Reason    string          `json:"reason"`
	Subject   string          `json:"reasonSubject"`
	Record    json.RawMessage `json:"record"`
	IndexedAt time.Time       `json:"indexedAt"`
}

// Listen reads the account's notifications through its PDS, and what the account
// itself answered with another program.
func (a *Adapter) Listen(ctx context.Context, account channel.Account, from json.RawMessage) (channel.Heard, error) {
	w, cerr := a.worker(account)
	if cerr != nil {
		return channel.Heard{}, cerr
	}
	at, first := readCursor(from), len(from) == 0
	fresh, cerr := w.fresh(ctx, &at, first)
	if cerr != nil {
		return channel.Heard{}, cerr
	}
	var h channel.Heard
	for _, n := range slices.Backward(fresh) { // they come newest first
		s, ok := a.hear(n)
		if ok && !slices.ContainsFunc(h.Said, func(x channel.Said) bool { return x.ID == s.ID && x.Act == s.Act }) {
			h.Said = append(h.Said, s)
		}
	}
	own, cerr := w.ownAnswers(ctx, &at, first)
	if cerr != nil {
		return channel.Heard{}, cerr
	}
	h.Said, h.More = append(h.Said, own...), at.Deep != nil
	kept, err := json.Marshal(at)
	if err != nil {
		return channel.Heard{}, &channel.Error{Class: channel.Transient, Code: CodeStore, Err: err}
	}
	h.Cursor = kept
	return h, nil
}

// fresh reads the notifications that were not heard yet, newest first, and moves
// the cursor over them.
func (w *worker) fresh(ctx context.Context, at *cursor, first bool) ([]notification, *channel.Error) {
	next, floor := "", at.Since.Add(-overlap)
	if at.Deep != nil {
		next, floor = at.Deep.Cursor, at.Deep.Floor
	}
	var fresh []notification
	at.Deep = nil
	for n := 1; ; n++ {
		list, after, cerr := w.notifications(ctx, next)
		if cerr != nil {
			return nil, cerr
		}
		old := false
		for _, x := range list {
			old = old || x.IndexedAt.Before(floor)
			if !x.IndexedAt.Before(floor) && !at.heard(x) {
				fresh = append(fresh, x)
			}
		}
		switch {
		case old, after == "", first:
			at.remember(fresh)
			return fresh, nil
		case n == maxPages:
			at.remember(fresh)
			at.Deep = &deep{after, floor}
			return fresh, nil
		}
		next = after
	}
}

// notifications reads one page. One that makes no sense is passed over.
func (w *worker) notifications(ctx context.Context, from string) (list []notification, next string, cerr *channel.Error) {
	q := url.Values{"limit": {fmt.Sprint(pageSize)}}
	if from != "" {
		q.Set("cursor", from)
	}
	var page struct {
		Notifications []json.RawMessage `json:"notifications"`
		Cursor        string            `json:"cursor"`
	}
	if cerr := w.call(ctx, request{method: "app.bsky.notification.listNotifications", query: q, proxy: w.o.AppView}, &page); cerr != nil {
		return nil, "", reading(cerr)
	}
	if page.Notifications == nil {
		return nil, "", &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Detail: "listNotifications gave no list"}
	}
	for _, raw := range page.Notifications {
		var n notification
		if json.Unmarshal(raw, &n) == nil && n.URI != "" && !n.IndexedAt.IsZero() {
			list = append(list, n)
		}
	}
	return list, page.Cursor, nil
}

// reading is an error of a request that only reads what the AppView says: that it
// refuses says nothing of the account's right to publish.
func reading(e *channel.Error) *channel.Error {
	if e.Class == channel.Revoked && e.Code == channel.CodeForbidden {
		e.Class = channel.Refused
	}
	return e
}

// said is the part of a post's record that we use. Its fields are what anybody
// wrote, and may lack.
type said struct {
	Text      string    `json:"text"`
	Facets    []facet   `json:"facets"`
	Langs     []string  `json:"langs"`
	CreatedAt string    `json:"createdAt"`
	Reply     *replyRef `json:"reply"`
	Delivery  string    `json:"org.codeberg.arengo.delivery"`
	Embed     struct {
		Images []struct {
			Alt   string  `json:"alt"`
			Image blobRef `json:"image"`
		} `json:"images"`
		Record struct {
			URI    string `json:"uri"` // app.bsky.embed.record
			Record struct {
				URI string `json:"uri"` // app.bsky.embed.recordWithMedia
			} `json:"record"`
		} `json:"record"`
		Media struct {
			Images []struct {
				Alt   string  `json:"alt"`
				Image blobRef `json:"image"`
			} `json:"images"`
		} `json:"media"`
	} `json:"embed"`
}

// quoted is the post that the embed shows.
func (s said) quoted() string {
	if s.Embed.Record.URI != "" {
		return s.Embed.Record.URI
	}
	return s.Embed.Record.Record.URI
}

// refs is what an answer needs besides the id.
type refs struct {
	CID  string    `json:"cid"`
	Root strongRef `json:"root"`
}

// hear tells what a notification says. ok is false for what is not said to us.
func (a *Adapter) hear(n notification) (s channel.Said, ok bool) {
	switch n.Reason {
	case "reply", "mention", "quote":
		s, ok = a.comment(n)
		s.Quotes = n.Reason == "quote"
		return s, ok
	case "like":
		s.Reaction = channel.Like
	case "repost":
		s.Reaction = channel.Boost
	default:
		return s, false
	}
	s.Act, s.ID, s.Parent, s.Author, s.At = channel.Reacts, n.URI, n.Subject, a.author(n.Author), n.IndexedAt
	return s, n.Subject != ""
}

func (a *Adapter) comment(n notification) (s channel.Said, ok bool) {
	var r said
	if json.Unmarshal(n.Record, &r) != nil {
		return s, false
	}
	s = channel.Said{
		Act: channel.Comments, ID: n.URI, URL: a.postURL(n.URI, n.Author.Handle), Author: a.author(n.Author),
		Text: wire.Tidy(told(r.Text, r.Facets)), At: n.IndexedAt,
	}
	if len(r.Langs) > 0 {
		s.Lang = wire.Cut(r.Langs[0], 35)
	}
	own := refs{CID: n.CID, Root: strongRef{URI: n.URI, CID: n.CID}}
	switch {
	case r.Reply != nil:
		s.Parent = r.Reply.Parent.URI
		if r.Reply.Root.URI != "" && r.Reply.Root.CID != "" {
			own.Root = r.Reply.Root
		}
	case r.quoted() != "":
		s.Parent = r.quoted()
	}
	s.Refs, _ = json.Marshal(own) // four strings: it cannot fail
	for _, i := range append(r.Embed.Images, r.Embed.Media.Images...) {
		if len(s.Media) < channel.MaxSaidMedia && i.Image.Ref.Link != "" {
			s.Media = append(s.Media, channel.SaidMedia{ContentType: "image/*", Alt: wire.Cut(i.Alt, 2000),
				URL: "https://cdn.bsky.app/img/feed_fullsize/plain/" + url.PathEscape(n.Author.DID) + "/" + url.PathEscape(i.Image.Ref.Link) + "@jpeg"})
		}
	}
	return s, true
}

func (a *Adapter) author(p profile) channel.Author {
	name := p.Handle
	if !validHandle(name) || name == "handle.invalid" {
		name = p.DID
	}
	return channel.Author{ID: p.DID, Handle: "@" + name, Name: p.DisplayName, URL: a.profileURL(name), Avatar: p.Avatar}
}

// postURL is where a citizen sees a post.
func (a *Adapter) postURL(uri, handle string) string {
	did, rkey, ok := splitURI(uri)
	if !ok {
		return ""
	}
	if !validHandle(handle) || handle == "handle.invalid" {
		handle = did
	}
	return a.profileURL(handle) + "/post/" + url.PathEscape(rkey)
}

// splitURI reads the identifier of anybody's post, whose key need not be a TID.
func splitURI(uri string) (did, rkey string, ok bool) {
	rest, ok := strings.CutPrefix(uri, "at://")
	did, rest, found := strings.Cut(rest, "/")
	rkey, after := strings.CutPrefix(rest, postCollection+"/")
	return did, rkey, ok && found && after && validDID(did) && rkey != "" && len(rkey) <= 512 && !strings.ContainsAny(rkey, "/?# ")
}

// beginning is a key before any other.
const beginning = "2222222222222"

// ownAnswers reads what the account answered with another program since the last
// time, oldest first: its posts without our mark.
func (w *worker) ownAnswers(ctx context.Context, at *cursor, first bool) ([]channel.Said, *channel.Error) {
	var page struct {
		Records []stored `json:"records"`
	}
	q := url.Values{"repo": {w.secret.DID}, "collection": {postCollection}, "limit": {"50"}}
	if cerr := w.Adapter.call(ctx, w.account.Server, request{method: "com.atproto.repo.listRecords", query: q}, &page); cerr != nil {
		return nil, cerr
	}
	last := at.Own
	if at.Own == "" {
		at.Own = beginning
	}
	var answers []channel.Said
	for _, rec := range slices.Backward(page.Records) {
		_, rkey, ok := splitURI(rec.URI)
		var r said
		if !ok || !validTID(rkey) || rkey <= last || json.Unmarshal(rec.Value, &r) != nil || r.Delivery != "" {
			continue
		}
		at.Own = max(at.Own, rkey)
		if first || r.Reply == nil {
			continue // what the account answered before it was connected is history
		}
		n := notification{URI: rec.URI, CID: rec.CID, Author: profile{DID: w.secret.DID, Handle: strings.TrimPrefix(w.account.Handle, "@")}, Record: rec.Value}
		n.IndexedAt, _ = time.Parse(time.RFC3339, r.CreatedAt)
		if n.IndexedAt.IsZero() || n.IndexedAt.After(w.o.Clock()) {
			n.IndexedAt = w.o.Clock()
		}
		if s, ok := w.comment(n); ok {
			s.Ours = true
			answers = append(answers, s)
		}
	}
	return answers, nil
}

package bluesky

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

// strongRef names a record and its content.
type strongRef struct {
	URI string `json:"uri"`
	CID string `json:"cid"`
}

// replyRef is what a post answers: the thread's first post, and the very one.
type replyRef struct {
	Root   strongRef `json:"root"`
	Parent strongRef `json:"parent"`
}

// answers makes the reference of an answer; nil for a post that answers nothing.
// Without the CID that the question was heard with there is none either: check
// refuses such an answer.
func answers(p channel.Post) *replyRef {
	if p.To == nil {
		return nil
	}
	var r refs
	if json.Unmarshal(p.To.Refs, &r) != nil || r.CID == "" {
		return nil
	}
	parent := strongRef{URI: p.To.ID, CID: r.CID}
	if r.Root.URI == "" || r.Root.CID == "" {
		r.Root = parent
	}
	return &replyRef{Root: r.Root, Parent: parent}
}

// postView is the part of an app.bsky.feed.defs#postView that we use.
type postView struct {
	URI    string `json:"uri"`
	CID    string `json:"cid"`
	Viewer struct {
		ReplyDisabled bool `json:"replyDisabled"`
	} `json:"viewer"`
}

// views asks the AppView for posts; what it does not show is not in the map.
func (w *worker) views(ctx context.Context, ids []string) (map[string]postView, *channel.Error) {
	var page struct {
		Posts []postView `json:"posts"`
	}
	if cerr := w.call(ctx, request{method: "app.bsky.feed.getPosts", query: url.Values{"uris": ids}, proxy: w.o.AppView}, &page); cerr != nil {
		return nil, reading(cerr)
	}
	there := map[string]postView{}
	for _, v := range page.Posts {
		there[v.URI] = v
	}
	return there, nil
}

// mayAnswer refuses an answer to what is gone, or where its author lets nobody
// answer. The PDS would take both, and no citizen would see them.
func (w *worker) mayAnswer(ctx context.Context, p channel.Post) *channel.Error {
	if p.To == nil {
		return nil
	}
	if answers(p) == nil {
		return &channel.Error{Class: channel.Refused, Code: channel.CodeCannotAnswer, Detail: "no CID for " + p.To.ID}
	}
	there, cerr := w.views(ctx, []string{p.To.ID})
	if cerr != nil {
		return cerr
	}
	view, found := there[p.To.ID]
	switch {
	case found && view.Viewer.ReplyDisabled:
		return &channel.Error{Class: channel.Refused, Code: channel.CodeCannotAnswer}
	case found:
		return nil
	}
	gone, cerr := w.gone(ctx, p.To.ID)
	if cerr == nil && gone {
		cerr = &channel.Error{Class: channel.Refused, Code: channel.CodeAnswerGone}
	}
	return cerr
}

// gone asks the author's own PDS, which is the truth, whether a post is no longer
// there.
func (w *worker) gone(ctx context.Context, id string) (bool, *channel.Error) {
	did, rkey, ok := splitURI(id)
	if !ok {
		return false, nil
	}
	home, cerr := w.locate(ctx, did)
	if cerr != nil {
		// The directory says that there is no such account: it is gone with all it said. A
		// document that cannot be read says nothing.
		unknown := cerr.Err == nil && (cerr.Code == channel.CodeNotFound || cerr.Code == channel.CodeGone)
		if unknown && strings.HasPrefix(did, "did:plc:") {
			return true, nil
		}
		return false, cerr
	}
	var s stored
	q := url.Values{"repo": {did}, "collection": {postCollection}, "rkey": {rkey}}
	cerr = w.Adapter.call(ctx, home.PDS, request{method: "com.atproto.repo.getRecord", query: q}, &s)
	switch {
	case named(cerr, nameRecordNotFound), named(cerr, "RepoNotFound"):
		return true, nil
	case cerr != nil && cerr.Class == channel.Revoked:
		return false, nil // suspended or deactivated: it may come back
	}
	return false, cerr
}

// recheckPage is how many posts the AppView gives in one call.
const recheckPage = 25

// Recheck tells which posts were deleted. Bluesky knows no edits.
func (a *Adapter) Recheck(ctx context.Context, account channel.Account, ids []string) ([]channel.Said, error) {
	w, cerr := a.worker(account)
	if cerr != nil {
		return nil, cerr
	}
	var changed []channel.Said
	for page := range slices.Chunk(ids, recheckPage) {
		there, cerr := w.views(ctx, page)
		if cerr != nil {
			return nil, cerr
		}
		for _, id := range page {
			if _, found := there[id]; found {
				continue
			}
			// What the AppView does not show may only be hidden from us there. Where its
			// author's PDS does not answer either, it stays as it was: somebody else's
			// trouble must not keep us from looking at the others.
			if gone, cerr := w.gone(ctx, id); cerr == nil && gone {
				changed = append(changed, channel.Said{Act: channel.Deleted, ID: id})
			}
		}
	}
	return changed, nil
}

// gateCollection holds who may answer a thread of ours, and what is hidden in it.
const gateCollection = "app.bsky.feed.threadgate"

// Hide hides an answer in a thread that our account began, by its threadgate. In
// threads of others nobody can.
func (a *Adapter) Hide(ctx context.Context, account channel.Account, r channel.Reply) error {
	return a.gate(ctx, account, r, true)
}

// Unhide shows it again.
func (a *Adapter) Unhide(ctx context.Context, account channel.Account, r channel.Reply) error {
	return a.gate(ctx, account, r, false)
}

// maxHidden is how many answers a threadgate can hide (lexicon).
const maxHidden = 300

func (a *Adapter) gate(ctx context.Context, account channel.Account, r channel.Reply, hide bool) error {
	w, cerr := a.worker(account)
	if cerr != nil {
		return cerr
	}
	var own refs
	json.Unmarshal(r.Refs, &own) // without them there is no root, which is refused below
	did, rkey, ok := splitURI(own.Root.URI)
	if !ok || did != w.secret.DID || own.Root.URI == r.ID {
		return &channel.Error{Class: channel.Refused, Code: channel.CodeCannotHide}
	}
	for range maxRaces {
		cerr := w.rewriteGate(ctx, own.Root.URI, rkey, r.ID, hide)
		if cerr == nil {
			return nil
		}
		if !named(cerr, nameInvalidSwap) {
			return cerr
		}
	}
	return &channel.Error{Class: channel.Transient, Code: channel.CodeServer, Detail: "the threadgate changes all the time"}
}

// rewriteGate adds an answer to the hidden ones of a threadgate, or takes it out,
// and leaves the rest of the record as it is. It fails with InvalidSwap when the
// record changed meanwhile.
func (w *worker) rewriteGate(ctx context.Context, root, rkey, id string, hide bool) *channel.Error {
	s, found, cerr := w.read(ctx, gateCollection, rkey)
	if cerr != nil {
		return cerr
	}
	record := map[string]any{"$type": gateCollection, "post": root, "createdAt": datetime(w.o.Clock())}
	var swap any
	if found {
		if err := json.Unmarshal(s.Value, &record); err != nil {
			return &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Err: err}
		}
		swap = s.CID
	}
	hidden, _ := record["hiddenReplies"].([]any)
	has := slices.Contains(hidden, any(id))
	switch {
	case has == hide:
		return nil
	case hide && len(hidden) >= maxHidden:
		hidden = append(hidden[1:], id)
	case hide:
		hidden = append(hidden, id)
	default:
		hidden = slices.DeleteFunc(hidden, func(x any) bool { return x == any(id) })
	}
	record["hiddenReplies"] = hidden
	return w.call(ctx, request{method: "com.atproto.repo.putRecord", body: map[string]any{
		"repo": w.secret.DID, "collection": gateCollection, "rkey": rkey, "record": record, "swapRecord": swap,
	}}, nil)
}

// Report tells the moderation service that the account's PDS uses.
func (a *Adapter) Report(ctx context.Context, account channel.Account, r channel.Reply, reason string) error {
	w, cerr := a.worker(account)
	if cerr != nil {
		return cerr
	}
	subject := map[string]any{"$type": "com.atproto.admin.defs#repoRef", "did": r.Author.ID}
	var own refs
	if json.Unmarshal(r.Refs, &own) == nil && own.CID != "" {
		subject = map[string]any{"$type": "com.atproto.repo.strongRef", "uri": r.ID, "cid": own.CID}
	}
	cerr = w.call(ctx, request{method: "com.atproto.moderation.createReport", body: map[string]any{
		"reasonType": "com.atproto.moderation.defs#reasonOther", "reason": wire.Cut(reason, 2000), "subject": subject,
	}}, nil)
	if cerr != nil {
		return reading(cerr)
	}
	return nil
}

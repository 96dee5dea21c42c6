package bluesky

import (
	"context"
	"encoding/json"
	"net/url"

	"codeberg.org/arengo/arengo/internal/channel"
)

// correction is the record that holds the new content of a post while the old
// one is already gone. See the package comment.
type correction struct {
	Type string `json:"$type"`
	Post post   `json:"post"`
}

// maxRaces is how often a correction begins again because something else was
// written to the repository at the same moment.
const maxRaces = 8

// standing is what the repository holds of one post.
type standing struct {
	head    string // CID of the repository's last commit
	current stored // the post
	pending stored // the correction not completed
	there   bool
	begun   bool
}

// createdAt is the post's own time, which a correction keeps.
func (s standing) createdAt() string {
	if s.there {
		_, at := s.current.delivery()
		return at
	}
	var c correction
	if json.Unmarshal(s.pending.Value, &c) != nil {
		return ""
	}
	return c.Post.CreatedAt
}

// Edit replaces the post under its own address. It may be repeated after any
// failure. It fails with CodeGone when the post was removed by somebody.
func (a *Adapter) Edit(ctx context.Context, account channel.Account, p channel.Post, r channel.Remote) (channel.Remote, error) {
	if cerr := check(p); cerr != nil {
		return r, cerr
	}
	w, rkey, cerr := a.copyOf(account, r)
	if cerr != nil {
		return r, cerr
	}
	// Nothing is removed before the PDS has taken the new files.
	pr, _ := readProgress(nil)
	if err := w.gather(ctx, p, &pr, nil); err != nil {
		return r, err
	}
	for range maxRaces {
		s, cerr := w.standing(ctx, rkey)
		if cerr != nil {
			return r, cerr
		}
		if !s.there && !s.begun {
			return r, &channel.Error{Class: channel.Refused, Code: channel.CodeGone}
		}
		rec := record(p, pr, s.createdAt())
		if rec.CreatedAt == "" {
			rec.CreatedAt = datetime(a.o.Clock())
		}
		if s.there && !s.begun && s.current.says(rec) {
			return w.remote(rkey), nil
		}
		cerr = w.replace(ctx, rkey, rec, s)
		if cerr == nil {
			return w.remote(rkey), nil
		}
		if !named(cerr, nameInvalidSwap) {
			return r, cerr
		}
	}
	return r, &channel.Error{Class: channel.Transient, Code: channel.CodeServer, Detail: "the repository changes all the time"}
}

// copyOf opens the account for one of its copies.
func (a *Adapter) copyOf(account channel.Account, r channel.Remote) (*worker, string, *channel.Error) {
	w, cerr := a.worker(account)
	if cerr != nil {
		return nil, "", cerr
	}
	did, rkey, ok := parseURI(r.ID)
	if !ok || did != w.secret.DID {
		return nil, "", &channel.Error{Class: channel.Refused, Code: channel.CodeGone, Detail: "the copy is of another account: " + r.ID}
	}
	return w, rkey, nil
}

// standing reads the head first: whatever changes after it makes a commit that
// swaps it fail.
func (w *worker) standing(ctx context.Context, rkey string) (s standing, cerr *channel.Error) {
	var head struct{ CID string }
	q := url.Values{"did": {w.secret.DID}}
	if cerr = w.Adapter.call(ctx, w.account.Server, request{method: "com.atproto.sync.getLatestCommit", query: q}, &head); cerr != nil {
		return s, cerr
	}
	s.head = head.CID
	if s.current, s.there, cerr = w.read(ctx, postCollection, rkey); cerr != nil {
		return s, cerr
	}
	s.pending, s.begun, cerr = w.read(ctx, correctionCollection, rkey)
	return s, cerr
}

// replace takes the steps that are missing from s to a repository with rec and
// no pending correction. Each commit names the one before it, so that a request
// that arrives late changes nothing.
func (w *worker) replace(ctx context.Context, rkey string, rec post, s standing) *channel.Error {
	head := s.head
	if s.there {
		note := write{Type: createWrite, Collection: correctionCollection, RKey: rkey, Value: correction{correctionCollection, rec}}
		if s.begun {
			note.Type = updateWrite
		}
		var cerr *channel.Error
		if head, cerr = w.commit(ctx, head, note, write{Type: deleteWrite, Collection: postCollection, RKey: rkey}); cerr != nil {
			return cerr
		}
		if head == "" { // the server does not say: look again
			return &channel.Error{Class: channel.Transient, Code: channel.CodeServer, Err: &refusal{nameInvalidSwap}}
		}
	}
	_, cerr := w.commit(ctx, head,
		write{Type: createWrite, Collection: postCollection, RKey: rkey, Value: rec},
		write{Type: deleteWrite, Collection: correctionCollection, RKey: rkey})
	return cerr
}

// write is one operation of a commit.
type write struct {
	Type       string `json:"$type"`
	Collection string `json:"collection"`
	RKey       string `json:"rkey"`
	Value      any    `json:"value,omitempty"`
}

const (
	createWrite = "com.atproto.repo.applyWrites#create"
	updateWrite = "com.atproto.repo.applyWrites#update"
	deleteWrite = "com.atproto.repo.applyWrites#delete"
)

// commit makes all writes or none, on top of the commit head, and returns the
// new one. It fails with InvalidSwap when head is no longer the last.
func (w *worker) commit(ctx context.Context, head string, writes ...write) (string, *channel.Error) {
	var made struct{ Commit struct{ CID string } }
	cerr := w.call(ctx, request{
		method: "com.atproto.repo.applyWrites",
		body:   map[string]any{"repo": w.secret.DID, "writes": writes, "swapCommit": head},
	}, &made)
	return made.Commit.CID, cerr
}

// Withdraw removes the post, and the correction that a crash left.
func (a *Adapter) Withdraw(ctx context.Context, account channel.Account, r channel.Remote) error {
	w, rkey, cerr := a.copyOf(account, r)
	if cerr != nil {
		return cerr
	}
	for _, collection := range []string{correctionCollection, postCollection} {
		var answer json.RawMessage // a web page is no answer
		cerr := w.call(ctx, request{
			method: "com.atproto.repo.deleteRecord",
			body:   map[string]any{"repo": w.secret.DID, "collection": collection, "rkey": rkey},
		}, &answer)
		if cerr != nil && !named(cerr, nameRecordNotFound) {
			return cerr
		}
	}
	return nil
}

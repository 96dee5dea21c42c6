package bluesky

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

// progress is what Prepare keeps between two calls.
type progress struct {
	// Started is when the post was first prepared, and its createdAt: readers sort
	// by it, so that a late post does not sink below what came meanwhile.
	Started  time.Time         `json:"started"`
	Blobs    map[string]upload `json:"blobs,omitempty"`    // by the media's hash
	Mentions map[string]string `json:"mentions,omitempty"` // DID of each handle; "" for one that nobody has
}

// upload is an uploaded file.
type upload struct {
	Blob blobRef   `json:"blob"`
	At   time.Time `json:"at"`
}

// blobLife is how long an upload is trusted to stay without a record that refers
// to it. Public PDS delete such files after some minutes.
const blobLife = 3 * time.Minute

func readProgress(p channel.Progress) (progress, *channel.Error) {
	pr := progress{}
	if len(p) > 0 {
		if err := json.Unmarshal(p, &pr); err != nil {
			return pr, &channel.Error{Class: channel.Refused, Code: CodeStore, Err: err}
		}
	}
	if pr.Blobs == nil {
		pr.Blobs = map[string]upload{}
	}
	if pr.Mentions == nil {
		pr.Mentions = map[string]string{}
	}
	return pr, nil
}

// complete reports whether all files of a post were uploaded.
func (pr progress) complete(p channel.Post) bool {
	for _, m := range files(p) {
		if _, ok := pr.Blobs[m.Hash]; !ok {
			return false
		}
	}
	return true
}

// Prepare uploads the files and finds who is mentioned.
func (a *Adapter) Prepare(ctx context.Context, account channel.Account, p channel.Post, prior channel.Progress, save func(channel.Progress) error) (channel.Progress, error) {
	if cerr := check(p); cerr != nil {
		return nil, cerr
	}
	w, cerr := a.worker(account)
	if cerr != nil {
		return nil, cerr
	}
	pr, cerr := readProgress(prior)
	if cerr != nil {
		return nil, cerr
	}
	if cerr := w.mayAnswer(ctx, p); cerr != nil {
		return nil, cerr
	}
	if pr.Started.IsZero() {
		pr.Started = a.o.Clock().UTC().Truncate(time.Millisecond)
	}
	if err := w.gather(ctx, p, &pr, save); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(pr)
	if err != nil {
		return nil, &channel.Error{Class: channel.Refused, Code: CodeStore, Err: err}
	}
	return raw, nil
}

// gather uploads what is not there yet and resolves the mentions. save may be nil.
func (w *worker) gather(ctx context.Context, p channel.Post, pr *progress, save func(channel.Progress) error) error {
	for _, m := range files(p) {
		if u, ok := pr.Blobs[m.Hash]; ok && w.o.Clock().Sub(u.At) < blobLife {
			continue
		}
		if w.account.Take != nil {
			if err := w.account.Take(ctx, 1); err != nil {
				return err
			}
		}
		blob, cerr := w.upload(ctx, m)
		if cerr != nil {
			return cerr
		}
		pr.Blobs[m.Hash] = upload{blob, w.o.Clock().UTC().Truncate(time.Second)}
		if save == nil {
			continue
		}
		raw, err := json.Marshal(pr)
		if err == nil {
			err = save(raw)
		}
		if err != nil {
			return &channel.Error{Class: channel.Transient, Code: CodeStore, Err: err}
		}
	}
	if cerr := w.meet(ctx, text(p), pr); cerr != nil {
		return cerr
	}
	return nil
}

// meet finds the accounts that are mentioned. A handle that cannot be resolved
// stays plain text: a message must not wait for somebody else's name server.
func (w *worker) meet(ctx context.Context, text string, pr *progress) *channel.Error {
	for _, handle := range mentioned(text) {
		if _, known := pr.Mentions[handle]; known {
			continue
		}
		did, err := w.resolve(ctx, w.account.Server, handle)
		switch {
		case err != nil && (err.Code == channel.CodeUnreachable || err.Code == channel.CodeTimeout || err.Code == channel.CodeTooMany):
			return err // our own PDS does not answer
		case err != nil:
			did = ""
		}
		pr.Mentions[handle] = did
	}
	return nil
}

// upload sends one file to the PDS, where nobody sees it until a record refers
// to it.
func (w *worker) upload(ctx context.Context, m channel.Media) (blobRef, *channel.Error) {
	var got struct{ Blob blobRef }
	if err := w.call(ctx, request{method: "com.atproto.repo.uploadBlob", file: &m}, &got); err != nil {
		return blobRef{}, err
	}
	if got.Blob.Ref.Link == "" || got.Blob.Size != m.Size {
		return blobRef{}, &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Detail: "the uploaded file is not the one that was sent"}
	}
	return got.Blob, nil
}

// Finalize writes the record, if there is none under its key.
func (a *Adapter) Finalize(ctx context.Context, account channel.Account, p channel.Post, done channel.Progress) (channel.Remote, error) {
	if cerr := check(p); cerr != nil {
		return channel.Remote{}, cerr
	}
	w, cerr := a.worker(account)
	if cerr != nil {
		return channel.Remote{}, cerr
	}
	pr, cerr := readProgress(done)
	if cerr != nil {
		return channel.Remote{}, cerr
	}
	if pr.Started.IsZero() {
		pr.Started = a.o.Clock()
	}
	if !pr.complete(p) {
		return channel.Remote{}, &channel.Error{Class: channel.Transient, Code: wire.CodeFile, Detail: "the post was not prepared"}
	}
	rkey := recordKey(p.Key, p.Due)
	cerr = w.put(ctx, rkey, record(p, pr, datetime(pr.Started)))
	if named(cerr, nameBlobNotFound) {
		// Nothing was written: the files vanished since Prepare. Uploading shows nothing.
		clear(pr.Blobs)
		if err := w.gather(ctx, p, &pr, nil); err != nil {
			return channel.Remote{}, err
		}
		cerr = w.put(ctx, rkey, record(p, pr, datetime(pr.Started)))
	}
	if named(cerr, nameInvalidSwap) {
		return w.own(ctx, rkey, p.Key)
	}
	if cerr != nil {
		return channel.Remote{}, cerr
	}
	return w.remote(rkey), nil
}

// put writes a post that does not exist yet. The same content again is success;
// another content fails with InvalidSwap.
func (w *worker) put(ctx context.Context, rkey string, rec post) *channel.Error {
	var made struct{ URI string }
	cerr := w.call(ctx, request{
		method: "com.atproto.repo.putRecord",
		kind:   wire.Irreversible,
		body: map[string]any{
			"repo": w.secret.DID, "collection": postCollection, "rkey": rkey, "record": rec,
			"swapRecord": nil, // there must be none
		},
	}, &made)
	if cerr == nil && made.URI != atURI(w.secret.DID, rkey) {
		return &channel.Error{Class: channel.Unknown, Code: channel.CodeNotAPI, Detail: "putRecord answered for " + made.URI}
	}
	return cerr
}

// own looks at the record that stands where ours should: an earlier try of the
// same delivery wrote it with other details (a mention resolved since, a later
// time), and then the post is out.
func (w *worker) own(ctx context.Context, rkey, key string) (channel.Remote, error) {
	s, found, cerr := w.read(ctx, postCollection, rkey)
	if cerr != nil {
		cerr.Class = channel.Unknown
		return channel.Remote{}, cerr
	}
	if found {
		if m, _ := s.delivery(); m == mark(key) {
			return w.remote(rkey), nil
		}
	}
	return channel.Remote{}, &channel.Error{Class: channel.Refused, Code: channel.CodeDuplicate, Detail: "the record key " + rkey + " is taken"}
}

// Find reads the record from the PDS. It needs no session: any citizen may.
func (a *Adapter) Find(ctx context.Context, account channel.Account, p channel.Post, _ channel.Progress) (channel.Remote, bool, error) {
	w, cerr := a.worker(account)
	if cerr != nil {
		return channel.Remote{}, false, cerr
	}
	rkey := recordKey(p.Key, p.Due)
	s, found, cerr := w.read(ctx, postCollection, rkey)
	switch {
	case cerr != nil:
		if cerr.Class == channel.Refused {
			cerr.Class = channel.Unknown // the question was refused, which proves nothing
		}
		return channel.Remote{}, false, cerr
	case !found:
		return channel.Remote{}, false, nil
	}
	if m, _ := s.delivery(); m != mark(p.Key) {
		return channel.Remote{}, false, nil // somebody else's: ours is not there
	}
	return w.remote(rkey), true, nil
}

// read reads one record of the account. found is false only when the PDS says
// that there is none.
func (w *worker) read(ctx context.Context, collection, rkey string) (stored, bool, *channel.Error) {
	var s stored
	q := url.Values{"repo": {w.secret.DID}, "collection": {collection}, "rkey": {rkey}}
	err := w.Adapter.call(ctx, w.account.Server, request{method: "com.atproto.repo.getRecord", query: q}, &s)
	switch {
	case named(err, nameRecordNotFound):
		return stored{}, false, nil
	case err != nil:
		return stored{}, false, err
	case len(s.Value) == 0:
		return stored{}, false, &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Detail: "getRecord gave no record"}
	}
	return s, true, nil
}

func (w *worker) remote(rkey string) channel.Remote {
	handle := strings.TrimPrefix(w.account.Handle, "@")
	if handle == "" {
		handle = w.secret.DID // an address with it works too
	}
	return channel.Remote{ID: atURI(w.secret.DID, rkey), URL: w.profileURL(handle) + "/post/" + rkey}
}

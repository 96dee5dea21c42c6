package activitypub_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/sig"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
)

// keys are made once: each takes a good part of a second.
var keys = sync.OnceValue(func() (all []*rsa.PrivateKey) {
	for range 3 {
		k, err := sig.NewKey()
		if err != nil {
			panic(err)
		}
		all = append(all, k)
	}
	return all
})

// peer is another server, small but strict: it takes nothing whose signature it
// cannot prove with the key that the sender's own document shows. The independent
// one is in fedify_test.go.
type peer struct {
	testing.TB
	*httptest.Server
	clock  *clock
	secure bool // refuses unsigned reading
	shared bool // has an inbox for all

	mu      sync.Mutex
	docs    map[string]any // by path
	got     []delivered
	answers []int // statuses of the next deliveries; then 202
	hold    chan struct{}
	reads   map[string]int
}

// delivered is what an inbox of the peer took.
type delivered struct {
	path string
	raw  []byte
	doc  map[string]any
}

func (d delivered) kind() string { k, _ := d.doc["type"].(string); return k }

// object is the object of what was delivered.
func (d delivered) object() map[string]any { o, _ := d.doc["object"].(map[string]any); return o }

// person is an actor of the peer.
type person struct {
	*peer
	name string
	key  *rsa.PrivateKey
}

func newPeer(t testing.TB, c *clock) *peer {
	t.Helper()
	p := &peer{TB: t, clock: c, docs: map[string]any{}, reads: map[string]int{}, shared: true}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *peer) host() string { return strings.TrimPrefix(p.URL, "http://") }

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.Method == http.MethodPost {
		p.take(w, r, body)
		return
	}
	p.mu.Lock()
	p.reads[r.URL.Path]++
	doc, ok := p.docs[r.URL.Path]
	secure := p.secure
	p.mu.Unlock()
	if secure && !p.proven(w, r, nil) {
		return
	}
	switch doc := doc.(type) {
	case nil:
		w.WriteHeader(http.StatusNotFound)
	case int:
		w.WriteHeader(doc)
	case http.HandlerFunc:
		doc(w, r)
	default:
		if !ok {
			return
		}
		w.Header().Set("Content-Type", "application/activity+json")
		_ = json.NewEncoder(w).Encode(doc)
	}
}

// proven checks a signature against the key in the signer's own document.
func (p *peer) proven(w http.ResponseWriter, r *http.Request, body []byte) bool {
	_, err := sig.Verify(r, body, func(ctx context.Context, id string) (crypto.PublicKey, error) {
		actor, _, _ := strings.Cut(id, "#")
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, actor, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Accept", vocab.Accept)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		k, err := vocab.ParseKey(text, id, vocab.DefaultLimits())
		if err != nil {
			return nil, err
		}
		return sig.ParsePublic(k.PEM)
	}, p.clock.now())
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, err)
		return false
	}
	return true
}

func (p *peer) take(w http.ResponseWriter, r *http.Request, body []byte) {
	p.mu.Lock()
	hold := p.hold
	status := 0
	if len(p.answers) > 0 {
		status, p.answers = p.answers[0], p.answers[1:]
	}
	p.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return
		}
	}
	if status != 0 && status != http.StatusAccepted {
		w.WriteHeader(status)
		return
	}
	if !p.proven(w, r, body) {
		return
	}
	d := delivered{path: r.URL.Path, raw: body}
	if err := json.Unmarshal(body, &d.doc); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.got = append(p.got, d)
	p.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

// inbox is what was delivered of the given types, all without any.
func (p *peer) inbox(types ...string) (all []delivered) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.got {
		if len(types) == 0 || strings.Contains(" "+strings.Join(types, " ")+" ", " "+d.kind()+" ") {
			all = append(all, d)
		}
	}
	return all
}

// one is the only delivery of a type.
func (p *peer) one(kind string) delivered {
	p.Helper()
	all := p.inbox(kind)
	if len(all) != 1 {
		p.Fatalf("%d × %s were delivered, want one", len(all), kind)
	}
	return all[0]
}

func (p *peer) set(path string, doc any) { p.mu.Lock(); defer p.mu.Unlock(); p.docs[path] = doc }

func (p *peer) answer(statuses ...int) { p.mu.Lock(); defer p.mu.Unlock(); p.answers = statuses }

func (p *peer) asked(path string) int { p.mu.Lock(); defer p.mu.Unlock(); return p.reads[path] }

// person makes an actor; n chooses one of the keys.
func (p *peer) person(name string, n int) *person {
	p.Helper()
	a := &person{p, name, keys()[n]}
	a.describe(nil)
	return a
}

// describe writes the actor's document, changed by with.
func (a *person) describe(with map[string]any) {
	a.Helper()
	pem, err := sig.MarshalPublic(&a.key.PublicKey)
	if err != nil {
		a.Fatal(err)
	}
	doc := map[string]any{
		"@context": "https://www.w3.org/ns/activitystreams", "id": a.id(), "type": "Person", "preferredUsername": a.name, "name": strings.ToUpper(a.name[:1]) + a.name[1:],
		"inbox": a.id() + "/inbox", "url": a.URL + "/@" + a.name, "indexable": true,
		"publicKey": map[string]any{"id": a.id() + "#main-key", "owner": a.id(), "publicKeyPem": pem},
	}
	if a.shared {
		doc["endpoints"] = map[string]any{"sharedInbox": a.URL + "/inbox"}
	}
	for k, v := range with {
		doc[k] = v
	}
	a.set("/users/"+a.name, doc)
}

func (a *person) id() string     { return a.URL + "/users/" + a.name }
func (a *person) handle() string { return "@" + a.name + "@" + a.host() }

// activity is something that the actor does, under a fresh id.
func (a *person) activity(kind string, object any) map[string]any {
	return map[string]any{"@context": "https://www.w3.org/ns/activitystreams", "id": a.URL + "/activities/" + db.NewID(), "type": kind, "actor": a.id(), "object": object}
}

// note is a public post of the actor, addressed to whom it names.
func (a *person) note(text, inReplyTo string, mentions ...string) map[string]any {
	id := a.URL + "/notes/" + db.NewID()
	n := map[string]any{"id": id, "type": "Note", "attributedTo": a.id(), "content": "<p>" + text + "</p>", "to": []string{vocab.Public}, "cc": mentions,
		"published": a.clock.now().Format(time.RFC3339), "url": id}
	if inReplyTo != "" {
		n["inReplyTo"] = inReplyTo
	}
	var tags []any
	for _, m := range mentions {
		tags = append(tags, map[string]any{"type": "Mention", "href": m, "name": "@x"})
	}
	n["tag"] = tags
	return n
}

// signer signs as the actor.
func (a *person) signer() sig.Signer { return sig.Signer{KeyID: a.id() + "#main-key", Key: a.key} }

// request is a signed delivery to an inbox.
func (a *person) request(inbox string, activity any) *http.Request {
	a.Helper()
	body, ok := activity.([]byte)
	if !ok {
		var err error
		if body, err = json.Marshal(activity); err != nil {
			a.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(a.Context(), http.MethodPost, inbox, bytes.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/activity+json")
	if err := a.signer().Sign(req, body, sig.Cavage, a.clock.now()); err != nil {
		a.Fatal(err)
	}
	return req
}

// posts delivers an activity to the town and returns the status.
func (a *person) posts(w *town, activity any) int {
	a.Helper()
	return a.sends(a.request(w.origin+"/ap/inbox", activity))
}

func (a *person) sends(req *http.Request) int {
	a.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// does fails unless the town accepts an activity.
func (a *person) does(w *town, activity any) {
	a.Helper()
	if status := a.posts(w, activity); status != http.StatusAccepted {
		a.Fatalf("the town answers %d", status)
	}
}

// told fails unless the town answers an activity with a status.
func (a *person) told(w *town, want int, activity any) {
	a.Helper()
	if status := a.posts(w, activity); status != want {
		a.Fatalf("the town answers %d, want %d", status, want)
	}
}

// follows makes the actor a follower of a profile.
func (a *person) follows(w *town, slug string) map[string]any {
	a.Helper()
	f := a.activity("Follow", w.actorID(slug))
	a.does(w, f)
	w.send()
	return f
}

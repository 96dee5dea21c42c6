package activitypub_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/sig"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// fediverse is the town's library as servers meet it that we did not write.
type fediverse struct {
	*town
	id, handle string // of the library's actor
}

func newFediverse(t testing.TB, d *db.DB) *fediverse {
	t.Helper()
	w := newTownOn(t, d)
	return &fediverse{town: w, id: w.actorID("biblioteca"), handle: w.chans["biblioteca"].Handle}
}

// patience is how long another server may take on a busy machine.
const patience = 30 * time.Second

// until does our work again and again until something happened elsewhere.
func (f *fediverse) until(what string, ok func() bool) {
	f.Helper()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(f.Context(), patience)
	defer cancel()
	for !ok() {
		f.must(f.server.LookUpDue(f.Context()))
		f.send()
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.Fatalf("waited in vain: %s; heard %+v", what, f.told())
		}
	}
}

// hears waits until something was told, and takes it out of what was heard.
func (f *fediverse) hears(act channel.Act) (found channel.Said) {
	f.Helper()
	f.until("to hear "+string(act), func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		i := slices.IndexFunc(f.said, func(h heard) bool { return h.Act == act })
		if i < 0 {
			return false
		}
		if found = f.said[i].Said; act != channel.Vanished && f.said[i].channelID != f.chans["biblioteca"].ID {
			f.Errorf("told to another channel: %+v", found)
		}
		f.said = slices.Delete(f.said, i, i+1)
		return true
	})
	return found
}

// silent fails when anything was told that no test asked for.
func (f *fediverse) silent() {
	f.Helper()
	f.must(f.server.LookUpDue(f.Context()))
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.said) > 0 {
		f.Errorf("heard what should not be: %+v", f.said)
		f.said = nil
	}
}

// message is an announcement with a photograph, as publishing hands it over.
func (f *fediverse) message(title, text string) channel.Post {
	key := db.NewID()
	link := f.origin + "/m/" + key
	return channel.Post{
		Key: key, Title: title, Text: text + "\n\n" + link + "\n\n#biblioteca", Link: link, Lang: "it", Tags: []string{"biblioteca"},
		Media: []channel.Media{{Hash: strings.Repeat("ab", 32), ContentType: "image/jpeg", Name: "sala.jpg", Alt: "La sala di lettura, con le finestre sul parco", Width: 1200, Height: 800}},
		Rich:  &channel.Rich{Kind: "news", HTML: "<p>" + text + "</p>", Summary: text, Published: f.clock.now()},
	}
}

// says brings a post out on the library's profile.
func (f *fediverse) says(p channel.Post) channel.Remote {
	f.Helper()
	return f.publish("biblioteca", p)
}

// follows makes an account follow us and waits until it is accepted.
func (f *fediverse) follows(a testkit.FedifyAccount) testkit.FedifySent {
	f.Helper()
	sent := a.Follow(f, f.id)
	f.accepted(a)
	return sent
}

func (f *fediverse) accepted(a testkit.FedifyAccount) {
	f.Helper()
	f.until("the follow to be accepted", func() bool { return a.State(f).Following[f.id] == "accepted" })
}

// copyOf waits for a server's copy of what we said.
func (f *fediverse) copyOf(a testkit.FedifyAccount, id string, ok func(*testkit.FedifyCopy) bool) *testkit.FedifyCopy {
	f.Helper()
	var c *testkit.FedifyCopy
	f.until("the copy of "+id, func() bool { c = a.Copy(f, id); return c != nil && (ok == nil || ok(c)) })
	return c
}

// request sends a document to our shared inbox, signed with any key or with none,
// and returns the answer's status.
func (f *fediverse) request(document any, keyID string, key *rsa.PrivateKey, scheme sig.Scheme) int {
	f.Helper()
	body, err := json.Marshal(document)
	f.must(err)
	r, err := http.NewRequestWithContext(f.Context(), http.MethodPost, f.origin+"/ap/inbox", bytes.NewReader(body))
	f.must(err)
	r.Header.Set("Content-Type", "application/activity+json")
	if key != nil {
		f.must(sig.Signer{KeyID: keyID, Key: key}.Sign(r, body, scheme, f.clock.now()))
	}
	resp, err := http.DefaultClient.Do(r)
	f.must(err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	f.must(err)
	return resp.StatusCode
}

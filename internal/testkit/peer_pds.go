package testkit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// PDSPeer is a real Bluesky PDS on the loopback with a real PLC directory. It
// has no AppView: it keeps posts, and does not show them.
type PDSPeer struct {
	URL       string // of the PDS
	Directory string // of PLC, where its accounts' DID documents are

	did       string // of the PDS itself, the audience of its tokens
	jwtSecret string
	peer      *peer
}

// PDSAccount is an account of a PDSPeer.
type PDSAccount struct {
	Handle      string
	DID         string
	Password    string // the account's own: a program should have the other
	AppPassword string

	AppPasswordName string
	AccessJWT       string // a session of the app password
	RefreshJWT      string
	OwnerJWT        string // a session of the account's own password
}

// PDSRecord is one record as the PDS tells it to anybody.
type PDSRecord struct {
	URI   string
	CID   string
	Value json.RawMessage
}

// pdsOnce starts the PDS once for each test binary: it takes three seconds and
// 250 MB.
var pdsOnce = sync.OnceValues(func() (PDSPeer, error) { return startPDS() })

func startPDS(args ...string) (PDSPeer, error) {
	var ready struct{ PDS, PLC, DID, JWTSecret string }
	p, err := startPeer("pds", &ready, args...)
	return PDSPeer{URL: ready.PDS, Directory: ready.PLC, did: ready.DID, jwtSecret: ready.JWTSecret, peer: p}, err
}

// PDS returns the test binary's PDS. Its rate limits are off.
func PDS(t testing.TB) PDSPeer {
	t.Helper()
	p, err := pdsOnce()
	pdsStarted(t, err)
	return p
}

// LimitedPDS returns a PDS of the test's own that keeps its rate limits.
func LimitedPDS(t testing.TB) PDSPeer {
	t.Helper()
	p, err := startPDS("--limits")
	pdsStarted(t, err)
	t.Cleanup(p.peer.end)
	return p
}

func pdsStarted(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errNoPeers) {
		Missing(t, "the Bluesky PDS", howPeers)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Account makes a fresh account with an app password. Its handle is unlike any
// other and ends with ".test".
func (p PDSPeer) Account(t testing.TB) PDSAccount {
	t.Helper()
	// The PDS takes at most 18 characters before its domain; the last of a UUIDv7
	// are random.
	id := strings.ReplaceAll(db.NewID(), "-", "")
	var a PDSAccount
	p.peer.must(t, "account", map[string]any{"name": "comune" + id[len(id)-12:]}, &a)
	return a
}

// Records lists all records of a collection of an account, oldest key first. Any
// citizen may read them, so it needs no session.
func (p PDSPeer) Records(t testing.TB, did, collection string) []PDSRecord {
	t.Helper()
	var all []PDSRecord
	for cursor := ""; ; {
		q := url.Values{"repo": {did}, "collection": {collection}, "limit": {"100"}, "reverse": {"true"}, "cursor": {cursor}}
		var page struct {
			Records []PDSRecord
			Cursor  string
		}
		p.get(t, "com.atproto.repo.listRecords", q, &page)
		all = append(all, page.Records...)
		if page.Cursor == "" || len(page.Records) == 0 {
			return all
		}
		cursor = page.Cursor
	}
}

// Posts lists all posts of an account, oldest key first.
func (p PDSPeer) Posts(t testing.TB, did string) []PDSRecord {
	t.Helper()
	return p.Records(t, did, "app.bsky.feed.post")
}

// Blob returns the content of an uploaded file that a record refers to.
func (p PDSPeer) Blob(t testing.TB, did, cid string) []byte {
	t.Helper()
	resp, err := http.Get(p.URL + "/xrpc/com.atproto.sync.getBlob?" + url.Values{"did": {did}, "cid": {cid}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("read blob %s: status %d, %v %s", cid, resp.StatusCode, err, b)
	}
	return b
}

// ForgetBlobs deletes the uploaded files that no record refers to, as a public
// PDS does after a few minutes, and says how many they were.
func (p PDSPeer) ForgetBlobs(t testing.TB, did string) int {
	t.Helper()
	var gone struct{ Forgotten []string }
	p.peer.must(t, "forget", map[string]any{"did": did}, &gone)
	return len(gone.Forgotten)
}

// TakeDown blocks an account, as a moderator does, or lets it back.
func (p PDSPeer) TakeDown(t testing.TB, did string, down bool) {
	t.Helper()
	p.peer.must(t, "takedown", map[string]any{"did": did, "applied": down}, nil)
}

// RevokeAppPassword takes the app password and the sessions made with it away,
// as the account's owner does on the settings page. An access token already
// given out lives on until its end.
func (p PDSPeer) RevokeAppPassword(t testing.TB, a PDSAccount) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/xrpc/com.atproto.server.revokeAppPassword",
		strings.NewReader(fmt.Sprintf(`{"name":%q}`, a.AppPasswordName)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+a.OwnerJWT)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		t.Fatalf("revoke app password: %d %s", resp.StatusCode, b)
	}
}

// AccessToken makes an access token of the PDS's own, such as an app password
// gives, that ends at the given time, which may be past.
func (p PDSPeer) AccessToken(t testing.TB, did string, ends time.Time) string {
	t.Helper()
	part := func(v map[string]any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]any{"typ": "at+jwt", "alg": "HS256"}) + "." + part(map[string]any{
		"scope": "com.atproto.appPass", "sub": did, "aud": p.did,
		"iat": ends.Add(-2 * time.Hour).Unix(), "exp": ends.Unix(),
	})
	mac := hmac.New(sha256.New, []byte(p.jwtSecret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (p PDSPeer) get(t testing.TB, method string, q url.Values, out any) {
	t.Helper()
	resp, err := http.Get(p.URL + "/xrpc/" + method + "?" + q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v %s", method, resp.StatusCode, err, b)
	}
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
}

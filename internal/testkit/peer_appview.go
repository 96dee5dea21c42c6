package testkit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
)

// AppViewPeer is a real Bluesky network on the loopback: a PDS with its directory,
// the AppView that shows its posts, threads and notifications, and the moderation
// service that takes reports.
type AppViewPeer struct {
	PDSPeer
	AppView    string // base URL
	AppViewDID string
}

var appViewOnce = sync.OnceValues(func() (AppViewPeer, error) {
	// The schema's name may hold letters only.
	letters := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return 'g' + r - '0'
		}
		return r
	}, strings.ReplaceAll(db.NewID(), "-", ""))
	var ready struct{ PDS, PLC, AppView, AppViewDID, DID, JWTSecret string }
	p, err := startPeer("appview", &ready, "--postgres", os.Getenv("ARENGO_TEST_POSTGRES"), "--schema", letters)
	return AppViewPeer{
		PDSPeer: PDSPeer{URL: ready.PDS, Directory: ready.PLC, did: ready.DID, jwtSecret: ready.JWTSecret, peer: p},
		AppView: ready.AppView, AppViewDID: ready.AppViewDID,
	}, err
})

// AppView returns the test binary's Bluesky network, which takes ten seconds to
// start and keeps its index in PostgreSQL.
func AppView(t testing.TB) AppViewPeer {
	t.Helper()
	if os.Getenv("ARENGO_TEST_POSTGRES") == "" {
		Missing(t, "PostgreSQL", "run make test, or set ARENGO_TEST_POSTGRES=postgres://…")
	}
	p, err := appViewOnce()
	if errors.Is(err, errNoPeers) {
		Missing(t, "the Bluesky network", howPeers)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Settle waits until the AppView has indexed all that was written.
func (p AppViewPeer) Settle(t testing.TB) { t.Helper(); p.peer.must(t, "settle", nil, nil) }

// AppViewReport is what the moderation service was told about an account.
type AppViewReport struct{ SubjectDID, SubjectURI, Comment string }

// Reports lists what was reported about an account.
func (p AppViewPeer) Reports(t testing.TB, did string) (list []AppViewReport) {
	t.Helper()
	p.peer.must(t, "reports", map[string]any{"did": did}, &list)
	return list
}

// Act calls a procedure of the PDS as an account's owner, and decodes the answer
// into out if it is not nil.
func (p PDSPeer) Act(t testing.TB, a PDSAccount, method string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/xrpc/"+method, bytes.NewReader(body))
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
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s, %v", method, resp.Status, answer, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			t.Fatalf("%s: %s, %v", method, answer, err)
		}
	}
}

// Get asks the PDS, or the AppView behind it, as an account's owner.
func (p PDSPeer) Get(t testing.TB, a PDSAccount, method string, query map[string]string, out any) {
	t.Helper()
	q := url.Values{}
	for k, v := range query {
		q.Set(k, v)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/xrpc/"+method+"?"+q.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.OwnerJWT)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(answer, out) != nil {
		t.Fatalf("%s: %s %s, %v", method, resp.Status, answer, err)
	}
}

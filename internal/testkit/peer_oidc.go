package testkit

import (
	"errors"
	"sync"
	"testing"
)

// OIDCPeer is a real OpenID provider on the loopback with one client of the
// test's own. It demands PKCE; e-mail and name come from the userinfo endpoint,
// not from the id_token.
//
// To sign in, add login_hint=SUB to the authorization request, and the provider
// asks nothing. Without it there is a page with one form: type the sub of a
// person into the field "login" and press #accedi, or press #nega to refuse
// (the client gets access_denied). A program posts login=SUB to the page's own
// address, with a cookie jar.
type OIDCPeer struct {
	Issuer       string
	ClientID     string
	ClientSecret string

	peer *peer
}

type oidcProcess struct {
	*peer
	Issuer string
}

// oidcOnce starts the provider once for each test binary.
var oidcOnce = sync.OnceValues(func() (*oidcProcess, error) {
	var o oidcProcess
	p, err := startPeer("oidc", &o)
	o.peer = p
	return &o, err
})

// OIDC returns the provider with a fresh client that may be sent back to the
// redirect addresses.
func OIDC(t testing.TB, redirects ...string) OIDCPeer {
	t.Helper()
	o, err := oidcOnce()
	if errors.Is(err, errNoPeers) {
		Missing(t, "the OpenID provider", howPeers)
	}
	if err != nil {
		t.Fatal(err)
	}
	made := OIDCPeer{Issuer: o.Issuer, peer: o.peer}
	o.must(t, "client", map[string]any{"redirects": redirects}, &made)
	return made
}

// Person makes or changes a person. claims are what the userinfo endpoint says:
// "email", "email_verified", "name", "given_name", "family_name".
func (o OIDCPeer) Person(t testing.TB, sub string, claims map[string]any) {
	t.Helper()
	o.peer.must(t, "person", map[string]any{"sub": sub, "claims": claims}, nil)
}

// Forget removes a person: their tokens stop working.
func (o OIDCPeer) Forget(t testing.TB, sub string) {
	t.Helper()
	o.peer.must(t, "forget", map[string]any{"sub": sub}, nil)
}

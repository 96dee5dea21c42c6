package testkit

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func TestPDSMakesAccountsThatAnybodyCanRead(t *testing.T) {
	p := PDS(t)
	a, b := p.Account(t), p.Account(t)
	if a.DID == b.DID || !strings.HasPrefix(a.DID, "did:plc:") || a.AppPassword == "" {
		t.Fatalf("accounts %+v and %+v", a, b)
	}
	var got struct{ DID string }
	p.get(t, "com.atproto.identity.resolveHandle", url.Values{"handle": {a.Handle}}, &got)
	if got.DID != a.DID {
		t.Errorf("%s resolves to %q, want %q", a.Handle, got.DID, a.DID)
	}
	if posts := p.Posts(t, a.DID); len(posts) != 0 {
		t.Errorf("a fresh account has %d posts", len(posts))
	}
}

// signIn goes through the provider like a browser and returns the address it
// sends the person back to.
func signIn(t *testing.T, address string, typed url.Values) *url.URL {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back *url.URL
	c := &http.Client{Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if req.URL.Host == "comune.invalid" {
			back = req.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if typed != nil {
		if resp, err = c.PostForm(resp.Request.URL.String(), typed); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if back == nil {
		t.Fatalf("never sent back: status %d at %s", resp.StatusCode, resp.Request.URL)
	}
	return back
}

func TestOIDCProviderSignsInWithPKCE(t *testing.T) {
	ctx := context.Background()
	o := OIDC(t, "http://comune.invalid/accesso/ritorno")
	o.Person(t, "ada", map[string]any{"email": "ada@comune.test", "email_verified": true, "name": "Ada Neri"})
	provider, err := oidc.NewProvider(ctx, o.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: provider.Endpoint(),
		RedirectURL: "http://comune.invalid/accesso/ritorno", Scopes: []string{"openid", "email", "profile"},
	}
	verifier := oauth2.GenerateVerifier()
	address := func(more ...oauth2.AuthCodeOption) string {
		return config.AuthCodeURL("stato", append(more, oauth2.S256ChallengeOption(verifier), oidc.Nonce("n1"))...)
	}
	enter := func(back *url.URL) {
		t.Helper()
		if back.Query().Get("state") != "stato" || back.Query().Get("code") == "" {
			t.Fatalf("sent back to %s", back)
		}
		if _, err := config.Exchange(ctx, back.Query().Get("code")); err == nil {
			t.Fatal("the code was taken without its verifier")
		}
	}
	enter(signIn(t, address(), url.Values{"login": {"ada"}}))

	back := signIn(t, address(oauth2.SetAuthURLParam("login_hint", "ada")), nil)
	token, err := config.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: o.ClientID}).Verify(ctx, raw)
	if err != nil || id.Subject != "ada" || id.Nonce != "n1" {
		t.Fatalf("id token %+v, %v", id, err)
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil || info.Email != "ada@comune.test" || !info.EmailVerified {
		t.Fatalf("user info %+v, %v", info, err)
	}

	if q := signIn(t, address(), url.Values{"act": {"nega"}}).Query(); q.Get("error") != "access_denied" {
		t.Errorf("a refusal comes back as %v", q)
	}
	o.Forget(t, "ada")
	if _, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token)); err == nil {
		t.Error("a person who no longer exists is still told about")
	}
}

func TestPeerSaysWhatItCannotDo(t *testing.T) {
	p := PDS(t)
	var out json.RawMessage
	if err := p.peer.do("fly", nil, &out); err == nil || !strings.Contains(err.Error(), "unknown request fly") {
		t.Errorf("error %v", err)
	}
}

package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// withProvider is a site that a real OpenID provider knows as a client.
func withProvider(t *testing.T, d *db.DB, role people.Role) (*site, testkit.OIDCPeer) {
	t.Helper()
	return provided(t, d, auth.OIDC{Staff: true, CreateRole: role})
}

// forCitizens is withProvider with one that knows citizens too.
func forCitizens(t *testing.T, d *db.DB) (*site, testkit.OIDCPeer) {
	t.Helper()
	return provided(t, d, auth.OIDC{})
}

func provided(t *testing.T, d *db.DB, how auth.OIDC) (*site, testkit.OIDCPeer) {
	t.Helper()
	var peer testkit.OIDCPeer
	s := newSite(t, d, func(o *auth.Options) {
		peer = testkit.OIDC(t, o.BaseURL.JoinPath("/accesso/oidc/ritorno").String())
		how.Issuer, how.ClientID, how.ClientSecret, how.Name = peer.Issuer, peer.ClientID, peer.ClientSecret, "SPID"
		o.OIDC = &how
		// The provider's tokens are of the real time.
		o.Now = func() time.Time { return time.Now() }
	})
	return s, peer
}

// travel goes to the provider as somebody and comes back to the site.
func (b *browser) travel(sub string) answer {
	b.t.Helper()
	start := b.get("/accesso/oidc?next=" + url.QueryEscape("/redazione?da=spid"))
	if start.StatusCode != 303 {
		b.t.Fatalf("start: %d %s", start.StatusCode, start.body)
	}
	return b.get(b.callback(start.to(), sub))
}

// callback follows the provider's redirects until they lead back to the site.
func (b *browser) callback(to, sub string) string {
	b.t.Helper()
	u := must(url.Parse(to))
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("state") == "" || q.Get("nonce") == "" {
		b.t.Errorf("the request lacks PKCE, state or nonce: %s", to)
	}
	q.Set("login_hint", sub)
	u.RawQuery = q.Encode()
	next := u.String()
	for range 10 {
		if strings.HasPrefix(next, b.s.URL+"/accesso/oidc/ritorno") {
			return next
		}
		a := b.get(next)
		if a.to() == "" {
			b.t.Fatalf("the provider stops at %s: %d %s", next, a.StatusCode, a.body)
		}
		next = must(must(url.Parse(next)).Parse(a.to())).String()
	}
	b.t.Fatal("the provider never comes back")
	return ""
}

func TestIdentityProviderSignsIn(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s, peer := withProvider(t, d, "")
		sub := string(d.Engine) // the provider is shared with the other engine's test
		peer.Person(t, sub+"-writer", map[string]any{"email": "Writer@cesate.example", "email_verified": true, "name": "W"})
		peer.Person(t, sub+"-nobody", map[string]any{"email": "nessuno@cesate.example", "email_verified": true})
		peer.Person(t, sub+"-liar", map[string]any{"email": "administrator@cesate.example", "email_verified": false})

		b := s.browser(t)
		if a := b.travel(sub + "-writer"); a.to() != "/redazione?da=spid" || !b.may() {
			t.Fatalf("a known person: %d to %q\n%s", a.StatusCode, a.to(), a.body)
		}
		// From now on the subject counts, whatever the address becomes.
		peer.Person(t, sub+"-writer", map[string]any{"email": "cambiato@altrove.example", "email_verified": true})
		if a := s.browser(t).travel(sub + "-writer"); a.StatusCode != 303 {
			t.Errorf("the same person with another address: %d", a.StatusCode)
		}
		for who, want := range map[string]string{sub + "-nobody": "Nessuna persona della redazione", sub + "-liar": "non garantisce l&#39;indirizzo"} {
			b := s.browser(t)
			if a := b.travel(who); a.StatusCode != 422 || !strings.Contains(a.body, want) || b.may() {
				t.Errorf("%s: %d\n%s", who, a.StatusCode, a.body)
			}
		}
		s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
			return people.Remove(ctx, tx, s.inst.ID, s.who[people.Writer].ID, s.clock())
		})
		if a := s.browser(t).travel(sub + "-writer"); a.StatusCode != 422 {
			t.Errorf("a removed person: %d", a.StatusCode)
		}
	})
}

func TestForgedOrRepeatedAnswerOfTheProviderIsRefused(t *testing.T) {
	s, peer := withProvider(t, testkit.SQLite(t), "")
	peer.Person(t, "sub-writer", map[string]any{"email": "writer@cesate.example", "email_verified": true})
	b := s.browser(t)
	start := b.get("/accesso/oidc").to()
	back := b.callback(start, "sub-writer")

	if a := s.browser(t).get(back); a.StatusCode != 422 {
		t.Errorf("an answer given to another browser: %d", a.StatusCode)
	}
	wrong := must(url.Parse(back))
	q := wrong.Query()
	q.Set("state", "forged")
	wrong.RawQuery = q.Encode()
	other := s.browser(t)
	other.get("/accesso/oidc")
	if a := other.get(wrong.String()); a.StatusCode != 422 || other.may() {
		t.Errorf("a forged state: %d", a.StatusCode)
	}
	if a := b.get(back); a.StatusCode != 303 || !b.may() {
		t.Fatalf("the true answer: %d %s", a.StatusCode, a.body)
	}
	b.post("/uscita")
	if a := b.get(back); a.StatusCode != 422 || b.may() {
		t.Errorf("the same answer again: %d", a.StatusCode)
	}
	if a := b.get("/accesso/oidc/ritorno?error=access_denied&state=x"); a.StatusCode != 422 {
		t.Errorf("a refusal: %d", a.StatusCode)
	}
}

func TestProviderMayCreatePeopleWhenConfigured(t *testing.T) {
	s, peer := withProvider(t, testkit.SQLite(t), people.Reader)
	peer.Person(t, "sub-new", map[string]any{"email": "nuova@cesate.example", "email_verified": true, "name": "Nuova Arrivata"})
	b := s.browser(t)
	if a := b.travel("sub-new"); a.StatusCode != 303 || !b.may() {
		t.Fatalf("somebody new: %d %s", a.StatusCode, a.body)
	}
	s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
		p, err := people.ByEmail(ctx, tx, "nuova@cesate.example")
		if err != nil {
			return err
		}
		m, err := people.MemberByID(ctx, tx, s.inst.ID, p.ID)
		if len(m.Roles) != 1 || m.Roles[0] != people.Reader || m.Name != "Nuova Arrivata" {
			t.Errorf("created %+v", m)
		}
		return err
	})
}

func TestProviderThatIsDownStopsNobodyElse(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), func(o *auth.Options) {
		o.OIDC = &auth.OIDC{Issuer: "http://127.0.0.1:1", ClientID: "x", Name: "SPID"}
	})
	if a := s.browser(t).get("/accesso/oidc"); a.StatusCode != 503 || !strings.Contains(a.body, "SPID non risponde") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	s.signedIn(t, people.Writer)
}

// With a provider for citizens, the e-mail address that it vouches for is a citizen's:
// it opens no account. The identity does, once its owner has bound it.
func TestAttackCitizenWithTheAddressOfAnOfficer(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s, peer := forCitizens(t, d)
		sub := "c-" + string(d.Engine)
		peer.Person(t, sub+"-owner", map[string]any{"email": "altro@posta.example", "email_verified": true})
		for who, verified := range map[string]bool{sub + "-thief": true, sub + "-liar": false} {
			peer.Person(t, who, map[string]any{"email": "administrator@cesate.example", "email_verified": verified})
			b := s.browser(t)
			if a := b.travel(who); a.StatusCode != 422 || b.may() || !strings.Contains(a.body, "Nessun account della redazione") {
				t.Errorf("%s: %d", who, a.StatusCode)
			}
		}
		owner := s.signedIn(t, people.Administrator)
		start := owner.get("/redazione/account/identita")
		if a := owner.get(owner.callback(start.to(), sub+"-owner")); a.to() != "/redazione/account" {
			t.Fatalf("binding: %d to %q\n%s", a.StatusCode, a.to(), a.body)
		}
		b := s.browser(t)
		if a := b.travel(sub + "-owner"); a.StatusCode != 303 || !b.may() {
			t.Errorf("the bound identity: %d", a.StatusCode)
		}
		// It belongs to one account.
		other := s.signedIn(t, people.Writer)
		start = other.get("/redazione/account/identita")
		if a := other.get(other.callback(start.to(), sub+"-owner")); a.StatusCode != 403 {
			t.Errorf("bound a second time: %d", a.StatusCode)
		}
		owner.post("/redazione/account/identita/togli")
		if a := s.browser(t).travel(sub + "-owner"); a.StatusCode != 422 {
			t.Errorf("after it was unbound: %d", a.StatusCode)
		}
	})
}

// A provider that hangs holds up only who asks for it, and those not one after the other.
func TestAttackHangingProvider(t *testing.T) {
	hang := make(chan struct{})
	peer := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(peer.Close)
	t.Cleanup(func() { close(hang) })
	s := newSite(t, testkit.SQLite(t), func(o *auth.Options) {
		o.OIDC = &auth.OIDC{Issuer: peer.URL, ClientID: "x", Name: "SPID"}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/accesso/oidc", nil)
			if a, err := s.browser(t).Do(r); err == nil {
				a.Body.Close()
			}
		})
	}
	s.signedIn(t, people.Writer) // others are not held up
	cancel()
	wg.Wait() // nor is anybody who leaves
	if a := s.browser(t).get("/accesso/oidc"); a.StatusCode != 503 {
		t.Errorf("%d", a.StatusCode)
	}
	start := time.Now()
	for range 5 { // known to be down: answered at once
		s.browser(t).get("/accesso/oidc")
	}
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("five sign-ins with a provider that is known to hang took %v", took)
	}
}

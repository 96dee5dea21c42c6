package square

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// app is a program that somebody registered.
type app struct {
	ID        string   `json:"client_id"`
	Secret    string   `json:"client_secret"`
	Name      string   `json:"name"`
	Redirects []string `json:"redirects"`
	Scopes    string   `json:"scopes"`
	Grants    []*grant `json:"grants,omitempty"`
}

// grant is a code on its way to become a token.
type grant struct {
	Code      string    `json:"code"`
	Account   string    `json:"account"`
	Redirect  string    `json:"redirect"`
	Scopes    string    `json:"scopes"`
	Challenge string    `json:"challenge"` // S256 of RFC 7636; "" without PKCE
	Made      time.Time `json:"made"`
}

// codeLife is how long a code may be exchanged.
const codeLife = 10 * time.Minute

func (s *Square) register(c caller) (any, *problem) {
	name := c.params.one("client_name")
	redirects := c.params.list("redirect_uris")
	if len(redirects) == 1 {
		redirects = strings.Fields(redirects[0])
	}
	if name == "" || len(redirects) == 0 {
		return nil, refuse(http.StatusUnprocessableEntity, "Validation failed: Application name or redirect URI can't be blank")
	}
	for _, r := range redirects {
		if u, err := url.Parse(r); err != nil || u.Scheme == "" {
			return nil, refuse(http.StatusUnprocessableEntity, "Validation failed: Redirect URI must be an absolute URI.")
		}
	}
	scopes := c.params.one("scopes")
	if scopes == "" {
		scopes = "read"
	}
	a := &app{ID: random(), Secret: random(), Name: name, Redirects: redirects, Scopes: scopes}
	s.state.Apps = append(s.state.Apps, a)
	return s.saved(map[string]any{
		"id": a.ID, "name": a.Name, "client_id": a.ID, "client_secret": a.Secret, "redirect_uri": strings.Join(redirects, "\n"),
		"redirect_uris": redirects, "scopes": strings.Fields(scopes),
	})
}

func (s *Square) app(id string) *app {
	for _, a := range s.state.Apps {
		if a.ID == id {
			return a
		}
	}
	return nil
}

// asking is a request for authorization, checked.
type asking struct {
	app                                *app
	redirect, state, scopes, challenge string
}

// askingFrom checks what an application asks for. What is wrong before the
// redirect address is known to be the application's own must not be redirected.
func (s *Square) askingFrom(v url.Values) (asking, bool) {
	a := asking{app: s.app(v.Get("client_id")), redirect: v.Get("redirect_uri"), state: v.Get("state"), scopes: v.Get("scope"), challenge: v.Get("code_challenge")}
	if a.scopes == "" {
		a.scopes = "read"
	}
	if a.app == nil || v.Get("response_type") != "code" || !slices.Contains(a.app.Redirects, a.redirect) {
		return a, false
	}
	if a.challenge != "" && v.Get("code_challenge_method") != "S256" {
		return a, false
	}
	for _, scope := range strings.Fields(a.scopes) {
		if !slices.Contains(strings.Fields(a.app.Scopes), scope) {
			return a, false
		}
	}
	return a, true
}

// grant makes the address to go back to with a code for the account, or with a
// refusal when handle is empty.
func (s *Square) grant(a asking, handle string) (string, bool) {
	back, err := url.Parse(a.redirect)
	if err != nil {
		return "", false
	}
	q := back.Query()
	q.Set("state", a.state)
	if handle == "" {
		q.Set("error", "access_denied")
	} else {
		who := s.byHandle(handle)
		if who == nil {
			return "", false
		}
		g := &grant{Code: random(), Account: who.ID, Redirect: a.redirect, Scopes: a.scopes, Challenge: a.challenge, Made: s.o.Now()}
		a.app.Grants = append(a.app.Grants, g)
		q.Set("code", g.Code)
	}
	back.RawQuery = q.Encode()
	return back.String(), s.save() == nil
}

// redeem exchanges a code, once, for a token.
func (s *Square) redeem(c caller) (any, *problem) {
	p := c.params
	a := s.app(p.one("client_id"))
	if a == nil || subtle.ConstantTimeCompare([]byte(a.Secret), []byte(p.one("client_secret"))) != 1 {
		return nil, refuse(http.StatusUnauthorized, "invalid_client")
	}
	if p.one("grant_type") != "authorization_code" {
		return nil, refuse(http.StatusBadRequest, "unsupported_grant_type")
	}
	at := slices.IndexFunc(a.Grants, func(g *grant) bool { return g.Code == p.one("code") })
	if at < 0 {
		return nil, refuse(http.StatusBadRequest, "invalid_grant")
	}
	g := a.Grants[at]
	a.Grants = slices.Delete(a.Grants, at, at+1)
	if g.Redirect != p.one("redirect_uri") || s.o.Now().Sub(g.Made) > codeLife || !g.proves(p.one("code_verifier")) {
		return nil, refuse(http.StatusBadRequest, "invalid_grant")
	}
	t := token{Value: random(), Scopes: g.Scopes}
	who := s.byID(g.Account)
	who.Tokens = append(who.Tokens, t)
	return s.saved(map[string]any{"access_token": t.Value, "token_type": "Bearer", "scope": t.Scopes, "created_at": s.o.Now().Unix()})
}

// proves checks the verifier against the challenge (RFC 7636, 4.6).
func (g *grant) proves(verifier string) bool {
	if g.Challenge == "" {
		return true
	}
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]) == g.Challenge
}

package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

// OIDC is an identity provider: the body's own, or a gateway to SPID and CIE.
type OIDC struct {
	Issuer       string // its address; the discovery document is below it
	ClientID     string
	ClientSecret string
	Name         string       // on the button: "Accedi con …"
	Client       *http.Client // nil: http.DefaultClient

	// CreateRole is given, in the institution of the host, to somebody whom the
	// provider knows and we do not. Empty: only existing people sign in.
	CreateRole people.Role
}

// provider is an OIDC with what its discovery document said. That is read at the
// first sign-in, so that the server starts while the provider is down.
type provider struct {
	OIDC
	mu    sync.Mutex
	found *oidc.Provider
}

func newProvider(o OIDC) (*provider, error) {
	if o.Issuer == "" || o.ClientID == "" {
		return nil, errors.New("identity provider: issuer and client are required")
	}
	if o.CreateRole != "" && !slices.Contains(people.Roles(), o.CreateRole) {
		return nil, fmt.Errorf("identity provider: unknown role %q", o.CreateRole)
	}
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	if o.Name == "" {
		o.Name = "OpenID Connect"
	}
	return &provider{OIDC: o}, nil
}

func (p *provider) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	// The provider keeps the context for later requests of its keys.
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.Client), p.Issuer)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "auth.oidc.down", p.Name).Because(err)
	}
	p.found = found
	return found, nil
}

func (p *provider) config(found *oidc.Provider, callback string) *oauth2.Config {
	return &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: found.Endpoint(), RedirectURL: callback,
		Scopes: []string{oidc.ScopeOpenID, "email", "profile"}}
}

// journey is what a browser carries, sealed, to the provider and back.
type journey struct {
	State, Nonce, Verifier, Next string
	Until                        int64 // µs
	Citizen                      bool  // who comes back does not sign in here: see DepartCitizen
}

const (
	journeyLife    = 10 * time.Minute
	journeyPurpose = "oidc journey"
	callbackPath   = "/accesso/oidc/ritorno"
)

func (s *Service) journeyCookie() string {
	if s.secure() {
		return "__Host-arengo_oidc"
	}
	return "arengo_oidc"
}

func (s *Service) setJourney(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: s.journeyCookie(), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteLaxMode})
}

// depart sends the browser to the provider: authorization code with PKCE (RFC
// 7636), a state against forged answers and a nonce against replayed ones.
func (s *Service) depart(w http.ResponseWriter, r *http.Request, next string) error {
	return s.leave(w, r, journey{Next: next})
}

func (s *Service) leave(w http.ResponseWriter, r *http.Request, j journey) error {
	found, err := s.oidc.discover(r.Context())
	if err != nil {
		return err
	}
	j.State, j.Nonce, j.Verifier, j.Until = rand.Text(), rand.Text(), oauth2.GenerateVerifier(), db.At(s.now().Add(journeyLife))
	text, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("begin sign-in: %w", err)
	}
	s.setJourney(w, s.box.Seal(journeyPurpose, string(text)), int(journeyLife/time.Second))
	to := s.oidc.config(found, s.site(r).JoinPath(callbackPath).String()).
		AuthCodeURL(j.State, oidc.Nonce(j.Nonce), oauth2.S256ChallengeOption(j.Verifier))
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// journeyOf returns the journey that the browser is on. Fault: Invalid when there
// is none, it took too long, or the answer is to another one.
func (s *Service) journeyOf(r *http.Request) (j journey, err error) {
	broken := fault.New(fault.Invalid, "auth.oidc.broken")
	c, err := r.Cookie(s.journeyCookie())
	if err != nil {
		return j, broken
	}
	text, err := s.box.Open(journeyPurpose, c.Value)
	if err != nil || json.Unmarshal([]byte(text), &j) != nil || db.At(s.now()) > j.Until {
		return j, broken
	}
	if subtle.ConstantTimeCompare([]byte(r.URL.Query().Get("state")), []byte(j.State)) != 1 {
		return j, broken
	}
	return j, nil
}

// claims are what the provider says about a person.
type claims struct {
	Issuer, Subject string
	Email           string
	EmailVerified   bool
	Name            string
}

// arrive exchanges the code and reads the claims. Faults: Invalid when the person
// refused or the answer is not in order, Unavailable when the provider is down.
func (s *Service) arrive(ctx context.Context, r *http.Request, j journey) (c claims, err error) {
	q := r.URL.Query()
	if q.Get("error") != "" || q.Get("code") == "" {
		return c, fault.New(fault.Invalid, "auth.oidc.refused", s.oidc.Name).Because(errors.New(q.Get("error")))
	}
	found, err := s.oidc.discover(ctx)
	if err != nil {
		return c, err
	}
	ctx = oidc.ClientContext(ctx, s.oidc.Client)
	config := s.oidc.config(found, s.site(r).JoinPath(callbackPath).String())
	token, err := config.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(j.Verifier))
	if err != nil {
		var answer *oauth2.RetrieveError
		if errors.As(err, &answer) && answer.Response.StatusCode < 500 {
			return c, fault.New(fault.Invalid, "auth.oidc.broken").Because(err)
		}
		return c, fault.New(fault.Unavailable, "auth.oidc.down", s.oidc.Name).Because(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := found.VerifierContext(ctx, &oidc.Config{ClientID: s.oidc.ClientID, Now: s.now}).Verify(ctx, raw)
	if err != nil || subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(j.Nonce)) != 1 {
		return c, fault.New(fault.Invalid, "auth.oidc.broken").Because(err)
	}
	return s.claimsOf(ctx, found, config, token, id)
}

// claimsOf asks the userinfo endpoint: many providers put no e-mail into the
// token. Its subject must be the token's (OpenID Connect Core 1.0, 5.3.2).
func (s *Service) claimsOf(ctx context.Context, found *oidc.Provider, config *oauth2.Config, token *oauth2.Token, id *oidc.IDToken) (claims, error) {
	c := claims{Issuer: id.Issuer, Subject: id.Subject}
	info, err := found.UserInfo(ctx, config.TokenSource(ctx, token))
	if err != nil {
		return c, fault.New(fault.Unavailable, "auth.oidc.down", s.oidc.Name).Because(err)
	}
	if info.Subject != id.Subject {
		return c, fault.New(fault.Invalid, "auth.oidc.broken").Because(errors.New("userinfo is about another subject"))
	}
	var more struct {
		Name string `json:"name"`
	}
	if err := info.Claims(&more); err != nil {
		return c, fault.New(fault.Invalid, "auth.oidc.broken").Because(err)
	}
	c.Email, c.EmailVerified, c.Name = info.Email, info.EmailVerified, more.Name
	return c, nil
}

// personOf finds whose claims they are: by the provider's subject, which never
// changes, else by an e-mail address that the provider has verified, which then
// binds the subject for ever. Fault: Forbidden for somebody unknown.
func (s *Service) personOf(ctx context.Context, tx *db.Tx, c claims, now time.Time) (personID string, err error) {
	err = tx.QueryRow(ctx, `
		SELECT person.id FROM oidc_identity JOIN person ON person.id = oidc_identity.person_id
		WHERE issuer = $1 AND subject = $2 AND person.disabled_at = 0`, c.Issuer, c.Subject).Scan(&personID)
	if err == nil || !isNone(err) {
		return personID, err
	}
	if !c.EmailVerified || c.Email == "" {
		return "", fault.Refused("auth.oidc.unverified", s.oidc.Name)
	}
	p, err := people.ByEmail(ctx, tx, c.Email)
	switch {
	case fault.Is(err, fault.NotFound):
		p, err = s.welcomeStranger(ctx, tx, c, now)
	case err == nil && !p.DisabledAt.IsZero():
		return "", fault.Refused("auth.oidc.unknown")
	}
	if err != nil {
		return "", err
	}
	n, err := tx.Change(ctx, `
		INSERT INTO oidc_identity (issuer, subject, person_id, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (issuer, subject) DO NOTHING`, c.Issuer, c.Subject, p.ID, db.At(now))
	if err == nil && n == 0 { // the subject of an account that is disabled
		err = fault.Refused("auth.oidc.unknown")
	}
	return p.ID, err
}

// welcomeStranger creates an account when the configuration says so.
func (s *Service) welcomeStranger(ctx context.Context, tx *db.Tx, c claims, now time.Time) (people.Person, error) {
	i, ok := institution.From(ctx)
	if s.oidc.CreateRole == "" || !ok {
		return people.Person{}, fault.Refused("auth.oidc.unknown")
	}
	name := strings.TrimSpace(c.Name)
	if name == "" {
		name, _, _ = strings.Cut(c.Email, "@")
	}
	return CreateUser(ctx, tx, NewUser{Email: c.Email, Name: name, InstitutionID: i.ID, Roles: []people.Role{s.oidc.CreateRole}}, "", now)
}

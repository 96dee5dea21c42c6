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
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
)

// OIDC is an identity provider: the body's own, or a gateway to SPID and CIE.
type OIDC struct {
	Issuer       string // its address; the discovery document is below it
	ClientID     string
	ClientSecret string
	Name         string       // on the button: "Accedi con …"
	Client       *http.Client // nil: http.DefaultClient

	// Staff says that the provider knows only people who work here, such as the body's
	// own directory: then an e-mail address that it has verified is enough to know whose
	// account it is. A gateway for citizens vouches for a citizen's address too, so there
	// an identity opens an account only when its owner has bound it.
	Staff bool

	// CreateRole is given, in the institution of the host, to somebody whom the
	// provider knows and we do not. Empty: only existing people sign in. It needs Staff.
	CreateRole people.Role
}

// provider is an OIDC with what its discovery document said. That is read at the
// first sign-in, so that the server starts while the provider is down.
type provider struct {
	OIDC
	calls chan struct{} // those under way: a provider that hangs holds no more than these

	mu      sync.Mutex
	found   *oidc.Provider
	asking  chan struct{} // closed when the question under way is answered; nil when none is
	down    error         // why the last question failed
	downTil time.Time     // until then nobody asks again
}

const (
	callLife = 10 * time.Second // one call of the provider
	downFor  = 15 * time.Second
)

func newProvider(o OIDC) (*provider, error) {
	if o.Issuer == "" || o.ClientID == "" {
		return nil, errors.New("identity provider: issuer and client are required")
	}
	if o.CreateRole != "" && !slices.Contains(people.Roles(), o.CreateRole) {
		return nil, fmt.Errorf("identity provider: unknown role %q", o.CreateRole)
	}
	if o.CreateRole != "" && !o.Staff {
		return nil, errors.New("identity provider: only one that knows just the staff may create people")
	}
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	if o.Name == "" {
		o.Name = "OpenID Connect"
	}
	return &provider{OIDC: o, calls: make(chan struct{}, limit.ProviderCalls.N())}, nil
}

// discover returns the provider's discovery document, read once. While it is asked,
// everybody waits for the one answer, each no longer than the own request lives; after
// a failure nobody waits for a while. Fault: Unavailable.
func (p *provider) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	if p.found == nil && p.asking == nil && time.Now().After(p.downTil) {
		p.asking = make(chan struct{})
		go p.ask(context.WithoutCancel(ctx))
	}
	asking := p.asking
	p.mu.Unlock()
	if asking != nil {
		select {
		case <-asking:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found == nil {
		return nil, p.unavailable(p.down)
	}
	return p.found, nil
}

func (p *provider) unavailable(why error) error {
	return fault.New(fault.Unavailable, "auth.oidc.down", p.Name).Because(why)
}

func (p *provider) ask(ctx context.Context) {
	// The provider keeps the context for later requests of its keys, without this end.
	ctx = oidc.ClientContext(ctx, p.Client)
	limited, cancel := context.WithTimeout(ctx, callLife)
	found, err := oidc.NewProvider(limited, p.Issuer)
	cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found, p.down = found, err
	if err != nil {
		p.found, p.downTil = nil, time.Now().Add(downFor)
	}
	close(p.asking)
	p.asking = nil
}

// call takes a place among the calls under way. Fault: Unavailable, at once, when a
// provider that hangs holds them all.
func (p *provider) call(ctx context.Context) (limited context.Context, done func(), err error) {
	select {
	case p.calls <- struct{}{}:
	default:
		return nil, nil, p.unavailable(errors.New("too many calls are under way"))
	}
	limited, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.Client), callLife)
	return limited, func() { cancel(); <-p.calls }, nil
}

func (p *provider) config(found *oidc.Provider, callback string) *oauth2.Config {
	return &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: found.Endpoint(), RedirectURL: callback,
		Scopes: []string{oidc.ScopeOpenID, "email", "profile"}}
}

// journey is what a browser carries, sealed, to the provider and back.
type journey struct {
	State, Nonce, Verifier, Next string
	Until                        int64  // µs
	Citizen                      bool   // who comes back does not sign in here: see DepartCitizen
	Bind                         string // the person who wants the identity bound to the account
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
	if err := s.allowProvider(r); err != nil {
		return err
	}
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

// allowProvider counts what makes us call the provider, before it is called. Fault:
// TooMany.
func (s *Service) allowProvider(r *http.Request) error {
	return s.db.InTx(r.Context(), func(tx *db.Tx) error {
		return s.spend(r.Context(), tx, []limit.Spend{limit.Provider.From(web.From(r))}, s.now())
	})
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
	if err := s.allowProvider(r); err != nil {
		return c, err
	}
	found, err := s.oidc.discover(ctx)
	if err != nil {
		return c, err
	}
	ctx, done, err := s.oidc.call(ctx)
	if err != nil {
		return c, err
	}
	defer done()
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

// personOf finds whose claims they are: by the provider's issuer and subject, which
// never change and were bound to an account; else, with a provider of the staff, by an
// e-mail address that it has verified, which then binds the subject for ever. Fault:
// Forbidden for somebody unknown.
func (s *Service) personOf(ctx context.Context, tx *db.Tx, c claims, now time.Time) (personID string, err error) {
	err = tx.QueryRow(ctx, `
		SELECT person.id FROM oidc_identity JOIN person ON person.id = oidc_identity.person_id
		WHERE issuer = $1 AND subject = $2 AND person.disabled_at = 0`, c.Issuer, c.Subject).Scan(&personID)
	if err == nil || !isNone(err) {
		return personID, err
	}
	if !s.oidc.Staff {
		return "", fault.Refused("auth.oidc.unbound", s.oidc.Name)
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
	return p.ID, s.bind(ctx, tx, c, p.ID, now)
}

// bind makes an identity of the provider open an account from now on. Fault:
// Forbidden when it opens another one, also one that is disabled.
func (s *Service) bind(ctx context.Context, tx *db.Tx, c claims, personID string, now time.Time) error {
	n, err := tx.Change(ctx, `
		INSERT INTO oidc_identity (issuer, subject, person_id, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (issuer, subject) DO UPDATE SET created_at = excluded.created_at WHERE oidc_identity.person_id = excluded.person_id`,
		c.Issuer, c.Subject, personID, db.At(now))
	if err == nil && n == 0 {
		err = fault.Refused("auth.oidc.taken", s.oidc.Name)
	}
	return err
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

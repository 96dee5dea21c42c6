package auth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
)

// Mailer sends an e-mail once the transaction commits. The text holds a one-time
// link: a queue that stores it should seal it, and drop it when it was sent.
type Mailer interface {
	SendMail(ctx context.Context, tx *db.Tx, m Mail) error
}

// Mail is a plain message to one person.
type Mail struct {
	To      string // address
	Name    string // of the person
	Subject string
	Text    string
}

// Options are what a Service is built from. DB, Box, Bundle and BaseURL are
// required.
type Options struct {
	DB      *db.DB
	Box     *secret.Box
	Bundle  *i18n.Bundle
	BaseURL *url.URL // where the installation is reached; links begin with it
	Now     func() time.Time
	Argon   Argon  // zero is DefaultArgon
	Mail    Mailer // nil: no e-mail; an administrator hands links over
	OIDC    *OIDC  // nil: no identity provider
	Demo    bool   // the sign-in page offers ready accounts, without a password
}

// Service proves who people are. Safe for concurrent use after Mount.
type Service struct {
	db     *db.DB
	box    *secret.Box
	bundle *i18n.Bundle
	base   *url.URL
	now    func() time.Time
	hasher *Hasher
	limits limit.Book
	mail   Mailer
	oidc   *provider
	demo   bool
	kit    *web.Kit // set by Mount
}

// New builds a Service.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Box == nil || o.Bundle == nil || o.BaseURL == nil {
		return nil, errors.New("auth: DB, Box, Bundle and BaseURL are required")
	}
	if o.Argon == (Argon{}) {
		o.Argon = DefaultArgon()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	hasher, err := NewHasher(o.Argon)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	s := &Service{db: o.DB, box: o.Box, bundle: o.Bundle, base: o.BaseURL, now: o.Now, hasher: hasher, limits: limit.NewBook(o.Box), mail: o.Mail, demo: o.Demo}
	if o.OIDC != nil {
		if s.oidc, err = newProvider(*o.OIDC); err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
	}
	return s, nil
}

// Identity is who is signed in, with every institution the person serves.
type Identity struct {
	people.Actor
	Serves []people.Membership
}

type identityKey struct{}

// Who returns who is signed in to the request's session.
func Who(ctx context.Context) (Identity, bool) {
	i, ok := ctx.Value(identityKey{}).(Identity)
	return i, ok
}

// Identify is web.Options.Around: it makes the session's person the actor of the
// request, in the institution of its host. A form sent to the desk by a person
// whose session has ended is not lost: it comes back ready to be sent again.
func (s *Service) Identify(next web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		who, ok, err := s.identity(r)
		if err != nil {
			return err
		}
		if !ok {
			if lostForm(r) {
				return s.offerAgain(w, r)
			}
			return next(w, r)
		}
		web.Trust(r)
		ctx := context.WithValue(people.With(r.Context(), who.Actor), identityKey{}, who)
		return next(w, r.WithContext(ctx))
	}
}

// Still is web.Options.Still: the session has not ended, and the person has the same
// roles as when the request came.
func (s *Service) Still(r *http.Request) bool {
	ctx := r.Context()
	was, ok := Who(ctx)
	if !ok {
		return true // nobody was let in
	}
	_, found, err := NewSessions(s.db, s.now).FindCtx(ctx, s.currentSession(r))
	if err != nil || !found {
		return false
	}
	var is Identity
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		is, ok, err = s.load(ctx, tx, was.PersonID)
		return err
	})
	return err == nil && ok && slices.Equal(is.Roles, was.Roles)
}

func (s *Service) identity(r *http.Request) (who Identity, ok bool, err error) {
	ctx := r.Context()
	id := s.kit.Sessions.GetString(ctx, personKey)
	if id == "" {
		return who, false, nil
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		who, ok, err = s.load(ctx, tx, id)
		return err
	})
	if err == nil && !ok { // disabled or gone
		err = s.kit.Sessions.Destroy(ctx)
	}
	return who, ok, err
}

// load reads a person as the actor in the context's institution.
func (s *Service) load(ctx context.Context, tx *db.Tx, personID string) (who Identity, ok bool, err error) {
	p, serves, ok, err := people.Identity(ctx, tx, personID)
	if err != nil || !ok {
		return who, false, err
	}
	i, _ := institution.From(ctx)
	who.Actor = people.Actor{PersonID: p.ID, Name: p.Name, Email: p.Email, Locale: p.Locale, InstitutionID: i.ID}
	who.Serves = serves
	for _, m := range serves {
		if m.InstitutionID == i.ID {
			who.Roles = m.Roles
		}
	}
	return who, true, nil
}

// site is the address at which the request's institution is reached: its host that
// the request is for, else the installation's. Scheme and port are always the
// installation's: nothing that a caller made up gets into a link.
func (s *Service) site(r *http.Request) *url.URL {
	if i, ok := institution.From(r.Context()); ok {
		for _, h := range i.Hosts {
			if h == institution.Host(r.Host) {
				return s.siteOf(h)
			}
		}
	}
	return s.siteOf("")
}

// siteOf is the installation's address with one of our host names; "" keeps its own.
func (s *Service) siteOf(host string) *url.URL {
	u := *s.base
	switch port := u.Port(); {
	case host == "":
	case port != "":
		u.Host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		u.Host = "[" + host + "]"
	default:
		u.Host = host
	}
	return &u
}

// secure reports whether cookies travel only over https.
func (s *Service) secure() bool { return s.base.Scheme == "https" }

// Purge forgets what has no use any more: expired sessions, links, devices that
// did not come back. Run it every hour.
func (s *Service) Purge(ctx context.Context, tx *db.Tx, now time.Time) error {
	day := 24 * time.Hour
	for _, step := range []struct {
		q    string
		than time.Time
	}{
		{`DELETE FROM session WHERE expires_at < $1`, now},
		{`DELETE FROM session WHERE revoked_at > 0 AND revoked_at < $1`, now.Add(-day)},
		{`DELETE FROM one_time_link WHERE expires_at < $1`, now.Add(-day)},
		{`DELETE FROM known_device WHERE seen_at < $1`, now.Add(-deviceLife)},
		{`DELETE FROM api_token WHERE revoked_at > 0 AND revoked_at < $1`, now.Add(-365 * day)},
	} {
		if _, err := tx.Exec(ctx, step.q, db.At(step.than)); err != nil {
			return err
		}
	}
	return nil
}

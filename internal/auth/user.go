package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
)

// NewUser is a person to be created with roles in an institution.
type NewUser struct {
	Email, Name   string
	Locale        string // it when empty
	InstitutionID string
	Roles         []people.Role
}

// CreateUser creates a person with a password, or without one when it is empty:
// then SetupLink lets the person choose it. Faults: Invalid, and Conflict when
// the address is taken.
func CreateUser(ctx context.Context, tx *db.Tx, u NewUser, password string, now time.Time) (people.Person, error) {
	p, err := people.Create(ctx, tx, people.Person{Email: u.Email, Name: u.Name, Locale: u.Locale}, now)
	if err != nil {
		return p, err
	}
	if password != "" {
		if err := CheckPassword(password, p.Email, p.Name); err != nil {
			return p, err
		}
		hasher, err := NewHasher(DefaultArgon())
		if err != nil {
			return p, err
		}
		hash, err := hasher.Hash(ctx, password)
		if err != nil {
			return p, err
		}
		if err := storePassword(ctx, tx, p.ID, hash); err != nil {
			return p, err
		}
		p.HasPassword = true
	}
	if u.InstitutionID == "" {
		return p, nil
	}
	if err := people.SetRoles(ctx, tx, u.InstitutionID, p.ID, u.Roles, now); err != nil {
		return p, err
	}
	return p, audit.Record(ctx, tx, u.InstitutionID, "people.create", p.ID, map[string]any{"roles": u.Roles}, now)
}

func storePassword(ctx context.Context, tx *db.Tx, personID, hash string) error {
	_, err := tx.Exec(ctx, `UPDATE person SET password_hash = $2 WHERE id = $1`, personID, hash)
	return err
}

// digest is what is stored of a random secret. It needs no salt and no cost:
// nobody guesses 130 random bits.
func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// The purposes of one-time links and how long they hold.
const (
	purposeSetup    = "setup"    // choose the first password
	purposeReset    = "reset"    // choose another password
	purposeHandover = "handover" // be signed in on another institution's host

	setupLife    = 72 * time.Hour
	resetLife    = time.Hour
	handoverLife = time.Minute
)

// linkPath is where one-time links lead.
const linkPath = "/accesso/collegamento/"

// SetupLink returns an address at which the person chooses a password, once,
// within 72 hours. Earlier links of the person end. Fault: NotFound.
func SetupLink(ctx context.Context, tx *db.Tx, base *url.URL, personID string, now time.Time) (string, error) {
	if _, err := people.ByID(ctx, tx, personID); err != nil {
		return "", err
	}
	token, err := newLink(ctx, tx, purposeSetup, personID, "", now.Add(setupLife), now)
	return base.JoinPath(linkPath, token).String(), err
}

func newLink(ctx context.Context, tx *db.Tx, purpose, personID, institutionID string, until, now time.Time) (token string, err error) {
	if purpose != purposeHandover {
		if _, err := tx.Exec(ctx, `DELETE FROM one_time_link WHERE person_id = $1 AND purpose <> $2`, personID, purposeHandover); err != nil {
			return "", err
		}
	}
	token = strings.ToLower(rand.Text())
	_, err = tx.Exec(ctx, `
		INSERT INTO one_time_link (hash, purpose, person_id, institution_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		digest(token), purpose, personID, institutionID, db.At(now), db.At(until))
	return token, err
}

// link is a one-time link that still holds.
type link struct {
	purpose, personID, institutionID string
}

// findLink returns a link without using it. Fault: NotFound when there is none,
// it was used, or it is too old: which of them is nobody's business.
func findLink(ctx context.Context, tx *db.Tx, token string, now time.Time, purposes ...string) (l link, err error) {
	err = tx.QueryRow(ctx, `
		SELECT one_time_link.purpose, one_time_link.person_id, one_time_link.institution_id
		FROM one_time_link JOIN person ON person.id = one_time_link.person_id
		WHERE hash = $1 AND used_at = 0 AND expires_at > $2 AND person.disabled_at = 0`,
		digest(token), db.At(now)).Scan(&l.purpose, &l.personID, &l.institutionID)
	if errors.Is(err, db.ErrNone) || err == nil && !slices.Contains(purposes, l.purpose) {
		return link{}, fault.Missing("auth.link.gone")
	}
	return l, err
}

// useLink uses a link up. Of two simultaneous uses one fails. Fault: NotFound.
func useLink(ctx context.Context, tx *db.Tx, token string, now time.Time, purposes ...string) error {
	if _, err := findLink(ctx, tx, token, now, purposes...); err != nil {
		return err
	}
	n, err := tx.Change(ctx, `UPDATE one_time_link SET used_at = $2 WHERE hash = $1 AND used_at = 0`, digest(token), db.At(now))
	if err == nil && n == 0 {
		err = fault.Missing("auth.link.gone")
	}
	return err
}

// choosePassword sets a person's password, ends the links and all sessions but
// the one to keep ("" keeps none).
func (s *Service) choosePassword(ctx context.Context, tx *db.Tx, p people.Person, hash, keep string, now time.Time) error {
	if err := storePassword(ctx, tx, p.ID, hash); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM one_time_link WHERE person_id = $1 AND used_at = 0`, p.ID); err != nil {
		return err
	}
	_, err := endSessions(ctx, tx, p.ID, "", keep, now)
	return err
}

// Invite gives a person roles in an institution, and creates the account of
// somebody new. The person gets an e-mail; without e-mail, link is the address to
// hand over, but only for an account that no other institution relies on. Faults:
// Invalid, Conflict when the person already works there.
func (s *Service) Invite(ctx context.Context, tx *db.Tx, base *url.URL, u NewUser, by string, now time.Time) (p people.Person, link string, err error) {
	if len(u.Roles) == 0 {
		return p, "", fault.InvalidField("roles", "people.roles.missing")
	}
	p, err = people.ByEmail(ctx, tx, u.Email)
	if fault.Is(err, fault.NotFound) {
		p, err = people.Create(ctx, tx, people.Person{Email: u.Email, Name: u.Name, Locale: u.Locale}, now)
	}
	if err != nil {
		return p, "", err
	}
	serves, err := people.Serves(ctx, tx, p.ID)
	if err != nil {
		return p, "", err
	}
	elsewhere := len(serves) > 0
	for _, m := range serves {
		if m.InstitutionID == u.InstitutionID {
			return p, "", fault.Clash("people.already", p.Name)
		}
	}
	if !p.DisabledAt.IsZero() {
		if err := people.Enable(ctx, tx, p.ID); err != nil {
			return p, "", err
		}
	}
	if err := people.SetRoles(ctx, tx, u.InstitutionID, p.ID, u.Roles, now); err != nil {
		return p, "", err
	}
	if err := audit.Record(ctx, tx, u.InstitutionID, "people.invite", p.ID, map[string]any{"roles": u.Roles}, now); err != nil {
		return p, "", err
	}
	link, err = s.welcome(ctx, tx, base, p, elsewhere, u.InstitutionID, by, now)
	return p, link, err
}

// InviteAgain sends a new set-up link to somebody who has not chosen a password
// yet. Faults: NotFound, Conflict when the person has one.
func (s *Service) InviteAgain(ctx context.Context, tx *db.Tx, base *url.URL, institutionID, personID, by string, now time.Time) (link string, err error) {
	m, err := people.MemberByID(ctx, tx, institutionID, personID)
	if err != nil {
		return "", err
	}
	if m.HasPassword {
		return "", fault.Clash("people.has_password", m.Name)
	}
	if s.mail == nil && m.Elsewhere {
		// The link would open the other institution's desk to whoever holds it.
		return "", fault.Refused("people.elsewhere", m.Name)
	}
	if err := audit.Record(ctx, tx, institutionID, "people.invite", personID, nil, now); err != nil {
		return "", err
	}
	return s.welcome(ctx, tx, base, m.Person, m.Elsewhere, institutionID, by, now)
}

// welcome writes to the person, or returns the link when there is no e-mail.
func (s *Service) welcome(ctx context.Context, tx *db.Tx, base *url.URL, p people.Person, elsewhere bool, institutionID, by string, now time.Time) (string, error) {
	var name string
	if err := tx.QueryRow(ctx, `SELECT name FROM institution WHERE id = $1`, institutionID).Scan(&name); err != nil {
		return "", err
	}
	if p.HasPassword {
		return "", s.write(ctx, tx, p, "auth.mail.added.subject", "auth.mail.added.text", name, by, base.JoinPath("/accesso").String())
	}
	if s.mail == nil && elsewhere {
		return "", nil
	}
	link, err := SetupLink(ctx, tx, base, p.ID, now)
	if err != nil || s.mail == nil {
		return link, err
	}
	return "", s.write(ctx, tx, p, "auth.mail.invite.subject", "auth.mail.invite.text", name, by, link)
}

// write sends a text of the catalogue in the person's language. {0} is the
// person's name, the others follow. Without e-mail it does nothing.
func (s *Service) write(ctx context.Context, tx *db.Tx, p people.Person, subject, text string, args ...any) error {
	if s.mail == nil {
		return nil
	}
	printer := s.bundle.For(p.Locale, time.UTC)
	args = append([]any{p.Name}, args...)
	return s.mail.SendMail(ctx, tx, Mail{To: p.Email, Name: p.Name, Subject: printer.T(subject, args...), Text: printer.T(text, args...)})
}

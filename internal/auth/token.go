package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
)

// tokenPrefix lets a scanner of leaked secrets recognise our tokens.
const tokenPrefix = "arengo_"

// Token is a program's permission to act.
type Token struct {
	InstitutionID, ID, Name string
	Roles                   []people.Role
	PersonID                string // who made it; empty: the command line
	CreatedAt, ExpiresAt    time.Time
	UsedDay                 string // 2026-05-04, the last day it was used; or empty
}

// maxTokenName bounds a token's name, in characters.
const maxTokenName = 80

// CreateToken stores a token and returns its text, which is shown once and kept
// nowhere. A person gives a token no role that may do more than the person. Faults:
// Invalid, Forbidden.
func CreateToken(ctx context.Context, tx *db.Tx, t Token, now time.Time) (text string, made Token, err error) {
	var f fault.Fields
	t.Name = strings.Join(strings.Fields(t.Name), " ")
	if t.Name == "" || utf8.RuneCountInString(t.Name) > maxTokenName {
		f.Add("name", "auth.token.name", maxTokenName)
	}
	if len(t.Roles) == 0 {
		f.Add("roles", "people.roles.missing")
	}
	if !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(now) {
		f.Add("expires", "auth.token.expired")
	}
	if err := f.Err(); err != nil {
		return "", t, err
	}
	if t.PersonID != "" {
		a, ok, err := people.Acting(ctx, tx, t.PersonID, t.InstitutionID)
		if err != nil {
			return "", t, err
		}
		for _, r := range t.Roles {
			if !ok || !people.Covers(a.Roles, r) {
				return "", t, fault.Refused("auth.token.roles")
			}
		}
	}
	t.ID, t.CreatedAt = db.NewID(), now
	text = tokenPrefix + strings.ToLower(rand.Text())
	if _, err := tx.Exec(ctx, `
		INSERT INTO api_token (institution_id, id, hash, name, roles, person_id, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		t.InstitutionID, t.ID, digest(text), t.Name, joinRoles(t.Roles), t.PersonID, db.At(now), db.At(t.ExpiresAt)); err != nil {
		return "", t, err
	}
	return text, t, audit.Record(ctx, tx, t.InstitutionID, "token.create", t.ID, map[string]any{"name": t.Name, "roles": t.Roles}, now)
}

func joinRoles(roles []people.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, " ")
}

const tokenColumns = `institution_id, id, name, roles, person_id, created_at, expires_at, used_day`

func scanToken(s db.Scanner) (t Token, err error) {
	var roles string
	var created, expires int64
	if err := s.Scan(&t.InstitutionID, &t.ID, &t.Name, &roles, &t.PersonID, &created, &expires, &t.UsedDay); err != nil {
		return t, err
	}
	t.CreatedAt, t.ExpiresAt = db.When(created), db.When(expires)
	t.Roles, err = people.ParseRoles(strings.Fields(roles))
	return t, err
}

// Tokens lists an institution's tokens that are not revoked, the newest first.
func Tokens(ctx context.Context, tx *db.Tx, institutionID string) ([]Token, error) {
	return db.All(ctx, tx, scanToken, `
		SELECT `+tokenColumns+` FROM api_token WHERE institution_id = $1 AND revoked_at = 0 ORDER BY id DESC`, institutionID)
}

// RevokeToken ends a token at once. Fault: NotFound.
func RevokeToken(ctx context.Context, tx *db.Tx, institutionID, id string, now time.Time) error {
	n, err := tx.Change(ctx, `UPDATE api_token SET revoked_at = $3 WHERE institution_id = $1 AND id = $2 AND revoked_at = 0`,
		institutionID, id, db.At(now))
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Missing("auth.token.missing")
	}
	return audit.Record(ctx, tx, institutionID, "token.revoke", id, nil, now)
}

// Authenticate returns who acts with a token; it is api.Options.Authenticate. A
// token of a person acts as that person, with those of its roles that the person
// still has; one of the command line acts as itself. Fault: Unsigned.
func (s *Service) Authenticate(ctx context.Context, text string, now time.Time) (a people.Actor, err error) {
	wrong := fault.New(fault.Unsigned, "auth.token.wrong")
	if !strings.HasPrefix(text, tokenPrefix) {
		return a, wrong
	}
	var t Token
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		t, err = scanToken(tx.QueryRow(ctx, `
			SELECT `+tokenColumns+` FROM api_token
			WHERE hash = $1 AND revoked_at = 0 AND (expires_at = 0 OR expires_at > $2)`, digest(text), db.At(now)))
		if errors.Is(err, db.ErrNone) {
			return wrong
		}
		if err != nil {
			return err
		}
		a, err = t.actor(ctx, tx)
		return err
	})
	if err != nil {
		return people.Actor{}, err
	}
	return a, s.usedToday(ctx, t, now)
}

func (t Token) actor(ctx context.Context, tx *db.Tx) (people.Actor, error) {
	a := people.Actor{PersonID: t.ID, Name: t.Name, InstitutionID: t.InstitutionID, Roles: t.Roles, TokenID: t.ID}
	if t.PersonID == "" {
		return a, nil
	}
	p, ok, err := people.Acting(ctx, tx, t.PersonID, t.InstitutionID)
	if err != nil {
		return a, err
	}
	if !ok {
		return a, fault.New(fault.Unsigned, "auth.token.wrong")
	}
	a.PersonID, a.Email, a.Locale = p.PersonID, p.Email, p.Locale
	a.Roles = slices.DeleteFunc(slices.Clone(t.Roles), func(r people.Role) bool { return !people.Covers(p.Roles, r) })
	return a, nil
}

// usedToday writes the day down, once a day: it tells which tokens are in use,
// and no more about the people behind them.
func (s *Service) usedToday(ctx context.Context, t Token, now time.Time) error {
	day := now.UTC().Format(time.DateOnly)
	if t.UsedDay == day {
		return nil
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE api_token SET used_day = $3 WHERE institution_id = $1 AND id = $2`, t.InstitutionID, t.ID, day)
		return err
	})
}

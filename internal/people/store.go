package people

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

const columns = `person.id, person.email, person.name, person.locale, person.password_hash <> '', person.created_at, person.disabled_at`

// target lists where a row of columns is read into; read finishes it.
func target(p *Person) (dest []any, read func()) {
	var created, disabled int64
	return []any{&p.ID, &p.Email, &p.Name, &p.Locale, &p.HasPassword, &created, &disabled},
		func() { p.CreatedAt, p.DisabledAt = db.When(created), db.When(disabled) }
}

func scan(s db.Scanner) (p Person, err error) {
	dest, read := target(&p)
	err = s.Scan(dest...)
	read()
	return p, err
}

// Create stores a new person without a password. Faults: Invalid, and Conflict
// when the address is taken.
func Create(ctx context.Context, tx *db.Tx, p Person, now time.Time) (Person, error) {
	if err := p.check(); err != nil {
		return p, err
	}
	p.ID, p.CreatedAt = db.NewID(), now
	n, err := tx.Change(ctx, `
		INSERT INTO person (id, email, name, locale, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (email) DO NOTHING`, p.ID, p.Email, p.Name, p.Locale, db.At(now))
	if err == nil && n == 0 {
		err = fault.Clash("people.email.taken", p.Email)
	}
	return p, err
}

// Rename changes what a person may change about themselves. Faults: Invalid, NotFound.
func Rename(ctx context.Context, tx *db.Tx, id, name, locale string) error {
	p, err := ByID(ctx, tx, id)
	if err != nil {
		return err
	}
	p.Name, p.Locale = name, locale
	if err := p.check(); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE person SET name = $2, locale = $3 WHERE id = $1`, id, p.Name, p.Locale)
	return err
}

// ByID returns a person. Fault: NotFound.
func ByID(ctx context.Context, tx *db.Tx, id string) (Person, error) {
	return one(ctx, tx, `id = $1`, id)
}

// ByEmail returns the person with an address, in any case. Fault: NotFound.
func ByEmail(ctx context.Context, tx *db.Tx, email string) (Person, error) {
	return one(ctx, tx, `email = $1`, strings.ToLower(strings.TrimSpace(email)))
}

func one(ctx context.Context, tx *db.Tx, where, arg string) (Person, error) {
	p, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM person WHERE `+where, arg))
	if errors.Is(err, db.ErrNone) {
		return p, fault.Missing("people.missing")
	}
	return p, err
}

// Names maps the identifiers of an institution's people, past ones included as
// long as their account exists, to their names.
func Names(ctx context.Context, tx *db.Tx, institutionID string) (map[string]string, error) {
	names := map[string]string{}
	_, err := db.All(ctx, tx, func(s db.Scanner) (struct{}, error) {
		var id, name string
		err := s.Scan(&id, &name)
		names[id] = name
		return struct{}{}, err
	}, `
		SELECT id, name FROM person
		WHERE id IN (SELECT person_id FROM membership WHERE institution_id = $1)
			OR id IN (SELECT person_id FROM audit WHERE institution_id = $1)`, institutionID)
	return names, err
}

// Members lists who has a role in an institution, by name.
func Members(ctx context.Context, tx *db.Tx, institutionID string) ([]Member, error) {
	return members(ctx, tx, institutionID, "")
}

// MemberByID returns one of an institution's people. Fault: NotFound.
func MemberByID(ctx context.Context, tx *db.Tx, institutionID, personID string) (Member, error) {
	all, err := members(ctx, tx, institutionID, personID)
	if err != nil {
		return Member{}, err
	}
	if len(all) != 1 {
		return Member{}, fault.Missing("people.missing")
	}
	return all[0], nil
}

func members(ctx context.Context, tx *db.Tx, institutionID, personID string) ([]Member, error) {
	rows, err := db.All(ctx, tx, func(s db.Scanner) (m Member, err error) {
		dest, read := target(&m.Person)
		var role Role
		var seen int64
		err = s.Scan(append(dest, &role, &seen, &m.Elsewhere)...)
		read()
		m.Roles, m.LastSeenAt = []Role{role}, db.When(seen)
		return m, err
	}, `
		SELECT `+columns+`, membership.role,
			COALESCE((SELECT max(seen_at) FROM session WHERE session.person_id = person.id AND session.institution_id = $1 AND revoked_at = 0), 0),
			EXISTS (SELECT 1 FROM membership other WHERE other.person_id = person.id AND other.institution_id <> $1)
		FROM membership JOIN person ON person.id = membership.person_id
		WHERE membership.institution_id = $1 AND ($2 = '' OR person.id = $2)
		ORDER BY person.name, person.id`, institutionID, personID)
	if err != nil {
		return nil, err
	}
	return merge(rows), nil
}

// merge joins the neighbouring rows of one person, one for each role.
func merge(rows []Member) (out []Member) {
	for _, m := range rows {
		if last := len(out) - 1; last >= 0 && out[last].ID == m.ID {
			out[last].Roles = append(out[last].Roles, m.Roles...)
			continue
		}
		out = append(out, m)
	}
	for i := range out {
		sortRoles(out[i].Roles)
	}
	return out
}

func sortRoles(r []Role) {
	slices.SortFunc(r, func(a, b Role) int { return slices.Index(roles, a) - slices.Index(roles, b) })
}

// Serves lists the institutions a person serves, by name, with the roles there.
func Serves(ctx context.Context, tx *db.Tx, personID string) (out []Membership, err error) {
	_, err = db.All(ctx, tx, func(s db.Scanner) (struct{}, error) {
		var m Membership
		var role Role
		err := s.Scan(&m.InstitutionID, &m.Slug, &m.Name, &role)
		out = addMembership(out, m, role)
		return struct{}{}, err
	}, `
		SELECT institution.id, institution.slug, institution.name, membership.role
		FROM membership JOIN institution ON institution.id = membership.institution_id
		WHERE membership.person_id = $1 ORDER BY institution.name, institution.id`, personID)
	for i := range out {
		sortRoles(out[i].Roles)
	}
	return out, err
}

// SetRoles gives a person exactly these roles in an institution; none ends the
// membership. Faults: NotFound for an unknown person, Conflict when the
// institution would be left without an administrator who can sign in.
func SetRoles(ctx context.Context, tx *db.Tx, institutionID, personID string, want []Role, now time.Time) error {
	if err := lock(ctx, tx, institutionID); err != nil {
		return err
	}
	if _, err := ByID(ctx, tx, personID); err != nil {
		return err
	}
	before, err := administrators(ctx, tx, institutionID)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM membership WHERE institution_id = $1 AND person_id = $2`, institutionID, personID); err != nil {
		return err
	}
	for _, r := range want {
		if _, err := tx.Exec(ctx, `INSERT INTO membership (institution_id, person_id, role, created_at) VALUES ($1, $2, $3, $4)`,
			institutionID, personID, string(r), db.At(now)); err != nil {
			return err
		}
	}
	after, err := administrators(ctx, tx, institutionID)
	if err == nil && before > 0 && after == 0 {
		err = fault.Clash("people.last_administrator")
	}
	return err
}

// lock makes changes of one institution's people wait for each other: two
// administrators who remove each other at once must not both succeed.
func lock(ctx context.Context, tx *db.Tx, institutionID string) error {
	n, err := tx.Change(ctx, `UPDATE institution SET version = version WHERE id = $1`, institutionID)
	if err == nil && n == 0 {
		err = fault.Missing("institution.missing")
	}
	return err
}

func administrators(ctx context.Context, tx *db.Tx, institutionID string) (n int, err error) {
	err = tx.QueryRow(ctx, `
		SELECT count(*) FROM membership JOIN person ON person.id = membership.person_id
		WHERE membership.institution_id = $1 AND membership.role = 'administrator' AND person.disabled_at = 0`, institutionID).Scan(&n)
	return n, err
}

// Remove ends a person's work for an institution. Somebody who serves no other
// one is disabled: every session ends and the password is forgotten; an
// invitation brings the account back. Faults: NotFound, Conflict for the last
// administrator.
func Remove(ctx context.Context, tx *db.Tx, institutionID, personID string, now time.Time) error {
	m, err := MemberByID(ctx, tx, institutionID, personID)
	if err != nil {
		return err
	}
	if err := SetRoles(ctx, tx, institutionID, personID, nil, now); err != nil || m.Elsewhere {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE person SET disabled_at = $2, password_hash = '' WHERE id = $1`, personID, db.At(now)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE session SET revoked_at = $2, data = '' WHERE person_id = $1 AND revoked_at = 0`, personID, db.At(now)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM one_time_link WHERE person_id = $1`, personID)
	return err
}

// Enable lets a disabled person sign in again, once a new password is set.
func Enable(ctx context.Context, tx *db.Tx, personID string) error {
	_, err := tx.Exec(ctx, `UPDATE person SET disabled_at = 0 WHERE id = $1`, personID)
	return err
}

// Acting returns a person as the actor in an institution, with no roles when
// there is none. ok is false when the account is disabled or gone.
func Acting(ctx context.Context, tx *db.Tx, personID, institutionID string) (a Actor, ok bool, err error) {
	_, err = db.All(ctx, tx, func(s db.Scanner) (struct{}, error) {
		var role Role
		err := s.Scan(&a.PersonID, &a.Name, &a.Email, &a.Locale, &role)
		if role != "" {
			a.Roles = append(a.Roles, role)
		}
		return struct{}{}, err
	}, `
		SELECT person.id, person.name, person.email, person.locale, COALESCE(membership.role, '')
		FROM person LEFT JOIN membership ON membership.person_id = person.id AND membership.institution_id = $2
		WHERE person.id = $1 AND person.disabled_at = 0`, personID, institutionID)
	a.InstitutionID = institutionID
	sortRoles(a.Roles)
	return a, err == nil && a.PersonID != "", err
}

// Identity returns a person with every institution served, in one query. ok is
// false when the account is disabled or gone.
func Identity(ctx context.Context, tx *db.Tx, personID string) (p Person, serves []Membership, ok bool, err error) {
	_, err = db.All(ctx, tx, func(s db.Scanner) (struct{}, error) {
		dest, read := target(&p)
		var m Membership
		var role Role
		err := s.Scan(append(dest, &m.InstitutionID, &m.Slug, &m.Name, &role)...)
		read()
		if m.InstitutionID != "" {
			serves = addMembership(serves, m, role)
		}
		return struct{}{}, err
	}, `
		SELECT `+columns+`, COALESCE(institution.id, ''), COALESCE(institution.slug, ''), COALESCE(institution.name, ''), COALESCE(membership.role, '')
		FROM person LEFT JOIN membership ON membership.person_id = person.id
			LEFT JOIN institution ON institution.id = membership.institution_id
		WHERE person.id = $1 AND person.disabled_at = 0 ORDER BY institution.name, institution.id`, personID)
	for i := range serves {
		sortRoles(serves[i].Roles)
	}
	return p, serves, err == nil && p.ID != "", err
}

// addMembership adds a role to the last membership, or begins the next one.
func addMembership(all []Membership, m Membership, role Role) []Membership {
	if last := len(all) - 1; last >= 0 && all[last].InstitutionID == m.InstitutionID {
		all[last].Roles = append(all[last].Roles, role)
		return all
	}
	m.Roles = []Role{role}
	return append(all, m)
}

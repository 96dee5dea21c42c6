package institution

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

const columns = `id, slug, name, kind, locale, zone, colour, motto, site_url, privacy_url, accessibility_url,
	legal_url, address, email, phone, keep_days, version, created_at`

func scan(s db.Scanner) (i Institution, err error) {
	var created int64
	err = s.Scan(&i.ID, &i.Slug, &i.Name, &i.Kind, &i.Locale, &i.Zone, &i.Colour, &i.Motto, &i.SiteURL, &i.PrivacyURL,
		&i.AccessibilityURL, &i.LegalURL, &i.Address, &i.Email, &i.Phone, &i.KeepDays, &i.Version, &created)
	i.CreatedAt = db.When(created)
	return i, err
}

// Create stores a new institution with the hosts that lead to it and returns it
// with its identifier. Faults: Invalid, and Conflict when slug or host is taken.
func Create(ctx context.Context, tx *db.Tx, i Institution, now time.Time) (Institution, error) {
	if i.Slug == "" {
		i.Slug = Slug(i.Name)
	}
	if i.Zone == "" {
		i.Zone = "Europe/Rome"
	}
	if i.Locale == "" {
		i.Locale = "it"
	}
	if i.Kind == "" {
		i.Kind = "comune"
	}
	if i.KeepDays == 0 {
		i.KeepDays = DefaultKeepDays
	}
	if err := i.check(); err != nil {
		return i, err
	}
	i.ID, i.Version, i.CreatedAt = db.NewID(), 1, now
	n, err := tx.Change(ctx, `
		INSERT INTO institution (`+columns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
		ON CONFLICT (slug) DO NOTHING`,
		i.ID, i.Slug, i.Name, i.Kind, i.Locale, i.Zone, i.Colour, i.Motto, i.SiteURL, i.PrivacyURL,
		i.AccessibilityURL, i.LegalURL, i.Address, i.Email, i.Phone, i.KeepDays, i.Version, db.At(now))
	if err != nil {
		return i, err
	}
	if n == 0 {
		return i, fault.Clash("institution.slug.taken", i.Slug)
	}
	return i, setHosts(ctx, tx, i.ID, i.Hosts)
}

// Update changes what a person may change of an institution.
func Update(ctx context.Context, tx *db.Tx, i Institution) error {
	if err := i.check(); err != nil {
		return err
	}
	n, err := tx.Change(ctx, `
		UPDATE institution SET name = $2, locale = $3, zone = $4, colour = $5, motto = $6, site_url = $7, privacy_url = $8,
			accessibility_url = $9, legal_url = $10, address = $11, email = $12, phone = $13, keep_days = $14, version = version + 1
		WHERE id = $1`,
		i.ID, i.Name, i.Locale, i.Zone, i.Colour, i.Motto, i.SiteURL, i.PrivacyURL, i.AccessibilityURL, i.LegalURL, i.Address, i.Email, i.Phone, i.KeepDays)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Missing("institution.missing")
	}
	return setHosts(ctx, tx, i.ID, i.Hosts)
}

func setHosts(ctx context.Context, tx *db.Tx, id string, hosts []string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM institution_host WHERE institution_id = $1`, id); err != nil {
		return err
	}
	for _, h := range hosts {
		n, err := tx.Change(ctx, `INSERT INTO institution_host (institution_id, host) VALUES ($1, $2) ON CONFLICT (host) DO NOTHING`, id, h)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Clash("institution.host.taken", h)
		}
	}
	return nil
}

// ByHost returns the institution of a host name. When none claims the host and
// there is exactly one institution, that one answers: a first installation works
// on any address. Fault: NotFound.
func ByHost(ctx context.Context, tx *db.Tx, host string) (Institution, error) {
	all, err := db.All(ctx, tx, scan, `
		SELECT `+columns+` FROM institution
		WHERE id = (SELECT institution_id FROM institution_host WHERE host = $1)
			OR NOT EXISTS (SELECT 1 FROM institution_host WHERE host = $1)
		ORDER BY created_at LIMIT 2`, Host(host))
	if err != nil {
		return Institution{}, err
	}
	if len(all) != 1 {
		return Institution{}, fault.Missing("institution.host.unknown")
	}
	return withHosts(ctx, tx, all[0])
}

// ByID returns an institution. Fault: NotFound.
func ByID(ctx context.Context, tx *db.Tx, id string) (Institution, error) {
	return one(ctx, tx, `id = $1`, id)
}

// BySlug returns an institution. Fault: NotFound.
func BySlug(ctx context.Context, tx *db.Tx, slug string) (Institution, error) {
	return one(ctx, tx, `slug = $1`, slug)
}

func one(ctx context.Context, tx *db.Tx, where, arg string) (Institution, error) {
	i, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM institution WHERE `+where, arg))
	if errors.Is(err, db.ErrNone) {
		return i, fault.Missing("institution.missing")
	}
	if err != nil {
		return i, err
	}
	return withHosts(ctx, tx, i)
}

func withHosts(ctx context.Context, tx *db.Tx, i Institution) (Institution, error) {
	var err error
	i.Hosts, err = db.All(ctx, tx, db.Col[string], `SELECT host FROM institution_host WHERE institution_id = $1 ORDER BY host`, i.ID)
	return i, err
}

// All lists the institutions by name, without their hosts.
func All(ctx context.Context, tx *db.Tx) ([]Institution, error) {
	return db.All(ctx, tx, scan, `SELECT `+columns+` FROM institution ORDER BY name`)
}

const profileColumns = `institution_id, id, slug, name, bio, avatar_hash, four_eyes, four_eyes_answers, position, created_at, archived_at`

func scanProfile(s db.Scanner) (p Profile, err error) {
	var created, archived int64
	err = s.Scan(&p.InstitutionID, &p.ID, &p.Slug, &p.Name, &p.Bio, &p.AvatarHash, &p.FourEyes, &p.FourEyesAnswers, &p.Position, &created, &archived)
	p.CreatedAt, p.ArchivedAt = db.When(created), db.When(archived)
	return p, err
}

// SaveProfile creates a profile, or changes the one with its ID. Faults:
// Invalid, NotFound, Conflict when the slug is taken.
func SaveProfile(ctx context.Context, tx *db.Tx, p Profile, now time.Time) (Profile, error) {
	if p.Slug == "" {
		p.Slug = Slug(p.Name)
	}
	if err := p.check(); err != nil {
		return p, err
	}
	var n int64
	var err error
	if p.ID == "" {
		p.ID, p.CreatedAt = db.NewID(), now
		n, err = tx.Change(ctx, `
			INSERT INTO profile (`+profileColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)
			ON CONFLICT (institution_id, slug) DO NOTHING`,
			p.InstitutionID, p.ID, p.Slug, p.Name, p.Bio, p.AvatarHash, p.FourEyes, p.FourEyesAnswers, p.Position, db.At(now))
		if err == nil && n == 0 {
			err = fault.Clash("profile.slug.taken", p.Slug)
		}
	} else {
		n, err = tx.Change(ctx, `
			UPDATE profile SET slug = $3, name = $4, bio = $5, avatar_hash = $6, four_eyes = $7, four_eyes_answers = $8, position = $9, archived_at = $10
			WHERE institution_id = $1 AND id = $2`,
			p.InstitutionID, p.ID, p.Slug, p.Name, p.Bio, p.AvatarHash, p.FourEyes, p.FourEyesAnswers, p.Position, db.At(p.ArchivedAt))
		switch {
		case errors.Is(err, db.ErrExists):
			err = fault.Clash("profile.slug.taken", p.Slug)
		case err == nil && n == 0:
			err = fault.Missing("profile.missing")
		}
	}
	if err != nil {
		return p, err
	}
	return p, touch(ctx, tx, p.InstitutionID)
}

// archive ends a profile. Fault: Conflict for the last one, without which nothing
// could be said.
func archive(ctx context.Context, tx *db.Tx, p Profile, now time.Time) error {
	// Two profiles archived at once must not both be the last but one.
	if err := touch(ctx, tx, p.InstitutionID); err != nil {
		return err
	}
	all, err := Profiles(ctx, tx, p.InstitutionID)
	if err != nil {
		return err
	}
	if len(all) < 2 {
		return fault.Clash("profile.last")
	}
	p.ArchivedAt = now
	_, err = SaveProfile(ctx, tx, p, now)
	return err
}

// touch grows the institution's version, by which cached pages are known.
func touch(ctx context.Context, tx *db.Tx, id string) error {
	_, err := tx.Exec(ctx, `UPDATE institution SET version = version + 1 WHERE id = $1`, id)
	return err
}

// Profiles lists an institution's profiles that are not archived, in their order.
func Profiles(ctx context.Context, tx *db.Tx, institutionID string) ([]Profile, error) {
	return db.All(ctx, tx, scanProfile, `
		SELECT `+profileColumns+` FROM profile WHERE institution_id = $1 AND archived_at = 0 ORDER BY position, name`, institutionID)
}

// ProfileByID returns a profile, archived or not. Fault: NotFound.
func ProfileByID(ctx context.Context, tx *db.Tx, institutionID, id string) (Profile, error) {
	return oneProfile(ctx, tx, `id = $2`, institutionID, id)
}

// ProfileBySlug returns a profile that is not archived. Fault: NotFound.
func ProfileBySlug(ctx context.Context, tx *db.Tx, institutionID, slug string) (Profile, error) {
	return oneProfile(ctx, tx, `slug = $2 AND archived_at = 0`, institutionID, slug)
}

func oneProfile(ctx context.Context, tx *db.Tx, where, institutionID, arg string) (Profile, error) {
	p, err := scanProfile(tx.QueryRow(ctx, `SELECT `+profileColumns+` FROM profile WHERE institution_id = $1 AND `+where, institutionID, arg))
	if errors.Is(err, db.ErrNone) {
		return p, fault.Missing("profile.missing")
	}
	return p, err
}

// SaveOffice creates an office, or changes the one with its ID.
func SaveOffice(ctx context.Context, tx *db.Tx, o Office) (Office, error) {
	if o.Slug == "" {
		o.Slug = Slug(o.Name)
	}
	if !slugForm.MatchString(o.Slug) {
		return o, fault.InvalidField("name", "office.name.missing")
	}
	if o.ID == "" {
		o.ID = db.NewID()
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO office (institution_id, id, slug, name, email, phone) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (institution_id, id) DO UPDATE SET slug = excluded.slug, name = excluded.name, email = excluded.email, phone = excluded.phone`,
		o.InstitutionID, o.ID, o.Slug, o.Name, o.Email, o.Phone)
	if errors.Is(err, db.ErrExists) {
		return o, fault.Clash("office.slug.taken", o.Slug)
	}
	if err != nil {
		return o, err
	}
	return o, touch(ctx, tx, o.InstitutionID)
}

// Offices lists an institution's offices by name.
func Offices(ctx context.Context, tx *db.Tx, institutionID string) ([]Office, error) {
	return db.All(ctx, tx, func(s db.Scanner) (o Office, err error) {
		err = s.Scan(&o.InstitutionID, &o.ID, &o.Slug, &o.Name, &o.Email, &o.Phone)
		return o, err
	}, `SELECT institution_id, id, slug, name, email, phone FROM office WHERE institution_id = $1 ORDER BY name`, institutionID)
}

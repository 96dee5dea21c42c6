package comments

import (
	"context"
	"errors"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// Hold says whose comments wait for approval before others see them.
type Hold string

// Who waits.
const (
	HoldAll Hold = "all" // everybody
	HoldNew Hold = "new" // who has no approved comment yet
)

// Setting is what an institution chose about comments.
type Setting struct {
	Enabled   bool
	CloseDays int // after publication; 0: never
	Hold      Hold
	Silent    []string // profiles whose messages take no comments
}

// settingOf is an institution's choice. Without one messages can be commented for
// three months, and everything waits for approval.
func settingOf(ctx context.Context, tx *db.Tx, institutionID string) (Setting, error) {
	s := Setting{Enabled: true, CloseDays: 90, Hold: HoldAll}
	err := tx.QueryRow(ctx, `SELECT enabled, close_days, hold FROM comment_setting WHERE institution_id = $1`, institutionID).Scan(&s.Enabled, &s.CloseDays, &s.Hold)
	if err != nil && !errors.Is(err, db.ErrNone) {
		return s, err
	}
	s.Silent, err = db.All(ctx, tx, db.Col[string], `SELECT profile_id FROM comment_silent WHERE institution_id = $1 ORDER BY profile_id`, institutionID)
	return s, err
}

// save stores the choice. Fault: Invalid.
func (s Setting) save(ctx context.Context, tx *db.Tx, institutionID string) error {
	if s.CloseDays < 0 || s.CloseDays > 3650 {
		return fault.InvalidField("close_days", "fault.field.range", 0, 3650)
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO comment_setting (institution_id, enabled, close_days, hold) VALUES ($1, $2, $3, $4)
		ON CONFLICT (institution_id) DO UPDATE SET enabled = excluded.enabled, close_days = excluded.close_days, hold = excluded.hold`,
		institutionID, s.Enabled, s.CloseDays, s.Hold); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM comment_silent WHERE institution_id = $1`, institutionID); err != nil {
		return err
	}
	for _, p := range s.Silent {
		if _, err := tx.Exec(ctx, `INSERT INTO comment_silent (institution_id, profile_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, institutionID, p); err != nil {
			return err
		}
	}
	return refresh(ctx, tx, institutionID)
}

// subject is the message that a comment is about.
type subject struct {
	ID, ProfileID, Slug, Title, Lang string
	PublishedAt                      time.Time
}

// subjectBySlug finds a message that is out. Fault: NotFound.
func subjectBySlug(ctx context.Context, tx *db.Tx, institutionID, slug string) (m subject, err error) {
	return findSubject(ctx, tx, `slug = $2`, institutionID, slug)
}

// subjectByID finds a message that is out. Fault: NotFound.
func subjectByID(ctx context.Context, tx *db.Tx, institutionID, id string) (m subject, err error) {
	return findSubject(ctx, tx, `message_id = $2`, institutionID, id)
}

func findSubject(ctx context.Context, tx *db.Tx, where, institutionID, arg string) (m subject, err error) {
	var at int64
	err = tx.QueryRow(ctx, `SELECT message_id, profile_id, slug, title, lang, published_at FROM publication WHERE institution_id = $1 AND withdrawn_at = 0 AND `+where,
		institutionID, arg).Scan(&m.ID, &m.ProfileID, &m.Slug, &m.Title, &m.Lang, &at)
	if errors.Is(err, db.ErrNone) {
		err = fault.Missing("site.message.missing")
	}
	m.PublishedAt = db.When(at)
	return m, err
}

// Path is the address of the message's page.
func (m subject) Path() string { return "/m/" + m.Slug }

// takes reports whether a message can be commented now. Fault: Conflict, which says
// why not.
func (s Setting) takes(m subject, now time.Time) error {
	switch {
	case !s.Enabled, slices.Contains(s.Silent, m.ProfileID):
		return fault.Clash("comments.off")
	case s.CloseDays > 0 && now.After(m.PublishedAt.AddDate(0, 0, s.CloseDays)):
		return fault.Clash("comments.closed")
	}
	return nil
}

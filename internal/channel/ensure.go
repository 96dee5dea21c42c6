package channel

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/secret"
)

// Ensure returns the channel of a profile on a square that nobody connects
// because it is the site itself: comments there, pages that link to it. It is
// made when something is heard for the first time.
func Ensure(ctx context.Context, tx *db.Tx, box *secret.Box, institutionID, profileID string, p Platform, a Account, now time.Time) (Channel, error) {
	find := func() (Channel, error) {
		return scan(tx.QueryRow(ctx, `
			SELECT `+columns+` FROM channel
			WHERE institution_id = $1 AND profile_id = $2 AND platform = $3 AND state <> 'disconnected' ORDER BY created_at, id LIMIT 1`,
			institutionID, profileID, p))
	}
	c, err := find()
	if !errors.Is(err, db.ErrNone) {
		return c, err
	}
	// Two who come first at the same time must find one channel: the profile's row
	// lets one through after the other.
	if _, err := tx.Exec(ctx, `UPDATE profile SET position = position WHERE institution_id = $1 AND id = $2`, institutionID, profileID); err != nil {
		return c, err
	}
	if c, err = find(); !errors.Is(err, db.ErrNone) {
		return c, err
	}
	return Save(ctx, tx, box, Channel{InstitutionID: institutionID, ProfileID: profileID, Platform: p}, a, now)
}

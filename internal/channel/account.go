package channel

import (
	"context"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// register enters the names by which a channel's account is known on its platform.
// Fault: Invalid when another channel of the institution has one of them.
func (c Channel) register(ctx context.Context, tx *db.Tx, names []string) error {
	if err := forgetNames(ctx, tx, c.InstitutionID, c.ID); err != nil {
		return err
	}
	if err := c.unregistered(ctx, tx); err != nil {
		return err
	}
	for _, name := range names {
		n, err := c.enter(ctx, tx, name)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		var holder string
		if err := tx.QueryRow(ctx, `SELECT channel_id FROM channel_account WHERE institution_id = $1 AND platform = $2 AND name = $3`,
			c.InstitutionID, c.Platform, name).Scan(&holder); err != nil {
			return err
		}
		return taken(ctx, tx, c.InstitutionID, holder)
	}
	return nil
}

// unregistered looks for a channel that has the account and was connected before
// names were kept: it is known by server and handle.
func (c Channel) unregistered(ctx context.Context, tx *db.Tx) error {
	if c.Handle == "" || slices.Contains(own, c.Platform) {
		return nil
	}
	ids, err := db.All(ctx, tx, db.Col[string], `
		SELECT id FROM channel
		WHERE institution_id = $1 AND platform = $2 AND id <> $3 AND state <> 'disconnected' AND lower(server) = $4 AND lower(handle) = $5
			AND NOT EXISTS (SELECT 1 FROM channel_account a WHERE a.institution_id = $1 AND a.channel_id = channel.id)`,
		c.InstitutionID, c.Platform, c.ID, strings.ToLower(c.Server), strings.ToLower(c.Handle))
	if err != nil || len(ids) == 0 {
		return err
	}
	return taken(ctx, tx, c.InstitutionID, ids[0])
}

// taken is the fault of an account that another channel has.
func taken(ctx context.Context, tx *db.Tx, institutionID, holder string) error {
	var name, profile string
	if err := tx.QueryRow(ctx, `
		SELECT c.name, p.name FROM channel c JOIN profile p ON p.institution_id = c.institution_id AND p.id = c.profile_id
		WHERE c.institution_id = $1 AND c.id = $2`, institutionID, holder).Scan(&name, &profile); err != nil {
		return err
	}
	return fault.InvalidField("account", "channel.connect.taken", name, profile)
}

// know enters the names of an account that was connected before they were kept.
// Where another channel has one, that one is right until a person connects anew.
func (c Channel) know(ctx context.Context, tx *db.Tx, names []string) error {
	for _, name := range names {
		if _, err := c.enter(ctx, tx, name); err != nil {
			return err
		}
	}
	return nil
}

// enter gives a name to a channel, unless a channel has it.
func (c Channel) enter(ctx context.Context, tx *db.Tx, name string) (int64, error) {
	return tx.Change(ctx, `
		INSERT INTO channel_account (institution_id, platform, name, channel_id) VALUES ($1, $2, $3, $4)
		ON CONFLICT (institution_id, platform, name) DO NOTHING`, c.InstitutionID, c.Platform, name, c.ID)
}

func forgetNames(ctx context.Context, tx *db.Tx, institutionID, channelID string) error {
	_, err := tx.Exec(ctx, `DELETE FROM channel_account WHERE institution_id = $1 AND channel_id = $2`, institutionID, channelID)
	return err
}

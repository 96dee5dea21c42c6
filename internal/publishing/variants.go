package publishing

import (
	"context"
	"fmt"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// checkVariants refuses words for a channel that will never say them: one that is
// not there, is another profile's, or has words twice.
func checkVariants(ctx context.Context, tx *db.Tx, institutionID string, c Content) error {
	var f fault.Fields
	seen := map[string]bool{}
	for i, v := range c.Variants {
		field := fmt.Sprintf("variants.%d.channel_id", i)
		if seen[v.ChannelID] {
			f.Add(field, "message.variant.twice")
		}
		seen[v.ChannelID] = true
		ch, err := channel.ByID(ctx, tx, institutionID, v.ChannelID)
		switch {
		case fault.Is(err, fault.NotFound):
			f.Add(field, "message.variant.unknown")
		case err != nil:
			return err
		case ch.ProfileID != c.ProfileID && (v.Edited || v.Warning != ""):
			f.Add(field, "message.variant.other")
		}
	}
	return f.Err()
}

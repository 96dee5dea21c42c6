package auth

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/limit"
)

// AllowToken counts an API request; it is api.Options.Allow.
func (s *Service) AllowToken(ctx context.Context, tokenID string, now time.Time) (wait time.Duration, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		wait, err = s.limits.Take(ctx, tx, now, limit.Tokens.Of(tokenID))
		return err
	})
	return wait, err
}

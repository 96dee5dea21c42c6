package auth

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// Limit is a bucket of attempts: Burst at once, then one Every so often. It is
// kept in the database as the moment at which the bucket is full again (generic
// cell rate algorithm), so that all nodes count together and a bucket costs one row.
type Limit struct {
	Name  string
	Every time.Duration
	Burst int
}

// The limits. See the package comment for how they work together.
func limitNetwork() Limit { return Limit{"network", 10 * time.Second, 60} }
func limitPlace() Limit   { return Limit{"account-network", time.Minute, 8} }
func limitAccount() Limit { return Limit{"account", 5 * time.Minute, 60} }
func limitDevice() Limit  { return Limit{"device", time.Minute, 15} }
func limitCode() Limit    { return Limit{"code", 2 * time.Minute, 6} }
func limitMail() Limit    { return Limit{"mail", 20 * time.Minute, 3} }
func limitLink() Limit    { return Limit{"link", 10 * time.Second, 30} }
func limitToken() Limit   { return Limit{"token", 100 * time.Millisecond, 300} }

func (s *Service) bucket(l Limit, of string) string { return s.box.MAC("limit", l.Name+"/"+of) }

// take counts an attempt. wait is 0 when it may go on, else how long until the
// next one may.
func (s *Service) take(ctx context.Context, tx *db.Tx, l Limit, of string, now time.Time) (wait time.Duration, err error) {
	bucket := s.bucket(l, of)
	limit := now.Add(time.Duration(l.Burst-1) * l.Every)
	n, err := tx.Change(ctx, `
		INSERT INTO rate_limit (bucket, full_at) VALUES ($1, $2)
		ON CONFLICT (bucket) DO UPDATE
			SET full_at = CASE WHEN rate_limit.full_at > $3 THEN rate_limit.full_at + $4 ELSE $2 END
			WHERE rate_limit.full_at <= $5`,
		bucket, db.At(now.Add(l.Every)), db.At(now), l.Every.Microseconds(), db.At(limit))
	if err != nil || n == 1 {
		return 0, err
	}
	var full int64
	if err := tx.QueryRow(ctx, `SELECT full_at FROM rate_limit WHERE bucket = $1`, bucket).Scan(&full); err != nil {
		return 0, err
	}
	return max(db.When(full).Sub(limit), time.Millisecond), nil
}

// giveBack returns an attempt that turned out to be no guess.
func (s *Service) giveBack(ctx context.Context, tx *db.Tx, l Limit, of string) error {
	_, err := tx.Exec(ctx, `UPDATE rate_limit SET full_at = full_at - $2 WHERE bucket = $1`, s.bucket(l, of), l.Every.Microseconds())
	return err
}

// AllowToken counts an API request; it is api.Options.Allow.
func (s *Service) AllowToken(ctx context.Context, tokenID string, now time.Time) (wait time.Duration, err error) {
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		wait, err = s.take(ctx, tx, limitToken(), tokenID, now)
		return err
	})
	return wait, err
}

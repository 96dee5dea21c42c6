package db

import (
	"context"
	"time"
)

// Limit is a bucket of attempts: Burst at once, then one Every so often. It is
// kept as the moment at which the bucket is full again (generic cell rate
// algorithm), so that all nodes count together and a bucket costs one row.
type Limit struct {
	Every time.Duration
	Burst int
}

// Allow counts an attempt in a bucket and reports whether it may go on. The
// bucket's name is stored: what would tell who somebody is must be hashed first.
func (l Limit) Allow(ctx context.Context, tx *Tx, bucket string, now time.Time) (bool, error) {
	n, err := tx.Change(ctx, `
		INSERT INTO rate_limit (bucket, full_at) VALUES ($1, $2)
		ON CONFLICT (bucket) DO UPDATE SET full_at = CASE WHEN rate_limit.full_at > $3 THEN rate_limit.full_at + $4 ELSE $2 END
			WHERE rate_limit.full_at <= $5`,
		bucket, At(now.Add(l.Every)), At(now), l.Every.Microseconds(), At(now.Add(time.Duration(l.Burst-1)*l.Every)))
	return n == 1, err
}

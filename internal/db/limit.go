package db

import (
	"context"
	"errors"
	"time"
)

// Limit is a bucket of attempts: Burst at once, then one Every so often. It is
// kept as the moment at which the bucket is full again (generic cell rate
// algorithm), so that all nodes count together and a bucket costs one row. What is
// limited, and how much, is the table of package limit.
type Limit struct {
	Every time.Duration
	Burst int
}

// setBack is how far a clock must have been set back for buckets to begin anew. Less
// is no such thing: of two attempts at the same moment the one whose time is a little
// earlier may be counted last, and must not find the bucket full again.
const setBack = 2 * time.Minute

// Take counts an attempt in a bucket. wait is 0 when it may go on, else how long
// until the next one may. The bucket's name is stored: what would tell who somebody
// is must be hashed first.
func (l Limit) Take(ctx context.Context, tx *Tx, bucket string, now time.Time) (wait time.Duration, err error) {
	most, farthest := now.Add(time.Duration(l.Burst-1)*l.Every), now.Add(time.Duration(l.Burst)*l.Every+setBack)
	// A bucket that is much emptier than empty was counted by a clock that was set back
	// since: it begins anew.
	n, err := tx.Change(ctx, `
		INSERT INTO rate_limit (bucket, full_at) VALUES ($1, $2)
		ON CONFLICT (bucket) DO UPDATE SET full_at = CASE WHEN rate_limit.full_at > $3 AND rate_limit.full_at <= $6 THEN rate_limit.full_at + $4 ELSE $2 END
			WHERE rate_limit.full_at <= $5 OR rate_limit.full_at > $6`,
		bucket, At(now.Add(l.Every)), At(now), l.Every.Microseconds(), At(most), At(farthest))
	if err != nil || n == 1 {
		return 0, err
	}
	var full int64
	err = tx.QueryRow(ctx, `SELECT full_at FROM rate_limit WHERE bucket = $1`, bucket).Scan(&full)
	if errors.Is(err, ErrNone) { // it has been forgotten since: it was full
		return time.Millisecond, nil
	}
	if err != nil {
		return 0, err
	}
	return max(When(full).Sub(most), time.Millisecond), nil
}

// Spent reports whether the next attempt would be refused. It counts nothing.
func (l Limit) Spent(ctx context.Context, tx *Tx, bucket string, now time.Time) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM rate_limit WHERE bucket = $1 AND full_at > $2`,
		bucket, At(now.Add(time.Duration(l.Burst-1)*l.Every))).Scan(&n)
	return n > 0, err
}

// GiveBack returns an attempt that turned out to be none.
func (l Limit) GiveBack(ctx context.Context, tx *Tx, bucket string) error {
	_, err := tx.Exec(ctx, `UPDATE rate_limit SET full_at = full_at - $2 WHERE bucket = $1`, bucket, l.Every.Microseconds())
	return err
}

package db

import (
	"context"
	"time"
)

// Clocks are corrected, and then what was written before may lie in a future that
// it could not have: a lease of two minutes that runs for an hour, a bucket that is
// full only tomorrow. The rule, everywhere:
//
//	A moment that the program sets lies no farther ahead than it can have been
//	set now. What does was written before the clock was set back, and counts as
//	if it had been written now.
//
// What people set (when a message goes out, until when somebody is away) is theirs
// and stays. In memory no rule is needed: Go compares by a clock that never jumps.

// Moment is a column of the times that the program itself sets ahead: a lease, a
// wait. Most is the farthest that one is set ahead, or, for a wait that may be
// longer, what it is cut down to.
type Moment struct {
	Table, Column string
	Most          time.Duration
}

// Rewind brings back what lies farther ahead than it can, after the clock was set
// back, and returns how many moments that were. A lease then runs for its whole
// length from now, so that a worker that has it does not lose it.
func Rewind(ctx context.Context, tx *Tx, moments []Moment, now time.Time) (n int64, err error) {
	for _, m := range moments {
		changed, err := tx.Change(ctx, `UPDATE `+m.Table+` SET `+m.Column+` = $1 WHERE `+m.Column+` > $1`, At(now.Add(m.Most)))
		if err != nil {
			return n, err
		}
		n += changed
	}
	return n, nil
}

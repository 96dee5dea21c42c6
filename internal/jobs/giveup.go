package jobs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river/rivertype"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// GivenUp is work of a kind that was given up for good, for one reason.
type GivenUp struct {
	Kind   string
	Reason string // a code: keys of faults; never a text of others
	Times  int64
	Last   time.Time
}

// final reports whether an error ends a job for good, and it is not a success.
func final(j *rivertype.JobRow, err error) bool {
	var snooze *rivertype.JobSnoozeError
	var cancel *rivertype.JobCancelError
	switch {
	case errors.As(err, &snooze):
		return false
	case errors.As(err, &cancel):
		return true
	}
	return j.Attempt >= j.MaxAttempts
}

// reasonOf is why, without what the error says of persons.
func reasonOf(err error) string {
	f := fault.Of(err)
	var keys []string
	for _, one := range f.Fields {
		keys = append(keys, one.Name+": "+one.Key)
	}
	if len(keys) == 0 {
		return f.Text.Key
	}
	slices.Sort(keys)
	return strings.Join(slices.Compact(keys), ", ")
}

// giveUp logs and counts work that will not be done any more: nothing vanishes
// without a trace.
func (p *Pool) giveUp(ctx context.Context, j *rivertype.JobRow, err error) {
	reason := reasonOf(err)
	p.log.ErrorContext(ctx, "work given up", "kind", j.Kind, "job", j.ID, "attempts", j.Attempt, "reason", reason)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	werr := p.db.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO given_up (kind, reason, times, first_at, last_at) VALUES ($1, $2, 1, $3, $3)
			ON CONFLICT (kind, reason) DO UPDATE SET times = given_up.times + 1, last_at = excluded.last_at`, j.Kind, reason, db.At(time.Now()))
		return err
	})
	if werr != nil {
		p.log.ErrorContext(ctx, "count work given up", "kind", j.Kind, "error", werr)
	}
}

// Lost lists what was given up since a moment, the latest first.
func Lost(ctx context.Context, tx *db.Tx, since time.Time) ([]GivenUp, error) {
	return db.All(ctx, tx, func(s db.Scanner) (g GivenUp, err error) {
		var last int64
		err = s.Scan(&g.Kind, &g.Reason, &g.Times, &last)
		g.Last = db.When(last)
		return g, err
	}, `SELECT kind, reason, times, last_at FROM given_up WHERE last_at >= $1 ORDER BY last_at DESC, kind, reason LIMIT 100`, db.At(since))
}

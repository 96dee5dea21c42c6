package retain

import (
	"context"
	"fmt"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// Kind is what an outcome was counted of.
type Kind string

// The kinds of counts.
const (
	Letter   Kind = "letter"   // of an issue of the newsletter
	Notice   Kind = "notice"   // of a notice to browsers
	Activity Kind = "activity" // of an activity on the Fediverse
)

// Counts is the table of what remains of Counted rows.
const Counts = "outcome_count"

// Counted is the step for rows of which a count remains: how many of each state their
// subject had. where is as in Rows; of is the column that names the subject, and the
// last of key follows it.
func Counted(kind Kind, table, of, where string, key ...string) Step {
	columns := strings.Join(key, ", ")
	q := fmt.Sprintf(`DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s WHERE %[3]s LIMIT $2) RETURNING institution_id, %[4]s, state`, table, columns, where, of)
	type outcome struct{ institution, subject, state string }
	return func(ctx context.Context, tx *db.Tx, before time.Time, n int) (int, error) {
		gone, err := db.All(ctx, tx, func(s db.Scanner) (o outcome, err error) {
			err = s.Scan(&o.institution, &o.subject, &o.state)
			return o, err
		}, q, db.At(before), n)
		if err != nil {
			return 0, err
		}
		counts := map[outcome]int{}
		for _, o := range gone {
			counts[o]++
		}
		for o, n := range counts {
			if _, err := tx.Exec(ctx, `
				INSERT INTO outcome_count AS c (institution_id, kind, subject_id, outcome, n) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (institution_id, kind, subject_id, outcome) DO UPDATE SET n = c.n + excluded.n`,
				o.institution, kind, o.subject, o.state, n); err != nil {
				return 0, err
			}
		}
		return len(gone), nil
	}
}

// Remaining reads the counts that remain of some subjects, by subject and outcome.
func Remaining(ctx context.Context, tx *db.Tx, institutionID string, kind Kind, subjects []string) (map[string]map[string]int, error) {
	all := map[string]map[string]int{}
	if len(subjects) == 0 {
		return all, nil
	}
	args := []any{institutionID, kind}
	var marks []string
	for _, s := range subjects {
		args = append(args, s)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	_, err := db.All(ctx, tx, func(s db.Scanner) (struct{}, error) {
		var subject, outcome string
		var n int
		err := s.Scan(&subject, &outcome, &n)
		if all[subject] == nil {
			all[subject] = map[string]int{}
		}
		all[subject][outcome] = n
		return struct{}{}, err
	}, `SELECT subject_id, outcome, n FROM outcome_count WHERE institution_id = $1 AND kind = $2 AND subject_id IN (`+strings.Join(marks, ", ")+`)`, args...)
	return all, err
}

// Package retain bounds what would grow for ever.
//
// Each domain says in Rules which of its rows are let go of, when, and what remains
// as a count; the hourly tidy of package app works through all of them with Work, in
// batches, so that nobody who writes waits for long. The administrator's guides print
// the table, and a test holds the schema to it: a table of rows is in a rule, or it
// is said why it needs none.
package retain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// Rule is one kind of row that is let go of.
type Rule struct {
	// Table is whose rows go. It names the words of the guides: "retain.row.TABLE"
	// says which rows, "retain.rest.TABLE" what remains of them.
	Table string
	// Keep is how long the rows stay after what the words say; 0: they name their own end.
	Keep time.Duration
	// Setting is where Keep is changed: a name of package config, or Institution; ""
	// when it is fixed.
	Setting string
	// Into is the table of counts that remain; "" when none do.
	Into string
	// Step lets go of some rows.
	Step Step
}

// Institution is the Setting of what each institution decides for itself, on its
// page. Keep is then the default, and the step is given the present.
const Institution = "institution.keep_days"

// Step lets go of at most n rows whose time was up before a moment, and returns how
// many went: it is called again until none do. It runs in a transaction of its own,
// may end with the process after any, and may run on two nodes at once.
type Step func(ctx context.Context, tx *db.Tx, before time.Time, n int) (int, error)

// Text is the key of the words that say which rows go, and after what.
func (r Rule) Text() string { return "retain.row." + r.Table }

// Rest is the key of the words that say what remains.
func (r Rule) Rest() string { return "retain.rest." + r.Table }

// After is the words for Keep, and how many days they are about.
func (r Rule) After() (key string, days int) {
	if r.Keep == 0 {
		return "retain.end", 0
	}
	return "retain.days", int((r.Keep + Days(1) - 1) / Days(1))
}

// By is the words for where Keep is changed; "" when Setting itself says it.
func (r Rule) By() (key string) {
	switch r.Setting {
	case "":
		return "retain.fixed"
	case Institution:
		return "retain.institution"
	}
	return ""
}

// Days is a setting of package config, as a time.
func Days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// Rows is the step for rows that simply go: those of table for which where holds, $1
// being the moment. key are the columns of its primary key.
func Rows(table, where string, key ...string) Step {
	columns := strings.Join(key, ", ")
	q := fmt.Sprintf(`DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s WHERE %[3]s LIMIT $2)`, table, columns, where)
	return func(ctx context.Context, tx *db.Tx, before time.Time, n int) (int, error) {
		gone, err := tx.Change(ctx, q, db.At(before), n)
		return int(gone), err
	}
}

const (
	// batch is how many rows go in one transaction: some ten milliseconds of SQLite's
	// one writer.
	batch = 500
	// turn is how long one rule may work before the next has its turn; what is left
	// goes in the next hour.
	turn = 5 * time.Minute
)

// Work applies the rules. A rule that fails does not keep the others from their work.
// log may be nil.
func Work(ctx context.Context, d *db.DB, rules []Rule, now time.Time, log *slog.Logger) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var all error
	for _, r := range rules {
		gone, err := r.work(ctx, d, now)
		if gone > 0 {
			log.InfoContext(ctx, "rows are past their time", "table", r.Table, "rows", gone)
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("tidy %s: %w", r.Table, err))
		}
	}
	return all
}

// before is the moment that the step is given.
func (r Rule) before(now time.Time) time.Time {
	if r.Setting == Institution {
		return now // the step asks each institution
	}
	return now.Add(-r.Keep)
}

func (r Rule) work(ctx context.Context, d *db.DB, now time.Time) (gone int, err error) {
	end := time.Now().Add(turn)
	for time.Now().Before(end) && ctx.Err() == nil {
		began, some := time.Now(), 0
		err := d.InTx(ctx, func(tx *db.Tx) (err error) {
			some, err = r.Step(ctx, tx, r.before(now), batch)
			return err
		})
		if err != nil || some == 0 {
			return gone, err
		}
		gone += some
		// The others have the writer for as long as we had it.
		select {
		case <-ctx.Done():
		case <-time.After(time.Since(began)):
		}
	}
	return gone, ctx.Err()
}

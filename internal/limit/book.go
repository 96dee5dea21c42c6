package limit

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/secret"
)

// Spend is an attempt, and what it counts against.
type Spend struct {
	rule    Rule
	of      string
	network Network
	from    bool // counted by network
}

// Of counts an attempt for a name: a person, a mailbox, a host.
func (r Rule) Of(name string) Spend { return Spend{rule: r, of: name} }

// From counts an attempt for the networks of a stranger.
func (r Rule) From(n Network) Spend { return Spend{rule: r, network: n, from: true} }

// And narrows what is counted: an account from a network, a network in an institution.
func (s Spend) And(name string) Spend { s.of = name + "/" + s.of; return s }

// bucket is one row: its name, and how it fills.
type bucket struct {
	name  string
	limit db.Limit
}

func (b Book) buckets(s Spend) []bucket {
	l := s.rule.Line()
	// The name is stored as a keyed hash: what is counted may be an address.
	name := func(of string) string { return b.box.MAC("limit", l.Name+"/"+of) }
	if !s.from {
		return []bucket{{name(s.of), db.Limit{Every: l.Every, Burst: l.Burst}}}
	}
	var all []bucket
	for _, n := range s.network.shares() {
		all = append(all, bucket{name(s.of + n.name), db.Limit{Every: l.Every / time.Duration(n.times), Burst: l.Burst * n.times}})
	}
	return all
}

// Book counts attempts, in the table rate_limit. Safe for concurrent use.
type Book struct{ box *secret.Box }

// NewBook makes a Book that names its buckets by a keyed hash.
func NewBook(box *secret.Box) Book { return Book{box} }

// Take counts an attempt against each of spends, in their order. wait is 0 when it
// may go on, else how long until the next one may: then nothing further was counted,
// and what was stays if the transaction commits.
func (b Book) Take(ctx context.Context, tx *db.Tx, now time.Time, spends ...Spend) (wait time.Duration, err error) {
	for _, s := range spends {
		for _, k := range b.buckets(s) {
			if wait, err := k.limit.Take(ctx, tx, k.name, now); err != nil || wait > 0 {
				return wait, err
			}
		}
	}
	return 0, nil
}

// Spent reports whether the next attempt of a Spend would be refused. It counts nothing.
func (b Book) Spent(ctx context.Context, tx *db.Tx, now time.Time, s Spend) (bool, error) {
	for _, k := range b.buckets(s) {
		if spent, err := k.limit.Spent(ctx, tx, k.name, now); err != nil || spent {
			return spent, err
		}
	}
	return false, nil
}

// GiveBack returns attempts that turned out to be no guesses.
func (b Book) GiveBack(ctx context.Context, tx *db.Tx, spends ...Spend) error {
	for _, s := range spends {
		for _, k := range b.buckets(s) {
			if err := k.limit.GiveBack(ctx, tx, k.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Forget lets go of at most n buckets that were full again before a moment and,
// beyond what is kept, of those that will be soonest. It is a retain.Step.
func Forget(ctx context.Context, tx *db.Tx, before time.Time, n int) (int, error) {
	const some = `DELETE FROM rate_limit WHERE bucket IN (SELECT bucket FROM rate_limit WHERE full_at < $1 LIMIT $2)`
	if gone, err := tx.Change(ctx, some, db.At(before), n); err != nil || gone > 0 {
		return int(gone), err
	}
	var last int64 // of those that are kept
	err := tx.QueryRow(ctx, `SELECT COALESCE((SELECT full_at FROM rate_limit ORDER BY full_at DESC LIMIT 1 OFFSET $1), 0)`, Buckets.N()-1).Scan(&last)
	if err != nil || last == 0 {
		return 0, err
	}
	gone, err := tx.Change(ctx, some, last, n)
	return int(gone), err
}

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

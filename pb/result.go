package pb

import (
	"math/big"
	"sync"
)

// Phase says which part of a rule funded a project.
type Phase string

// The phases.
const (
	PhaseFixed    Phase = "fixed"    // before the vote, by the options
	PhaseShares   Phase = "shares"   // bought by its supporters' equal shares
	PhaseGreedy   Phase = "greedy"   // by satisfaction for money, or votes
	PhasePhragmen Phase = "phragmen" // by sequential Phragmén
)

// Result is the outcome of a rule.
type Result struct {
	Instance *Instance
	Rule     Rule
	Options  Options
	Winners  []int   // places in Instance.Projects, in order of selection (Phragmén: by id)
	Phases   []Phase // of each winner
	Cost     Amount
	// Rounds are the purchases of Equal Shares or Phragmén in their order, with
	// the exact price; empty for greedy rules.
	Rounds []Round
	// StartEndowment and Endowment are what each voter got, in currency units,
	// at the start and after the completion raised it; for Phragmén both are
	// the last load. Zero for greedy rules.
	StartEndowment, Endowment *big.Rat
	Steps                     int64 // by which a completion raised the endowment
	Effort                    Effort

	m       *mesInput // of the shares family
	enum    int64     // endowment times voters, in smallest units
	hope    *hopes    // of Phragmén
	explain sync.Once
	reasons []Explanation
}

// Effort says what a tally took, for measurements.
type Effort struct {
	Runs     int64 // of Equal Shares
	Skipped  int64 // steps decided without a run of their own
	Exact    int64 // candidates that needed exact arithmetic
	Refreshs int64 // times all money was computed anew from exact rates
}

// Round is one purchase.
type Round struct {
	Project int
	// Rate is the exact price: what one unit of utility costs a supporter, ρ in
	// the literature. For cost utilities a supporter's full payment is Rate
	// times the project's cost in currency units; for the others Rate times the
	// utility. For Phragmén it is the load of the supporters afterwards.
	Rate *big.Rat
	// Payment is the most that a supporter paid, in currency units, for utilities
	// that are the same for all supporters; nil for others.
	Payment *big.Rat
	// FullPayers paid Payment (or Rate times their utility), PoorPayers all they
	// had left, which was less but more than nothing.
	FullPayers, PoorPayers int64
	// EffectiveVotes is cost/Payment: how many full payers the payments amount
	// to; nil when payments differ by utility.
	EffectiveVotes *big.Rat
}

// Won says whether a project was funded.
func (r *Result) Won(project int) bool {
	for _, w := range r.Winners {
		if w == project {
			return true
		}
	}
	return false
}

// WinnerIDs lists the ids of the funded projects in order of selection.
func (r *Result) WinnerIDs() []string {
	ids := make([]string, len(r.Winners))
	for i, w := range r.Winners {
		ids[i] = r.Instance.Projects[w].ID
	}
	return ids
}

// wonSet marks the funded projects.
func (r *Result) wonSet() []bool {
	won := make([]bool, len(r.Instance.Projects))
	for _, w := range r.Winners {
		won[w] = true
	}
	return won
}

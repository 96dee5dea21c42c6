package pb

import "slices"

// Why says why a project was not funded, or that it was.
type Why string

// The reasons of an Explanation.
const (
	WhyFunded      Why = "funded"
	WhyExcluded    Why = "excluded"     // by the options
	WhyOverBudget  Why = "over_budget"  // dearer than the whole budget
	WhyNoSupport   Why = "no_support"   // nobody voted for it
	WhySpent       Why = "spent"        // its supporters had spent too much on other winners
	WhyTooLittle   Why = "too_little"   // its supporters could not have paid for it even at first
	WhyDidNotFit   Why = "did_not_fit"  // greedy: its turn came when too little was left
	WhyStopped     Why = "stopped"      // Phragmén, no-skip: the rule had stopped before its turn
	WhyThreshold   Why = "threshold"    // under the city's threshold
	WhyConstrained Why = "incompatible" // a limit of the options dropped it
)

// Explanation says how a project fared. Sums of money are in currency units,
// correct to about nine digits: they inform, they decide nothing.
type Explanation struct {
	Project int
	Why     Why
	Votes   int64
	// Round is the place among the Rounds that bought the project, or, for a
	// loser of Equal Shares, the round after which its supporters could no
	// longer pay for it; -1 if neither.
	Round int
	// MoneyAtFirst is what its supporters got, MoneyThen what they had left when
	// they could no longer pay for it, MoneyLeft what they had at the end.
	MoneyAtFirst, MoneyThen, MoneyLeft float64
	// Took lists the winners for which its supporters paid instead, the largest
	// sum first.
	Took []Taking
	// WinsAtCost is the largest cost at which it would have been funded, with
	// everything else as it was (and, for Equal Shares, the same endowment); 0 if
	// none. EffectiveSupport is WinsAtCost over its cost: 1 for the funded.
	WinsAtCost       Amount
	EffectiveSupport float64
	// ExtraVotes is how many more votes it would have needed: for Equal Shares
	// from people who had spent nothing yet. 0 for the funded, -1 if no number
	// would do.
	ExtraVotes int64
}

// Taking is money that went to a winner.
type Taking struct {
	Project int
	Money   float64
}

// Explain says how a project fared. The first call works out all projects.
func (r *Result) Explain(project int) Explanation {
	return r.Explanations()[project]
}

// Explanations returns the explanation of every project, in the order of the
// instance.
func (r *Result) Explanations() []Explanation {
	r.explain.Do(func() {
		r.reasons = make([]Explanation, len(r.Instance.Projects))
		won := r.wonSet()
		for p := range r.reasons {
			x := &r.reasons[p]
			*x = Explanation{Project: p, Votes: r.Instance.Projects[p].Votes, Round: -1, ExtraVotes: -1}
			if won[p] {
				x.Why, x.EffectiveSupport, x.ExtraVotes = WhyFunded, 1, 0
				x.WinsAtCost = r.Instance.Projects[p].Cost
			}
		}
		for k, rd := range r.Rounds {
			r.reasons[rd.Project].Round = k
		}
		if r.Rule.Family == FamilyShares && r.m != nil {
			r.explainShares(won)
		} else {
			r.explainOrder(won)
		}
	})
	return r.reasons
}

// dismiss names the reasons that have nothing to do with how others voted.
func (r *Result) dismiss(x *Explanation, supported bool) bool {
	p := &r.Instance.Projects[x.Project]
	lim, _ := r.Options.Limits.resolve(r.Instance)
	switch {
	case lim != nil && lim.excluded[x.Project]:
		x.Why = WhyExcluded
	case p.Cost > r.Instance.Budget:
		x.Why = WhyOverBudget
	case !supported:
		x.Why = WhyNoSupport
	default:
		return false
	}
	return true
}

// explainShares replays the last run and asks, before every purchase and at the
// end, at what cost each loser would have been bought instead.
func (r *Result) explainShares(won []bool) {
	m := r.m
	unit := float64(r.Instance.unit())
	f := newFates(r, won)
	for _, coarse := range []bool{true, false} {
		if err := f.follow(coarse); err != nil {
			return // only a cancelled context ends a run early
		}
	}
	supported := make([]bool, len(won))
	for _, p := range slices.Concat(m.cands, m.free) {
		supported[p] = true
	}
	for p := range r.reasons {
		x := &r.reasons[p]
		x.MoneyAtFirst = float64(m.prof.votes[p]) * f.run.e / unit
		if won[p] {
			continue
		}
		cost := r.Instance.Projects[p].Cost
		if supported[p] && cost > 0 {
			x.WinsAtCost = min(Amount(f.best[p]*(1-1e-9)), cost)
			x.EffectiveSupport = min(f.best[p]/float64(cost), 1)
			if f.extra[p] < 1e15 {
				x.ExtraVotes = max(int64(f.extra[p]), 1)
			}
			x.Took = f.took(p, unit)
		}
		if r.dismiss(x, supported[p]) {
			continue
		}
		switch {
		case !f.lost[p]:
			x.Why = WhyConstrained
		case x.Round < 0:
			x.Why = WhyTooLittle
		default:
			x.Why = WhySpent
		}
	}
}

// explainOrder explains rules that go through the projects in one order.
func (r *Result) explainOrder(won []bool) {
	in := r.Instance
	prof := in.profile(r.Rule.Utility)
	// left[k] is what was left before the k-th winner was funded.
	left := make([]Amount, len(r.Winners)+1)
	left[0] = in.Budget
	for k, w := range r.Winners {
		left[k+1] = left[k] - in.Projects[w].Cost
	}
	rank, _ := ranks(in, r.Options) // the options were checked by the tally
	byVotes := r.Rule.Family == FamilyGreedy && r.Rule.Utility == UtilityCost && (r.Rule.City == "" || !in.anyScore())
	for p := range r.reasons {
		x := &r.reasons[p]
		if won[p] || r.dismiss(x, prof.total[p] > 0) {
			continue
		}
		x.Why = WhyStopped
		if r.Rule.Family == FamilyPhragmen || r.Rule.City == greedyNoSkip {
			continue
		}
		if left[len(r.Winners)] >= in.Projects[p].Cost {
			x.Why = WhyThreshold
			if r.Options.Limits != nil {
				x.Why = WhyConstrained
			}
			continue
		}
		x.Why = WhyDidNotFit
		if !byVotes {
			continue
		}
		before := func(w int) bool { // does the rule come to w first?
			v := prof.votes[w]
			if in.Projects[w].Cost == 0 {
				v = 0
			}
			return v > prof.votes[p] || v == prof.votes[p] && rank[w] < rank[p]
		}
		turn := 0
		for turn < len(r.Winners) && before(r.Winners[turn]) {
			turn++
		}
		x.WinsAtCost = min(left[turn], in.Projects[p].Cost)
		if c := in.Projects[p].Cost; c > 0 {
			x.EffectiveSupport = float64(x.WinsAtCost) / float64(c)
		}
		// With more votes than the first winner after whom it no longer fitted,
		// it would have been funded.
		for k := len(r.Winners) - 1; k >= 0; k-- {
			if left[k] >= in.Projects[p].Cost {
				w := r.Winners[k]
				x.ExtraVotes = prof.votes[w] - prof.votes[p]
				if rank[w] < rank[p] {
					x.ExtraVotes++
				}
				break
			}
		}
	}
}

// anyScore says whether the file states scores, which the cities' greedy rules
// go by.
func (in *Instance) anyScore() bool {
	return slices.ContainsFunc(in.Projects, func(p Project) bool { return p.HasScore })
}

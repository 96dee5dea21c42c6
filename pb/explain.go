package pb

import (
	"math"
	"slices"
)

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

// explainOrder explains rules that go through the projects in one order, and
// Phragmén, which makes its order on the way.
func (r *Result) explainOrder(won []bool) {
	prof := r.Instance.profile(r.Rule.Utility)
	q := newQueue(r)
	for p := range r.reasons {
		x := &r.reasons[p]
		if won[p] || r.dismiss(x, prof.total[p] > 0) {
			continue
		}
		x.Why = q.why(p)
		cost, votes := 0.0, infinity
		switch {
		case x.Why == WhyThreshold, x.Why == WhyConstrained:
			continue
		case r.Rule.Family == FamilyPhragmen:
			cost, votes = r.hope.cost[p]*(1-1e-9), r.hope.votes[p]
		case r.Rule.City != "" && r.Instance.anyScore(): // nobody knows how many votes make a score
			continue
		default:
			cost, votes = q.cost(p), q.votes(p)
		}
		if c := r.Instance.Projects[p].Cost; c > 0 && cost > 0 {
			x.WinsAtCost = min(Amount(cost), c)
			x.EffectiveSupport = min(cost/float64(c), 1)
		}
		if votes < 1e15 {
			x.ExtraVotes = int64(votes)
		}
	}
}

// queue is the order in which a greedy rule comes to projects, as its winners show it.
type queue struct {
	r    *Result
	in   *Instance
	prof *profile
	rank []int32
	left []float64 // left[k] is what was left before the k-th winner was funded
	// byVotes: the order is that of the votes, and does not depend on costs.
	byVotes bool
}

func newQueue(r *Result) *queue {
	q := &queue{r: r, in: r.Instance, prof: r.Instance.profile(r.Rule.Utility), left: make([]float64, len(r.Winners)+1)}
	q.rank, _ = ranks(q.in, r.Options) // the options were checked by the tally
	q.byVotes = r.Rule.Utility == UtilityCost || r.Rule.City != ""
	q.left[0] = float64(q.in.Budget)
	for k, w := range r.Winners {
		q.left[k+1] = q.left[k] - float64(q.in.Projects[w].Cost)
	}
	return q
}

func (q *queue) why(p int) Why {
	switch fits := q.left[len(q.r.Winners)] >= float64(q.in.Projects[p].Cost); {
	case q.r.Rule.Family == FamilyPhragmen, q.r.Rule.City == greedyNoSkip:
		return WhyStopped
	case fits && q.r.Options.Limits != nil:
		return WhyConstrained
	case fits:
		return WhyThreshold
	}
	return WhyDidNotFit
}

// before says whether a rule that goes by votes comes to a first.
func (q *queue) before(a, p int) bool {
	v := q.prof.votes[a]
	if q.in.Projects[a].Cost == 0 && q.r.Rule.City == "" {
		v = 0
	}
	return v > q.prof.votes[p] || v == q.prof.votes[p] && q.rank[a] < q.rank[p]
}

// cost is the largest cost at which p would have been funded; 0 for none.
func (q *queue) cost(p int) (most float64) {
	if q.byVotes {
		turn := 0
		for turn < len(q.r.Winners) && q.before(q.r.Winners[turn], p) {
			turn++
		}
		if q.r.Rule.City == greedyNoSkip {
			for o := range q.in.Projects { // does the rule end before it comes to p?
				if o != p && q.before(o, p) && !q.r.Won(o) {
					return 0
				}
			}
		}
		return q.left[turn]
	}
	for k, left := range q.left {
		c := left
		if k < len(q.r.Winners) { // to come before the winner it must be worth more for its cost
			w := q.r.Winners[k]
			c = min(c, float64(q.prof.total[p])*float64(q.in.Projects[w].Cost)/float64(q.prof.total[w])*(1-1e-9))
		}
		most = max(most, c)
	}
	return most
}

// votes is how many more votes p would have needed: as many as bring it before the
// last winner before whom it still fitted. infinity if none would do, or nobody can
// say how much a vote would have been worth.
func (q *queue) votes(p int) float64 {
	cost := float64(q.in.Projects[p].Cost)
	for k := len(q.r.Winners) - 1; k >= 0; k-- {
		if q.left[k] < cost {
			continue
		}
		w := q.r.Winners[k]
		switch {
		case q.byVotes:
			more := float64(q.prof.votes[w] - q.prof.votes[p])
			if q.rank[w] < q.rank[p] {
				more++
			}
			return more
		case q.r.Rule.Utility == UtilityCard && q.in.Projects[w].Cost > 0:
			return moreThan(cost*float64(q.prof.total[w])/float64(q.in.Projects[w].Cost)-float64(q.prof.total[p]), q.rank[p] < q.rank[w])
		}
		return infinity
	}
	return infinity
}

// moreThan is the smallest whole number above x, at least 1; or x itself if it is
// whole and a tie is enough.
func moreThan(x float64, tie bool) float64 {
	n := math.Round(x)
	if math.Abs(x-n) > 1e-9*(1+math.Abs(x)) {
		n = math.Ceil(x)
	} else if !tie {
		n++
	}
	return max(n, 1)
}

// anyScore says whether the file states scores, which the cities' greedy rules
// go by.
func (in *Instance) anyScore() bool {
	return slices.ContainsFunc(in.Projects, func(p Project) bool { return p.HasScore })
}

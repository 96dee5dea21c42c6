package pb

import (
	"cmp"
	"context"
	"math"
	"math/big"
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
	best := make([]float64, len(won))  // largest cost at which it would have won
	extra := make([]float64, len(won)) // fewest extra votes
	lost := make([]bool, len(won))
	settled := make([]bool, len(won))
	for p := range extra {
		extra[p] = infinity
	}
	var s scratch
	run := newRun(m, &s, r.enum, -1)
	run.observe = func(run *mesRun, b purchase, bought bool) {
		for _, p := range m.cands {
			if won[p] && run.roundOf[p] < 0 || won[p] && r.reasons[p].Round >= 0 {
				continue
			}
			cost := float64(r.Instance.Projects[p].Cost)
			if settled[p] && bought {
				continue
			}
			have := run.have(p)
			if bought && have <= best[p] && (cost-have)/run.e >= extra[p] && (lost[p] || have >= cost) {
				// The most it could be offered now changes nothing; once it is lost,
				// nothing will, since money only shrinks.
				settled[p] = lost[p]
				continue
			}
			at, give := run.offer(p, b, bought, have)
			if n := math.Round(have); !bought && math.Abs(have-n) <= 1e-9*n {
				// The money left is next to a whole amount: is it all of that?
				at = n * (1 - 1e-8)
				if run.haveAtLeast(p, int64(n)) {
					at = n * (1 + 2e-9)
				}
			}
			best[p] = max(best[p], at)
			if give > 0 {
				extra[p] = min(extra[p], math.Ceil((cost-run.atPrice(p, b, bought, have))/give+1e-9))
			}
			if x := &r.reasons[p]; !lost[p] && have*(1+1e-12) < cost {
				lost[p] = true
				x.Round, x.MoneyThen = len(run.bought)-1, have/unit
			}
			if !bought {
				r.reasons[p].MoneyLeft = have / unit
			}
		}
	}
	if err := run.run(context.Background()); err != nil {
		return // only a cancelled context ends a run early
	}
	supported := make([]bool, len(won))
	for _, p := range slices.Concat(m.cands, m.free) {
		supported[p] = true
	}
	for p := range r.reasons {
		x := &r.reasons[p]
		x.MoneyAtFirst = float64(m.prof.votes[p]) * run.e / unit
		if won[p] {
			continue
		}
		cost := r.Instance.Projects[p].Cost
		if supported[p] && cost > 0 {
			x.WinsAtCost = min(Amount(best[p]*(1-1e-9)), cost)
			x.EffectiveSupport = min(best[p]/float64(cost), 1)
			if extra[p] < 1e15 {
				x.ExtraVotes = max(int64(extra[p]), 1)
			}
			x.Took = run.took(int32(p), unit)
		}
		if r.dismiss(x, supported[p]) {
			continue
		}
		switch {
		case !lost[p]:
			x.Why = WhyConstrained
		case x.Round < 0:
			x.Why = WhyTooLittle
		default:
			x.Why = WhySpent
		}
	}
}

// have is what a project's supporters have together.
func (r *mesRun) have(p int32) (have float64) {
	sup, _, _ := r.live.of(r, p)
	weight := r.prof.weight
	for _, j := range sup {
		have += weight[j] * r.money[j]
	}
	return have
}

// offer returns the largest cost at which a project would be chosen now instead
// of b (or, at the end, at all), and what one more supporter who spent nothing
// would add; have is what its supporters have together.
func (r *mesRun) offer(p int32, b purchase, bought bool, have float64) (at, give float64) {
	sup, util, _ := r.live.of(r, p)
	weight := r.prof.weight
	if !bought {
		return have, r.e
	}
	rate := b.lo + (b.hi-b.lo)/2
	if r.utility != UtilityCost {
		for i, j := range sup {
			due := rate
			if util != nil {
				due *= float64(util[i])
			}
			at += weight[j] * min(r.money[j], due)
		}
		return at, min(r.e, rate*float64(r.prof.maxU[p]))
	}
	// With cost utilities the price depends on the cost sought: the largest c
	// with Σ w·min(money, ρ·c) ≥ c. The left side minus the right is concave in c
	// and not positive at c = have, so Newton's steps from there come down to it.
	rho := rate / float64(r.in.Projects[b.p].Cost)
	all := 0.0
	for _, j := range sup {
		all += weight[j]
	}
	give = min(r.e, rho*float64(r.in.Projects[p].Cost))
	// If even full payers do not make it cheaper than b, no cost does; if they
	// make it as cheap, the tie-break speaks.
	if x := rho * all; x < 1-1e-12 || x <= 1+1e-12 && r.rank[p] > r.rank[b.p] {
		return 0, give
	}
	at = have
	for range 64 {
		var poor, rich float64
		for _, j := range sup {
			if m := r.money[j]; m < rho*at {
				poor += weight[j] * m
			} else {
				rich += weight[j]
			}
		}
		slope := 1 - rho*rich
		if slope <= 0 {
			break
		}
		next := poor / slope
		if next >= at*(1-1e-13) {
			break
		}
		at = next
	}
	return at, give
}

// haveAtLeast compares what the supporters of p have left with an amount,
// exactly.
func (r *mesRun) haveAtLeast(p int32, amount int64) bool {
	r.x.upTo(r, len(r.bought))
	s := r.x.newSum(r)
	for _, j := range r.prof.supporters(int(p)) {
		if r.poor[j] == never {
			s.add(r, int(j), int32(len(r.bought)))
		}
	}
	return s.total(&r.x, r).Cmp(new(big.Int).Mul(big.NewInt(amount), r.x.l)) >= 0
}

// atPrice is what the supporters of p would give for it now at b's price.
func (r *mesRun) atPrice(p int32, b purchase, bought bool, have float64) float64 {
	if !bought {
		return have
	}
	sup, util, _ := r.live.of(r, p)
	due := b.lo + (b.hi-b.lo)/2
	if r.utility == UtilityCost {
		due *= float64(r.in.Projects[p].Cost) / float64(r.in.Projects[b.p].Cost)
	}
	sum := 0.0
	for i, j := range sup {
		d := due
		if util != nil {
			d *= float64(util[i])
		}
		sum += r.prof.weight[j] * min(r.money[j], d)
	}
	return sum
}

// took adds up what the supporters of p paid in each round.
func (r *mesRun) took(p int32, unit float64) []Taking {
	paid := make([]float64, len(r.bought))
	b := &r.in.ballots
	var mine []int32
	for _, j := range r.prof.supporters(int(p)) {
		mine = mine[:0]
		for k := b.off[j]; k < b.off[j+1]; k++ {
			if t := r.roundOf[b.proj[k]]; t >= 0 && t <= r.poor[j] {
				mine = append(mine, t)
				if t == r.poor[j] {
					continue
				}
				paid[t] += r.prof.weight[j] * r.rate[t] * float64(r.utilityOf(int(j), int(k)))
			}
		}
		if r.poor[j] != never { // in its last round it gave what was left
			left := r.e
			for k := b.off[j]; k < b.off[j+1]; k++ {
				if t := r.roundOf[b.proj[k]]; t >= 0 && t < r.poor[j] {
					left -= r.rate[t] * float64(r.utilityOf(int(j), int(k)))
				}
			}
			paid[r.poor[j]] += r.prof.weight[j] * max(left, 0)
		}
	}
	var out []Taking
	for t, x := range paid {
		if x > 0 {
			out = append(out, Taking{int(r.bought[t]), x / unit})
		}
	}
	slices.SortStableFunc(out, func(a, b Taking) int { return cmp.Compare(b.Money, a.Money) })
	return out
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

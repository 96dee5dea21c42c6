package pb

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// Between sets how far apart the rounds are that are looked at first.
func Between(n int) { between = n }

// SlowExplanations are the explanations of Equal Shares found without any bound: the
// supporters of every loser are asked in every round. They are what fates.go is held
// to.
func (r *Result) SlowExplanations() []Explanation {
	fast := r.Explanations()
	if r.m == nil {
		return fast // nobody voted: nothing was run
	}
	slow := &Result{Instance: r.Instance, Rule: r.Rule, Options: r.Options, Winners: r.Winners, Phases: r.Phases, Rounds: r.Rounds, m: r.m, enum: r.enum}
	won := slow.wonSet()
	slow.reasons = make([]Explanation, len(fast))
	for p := range slow.reasons {
		x := &slow.reasons[p]
		*x = Explanation{Project: p, Votes: r.Instance.Projects[p].Votes, Round: -1, ExtraVotes: -1}
		if won[p] {
			x.Why, x.EffectiveSupport, x.ExtraVotes, x.WinsAtCost = WhyFunded, 1, 0, r.Instance.Projects[p].Cost
		}
	}
	for k, rd := range slow.Rounds {
		slow.reasons[rd.Project].Round = k
	}
	slow.slowShares(won)
	return slow.reasons
}

// explainShares replays the last run and asks, before every purchase and at the
// end, at what cost each loser would have been bought instead.
func (r *Result) slowShares(won []bool) {
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
			at, give := run.slowOffer(p, b, bought, have)
			if n := math.Round(have); !bought && math.Abs(have-n) <= 1e-9*n {
				// The money left is next to a whole amount: is it all of that?
				at = n * (1 - 1e-8)
				if run.haveAtLeast(p, int64(n)) {
					at = n * (1 + 2e-9)
				}
			}
			best[p] = max(best[p], at)
			if give > 0 {
				extra[p] = min(extra[p], math.Ceil((cost-run.slowAtPrice(p, b, bought, have))/give+1e-9))
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
			x.Took = run.slowTook(int32(p), unit)
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

// offer returns the largest cost at which a project would be chosen now instead
// of b (or, at the end, at all), and what one more supporter who spent nothing
// would add; have is what its supporters have together.
func (r *mesRun) slowOffer(p int32, b purchase, bought bool, have float64) (at, give float64) {
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
		if slope <= 1e-12 { // the richer pay for any cost: a tie, which was decided above
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

// atPrice is what the supporters of p would give for it now at b's price.
func (r *mesRun) slowAtPrice(p int32, b purchase, bought bool, have float64) float64 {
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

// slowTook adds up what the supporters of p paid in each round.
func (r *mesRun) slowTook(p int32, unit float64) (out []Taking) {
	paid := make([]float64, len(r.bought))
	b := &r.in.ballots
	for _, j := range r.prof.supporters(int(p)) {
		left := r.e
		for t, q := range r.bought {
			for k := b.off[j]; k < b.off[j+1]; k++ {
				if int32(b.proj[k]) == q {
					due := min(left, r.rate[t]*float64(r.utilityOf(int(j), int(k))))
					left -= due
					paid[t] += r.prof.weight[j] * due
				}
			}
		}
	}
	for t, x := range paid {
		if x > 0 {
			out = append(out, Taking{int(r.bought[t]), x / unit})
		}
	}
	slices.SortStableFunc(out, func(a, b Taking) int { return cmp.Compare(b.Money, a.Money) })
	return out
}

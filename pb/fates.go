package pb

import (
	"cmp"
	"context"
	"math"
	"math/big"
	"slices"
)

// fates follows a run of Equal Shares and finds for each loser the largest cost at
// which it would have been bought, and how few more votes would have done.
//
// Looked at naively, every loser's supporters are asked anew in every round. Three
// sums spare nearly all of it. What the supporters of p would give at a rate x is
//
//	G(x) = Σ w·min(money, x·u),
//
// and money only shrinks during a run. So, once G(x₀) = g is known, it holds for all
// later rounds that G(x) ≤ g for x ≤ x₀ and, since min is concave, G(x) ≤ g·x/x₀ for
// x ≥ x₀. Besides, G(x) is at most what the supporters have together, and at most x
// times the sum of w·u over those who have something. Both sums are kept by taking
// off them what each payer pays, as are the payments themselves. Supporters are asked
// only when these bounds leave room for a better answer than is known already.
//
// The best answer often comes late, and each round before would improve on the last.
// So the run is followed twice: first with a look at every sixteenth round, then at
// all of them, with what the first found: an answer that is nearly the best, and what
// supporters gave later, at t'. Before, at t, they gave at most that and what they
// paid in between: G(x) at t is at most G(x) at t' plus have(t) − have(t').
type fates struct {
	r    *Result
	run  *mesRun
	cost []float64

	losers      []int32
	best, extra []float64 // largest cost at which it would have won; fewest extra votes
	lost        []bool    // its supporters have too little, for good
	settled     []bool    // nothing that comes changes the answer

	coarse      bool        // the first time
	marks       []*mark     // by round, what was found the first time; nil between
	next        *mark       // of this round or the first that follows
	listed      []float64   // full when the list of supporters was shortened last
	first       []float64   // what its supporters had at first
	have        []float64   // and have now
	full        []float64   // Σ w·u of those who have something
	asked       [][2]answer // what they said last, about the best cost and about their own
	paid, broke [][]float64 // by loser and round: what supporters paid, and Σ w·u of those who had nothing then
	given, gone []float64   // the same of one round, of all projects
	before      []float64   // money of the payers before a purchase
}

// mark is what was known at a round.
type mark struct {
	have  []float64
	asked [][2]answer
}

// between is how far apart the rounds are that are looked at the first time; the
// explanations do not depend on it.
var between = 16

// answer is what supporters would give at a rate; 0 for never asked.
type answer struct{ rate, gave float64 }

// The two things that supporters are asked.
const (
	aboutBest = iota
	aboutCost
)

func newFates(r *Result, won []bool) *fates {
	n := len(won)
	floats := func() []float64 { return make([]float64, n) }
	f := &fates{r: r, cost: floats(), best: floats(), extra: floats(), marks: make([]*mark, len(r.Rounds)+1)}
	for p := range n {
		f.cost[p], f.extra[p] = float64(r.Instance.Projects[p].Cost), infinity
	}
	f.given, f.gone = floats(), floats()
	f.paid, f.broke = make([][]float64, n), make([][]float64, n)
	for _, p := range r.m.cands {
		if !won[p] {
			f.losers = append(f.losers, p)
			f.paid[p], f.broke[p] = make([]float64, len(r.Rounds)), make([]float64, len(r.Rounds))
		}
	}
	return f
}

// follow replays the run.
func (f *fates) follow(coarse bool) error {
	n, m := len(f.cost), f.r.m
	var s scratch
	f.run, f.coarse, f.next = newRun(m, &s, f.r.enum, -1), coarse, nil
	f.lost, f.settled = make([]bool, n), make([]bool, n)
	f.first, f.have, f.full, f.listed = make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	f.asked = make([][2]answer, n)
	for p := range n {
		f.full[p] = float64(m.prof.total[p])
		f.first[p] = float64(m.prof.votes[p]) * f.run.e
		f.have[p] = f.first[p]
	}
	f.run.observe, f.run.paid = f.look, f.pay
	return f.run.run(context.Background())
}

// look is told of a purchase before it is paid, and of the end.
func (f *fates) look(run *mesRun, b purchase, bought bool) {
	unit := float64(f.r.Instance.unit())
	if bought {
		f.before = f.before[:0]
		for _, j := range run.prof.supporters(int(b.p)) {
			f.before = append(f.before, run.money[j])
		}
	}
	k := len(run.bought)
	if bought && f.coarse && k%between != between-1 {
		return
	}
	if !f.coarse {
		for f.next = nil; k < len(f.marks) && f.next == nil; k++ {
			f.next = f.marks[k]
		}
	}
	for _, p := range f.losers {
		if f.settled[p] && bought {
			continue
		}
		have, cost := f.have[p], f.cost[p]
		if !bought || math.Abs(have-cost) <= 1e-9*cost+1e-11*f.first[p] {
			have = run.have(p) // sums of differences are not good enough here
			f.have[p] = have
		}
		if !bought {
			f.end(p, have)
		} else if have <= f.best[p] && (cost-have)/run.e >= f.extra[p] && (f.lost[p] || have >= cost) {
			// The most it could be offered now changes nothing; once it is lost,
			// nothing will, since money only shrinks.
			f.settled[p] = f.lost[p]
			continue
		} else {
			f.offer(p, b)
		}
		if x := &f.r.reasons[p]; !f.coarse && !f.lost[p] && have*(1+1e-12) < cost {
			f.lost[p] = true
			x.Round, x.MoneyThen = len(run.bought)-1, have/unit
		}
		if !bought {
			f.r.reasons[p].MoneyLeft = have / unit
		}
	}
	if f.coarse && bought {
		f.marks[k] = &mark{slices.Clone(f.have), slices.Clone(f.asked)}
	}
}

// pay is told of a purchase after it was paid: what its payers gave is taken from
// the sums of all other projects that they support.
//
// What each round took is written down the first time.
func (f *fates) pay(run *mesRun, p int32) {
	k := len(run.bought) - 1
	if f.coarse {
		f.add(run, p)
		for _, q := range f.losers {
			f.paid[q][k], f.broke[q][k] = f.given[q], f.gone[q]
		}
	}
	for _, q := range f.losers {
		f.have[q] -= f.paid[q][k]
		f.full[q] -= f.broke[q][k]
	}
}

// add adds up, for each project, what its supporters pay for p, and those of them who
// have nothing any more, times their utility.
func (f *fates) add(run *mesRun, p int32) {
	b, weight := &run.in.ballots, run.prof.weight
	clear(f.given)
	clear(f.gone)
	for i, j := range run.prof.supporters(int(p)) {
		had, left := f.before[i], run.money[j]
		if had == 0 {
			continue
		}
		gave := (had - left) * weight[j]
		ballot := b.proj[b.off[j]:b.off[j+1]]
		if run.prof.util == nil {
			for _, q := range ballot {
				f.given[q] += gave
			}
			if left == 0 {
				for _, q := range ballot {
					f.gone[q] += weight[j] // whole numbers: exact
				}
			}
			continue
		}
		for e, q := range ballot {
			if u := run.utilityOf(int(j), int(b.off[j])+e); u > 0 {
				f.given[q] += gave
				if left == 0 {
					f.gone[q] += weight[j] * float64(u)
				}
			}
		}
	}
}

// most bounds what the supporters of p would give at a rate.
func (f *fates) most(p int32, x float64) float64 {
	g := min(f.have[p], x*f.full[p])
	g = min(g, f.asked[p][0].most(x), f.asked[p][1].most(x))
	if f.next != nil {
		a := f.next.asked[p]
		g = min(g, min(a[0].most(x), a[1].most(x))+f.have[p]-f.next.have[p])
	}
	return g*(1+1e-12) + 1e-12*f.first[p]
}

// most bounds what is given at another rate by the same, or by those who have less.
func (a answer) most(x float64) float64 {
	switch {
	case a.rate == 0:
		return infinity
	case x <= a.rate:
		return a.gave
	}
	return a.gave * x / a.rate
}

// supporters lists those of p who have something, and now and then some who have not.
func (f *fates) supporters(p int32) (sup []uint32, util []int32) {
	if f.listed[p] == 0 || f.full[p] < 0.95*f.listed[p] {
		sup, util, _ = f.run.live.of(f.run, p)
		f.listed[p] = f.full[p]
		return sup, util
	}
	l, from := f.run.live, int(f.run.prof.off[p])
	sup = l.sup[from : from+int(l.count[p])]
	if f.run.prof.util != nil {
		util = l.util[from : from+int(l.count[p])]
	}
	return sup, util
}

// ask adds up what the supporters of p would give at a rate.
func (f *fates) ask(p int32, about int, x float64) (g float64) {
	sup, util := f.supporters(p)
	weight, money := f.run.prof.weight, f.run.money
	if util == nil {
		for _, j := range sup {
			g += weight[j] * min(money[j], x)
		}
	} else {
		for i, j := range sup {
			g += weight[j] * min(money[j], x*float64(util[i]))
		}
	}
	f.asked[p][about] = answer{x, g}
	return g
}

// offer improves what is known of p by what it could be offered now, instead of b.
func (f *fates) offer(p int32, b purchase) {
	run, cost := f.run, f.cost[p]
	rate := b.lo + (b.hi-b.lo)/2 // what one unit of utility costs a payer of b
	give := 0.0                  // what one more supporter who spent nothing would add
	if run.utility == UtilityCost {
		// The price depends on the cost sought: b's for each unit of it.
		rate /= f.cost[b.p]
		f.raise(p, b, rate)
		rate *= cost
		give = min(run.e, rate)
	} else {
		if f.most(p, rate) > f.best[p] {
			f.best[p] = max(f.best[p], f.ask(p, aboutBest, rate))
		}
		give = min(run.e, rate*float64(run.prof.maxU[p]))
	}
	votes := func(g float64) float64 { return math.Ceil((cost-g)/give + 1e-9) }
	if give > 0 && votes(f.most(p, rate)) < f.extra[p] {
		f.extra[p] = min(f.extra[p], votes(f.ask(p, aboutCost, rate)))
	}
}

// raise looks for a cost above the best, with utility in the cost: the largest c with
// G(ρ·c) ≥ c. The left side minus the right is concave in c and not positive at c =
// have, so Newton's steps from there come down to it.
func (f *fates) raise(p int32, b purchase, rho float64) {
	// If even full payers do not make it cheaper than b, no cost does; if they
	// make it as cheap, the tie-break speaks.
	if x := rho * f.full[p]; x < 1-1e-12 || x <= 1+1e-12 && f.run.rank[p] > f.run.rank[b.p] {
		return
	}
	if best := f.best[p]; best > 0 && (f.most(p, rho*best) < best || f.ask(p, aboutBest, rho*best) < best*(1-1e-13)) {
		return
	}
	sup, _ := f.supporters(p)
	weight, money := f.run.prof.weight, f.run.money
	at := f.have[p]
	for range 64 {
		var poor, rich float64
		for _, j := range sup {
			if m := money[j]; m < rho*at {
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
	f.best[p] = max(f.best[p], at)
}

// end improves what is known of p by what its supporters have when nothing more is
// bought.
func (f *fates) end(p int32, have float64) {
	at, run := have, f.run
	if n := math.Round(have); math.Abs(have-n) <= 1e-9*n {
		// The money left is next to a whole amount: is it all of that?
		at = n * (1 - 1e-8)
		if run.haveAtLeast(p, int64(n)) {
			at = n * (1 + 2e-9)
		}
	}
	f.best[p] = max(f.best[p], at)
	f.extra[p] = min(f.extra[p], math.Ceil((f.cost[p]-have)/run.e+1e-9))
}

// took lists what the supporters of p paid for others, the largest sum first.
func (f *fates) took(p int, unit float64) (out []Taking) {
	for k, x := range f.paid[p] {
		if x > 1e-9 {
			out = append(out, Taking{int(f.run.bought[k]), x / unit})
		}
	}
	slices.SortStableFunc(out, func(a, b Taking) int { return cmp.Compare(b.Money, a.Money) })
	return out
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

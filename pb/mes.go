package pb

import (
	"context"
	"math"
	"math/big"
	"slices"
)

// This file runs the Method of Equal Shares once, at one endowment.
//
// How floats are used without ever deciding anything. The exact state of a run
// is, for every ballot class, the endowment minus what it paid, a rational
// number. The run keeps a float64 next to each, with one bound D for all:
//
//	|money[j] − exact money of class j| ≤ D        (invariant)
//
// From it follow, for a candidate p with cost c, certified bounds of the exact
// ρ(p), the solution of Σ wⱼ·min(bⱼ, ρ·uⱼ) = c:
//
//   - Lower bound: min(b, ρu) is at most b and at most ρu, so for ANY division
//     of the supporters into "poor" P and "rich" R we have
//     c ≤ Σ_P w·b + ρ·Σ_R w·u, hence ρ ≥ (c − Σ_P w·b)/Σ_R w·u.
//   - Upper bound: with h = (c − Σ_P w·b)/Σ_R w·u, computed so as to err upwards,
//     if every j in R has bⱼ ≥ h·uⱼ, and every j in P has bⱼ ≤ h·uⱼ, then at h the
//     supporters give at least c, and hence ρ ≤ h.
//
// Money only shrinks during a run, so ρ(p) only grows and an old lower bound
// stays one: candidates are looked at in the order of their bounds, and the
// round ends as soon as the next bound lies above the best upper bound. If more
// than one candidate is left, if a supporter lies so near to the border that
// its side is not certain, or if a total is too near to the cost, exact.go
// decides with integers. So each comparison is decided either by disjoint
// certified intervals or exactly.

// mesInput is what all runs of one tally share.
type mesInput struct {
	in      *Instance
	prof    *profile
	utility Utility
	rank    []int32 // place of each project in the tie-break
	// cands are the projects that may be bought, supported, with a positive
	// cost; free are those that cost nothing and have support, in tie order.
	cands  []int32
	free   []int32
	limits *limits
	n      int64
	budget int64 // for the shares, smallest units: fixed projects are taken off
}

// candidate is a project not yet bought nor given up in a run.
type candidate struct {
	p  int32
	lo float64 // certified lower bound of ρ
	pi float64 // where the search for ρ starts: ρ for util, else ρ·u
}

// mesRun is one run.
type mesRun struct {
	*mesInput
	enum  int64   // the endowment is enum/n smallest units
	e     float64 // the same, within relEps·2
	money []float64
	poor  []int32 // the first round for which the class could not pay in full, else never
	empty []bool  // it had nothing even before that round; nil while there is none
	d     float64 // the bound D
	order []candidate
	ls    limitState
	cost  int64 // of what was bought so far
	stop  int64 // abandon the run once it costs more; < 0 for never

	live *liveLists

	bought  []int32
	rate    []float64 // per round: payment of a full payer, or ρ for util
	roundOf []int32   // per project: the round that bought it, else -1
	x       exactState

	refreshes, exactCount int
	// observe, when set, sees each purchase before it is paid, and the end; paid sees
	// it afterwards.
	observe func(r *mesRun, b purchase, bought bool)
	paid    func(r *mesRun, p int32)
}

// purchase is what a round decided.
type purchase struct {
	p      int32
	lo, hi float64 // bounds of payment of a full payer, or of ρ for util
	x      *exactRho
}

const never = math.MaxInt32

// almostNothing stands for money whose exact value is positive but too small
// for the floats to see; 0 is kept for those who have nothing, exactly.
const almostNothing = 1e-300

func newRun(m *mesInput, s *scratch, enum, stop int64) *mesRun {
	k := m.in.Classes()
	if s.money == nil {
		s.money, s.poor = make([]float64, k), make([]int32, k)
		s.roundOf = make([]int32, len(m.in.Projects))
		s.live = liveLists{make([]uint32, len(m.prof.sup)), make([]int32, len(m.prof.util)),
			make([]int32, len(m.in.Projects)), make([]float64, len(m.in.Projects))}
	}
	for p := range s.live.count {
		s.live.count[p] = -1
	}
	r := &mesRun{mesInput: m, enum: enum, stop: stop, money: s.money, poor: s.poor, roundOf: s.roundOf,
		order: s.order[:0], bought: s.bought[:0], rate: s.rate[:0], live: &s.live}
	r.e = float64(enum) / float64(m.n)
	r.d = 3 * relEps * r.e
	for i := range r.money {
		r.money[i] = r.e
	}
	for i := range r.poor {
		r.poor[i] = never
	}
	for i := range r.roundOf {
		r.roundOf[i] = -1
	}
	for _, p := range m.cands {
		c := float64(m.in.Projects[p].Cost)
		lo := c / float64(m.prof.total[p])
		pi := lo
		if m.utility == UtilityCost {
			lo = 1 / float64(m.prof.total[p])
		}
		r.order = append(r.order, candidate{p, lo * (1 - 8*relEps), pi * (1 - 8*relEps)})
	}
	slices.SortFunc(r.order, func(a, b candidate) int {
		switch {
		case a.lo < b.lo:
			return -1
		case a.lo > b.lo:
			return 1
		}
		return int(m.rank[a.p] - m.rank[b.p])
	})
	r.ls = m.limits.start(m.in)
	return r
}

func (r *mesRun) release(s *scratch) { s.order, s.bought, s.rate = r.order, r.bought, r.rate }

// run buys until nothing is affordable, or until the cost passes stop, or ctx
// ends.
func (r *mesRun) run(ctx context.Context) error {
	for _, p := range r.free { // ρ = 0: before all others, nobody pays
		if r.ls.allows(p) {
			r.take(p, 0)
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, ok := r.choose()
		if r.observe != nil {
			r.observe(r, b, ok)
		}
		if !ok {
			return nil
		}
		r.pay(&b)
		if r.paid != nil {
			r.paid(r, b.p)
		}
		if r.stop >= 0 && r.cost > r.stop {
			return nil
		}
		if r.d > 1e-7*r.e {
			r.refresh()
		}
	}
}

func (r *mesRun) take(p int32, rate float64) {
	r.roundOf[p] = int32(len(r.bought))
	r.bought = append(r.bought, p)
	r.rate = append(r.rate, rate)
	r.cost += int64(r.in.Projects[p].Cost)
	r.ls.take(p)
}

// verdict of looking at a candidate.
type verdict int

const (
	bounded      verdict = iota // lo and hi hold
	unaffordable                // its supporters have too little, for good
	unsure                      // the floats do not say
)

// choose finds the candidate with the smallest exact ρ, the first in the
// tie-break among equals, and removes it from the order; false when none is
// affordable.
func (r *mesRun) choose() (purchase, bool) {
	type contender struct {
		at     int
		lo, hi float64 // of ρ
		b      purchase
	}
	var few [8]contender
	best, list := infinity, few[:0]
	kept := 0 // order[:kept] was looked at and stays, order[i:] is to be looked at
	i := 0
	for ; i < len(r.order) && r.order[i].lo <= best; i++ {
		c := r.order[i]
		if !r.ls.allows(c.p) {
			continue
		}
		lo, hi, v := r.bounds(c.p, c.pi)
		var x *exactRho
		if v == unsure {
			x, v = r.exactBounds(c.p)
			lo, hi = x.lo, x.hi
		}
		if v == unaffordable {
			continue
		}
		c.pi = max(c.pi, lo*(1-4*relEps))
		b := purchase{c.p, lo, hi, x}
		if r.utility == UtilityCost {
			cost := float64(r.in.Projects[c.p].Cost)
			lo, hi = lo/cost*(1-3*relEps), hi/cost*(1+3*relEps)
		}
		c.lo = max(c.lo, lo)
		r.order[kept] = c
		best = min(best, hi)
		list = append(list, contender{kept, c.lo, hi, b})
		kept++
	}
	if i > kept {
		r.order = append(r.order[:kept], r.order[i:]...)
	}
	rivals := 0
	at := -1
	for k := range list {
		if list[k].lo <= best {
			rivals++
			at = k
		}
	}
	if rivals == 0 {
		r.reorder(kept)
		return purchase{}, false
	}
	if rivals > 1 {
		at = -1
		for k := range list {
			if list[k].lo > best {
				continue
			}
			b := &list[k].b
			if b.x == nil {
				b.x, _ = r.exactBounds(b.p)
			}
			if at < 0 {
				at = k
				continue
			}
			a := &list[at].b
			if s := b.x.cmp(a.x); s < 0 || s == 0 && r.rank[b.p] < r.rank[a.p] {
				at = k
			}
		}
	}
	won := list[at]
	r.order = append(r.order[:won.at], r.order[won.at+1:]...)
	r.reorder(kept - 1)
	return won.b, true
}

// reorder puts the first k candidates, whose bounds grew, back in order.
func (r *mesRun) reorder(k int) {
	for i := k - 1; i >= 0; i-- {
		c, j := r.order[i], i
		for ; j+1 < len(r.order) && r.order[j+1].lo < c.lo; j++ {
			r.order[j] = r.order[j+1]
		}
		r.order[j] = c
	}
}

// bounds finds the certified interval of the payment of a full payer (uniform
// utilities) or of ρ (others), starting from a lower bound of it.
func (r *mesRun) bounds(p int32, start float64) (lo, hi float64, v verdict) {
	cost := float64(r.in.Projects[p].Cost)
	sup, util, total := r.live.of(r, p)
	// Adding up to m rounded products errs by at most (m+1)·2^-53 of the sum of
	// absolute values; relEps is 2^-52, which leaves room for the weights' and
	// the cost's own rounding.
	sumErr := relEps * float64(len(sup)+4)
	if r.prof.util != nil {
		return r.weightedBounds(p, start, cost, total, sup, util, sumErr)
	}
	money, weight := r.money, r.prof.weight
	pi := start
	for {
		var s, wp float64
		least := infinity
		for _, j := range sup {
			if b := money[j]; b < pi {
				w := weight[j]
				s += w * b
				wp += w
			} else if b < least {
				least = b
			}
		}
		wr := total - wp // whole numbers below 2^53: exact
		e := s*sumErr + wp*r.d + cost*relEps
		if wr <= 0 {
			if s+e < cost {
				return 0, 0, unaffordable
			}
			return 0, 0, unsure
		}
		next := (cost - s) / wr
		if next > least {
			pi = next
			continue
		}
		e = (e/wr + 4*relEps*math.Abs(next)) * (1 + 8*relEps)
		lo, hi = next-e, next+e
		if least-r.d < hi || pi > hi || lo <= 0 {
			return lo, hi, unsure
		}
		return lo, hi, bounded
	}
}

func (r *mesRun) weightedBounds(p int32, start, cost, total float64, sup []uint32, util []int32, sumErr float64) (lo, hi float64, v verdict) {
	umax := float64(r.prof.maxU[p])
	money, weight := r.money, r.prof.weight
	rho := start
	for {
		var s, wp, up float64
		slack := infinity
		for k, j := range sup {
			u := float64(util[k])
			if b, due := money[j], rho*u; b < due {
				w := weight[j]
				s += w * b
				wp += w
				up += w * u
			} else if x := b - due; x < slack {
				slack = x
			}
		}
		ur := total - up
		e := s*sumErr + wp*r.d + cost*relEps
		if ur <= 0 {
			if s+e < cost {
				return 0, 0, unaffordable
			}
			return 0, 0, unsure
		}
		next := (cost - s) / ur
		e = (e/ur + 4*relEps*math.Abs(next)) * (1 + 8*relEps)
		lo, hi = next-e, next+e
		if rho > hi || lo <= 0 {
			return lo, hi, unsure
		}
		// A rich supporter has b ≥ rho·u + slack; it stays rich at hi if the
		// slack covers (hi − rho)·u, D and the rounding of rho·u and of b − rho·u.
		if slack-(hi-rho)*umax-r.d-4*relEps*r.e >= 0 {
			return lo, hi, bounded
		}
		if next <= rho*(1+16*relEps) {
			return lo, hi, unsure
		}
		rho = next
	}
}

// pay takes the price of a project from its supporters. A supporter pays in
// full and keeps the rest if it has at least the full payment, else all it has.
func (r *mesRun) pay(b *purchase) {
	sup := r.prof.supporters(int(b.p))
	util := r.prof.utilities(int(b.p))
	t := int32(len(r.bought))
	mid := b.lo + (b.hi-b.lo)/2
	umax := 1.0
	if util != nil {
		umax = float64(r.prof.maxU[b.p])
	}
	margin := 4 * relEps * r.e // rounding of rate·u and of the comparisons below
	for k, j := range sup {
		m := r.money[j]
		if m == 0 {
			if r.poor[j] == never { // it had paid all it had, and in full: it pays nothing now
				r.poor[j] = t
				if r.empty == nil {
					r.empty = make([]bool, len(r.poor))
				}
				r.empty[j] = true
			}
			continue
		}
		lo, hi, due := b.lo, b.hi, mid
		if util != nil {
			u := float64(util[k])
			lo, hi, due = lo*u, hi*u, due*u
		}
		switch {
		case m-r.d-margin >= hi:
			r.money[j] = m - due
		case m+r.d+margin <= lo:
			r.money[j], r.poor[j] = 0, t
		default:
			if b.x == nil {
				b.x, _ = r.exactBounds(b.p)
			}
			u := int64(1)
			if util != nil {
				u = int64(util[k])
			}
			switch s := r.x.cmpMoney(r, int(j), b.x, u); {
			case s < 0:
				r.money[j], r.poor[j] = 0, t
			case s == 0:
				r.money[j] = 0 // paid in full, nothing left
			default:
				r.money[j] = max(m-due, almostNothing)
			}
		}
	}
	// The exact rate lies within half the width of the interval from its middle.
	// A full payer's payment is at most the endowment, so the error it adds is at
	// most that half, relative to the rate, times the endowment, and at most that
	// half times the largest utility.
	half := (b.hi - b.lo) / 2
	half = min(half*umax, half/b.lo*r.e) * (1 + 8*relEps)
	r.d = (r.d + half + 4*relEps*r.e) * (1 + 4*relEps)
	r.take(b.p, mid)
}

// refresh computes all rates exactly and all money from them anew, when the
// bound D has grown because many were poor and few rich.
func (r *mesRun) refresh() {
	r.refreshes++
	r.x.upTo(r, len(r.bought))
	for t := range r.rate {
		r.rate[t] = r.x.rateFloat(t)
	}
	b := &r.in.ballots
	for j := range r.money {
		if r.money[j] == 0 {
			continue // nothing left, exactly
		}
		m := r.e
		for k := b.off[j]; k < b.off[j+1]; k++ {
			if t := r.roundOf[b.proj[k]]; t >= 0 {
				m -= r.rate[t] * float64(r.utilityOf(j, int(k)))
			}
		}
		r.money[j] = max(m, almostNothing)
	}
	r.d = 8 * relEps * r.e * float64(len(r.bought)+2)
}

// utilityOf is the factor of a round's rate that the class pays for the k-th
// entry of all ballots: 1 for uniform utilities.
func (r *mesRun) utilityOf(j, k int) int64 {
	switch r.utility {
	case UtilityCardinal:
		return int64(r.in.ballots.points[k])
	case UtilityBorda:
		return int64(r.in.ballots.off[j+1]) - int64(k) - 1
	}
	return 1
}

// endowment is the exact endowment in currency units.
func (r *mesRun) endowment() *big.Rat {
	e := big.NewRat(r.enum, r.n)
	return e.Quo(e, new(big.Rat).SetInt64(r.in.unit()))
}

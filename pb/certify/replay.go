package certify

import "math/big"

// ledger holds the money of every ballot class as a whole number of common
// parts: all endowments and rates are multiplied by their common denominator.
// Classes with the same history have the same money, so a class holds only the
// number of a value, and each value is computed once.
type ledger struct {
	e      *Election
	scale  *big.Int
	values []*big.Int
	about  []float64 // values over scale, correct to 2^-52
	of     []int32   // per class
	next   map[step]int32
}

type step struct {
	value int32
	round int32
	u     int64
}

func (l *ledger) value(v *big.Int) int32 {
	l.values = append(l.values, v)
	f, _ := new(big.Rat).SetFrac(v, l.scale).Float64()
	l.about = append(l.about, f)
	return int32(len(l.values) - 1)
}

// Replay checks that the purchases are those of the Method of Equal Shares in
// which every voter starts with the endowment (smallest units), and that the
// outcome is priceable. Projects in extra were funded in other ways and count
// neither as purchases nor as losers.
func Replay(e *Election, endowment *big.Rat, purchases []Purchase, extra []int) (shares, priceable Verdict) {
	scale := new(big.Int).Set(endowment.Denom())
	widen := func(d *big.Int) {
		g := new(big.Int).GCD(nil, nil, scale, d)
		scale.Mul(scale, g.Quo(d, g))
	}
	for _, p := range purchases {
		if p.Rate == nil || p.Rate.Sign() < 0 {
			v := fails(p.Project, "the price of %s is missing or negative", e.IDs[p.Project])
			return v, v
		}
		widen(p.Rate.Denom())
	}
	whole := func(r *big.Rat) *big.Int {
		x := new(big.Int).Mul(r.Num(), scale)
		return x.Quo(x, r.Denom())
	}
	l := &ledger{e: e, scale: scale, of: make([]int32, len(e.Ballots)), next: map[step]int32{}}
	l.value(whole(endowment)) // number 0: everybody

	sup := supportersOf(e)
	done := make([]bool, len(e.Costs))
	for _, p := range extra {
		done[p] = true
	}
	shares = Verdict{Holds: true, Project: -1}
	for t, buy := range purchases {
		if done[buy.Project] {
			v := fails(buy.Project, "%s is funded twice", e.IDs[buy.Project])
			return v, v
		}
		rate := whole(buy.Rate)
		if shares.Holds {
			shares = l.cheapest(buy, rate, sup, done)
		}
		if v := l.pay(int32(t), buy.Project, rate, sup[buy.Project]); !v.Holds {
			return v, v
		}
		done[buy.Project] = true
	}
	priceable = Verdict{Holds: true, Project: -1}
	for p := range e.Costs {
		if done[p] || e.Open != nil && !e.Open(p) || len(sup[p]) == 0 {
			continue
		}
		switch c := l.compare(sup[p], nil, e.Costs[p]); {
		case c > 0:
			priceable = fails(p, "the supporters of %s, which was not funded, have more left than it costs", e.IDs[p])
			shares = priceable
		case c == 0 && shares.Holds:
			shares = fails(p, "the supporters of %s, which was not funded, could have paid for it exactly", e.IDs[p])
		}
	}
	return shares, priceable
}

// backer is a supporter of a project: a class and its utility.
type backer struct {
	class int32
	u     int64
}

func supportersOf(e *Election) [][]backer {
	sup := make([][]backer, len(e.Costs))
	for j := range e.Ballots {
		b := &e.Ballots[j]
		for k, p := range b.Projects {
			u := int64(1)
			if b.Utility != nil && !e.ByCost {
				u = b.Utility[k]
			}
			if u > 0 && (!e.ByCost || e.Costs[p] > 0) {
				sup[p] = append(sup[p], backer{int32(j), u})
			}
		}
	}
	return sup
}

// pay takes each supporter's payment, at most what it has, and checks that the
// payments add up to the cost exactly.
func (l *ledger) pay(t int32, p int, rate *big.Int, sup []backer) Verdict {
	voters := map[[2]int32]int64{} // by money before and after
	for _, s := range sup {
		from := l.of[s.class]
		key := step{from, t, s.u}
		to, ok := l.next[key]
		if !ok {
			due := new(big.Int).Mul(rate, big.NewInt(s.u))
			if left := due.Sub(l.values[from], due); left.Sign() > 0 {
				to = l.value(left)
			} else {
				to = l.value(new(big.Int))
			}
			l.next[key] = to
		}
		l.of[s.class] = to
		voters[[2]int32{from, to}] += l.e.Ballots[s.class].Voters
	}
	sum := new(big.Int)
	for k, n := range voters {
		d := new(big.Int).Sub(l.values[k[0]], l.values[k[1]])
		sum.Add(sum, d.Mul(d, big.NewInt(n)))
	}
	if sum.Cmp(new(big.Int).Mul(big.NewInt(l.e.Costs[p]), l.scale)) != 0 {
		return fails(p, "the payments for %s do not add up to its cost", l.e.IDs[p])
	}
	return Verdict{Holds: true, Project: -1}
}

// cheapest checks that no other project had a lower price for its supporters,
// or the same and a better place in the tie-break.
func (l *ledger) cheapest(buy Purchase, rate *big.Int, sup [][]backer, done []bool) Verdict {
	e := l.e
	for p := range e.Costs {
		if p == buy.Project || done[p] || e.Open != nil && !e.Open(p) || len(sup[p]) == 0 {
			continue
		}
		// At the same price for a unit of utility, what would they give for p?
		at := rate
		den := int64(1)
		if e.ByCost {
			at = new(big.Int).Mul(rate, big.NewInt(e.Costs[p]))
			den = e.Costs[buy.Project]
		}
		switch c := l.compareAt(sup[p], at, den, e.Costs[p]); {
		case c > 0:
			return fails(p, "%s was cheaper for its supporters than %s when that was bought", e.IDs[p], e.IDs[buy.Project])
		case c == 0 && !l.anyPaysInFull(sup[p], at, den):
			return fails(p, "%s was cheaper for its supporters than %s when that was bought", e.IDs[p], e.IDs[buy.Project])
		case c == 0 && e.Before != nil && e.Before(p, buy.Project):
			return fails(p, "%s had the same price as %s and comes first in the tie-break", e.IDs[p], e.IDs[buy.Project])
		}
	}
	return Verdict{Holds: true, Project: -1}
}

func (l *ledger) compare(sup []backer, at *big.Int, cost int64) int {
	return l.compareAt(sup, at, 1, cost)
}

// compareAt compares what supporters give, each at most at·u/den of its money
// (all of it if at is nil), with the cost: first with floats and a margin that
// covers their rounding, then, if that does not decide, with whole numbers.
func (l *ledger) compareAt(sup []backer, at *big.Int, den, cost int64) int {
	due := 0.0
	if at != nil {
		due, _ = new(big.Rat).SetFrac(at, new(big.Int).Mul(l.scale, big.NewInt(den))).Float64()
	}
	sum := 0.0
	for _, s := range sup {
		m := l.about[l.of[s.class]]
		if at != nil {
			m = min(m, due*float64(s.u))
		}
		sum += m * float64(l.e.Ballots[s.class].Voters)
	}
	margin := (sum + float64(cost)) * 0x1p-51 * float64(len(sup)+8)
	if d := sum - float64(cost); d > margin {
		return 1
	} else if d < -margin {
		return -1
	}
	total := new(big.Int)
	var x, y big.Int
	for _, s := range sup {
		give := x.Mul(l.values[l.of[s.class]], big.NewInt(den))
		if at != nil {
			if d := y.Mul(at, big.NewInt(s.u)); d.Cmp(give) < 0 {
				give = d
			}
		}
		total.Add(total, give.Mul(give, big.NewInt(l.e.Ballots[s.class].Voters)))
	}
	c := new(big.Int).Mul(big.NewInt(cost), l.scale)
	return total.Cmp(c.Mul(c, big.NewInt(den)))
}

// anyPaysInFull says whether some supporter has at least at·u/den. If the
// supporters can just pay but nobody in full, a lower price would do as well.
func (l *ledger) anyPaysInFull(sup []backer, at *big.Int, den int64) bool {
	var x, y big.Int
	for _, s := range sup {
		if x.Mul(l.values[l.of[s.class]], big.NewInt(den)).Cmp(y.Mul(at, big.NewInt(s.u))) >= 0 {
			return true
		}
	}
	return false
}

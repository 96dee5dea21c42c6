package certify

import (
	"math"
	"math/big"
)

// ledger follows the money of every ballot class through the purchases. All
// sums are whole numbers of common parts: endowment and prices are multiplied
// by their common denominator (scale). A class has the endowment minus what it
// paid, unless it once gave all it had left; so its exact money can always be
// read from its ballot, and is, whenever the float64 kept beside it is not
// certainly on one side of what it is compared with.
type ledger struct {
	e         *Election
	sup       *backers
	scale     *big.Int
	endowment *big.Int
	rates     []*big.Int // payment for one unit of weight (see weight)
	about     []float64  // money in smallest units, within margin
	margin    float64
	broke     []int32   // round in which the class gave all it had, else solvent
	roundOf   []int32   // of each project, else solvent
	voters    []float64 // of each class
	uniform   bool      // all weights are 1
	backing   []float64 // of each project: voters times weights

	// What follows bounds what the backers of a project would give, so that most
	// need not be asked in most rounds: what they have together and had at first,
	// voters times weights of those who have something, and what they gave when they
	// were asked last, at which price. Money only shrinks; and at a price λ ≥ 1 times
	// as high nobody gives more than λ times as much.
	have, first, able []float64
	gave, asked       []float64
}

const solvent = math.MaxInt32

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
	l := &ledger{e: e, sup: backersOf(e), scale: scale, endowment: whole(endowment),
		about: make([]float64, len(e.Ballots)), broke: make([]int32, len(e.Ballots)), roundOf: make([]int32, len(e.Costs))}
	if !l.countable() {
		v := fails(-1, "the numbers of this election are too large to be replayed")
		return v, v
	}
	l.tallyBacking()
	start, _ := endowment.Float64()
	// Each payment is rounded and subtracted with rounding, each within 2^-53 of
	// the endowment.
	l.margin = start * 0x1p-50 * float64(len(purchases)+4)
	for j := range l.about {
		l.about[j], l.broke[j] = start, solvent
	}
	l.able, l.have = append([]float64(nil), l.backing...), make([]float64, len(e.Costs))
	l.gave, l.asked = make([]float64, len(e.Costs)), make([]float64, len(e.Costs))
	for p := range e.Costs {
		for _, j := range l.sup.class[l.sup.off[p]:l.sup.off[p+1]] {
			l.have[p] += l.voters[j] * start
		}
	}
	l.first = append([]float64(nil), l.have...)
	for p := range l.roundOf {
		l.roundOf[p] = solvent
	}
	done := make([]bool, len(e.Costs))
	for _, p := range extra {
		done[p] = true
	}
	shares = Verdict{Holds: true, Project: -1}
	for _, buy := range purchases {
		if done[buy.Project] {
			v := fails(buy.Project, "%s is funded twice", e.IDs[buy.Project])
			return v, v
		}
		rate := whole(buy.Rate)
		if shares.Holds {
			shares = l.cheapest(buy, rate, done)
		}
		if v := l.pay(buy, rate); !v.Holds {
			return v, v
		}
		done[buy.Project] = true
	}
	priceable = Verdict{Holds: true, Project: -1}
	for p := range e.Costs {
		if done[p] || e.Open != nil && !e.Open(p) || l.sup.off[p] == l.sup.off[p+1] {
			continue
		}
		switch c, _ := l.gives(p, nil, 0, 1); {
		case c > 0:
			priceable = fails(p, "the supporters of %s, which was not funded, have more left than it costs", e.IDs[p])
			return priceable, priceable
		case c == 0 && shares.Holds:
			shares = fails(p, "the supporters of %s, which was not funded, could have paid for it exactly", e.IDs[p])
		}
	}
	return shares, priceable
}

// weight is how many units of a rate a class pays for the k-th project of its
// ballot: its utility, or 1 when utility is cost and the rate is the payment.
func (l *ledger) weight(j int32, k int) int64 {
	if b := &l.e.Ballots[j]; b.Utility != nil && !l.e.ByCost {
		return b.Utility[k]
	}
	return 1
}

// tallyBacking prepares what the float64 side of comparisons needs.
func (l *ledger) tallyBacking() {
	l.voters, l.backing, l.uniform = make([]float64, len(l.e.Ballots)), make([]float64, len(l.e.Costs)), true
	for j := range l.e.Ballots {
		l.voters[j] = float64(l.e.Ballots[j].Voters)
		l.uniform = l.uniform && (l.e.ByCost || l.e.Ballots[j].Utility == nil)
	}
	for p := range l.backing {
		for i := l.sup.off[p]; i < l.sup.off[p+1]; i++ {
			w := 1.0
			if !l.uniform {
				w = float64(l.weight(l.sup.class[i], int(l.sup.place[i])))
			}
			l.backing[p] += w * l.voters[l.sup.class[i]]
		}
	}
}

// countable says whether all counts of voters times weights fit.
func (l *ledger) countable() bool {
	sum := 0.0
	for j := range l.e.Ballots {
		for k := range l.e.Ballots[j].Projects {
			sum += float64(l.e.Ballots[j].Voters) * math.Abs(float64(l.weight(int32(j), k)))
		}
	}
	return sum < 1<<61
}

// sum adds up money exactly: so many endowments, less so many units of each
// rate paid.
type sum struct {
	voters int64
	paid   []int64
}

func (l *ledger) newSum() *sum { return &sum{paid: make([]int64, len(l.rates))} }

// add counts all that class j has now, which is nothing if it is broke.
func (s *sum) add(l *ledger, j int32) {
	b := &l.e.Ballots[j]
	s.voters += b.Voters
	for k, p := range b.Projects {
		if t := l.roundOf[p]; t != solvent {
			s.paid[t] += b.Voters * l.weight(j, k)
		}
	}
}

func (s *sum) total(l *ledger) *big.Int {
	x := new(big.Int).Mul(big.NewInt(s.voters), l.endowment)
	var y big.Int
	for t, n := range s.paid {
		if n != 0 {
			x.Sub(x, y.Mul(big.NewInt(n), l.rates[t]))
		}
	}
	return x
}

// side compares the money of class j with at·w/den; dueAbout is that in float64.
func (l *ledger) side(j int32, at *big.Int, w, den int64, dueAbout float64) int {
	switch m := l.about[j]; {
	case l.broke[j] != solvent:
		if at.Sign() > 0 {
			return -1
		}
		return 0
	case m-l.margin > dueAbout*(1+0x1p-50):
		return 1
	case m+l.margin < dueAbout*(1-0x1p-50):
		return -1
	}
	s := l.newSum()
	s.add(l, j)
	have := s.total(l)
	have.Mul(have, big.NewInt(den))
	due := new(big.Int).Mul(at, big.NewInt(w))
	return have.Cmp(due.Mul(due, big.NewInt(l.e.Ballots[j].Voters)))
}

func (l *ledger) aboutOf(at *big.Int, den int64) float64 {
	f, _ := new(big.Rat).SetFrac(at, new(big.Int).Mul(l.scale, big.NewInt(den))).Float64()
	return f
}

// pay takes each supporter's payment, at most what it has, and checks that the
// payments add up to the cost exactly.
func (l *ledger) pay(buy Purchase, rate *big.Int) Verdict {
	p, t := buy.Project, int32(len(l.rates))
	due := l.aboutOf(rate, 1)
	all, units := l.newSum(), int64(0)
	for i := l.sup.off[p]; i < l.sup.off[p+1]; i++ {
		j := l.sup.class[i]
		if l.broke[j] != solvent {
			continue
		}
		w := l.weight(j, int(l.sup.place[i]))
		if l.side(j, rate, w, 1, due*float64(w)) < 0 {
			all.add(l, j)
			l.spend(j, l.about[j], true)
			l.broke[j], l.about[j] = t, 0
			continue
		}
		units += l.e.Ballots[j].Voters * w
		left := max(l.about[j]-due*float64(w), 0)
		l.spend(j, l.about[j]-left, false)
		l.about[j] = left
	}
	paid := all.total(l)
	paid.Add(paid, new(big.Int).Mul(rate, big.NewInt(units)))
	if paid.Cmp(new(big.Int).Mul(big.NewInt(l.e.Costs[p]), l.scale)) != 0 {
		return fails(p, "the payments for %s do not add up to its cost", l.e.IDs[p])
	}
	l.rates = append(l.rates, rate)
	l.roundOf[p] = t
	return Verdict{Holds: true, Project: -1}
}

// cheapest checks that no other project had a lower price for its supporters,
// or the same and a better place in the tie-break.
// spend takes what one of a class pays from what the backers of all its projects have.
func (l *ledger) spend(j int32, paid float64, broke bool) {
	paid *= l.voters[j]
	b := &l.e.Ballots[j]
	for k, p := range b.Projects {
		w := 1.0
		if !l.uniform || l.e.ByCost {
			if l.e.utility(b, k) <= 0 {
				continue
			}
			w = float64(l.weight(j, k))
		}
		l.have[p] -= paid
		if broke {
			l.able[p] -= w * l.voters[j]
		}
	}
}

// short reports whether the backers of p certainly give less than its cost at a price.
func (l *ledger) short(p int, due, rounding float64) bool {
	most := min(l.have[p], due*l.able[p])
	switch {
	case l.asked[p] == 0:
	case due <= l.asked[p]:
		most = min(most, l.gave[p])
	default:
		most = min(most, l.gave[p]*due/l.asked[p])
	}
	// have is a sum of differences: each of its terms rounds by at most 2^-53 of what
	// there was at first, and is off by at most the margin of each backer.
	off := l.first[p]*rounding + l.backing[p]*l.margin
	return most*(1+rounding)+off < float64(l.e.Costs[p])*(1-rounding)
}

func (l *ledger) cheapest(buy Purchase, rate *big.Int, done []bool) Verdict {
	e := l.e
	about := l.aboutOf(rate, 1)
	for p := range e.Costs {
		if p == buy.Project || done[p] || e.Open != nil && !e.Open(p) || l.sup.off[p] == l.sup.off[p+1] {
			continue
		}
		// At the same price for a unit of utility, what would they give for p?
		at, due, den := rate, about, int64(1)
		if e.ByCost {
			at, den = new(big.Int).Mul(rate, big.NewInt(e.Costs[p])), e.Costs[buy.Project]
			due = about * float64(e.Costs[p]) / float64(den)
		}
		// If the supporters can just pay but nobody in full, a lower price would
		// do as well.
		switch c, full := l.gives(p, at, due, den); {
		case c > 0, c == 0 && !full:
			return fails(p, "%s was cheaper for its supporters than %s when that was bought", e.IDs[p], e.IDs[buy.Project])
		case c == 0 && e.Before != nil && e.Before(p, buy.Project):
			return fails(p, "%s had the same price as %s and comes first in the tie-break", e.IDs[p], e.IDs[buy.Project])
		}
	}
	return Verdict{Holds: true, Project: -1}
}

// gives compares what the supporters of p give, each at most at·weight/den (all
// it has if at is nil), with the cost: first with floats and a margin that
// covers their rounding, then, if that does not decide, with whole numbers. In
// the second case it also says whether anybody can pay in full.
// due is at/den in smallest units, within a few units in the last place.
func (l *ledger) gives(p int, at *big.Int, due float64, den int64) (c int, full bool) {
	cost := float64(l.e.Costs[p])
	lo, hi := l.sup.off[p], l.sup.off[p+1]
	rounding := 0x1p-51 * float64(hi-lo+8)
	if at != nil && l.short(p, due, rounding*float64(len(l.rates)+1)) {
		return -1, false
	}
	total, voters := 0.0, 0.0
	switch {
	case l.uniform && at != nil:
		for _, j := range l.sup.class[lo:hi] {
			n := l.voters[j]
			total += min(l.about[j], due) * n
			voters += n
		}
	default:
		for i := lo; i < hi; i++ {
			j := l.sup.class[i]
			m := l.about[j]
			if at != nil {
				m = min(m, due*float64(l.weight(j, int(l.sup.place[i]))))
			}
			total += m * l.voters[j]
			voters += l.voters[j]
		}
	}
	off := (total+cost)*rounding + voters*l.margin
	if at != nil {
		l.asked[p], l.gave[p] = due, total+off
	}
	if d := total - cost; d > off {
		return 1, true
	} else if d < -off {
		return -1, false
	}
	all, units := l.newSum(), int64(0)
	for i := lo; i < hi; i++ {
		j := l.sup.class[i]
		w := l.weight(j, int(l.sup.place[i]))
		if at != nil && l.side(j, at, w, den, due*float64(w)) >= 0 {
			units += l.e.Ballots[j].Voters * w
			full = true
		} else if l.broke[j] == solvent {
			all.add(l, j)
		}
	}
	x := all.total(l)
	x.Mul(x, big.NewInt(den))
	if at != nil {
		x.Add(x, new(big.Int).Mul(at, big.NewInt(units)))
	}
	y := new(big.Int).Mul(big.NewInt(l.e.Costs[p]), l.scale)
	return x.Cmp(y.Mul(y, big.NewInt(den))), full
}

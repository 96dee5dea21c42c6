package pb

import (
	"context"
	"math"
	"slices"
)

// This file certifies that all endowments of a range give the same winners in
// the same order, so that a completion need not run each of them.
//
// Let x run from 0 (the smaller endowment) to 1 (the larger). For every ballot
// class the range keeps two functions that are affine in x, each given by its
// values at both ends, with
//
//	l(x) ≤ money(x) ≤ h(x)    for every x in [0, 1].
//
// In a round, for a candidate with cost c:
//
//   - Lower bound: for one division of the supporters into P and R, the same for
//     all x, ρ(x) ≥ (c − Σ_P w·h(x))/Σ_R w·u (see mes.go). That is affine in x, so
//     its values at both ends are all there is to compute. Money only shrinks, so
//     the bound stays one in later rounds.
//   - Upper bound: let ρ⁺ be the line through the values that solve
//     Σ w·min(l, ρu) = c at either end. min of two affine functions is concave, so
//     Σ w·min(l(x), ρ⁺(x)·u) is at least the line through its end values, which is
//     c: hence ρ(x) ≤ ρ⁺(x), and the project is affordable, for every x.
//
// A candidate whose upper line lies under all others' lower lines at both ends
// does so everywhere, and wins the round for every x. Paying:
//
//	money' = max(0, money − ρu)
//
// is at least l − ρ⁺u where that line is not negative, and 0 else; and, being
// convex in its argument, at most the line through max(0, h − ρ⁻u) at both ends.
// A class that is poor at one end and rich at the other only widens its own
// bounds, so thousands of such classes do no harm as long as they are few among
// all. Every float operation is widened by more than it can round. What cannot
// be certified is not guessed: the range is halved, down to single steps, which
// mes.go decides exactly.

// minRange is the smallest number of steps worth a certificate, which costs
// about as much as four runs.
const minRange = 7

// band holds the two lines of a class.
type band struct{ l0, l1, h0, h1 float64 }

// line is an affine bound by its end values.
type line2 struct{ at0, at1 float64 }

// above says whether the line lies above another everywhere.
func (a line2) above(b line2) bool { return a.at0 > b.at0 && a.at1 > b.at1 }

// entrant is a candidate of a range.
type entrant struct {
	p     int32
	lo    line2   // of ρ
	start float64 // where the search for the lower bound starts, at x = 1/2
	plain bool    // everybody can pay in full, for every x: ρ = cost/total utility
}

type skipper struct {
	s                               *steps
	runs, skipped, exact, refreshes int64
	wait, calm                      int64 // steps to run one by one before the next attempt

	band  []band
	cands []entrant
	e     float64 // larger endowment
	err   float64 // more than one operation on money rounds
}

func newSkipper(s *steps) *skipper { return &skipper{s: s, wait: 4} }

// stride says how many steps to claim after the one just decided.
func (k *skipper) adapt(tried int64, certified bool) {
	switch {
	case certified:
		k.wait = 4
		k.s.stride.Store(min(2*tried, 1<<24))
	case tried >= minRange:
		k.calm, k.wait = k.wait, min(2*k.wait, 512)
		if tried/4 >= minRange {
			k.calm = 0
			k.s.stride.Store(tried / 4)
		} else {
			k.s.stride.Store(1)
		}
	default:
		if k.calm -= tried; k.calm <= 0 && !k.s.o.NoSkip {
			k.s.stride.Store(minRange + 1)
		}
	}
}

// certify runs all endowments from lo/n to hi/n at once. ok says that all have
// the same winners, and then the outcome is that of each.
func (k *skipper) certify(ctx context.Context, lo, hi int64) (outcome, bool, error) {
	m := k.s.mesInput
	e0, e1 := float64(lo)/float64(m.n), float64(hi)/float64(m.n)
	k.e, k.err = e1, 4*relEps*e1
	if len(k.band) != m.in.Classes() {
		k.band = make([]band, m.in.Classes())
	}
	for j := range k.band {
		k.band[j] = band{e0 - k.err, e1 - k.err, e0 + k.err, e1 + k.err}
	}
	k.cands = k.cands[:0]
	for _, p := range m.cands {
		rho := float64(m.in.Projects[p].Cost) / float64(m.prof.total[p])
		if m.utility == UtilityCost {
			rho = 1 / float64(m.prof.total[p])
		}
		rho *= 1 - 8*relEps
		start := rho
		if m.utility == UtilityCost {
			start *= float64(m.in.Projects[p].Cost)
		}
		k.cands = append(k.cands, entrant{p: p, lo: line2{rho, rho}, start: start})
	}
	slices.SortFunc(k.cands, func(a, b entrant) int {
		if a.lo.at0 < b.lo.at0 || a.lo.at0 == b.lo.at0 && m.rank[a.p] < m.rank[b.p] {
			return -1
		}
		return 1
	})
	ls := m.limits.start(m.in)
	var bought []int32
	cost := int64(0)
	take := func(p int32) {
		bought = append(bought, p)
		cost += int64(m.in.Projects[p].Cost)
		ls.take(p)
	}
	for _, p := range m.free {
		if ls.allows(p) {
			take(p)
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return goOn, false, err
		}
		k.cands = slices.DeleteFunc(k.cands, func(c entrant) bool { return !ls.allows(c.p) })
		at, hi, ok := k.choose()
		if !ok {
			return goOn, false, nil
		}
		if at < 0 {
			break
		}
		k.pay(k.cands[at], hi)
		take(k.cands[at].p)
		k.cands = slices.Delete(k.cands, at, at+1)
		if cost > k.s.budget {
			break // whatever follows, every endowment overspends
		}
	}
	return k.s.judge(bought, cost), true, nil
}

// choose finds the candidate that wins the round for every x and its upper
// line; at is -1 when none is affordable for any x, ok is false when neither
// can be certified.
func (k *skipper) choose() (at int, hi line2, ok bool) {
	at = -1
	best := infinity
	for i := 0; i < len(k.cands); {
		c := &k.cands[i]
		if at >= 0 && c.lo.at0 > best {
			break // lower lines are in order at x = 0
		}
		if !k.tighten(c) { // unaffordable for every x
			k.cands = slices.Delete(k.cands, i, i+1)
			continue
		}
		if h := k.upper(c, 0); h < best || at < 0 && h < infinity {
			at, best = i, h
		}
		i++
	}
	if at < 0 {
		return -1, line2{}, len(k.cands) == 0
	}
	w := k.cands[at]
	hi = line2{best, k.upper(&w, 1)}
	if hi.at1 == infinity {
		return 0, hi, false
	}
	for i := 0; i < len(k.cands); i++ {
		c := &k.cands[i]
		if i == at || c.lo.above(hi) || k.exactlyBefore(w, *c) {
			continue
		}
		if !k.tighten(c) {
			k.cands = slices.Delete(k.cands, i, i+1)
			if i < at {
				at--
			}
			i--
			continue
		}
		if !c.lo.above(hi) && !k.exactlyBefore(w, *c) {
			return 0, hi, false
		}
	}
	// Keep the order at x = 0 for the next round; at must follow.
	p := w.p
	slices.SortFunc(k.cands, func(a, b entrant) int {
		if a.lo.at0 < b.lo.at0 || a.lo.at0 == b.lo.at0 && k.s.rank[a.p] < k.s.rank[b.p] {
			return -1
		}
		return 1
	})
	at = slices.IndexFunc(k.cands, func(c entrant) bool { return c.p == p })
	return at, hi, true
}

// exactlyBefore decides ties of candidates whose prices do not depend on x: if
// everybody can pay w in full, its ρ is cost/total utility, which is also the
// least that c's can be.
func (k *skipper) exactlyBefore(w, c entrant) bool {
	if !w.plain {
		return false
	}
	m := k.s.mesInput
	cw, cc := int64(m.in.Projects[w.p].Cost), int64(m.in.Projects[c.p].Cost)
	if m.utility == UtilityCost {
		cw, cc = 1, 1
	}
	s := cmpProducts(cw, m.prof.total[c.p], cc, m.prof.total[w.p])
	return s < 0 || s == 0 && m.rank[w.p] < m.rank[c.p]
}

// factor is what turns a rate (payment of a full payer, or ρ) into ρ.
func (k *skipper) factor(p int32) float64 {
	if k.s.utility == UtilityCost {
		return 1 / float64(k.s.in.Projects[p].Cost)
	}
	return 1
}

// tighten improves a candidate's lower line by the division that is right in the
// middle of the range. It returns false when the project is unaffordable for
// every x.
func (k *skipper) tighten(c *entrant) bool {
	m := k.s.mesInput
	sup, util := m.prof.supporters(int(c.p)), m.prof.utilities(int(c.p))
	cost, total := float64(m.in.Projects[c.p].Cost), float64(m.prof.total[c.p])
	sumErr := relEps * float64(len(sup)+4)
	weight := m.prof.weight
	rate := c.start
	for {
		var s0, s1, poor float64
		least := infinity // smallest money/u of the rich, roughly: it only guides
		if util == nil {
			twice := 2 * rate
			for _, j := range sup {
				b := &k.band[j]
				if v := b.h0 + b.h1; v < twice {
					w := weight[j]
					s0 += w * b.h0
					s1 += w * b.h1
					poor += w
				} else if v < least {
					least = v
				}
			}
			least /= 2
		} else {
			for i, j := range sup {
				b, u := &k.band[j], float64(util[i])
				if v := (b.h0 + b.h1) / 2; v < rate*u {
					w := weight[j]
					s0 += w * b.h0
					s1 += w * b.h1
					poor += w * u
				} else if v < least*u {
					least = v / u
				}
			}
		}
		rich := total - poor
		if rich <= 0 {
			e := (s0+s1)*sumErr + cost*relEps
			return !(s0+e < cost && s1+e < cost)
		}
		next := (cost - (s0+s1)/2) / rich
		if next > least && next > rate {
			rate = next
			continue
		}
		f := k.factor(c.p)
		lo0 := (cost - s0 - s0*sumErr - cost*relEps) / rich * f
		lo1 := (cost - s1 - s1*sumErr - cost*relEps) / rich * f
		lo := line2{lo0 - 8*relEps*math.Abs(lo0), lo1 - 8*relEps*math.Abs(lo1)}
		// Two lines that are both bounds: the better of them, not the maximum,
		// which would not be a line; by the smaller gain at either end.
		if (lo.at0 > c.lo.at0 && lo.at1 >= c.lo.at1) || (lo.at0+lo.at1 > c.lo.at0+c.lo.at1) {
			c.lo = lo
		}
		c.start = max(c.start, rate*(1-8*relEps))
		c.plain = poor == 0 && k.canAllPay(c.p, sup, util)
		return true
	}
}

// canAllPay says whether every supporter certainly can pay cost/total utility
// times its own utility, for every x.
func (k *skipper) canAllPay(p int32, sup []uint32, util []int32) bool {
	m := k.s.mesInput
	rate := float64(m.in.Projects[p].Cost) / float64(m.prof.total[p]) * (1 + 8*relEps)
	for i, j := range sup {
		u := 1.0
		if util != nil {
			u = float64(util[i])
		}
		if b := &k.band[j]; b.l0 < rate*u*(1+relEps) || b.l1 < rate*u*(1+relEps) {
			return false
		}
	}
	return true
}

// upper solves for ρ at one end with the lower money bounds, erring upwards;
// infinity when that money does not suffice.
func (k *skipper) upper(c *entrant, end int) float64 {
	m, p := k.s.mesInput, c.p
	start := c.lo.at0
	if end == 1 {
		start = c.lo.at1
	}
	start *= (1 - 8*relEps) / k.factor(p)
	sup, util := m.prof.supporters(int(p)), m.prof.utilities(int(p))
	cost, total := float64(m.in.Projects[p].Cost), float64(m.prof.total[p])
	sumErr := relEps * float64(len(sup)+4)
	weight := m.prof.weight
	rate := max(start, 0)
	for {
		var s, poor float64
		least := infinity
		for i, j := range sup {
			b := k.band[j].l0
			if end == 1 {
				b = k.band[j].l1
			}
			if util == nil {
				if b < rate {
					s += weight[j] * b
					poor += weight[j]
				} else if b < least {
					least = b
				}
				continue
			}
			u := float64(util[i])
			if b < rate*u {
				s += weight[j] * b
				poor += weight[j] * u
			} else if b < least*u {
				least = b / u * (1 - 4*relEps)
			}
		}
		rich := total - poor
		if rich <= 0 {
			return infinity
		}
		next := (cost - s + s*sumErr + cost*relEps) / rich
		next += 8 * relEps * math.Abs(next)
		if next <= rate {
			next = rate // the poor have at most rate·u: they pay all they have
		}
		if next > least {
			rate = next
			continue
		}
		return next * k.factor(p) * (1 + 4*relEps)
	}
}

// pay takes the price of the winner from its supporters' bands.
func (k *skipper) pay(c entrant, hi line2) {
	m := k.s.mesInput
	sup, util := m.prof.supporters(int(c.p)), m.prof.utilities(int(c.p))
	f := 1 / k.factor(c.p) // from ρ to the payment of a full payer
	lo0, lo1 := c.lo.at0*f*(1-4*relEps), c.lo.at1*f*(1-4*relEps)
	hi0, hi1 := hi.at0*f*(1+4*relEps), hi.at1*f*(1+4*relEps)
	for i, j := range sup {
		b, u := &k.band[j], 1.0
		if util != nil {
			u = float64(util[i])
		}
		l0, l1 := b.l0-hi0*u-k.err, b.l1-hi1*u-k.err
		if l0 < 0 || l1 < 0 {
			l0, l1 = 0, 0
		}
		h0, h1 := b.h0-lo0*u+k.err, b.h1-lo1*u+k.err
		if h0 <= 0 && h1 <= 0 {
			*b = band{}
			continue
		}
		*b = band{l0, l1, max(h0, 0), max(h1, 0)}
	}
}

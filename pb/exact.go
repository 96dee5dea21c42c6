package pb

import (
	"math"
	"math/big"
)

// exactState is the exact side of a run, computed only when it is asked for.
// All rates so far are num[t]/l over one common denominator l = n·m, where n is
// the number of voters; the endowment is then enum·m/l. Rates are payments of a
// full payer for uniform utilities and ρ for others, in smallest units.
type exactState struct {
	done int // rounds whose rate is exact
	l, m *big.Int
	num  []*big.Int
	// counts[t] and scaled are scratch
	counts []int64
}

// exactRho is the exact solution for a candidate: rate = num/(den·l), and
// ρ = rate/u, where u is the cost for cost utilities and 1 for others.
type exactRho struct {
	p      int32
	num    *big.Int
	den    int64
	u      int64
	lo, hi float64 // of the rate
}

// cmp compares ρ of two candidates of the same state.
func (a *exactRho) cmp(b *exactRho) int {
	x := new(big.Int).Mul(a.num, big.NewInt(b.den))
	x.Mul(x, big.NewInt(b.u))
	y := new(big.Int).Mul(b.num, big.NewInt(a.den))
	y.Mul(y, big.NewInt(a.u))
	return x.Cmp(y)
}

func (x *exactState) start(r *mesRun) {
	if x.l == nil {
		x.l, x.m = big.NewInt(r.n), big.NewInt(1)
		x.counts = make([]int64, 0, 64)
	}
}

// upTo makes the rates of the first t rounds exact. The poor of round t are
// those who could not pay it in full and gave what they had, if anything; the rich
// are the supporters who were not yet poor then, so both can be told at any later
// time. Who paid in full and had nothing left is rich in that round, and poor in the
// next one that it would pay for.
func (x *exactState) upTo(r *mesRun, t int) {
	x.start(r)
	for ; x.done < t; x.done++ {
		now := int32(x.done)
		p := r.bought[now]
		if r.in.Projects[p].Cost == 0 {
			x.num = append(x.num, new(big.Int))
			continue
		}
		util := r.prof.utilities(int(p))
		sum := x.newSum(r)
		rich := int64(0)
		for k, j := range r.prof.supporters(int(p)) {
			switch d := r.poor[j]; {
			case d == now:
				sum.add(r, int(j), now)
			case d > now:
				u := int64(1)
				if util != nil {
					u = int64(util[k])
				}
				rich += int64(r.in.ballots.weight[j]) * u
			}
		}
		num := sum.total(x, r)
		num.Sub(new(big.Int).Mul(big.NewInt(int64(r.in.Projects[p].Cost)), x.l), num)
		x.push(num, rich)
	}
}

// push appends the rate num/(den·l), widening the common denominator by what
// does not cancel.
func (x *exactState) push(num *big.Int, den int64) {
	d := big.NewInt(den)
	g := new(big.Int).GCD(nil, nil, new(big.Int).Abs(num), d)
	if g.Sign() > 0 {
		num.Quo(num, g)
		d.Quo(d, g)
	}
	if d.IsInt64() && d.Int64() == 1 {
		x.num = append(x.num, num)
		return
	}
	x.l.Mul(x.l, d)
	x.m.Mul(x.m, d)
	for _, q := range x.num {
		q.Mul(q, d)
	}
	x.num = append(x.num, num)
}

// rateFloat is the rate of a round, correctly rounded.
func (x *exactState) rateFloat(t int) float64 {
	f, _ := new(big.Rat).SetFrac(x.num[t], x.l).Float64()
	return f
}

// rate is the exact rate of a round in smallest units.
func (x *exactState) rate(t int) *big.Rat { return new(big.Rat).SetFrac(x.num[t], x.l) }

// moneySum adds up the money of classes, as whole numbers: how many voters, and
// how many units of utility they paid for in each earlier round.
type moneySum struct {
	voters int64
	paid   []int64
}

func (x *exactState) newSum(r *mesRun) *moneySum {
	return &moneySum{paid: make([]int64, len(r.bought)+1)}
}

// add counts the money that class j had before round t.
func (s *moneySum) add(r *mesRun, j int, t int32) {
	w := int64(r.in.ballots.weight[j])
	s.voters += w
	b := &r.in.ballots
	for k := b.off[j]; k < b.off[j+1]; k++ {
		if q := r.roundOf[b.proj[k]]; q >= 0 && q < t {
			s.paid[q] += w * r.utilityOf(j, int(k))
		}
	}
}

// total is the sum times l.
func (s *moneySum) total(x *exactState, r *mesRun) *big.Int {
	t := new(big.Int).Mul(big.NewInt(s.voters), big.NewInt(r.enum))
	t.Mul(t, x.m)
	var y big.Int
	for q, c := range s.paid {
		if c != 0 {
			t.Sub(t, y.Mul(big.NewInt(c), x.num[q]))
		}
	}
	return t
}

// moneyOf is the exact money of class j now, times l.
func (x *exactState) moneyOf(r *mesRun, j int) *big.Int {
	if r.poor[j] != never {
		return new(big.Int)
	}
	t := new(big.Int).Mul(big.NewInt(r.enum), x.m)
	b := &r.in.ballots
	var y big.Int
	for k := b.off[j]; k < b.off[j+1]; k++ {
		if q := r.roundOf[b.proj[k]]; q >= 0 {
			t.Sub(t, y.Mul(big.NewInt(r.utilityOf(j, int(k))), x.num[q]))
		}
	}
	return t
}

// cmpMoney compares the exact money of class j with the rate times u.
func (x *exactState) cmpMoney(r *mesRun, j int, rate *exactRho, u int64) int {
	a := x.moneyOf(r, j)
	a.Mul(a, big.NewInt(rate.den))
	return a.Cmp(new(big.Int).Mul(rate.num, big.NewInt(u)))
}

// exactBounds solves for a candidate exactly. It starts with nobody poor but
// those who certainly are, so that the rate found is a lower bound; whoever
// cannot pay it is poor for certain; and so on until nobody is added.
func (r *mesRun) exactBounds(p int32) (*exactRho, verdict) {
	r.exactCount++
	r.x.upTo(r, len(r.bought))
	x := &r.x
	t := int32(len(r.bought))
	sup, util := r.prof.supporters(int(p)), r.prof.utilities(int(p))
	utility := func(k int) int64 {
		if util != nil {
			return int64(util[k])
		}
		return 1
	}
	cost := int64(r.in.Projects[p].Cost)
	costL := new(big.Int).Mul(big.NewInt(cost), x.l)
	sum := x.newSum(r)
	left := make([]int32, 0, len(sup)) // places in sup of those not known poor
	rich := int64(0)
	for k, j := range sup {
		if r.poor[j] != never {
			continue // nothing to give, exactly
		}
		left = append(left, int32(k))
		rich += int64(r.in.ballots.weight[j]) * utility(k)
	}
	out := &exactRho{p: p, u: 1}
	if r.utility == UtilityCost {
		out.u = cost
	}
	for {
		if rich == 0 {
			return out, unaffordable
		}
		out.num, out.den = sum.total(x, r), rich
		out.num.Sub(costL, out.num)
		f := x.floatOf(out)
		out.lo, out.hi = f*(1-2*relEps), f*(1+2*relEps)
		moved := false
		keep := left[:0]
		margin := r.d + 4*relEps*r.e
		for _, k := range left {
			j, u := int(sup[k]), utility(int(k))
			switch m := r.money[j]; {
			case m-margin >= out.hi*float64(u)*(1+relEps):
				keep = append(keep, k)
				continue
			case m+margin <= out.lo*float64(u)*(1-relEps):
			case x.cmpMoney(r, j, out, u) >= 0:
				keep = append(keep, k)
				continue
			}
			moved = true
			sum.add(r, j, t)
			rich -= int64(r.in.ballots.weight[j]) * u
		}
		left = keep
		if !moved {
			return out, bounded
		}
	}
}

// floatOf is the rate as a float64 within one unit in the last place. A rate
// beyond float64's range cannot occur: it is at most the cost.
func (x *exactState) floatOf(e *exactRho) float64 {
	den := new(big.Int).Mul(x.l, big.NewInt(e.den))
	f, _ := new(big.Rat).SetFrac(e.num, den).Float64()
	if math.IsInf(f, 0) {
		return math.MaxFloat64
	}
	return f
}

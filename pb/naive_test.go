package pb_test

import (
	"math/big"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/pb"
)

// naive is the rules written down as they are defined, voter by voter, with
// fractions only and no thought of speed. The package is measured against it.
type naive struct {
	in       *pb.Instance
	util     [][]*big.Rat // per voter, per project
	approves [][]bool
	less     func(a, b int) bool
}

func rat(a int64) *big.Rat { return new(big.Rat).SetInt64(a) }

func newNaive(in *pb.Instance, u pb.Utility, less func(a, b int) bool) *naive {
	n := &naive{in: in, less: less}
	for j := range in.Classes() {
		ps, voters := in.Class(j)
		util := make([]*big.Rat, len(in.Projects))
		app := make([]bool, len(in.Projects))
		for p := range util {
			util[p] = rat(0)
		}
		for k, p := range ps {
			app[p] = true
			switch u {
			case pb.UtilityCost:
				util[p] = rat(int64(in.Projects[p].Cost))
			case pb.UtilityCard:
				util[p] = rat(1)
			case pb.UtilityCardinal:
				util[p] = rat(int64(in.ClassPoints(j)[k]))
			case pb.UtilityBorda:
				util[p] = rat(int64(len(ps) - k - 1))
			}
		}
		for range voters {
			n.util = append(n.util, util)
			n.approves = append(n.approves, app)
		}
	}
	return n
}

func byID(in *pb.Instance) func(a, b int) bool {
	return func(a, b int) bool { return in.Projects[a].ID < in.Projects[b].ID }
}

func (n *naive) cost(p int) *big.Rat { return rat(int64(n.in.Projects[p].Cost)) }

func (n *naive) total(ps []int) *big.Rat {
	t := rat(0)
	for _, p := range ps {
		t.Add(t, n.cost(p))
	}
	return t
}

func (n *naive) budget() *big.Rat { return rat(int64(n.in.Budget)) }

// rho finds the smallest ρ with Σ min(b, ρu) = cost by trying, for each
// supporter, that exactly those with at most its b/u are poor; nil if the
// project is not affordable.
func (n *naive) rho(p int, money []*big.Rat) *big.Rat {
	type s struct{ b, u, ratio *big.Rat }
	var sup []s
	have := rat(0)
	for i := range money {
		if u := n.util[i][p]; u.Sign() > 0 {
			sup = append(sup, s{money[i], u, new(big.Rat).Quo(money[i], u)})
			have.Add(have, money[i])
		}
	}
	if len(sup) == 0 || have.Cmp(n.cost(p)) < 0 {
		return nil
	}
	if n.cost(p).Sign() == 0 {
		return rat(0)
	}
	slices.SortFunc(sup, func(a, b s) int { return a.ratio.Cmp(b.ratio) })
	for k := range sup { // the first k are poor
		left, us := n.cost(p), rat(0)
		for _, x := range sup[:k] {
			left.Sub(left, x.b)
		}
		for _, x := range sup[k:] {
			us.Add(us, x.u)
		}
		r := left.Quo(left, us)
		if r.Cmp(sup[k].ratio) <= 0 && (k == 0 || r.Cmp(sup[k-1].ratio) >= 0) {
			return r
		}
	}
	panic("an affordable project has a price")
}

// shares runs Equal Shares at an endowment in smallest units.
func (n *naive) shares(endowment *big.Rat) ([]int, []*big.Rat) {
	money := make([]*big.Rat, len(n.util))
	for i := range money {
		money[i] = new(big.Rat).Set(endowment)
	}
	var won []int
	var rhos []*big.Rat
	for {
		best, bestRho := -1, (*big.Rat)(nil)
		for p := range n.in.Projects {
			if slices.Contains(won, p) {
				continue
			}
			r := n.rho(p, money)
			if r == nil {
				continue
			}
			if c := 0; best < 0 || func() bool { c = r.Cmp(bestRho); return c < 0 || c == 0 && n.less(p, best) }() {
				best, bestRho = p, r
			}
		}
		if best < 0 {
			return won, rhos
		}
		for i := range money {
			pay := new(big.Rat).Mul(bestRho, n.util[i][best])
			if pay.Cmp(money[i]) > 0 {
				pay.Set(money[i])
			}
			money[i].Sub(money[i], pay)
		}
		won, rhos = append(won, best), append(rhos, bestRho)
	}
}

func (n *naive) supported(p int) bool {
	for i := range n.util {
		if n.util[i][p].Sign() > 0 {
			return true
		}
	}
	return false
}

// add1 raises the endowment from start by one unit until the outcome overspends
// or, when asked for, is exhaustive.
func (n *naive) add1(start, unit *big.Rat, exhaustive, overAll bool) []int {
	e := new(big.Rat).Set(start)
	var before []int
	for {
		won, _ := n.shares(e)
		if n.total(won).Cmp(n.budget()) > 0 {
			return before
		}
		full, all := true, true
		for p := range n.in.Projects {
			if slices.Contains(won, p) {
				continue
			}
			buyable := n.supported(p) && n.in.Projects[p].Cost > 0
			all = all && !buyable
			if (buyable || overAll) && new(big.Rat).Add(n.total(won), n.cost(p)).Cmp(n.budget()) <= 0 {
				full = false
			}
		}
		if full && exhaustive || all {
			return won
		}
		before = won
		e.Add(e, unit)
	}
}

// fill adds, by score downwards, what still fits.
func (n *naive) fill(won []int, score func(p int) *big.Rat) []int {
	var order []int
	for p := range n.in.Projects {
		if !slices.Contains(won, p) {
			order = append(order, p)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := score(b).Cmp(score(a)); c != 0 {
			return c
		}
		if n.less(a, b) {
			return -1
		}
		return 1
	})
	for _, p := range order {
		if new(big.Rat).Add(n.total(won), n.cost(p)).Cmp(n.budget()) <= 0 {
			won = append(won, p)
		}
	}
	return won
}

func (n *naive) votes(p int) *big.Rat {
	v := rat(0)
	for i := range n.approves {
		if n.approves[i][p] {
			v.Add(v, rat(1))
		}
	}
	return v
}

func (n *naive) density(p int) *big.Rat {
	s := rat(0)
	for i := range n.util {
		s.Add(s, n.util[i][p])
	}
	if s.Sign() == 0 {
		return s
	}
	if n.in.Projects[p].Cost == 0 {
		return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(60), nil))
	}
	return s.Quo(s, n.cost(p))
}

func (n *naive) phragmen() []int {
	loads := make([]*big.Rat, len(n.util))
	for i := range loads {
		loads[i] = rat(0)
	}
	var won, left []int
	for p := range n.in.Projects {
		if n.cost(p).Cmp(n.budget()) <= 0 {
			left = append(left, p)
		}
	}
	infinite := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(60), nil))
	for len(left) > 0 {
		var min *big.Rat
		var tied []int
		for _, p := range left {
			l, v := n.cost(p), n.votes(p)
			for i := range loads {
				if n.approves[i][p] {
					l.Add(l, loads[i])
				}
			}
			if v.Sign() == 0 {
				l = infinite
			} else {
				l.Quo(l, v)
			}
			if min == nil || l.Cmp(min) < 0 {
				min, tied = l, []int{p}
			} else if l.Cmp(min) == 0 {
				tied = append(tied, p)
			}
		}
		for _, p := range tied {
			if new(big.Rat).Add(n.total(won), n.cost(p)).Cmp(n.budget()) > 0 {
				slices.SortFunc(won, func(a, b int) int { return strings.Compare(n.in.Projects[a].ID, n.in.Projects[b].ID) })
				return won
			}
		}
		best := tied[0]
		for _, p := range tied {
			if n.less(p, best) {
				best = p
			}
		}
		for i := range loads {
			if n.approves[i][best] {
				loads[i] = min
			}
		}
		won = append(won, best)
		left = slices.DeleteFunc(left, func(p int) bool { return p == best })
	}
	slices.SortFunc(won, func(a, b int) int { return strings.Compare(n.in.Projects[a].ID, n.in.Projects[b].ID) })
	return won
}

// naiveWinners decides an instance by a rule name.
func naiveWinners(in *pb.Instance, rule pb.Rule, less func(a, b int) bool) []int {
	n := newNaive(in, rule.Utility, less)
	unit := rat(1)
	for range in.Digits {
		unit.Mul(unit, rat(10))
	}
	voters := rat(int64(in.Voters))
	switch rule.Family {
	case pb.FamilyGreedy:
		return n.fill(nil, n.density)
	case pb.FamilyPhragmen:
		return n.phragmen()
	}
	var won []int
	if in.Voters > 0 {
		share := new(big.Rat).Quo(n.budget(), voters)
		whole := new(big.Rat).Quo(share, unit)
		whole.SetInt(new(big.Int).Quo(whole.Num(), whole.Denom()))
		whole.Mul(whole, unit)
		var all []int
		for p := range in.Projects {
			all = append(all, p)
		}
		fit := n.total(all).Cmp(n.budget()) <= 0
		switch rule.Completion {
		case pb.CompleteNone, pb.CompleteUtil:
			won, _ = n.shares(share)
		case pb.CompleteAdd1, pb.CompleteAdd1Util:
			won = n.add1(share, unit, true, false)
		default:
			if fit {
				won, _ = n.shares(share)
			} else {
				won = n.add1(whole, unit, rule.Completion == pb.CompleteCityUtil, true)
			}
		}
	}
	switch rule.Completion {
	case pb.CompleteUtil, pb.CompleteAdd1Util:
		won = n.fill(won, n.density)
	case pb.CompleteCityUtil:
		won = n.fill(won, n.votes)
	}
	return won
}

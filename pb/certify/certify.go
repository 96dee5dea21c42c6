// Package certify checks the outcome of a participatory budget from the outside.
//
// It shares no code with the rules and knows nothing of how an outcome was
// found: from the ballots, the costs and what was published (the winners, the
// endowment and the price of each purchase) it checks with whole numbers that
//
//   - the purchases are those of the Method of Equal Shares at that endowment:
//     the payments of each add up to the cost, nobody pays more than there is,
//     no other project was cheaper for its supporters, and at the end none was
//     affordable (Peters, Pierczyński, Skowron, NeurIPS 2021, arXiv 2008.13276);
//   - the outcome is priceable: the payments are a price system in which the
//     supporters of no loser have more left than it costs (same paper, and
//     Peters and Skowron, EC 2020, arXiv 1911.11747);
//   - the outcome satisfies EJR+ up to one project, see EJRPlus.
//
// A check that fails comes with a witness that anybody can verify by hand.
package certify

import (
	"fmt"
	"math/big"
	"sort"
)

// Election is what a check needs to know. Money is in smallest units.
type Election struct {
	IDs     []string
	Costs   []int64
	Budget  int64
	Voters  int64 // ballots, the empty ones too
	Ballots []Ballot
	// ByCost says that an approved project is worth its cost; then the utilities
	// of ballots are not looked at.
	ByCost bool
	// Before is the tie-break: whether project a comes before b.
	Before func(a, b int) bool
	// Open says whether a project could be funded at all; nil for all.
	Open func(p int) bool
}

// Ballot is a class of identical ballots.
type Ballot struct {
	Projects []uint16
	Utility  []int64 // parallel; nil means 1 each
	Voters   int64
}

// Purchase is one round of Equal Shares: Rate is the payment of a supporter for
// one unit of utility in smallest units (for ByCost: the full payment).
type Purchase struct {
	Project int
	Rate    *big.Rat
}

// Verdict is the answer of a check.
type Verdict struct {
	Holds bool
	// Witness says in plain English what fails, empty if nothing.
	Witness string
	Project int // the project it fails for, -1 if none
}

func fails(p int, format string, args ...any) Verdict {
	return Verdict{Project: p, Witness: fmt.Sprintf(format, args...)}
}

func (e *Election) utility(b *Ballot, k int) int64 {
	switch {
	case e.ByCost:
		return e.Costs[b.Projects[k]]
	case b.Utility != nil:
		return b.Utility[k]
	}
	return 1
}

// backers lists, for each project, the classes that draw utility from it and the
// place of the project on their ballot.
type backers struct {
	off   []int
	class []int32
	place []uint16
}

func backersOf(e *Election) *backers {
	s := &backers{off: make([]int, len(e.Costs)+1)}
	for j := range e.Ballots {
		for k, p := range e.Ballots[j].Projects {
			if e.utility(&e.Ballots[j], k) > 0 {
				s.off[p+1]++
			}
		}
	}
	for p := range e.Costs {
		s.off[p+1] += s.off[p]
	}
	n := s.off[len(e.Costs)]
	s.class, s.place = make([]int32, n), make([]uint16, n)
	next := append([]int(nil), s.off[:len(e.Costs)]...)
	for j := range e.Ballots {
		for k, p := range e.Ballots[j].Projects {
			if e.utility(&e.Ballots[j], k) > 0 {
				s.class[next[p]], s.place[next[p]] = int32(j), uint16(k)
				next[p]++
			}
		}
	}
	return s
}

// EJRPlus checks extended justified representation (EJR+) up to one project for
// the budget B and n voters with utilities u.
//
// The axiom for committees and its polynomial check are those of Brill and
// Peters (Robust and Verifiable Proportionality Axioms, EC 2023, arXiv
// 2302.01989): no group that jointly supports an unelected candidate may be
// large enough to deserve more than each member of it has. For budgets with
// additive utilities it reads: for every project p that was not funded and every
// group S of its supporters some member i of S has
//
//	u_i(W) + u_i(p) > (B/n) · u_S(p) / cost(p),   u_S(p) = Σ_{i∈S} u_i(p).
//
// The right side is the utility that the group's share of the budget buys each
// member at the price of p; "up to one project" is the u_i(p) on the left. With
// u = cost it says u_i(W) + cost(p) > |S|·B/n. Equal Shares satisfies it: take
// the first moment at which some i in S has less than its part of cost(p),
// u_i(p)·cost(p)/u_S(p), left (there is one, else p would be affordable). Until
// then p was on offer at ρ ≤ cost(p)/u_S(p), so i bought utility at that price or
// better, and spent more than B/n − u_i(p)·cost(p)/u_S(p) on it.
//
// For a given bound on the left side the group of all supporters under it is the
// strongest, so sorting the supporters by the left side and checking every
// prefix is enough.
func EJRPlus(e *Election, winners []int) Verdict {
	won := make([]bool, len(e.Costs))
	for _, w := range winners {
		won[w] = true
	}
	has := make([]int64, len(e.Ballots)) // each class's utility from the winners
	for j := range e.Ballots {
		b := &e.Ballots[j]
		for k, p := range b.Projects {
			if won[p] {
				has[j] += e.utility(b, k)
			}
		}
	}
	type member struct{ left, u, voters int64 }
	var s []member
	sup := backersOf(e)
	var left, right, x big.Int
	for p := range e.Costs {
		if won[p] || e.Open != nil && !e.Open(p) {
			continue
		}
		s = s[:0]
		for i := sup.off[p]; i < sup.off[p+1]; i++ {
			j := sup.class[i]
			u := e.utility(&e.Ballots[j], int(sup.place[i]))
			s = append(s, member{has[j] + u, u, e.Ballots[j].Voters})
		}
		sort.Slice(s, func(a, b int) bool { return s[a].left < s[b].left })
		group, voters := int64(0), int64(0)
		for i, m := range s {
			group += m.u * m.voters
			voters += m.voters
			if i+1 < len(s) && s[i+1].left == m.left {
				continue
			}
			// left·cost·n ≤ B·u_S(p) would be a violation
			left.Mul(left.SetInt64(m.left), x.SetInt64(e.Costs[p]))
			left.Mul(&left, x.SetInt64(e.Voters))
			right.Mul(right.SetInt64(e.Budget), x.SetInt64(group))
			if left.Cmp(&right) <= 0 {
				return fails(p, "%d voters support %s, which was not funded; their share of the budget buys each of them a utility of %s at its price, but none of them reaches more than %d even with it",
					voters, e.IDs[p], new(big.Rat).SetFrac(&right, big.NewInt(max(e.Costs[p], 1)*max(e.Voters, 1))).FloatString(2), m.left)
			}
		}
	}
	return Verdict{Holds: true, Project: -1}
}

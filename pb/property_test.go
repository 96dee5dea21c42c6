package pb_test

import (
	"cmp"
	"fmt"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/pb"
	"pgregory.net/rapid"
)

// election is a small random election as text, so that the reader is tried too.
type election struct {
	voteType string
	budget   int
	digits   bool // costs with decimals
	ids      []string
	costs    []int
	ballots  [][]int
	points   [][]int
}

func drawElection(t *rapid.T) election {
	e := election{voteType: rapid.SampledFrom([]string{"approval", "choose-1", "ordinal", "cumulative", "scoring"}).Draw(t, "type")}
	m := rapid.IntRange(1, 7).Draw(t, "projects")
	pool := []string{"1", "2", "9", "10", "11", "a", "B", "ą", "long-project-id", "p/7"}
	e.ids = rapid.Permutation(pool).Draw(t, "ids")[:m]
	// Few different costs make exact ties likely; 0 and more than the budget
	// occur.
	cost := rapid.SampledFrom([]int{0, 1, 2, 3, 5, 6, 7, 10, 12, 12, 24, 30})
	for range m {
		e.costs = append(e.costs, cost.Draw(t, "cost"))
	}
	e.budget = rapid.SampledFrom([]int{0, 1, 7, 12, 24, 30, 31, 60}).Draw(t, "budget")
	e.digits = rapid.Bool().Draw(t, "decimals")
	n := rapid.IntRange(0, 9).Draw(t, "voters")
	for range n {
		k := rapid.IntRange(0, m).Draw(t, "length")
		if e.voteType == "choose-1" {
			k = min(k, 1)
		}
		all := make([]int, m)
		for i := range all {
			all[i] = i
		}
		b := rapid.Permutation(all).Draw(t, "ballot")[:k]
		if len(e.ballots) > 0 && rapid.IntRange(0, 2).Draw(t, "again") == 0 {
			b = e.ballots[rapid.IntRange(0, len(e.ballots)-1).Draw(t, "of")]
		}
		pts := make([]int, len(b))
		for i := range pts {
			pts[i] = rapid.IntRange(0, 4).Draw(t, "points")
		}
		e.ballots, e.points = append(e.ballots, b), append(e.points, pts)
	}
	return e
}

func (e election) String() string {
	var s strings.Builder
	money := func(v int) string {
		if e.digits {
			return fmt.Sprintf("%d.5", v)
		}
		return fmt.Sprint(v)
	}
	fmt.Fprintf(&s, "META\nkey;value\nbudget;%s\nvote_type;%s\nPROJECTS\nproject_id;cost\n", money(e.budget), e.voteType)
	for i, id := range e.ids {
		c := money(e.costs[i])
		if e.costs[i] == 0 {
			c = "0"
		}
		fmt.Fprintf(&s, "%s;%s\n", id, c)
	}
	s.WriteString("VOTES\nvoter_id;vote;points\n")
	for v, b := range e.ballots {
		var ids, pts []string
		for k, p := range b {
			ids, pts = append(ids, e.ids[p]), append(pts, fmt.Sprint(e.points[v][k]))
		}
		fmt.Fprintf(&s, "%d;%s;%s\n", v, strings.Join(ids, ","), strings.Join(pts, ","))
	}
	return s.String()
}

func (e election) read(t *rapid.T) *pb.Instance {
	in, err := pb.Read(strings.NewReader(e.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, e)
	}
	return in
}

func run(t *rapid.T, in *pb.Instance, rule pb.Rule, o pb.Options) *pb.Result {
	res, err := pb.Run(t.Context(), in, rule, o)
	if err != nil {
		t.Fatalf("%s: %v", rule.Name, err)
	}
	return res
}

// literature are the rules of an instance that the naive program knows.
func literature(in *pb.Instance) []pb.Rule {
	return slices.DeleteFunc(pb.Rules(in.VoteType), func(r pb.Rule) bool { return r.City != "" })
}

func TestEveryRuleAgreesWithTheNaiveProgramOnSmallElections(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawElection(t)
		in := e.read(t)
		// As the cities' tool: it goes through the keys of an object, and a key that is
		// a small whole number comes before the others.
		number := regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)
		byVotes := func(a, b int) bool {
			p, q := in.Projects[a], in.Projects[b]
			if c := cmp.Or(cmp.Compare(q.Votes, p.Votes), cmp.Compare(p.Cost, q.Cost)); c != 0 {
				return c < 0
			}
			switch m, n := number.MatchString(p.ID), number.MatchString(q.ID); {
			case m && n:
				return len(p.ID) < len(q.ID) || len(p.ID) == len(q.ID) && p.ID < q.ID
			case m != n:
				return m
			}
			return a < b
		}
		for _, rule := range literature(in) {
			less := byID(in)
			if rule.DefaultTieBreak() == pb.TieVotesCostKeys {
				less = byVotes
			}
			got, want := run(t, in, rule, pb.Options{}), naiveWinners(in, rule, less)
			if !slices.Equal(got.Winners, want) {
				t.Fatalf("%s: got %v, want %v\n%s", rule.Name, got.WinnerIDs(), ids(in, want), e)
			}
			if got.Cost > in.Budget {
				t.Fatalf("%s overspends: %v", rule.Name, got.Cost)
			}
		}
	})
}

func ids(in *pb.Instance, ps []int) []string {
	var s []string
	for _, p := range ps {
		s = append(s, in.Projects[p].ID)
	}
	return s
}

func TestRoundsHoldTheExactPrices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawElection(t)
		in := e.read(t)
		if in.Voters == 0 {
			return
		}
		for _, rule := range literature(in) {
			if rule.Family != pb.FamilyShares || rule.Completion != pb.CompleteNone {
				continue
			}
			res := run(t, in, rule, pb.Options{})
			unit := rat(1)
			for range in.Digits {
				unit.Mul(unit, rat(10))
			}
			n := newNaive(in, rule.Utility, byID(in))
			_, rhos := n.shares(new(big.Rat).Quo(n.budget(), rat(int64(in.Voters))))
			for k, rd := range res.Rounds {
				want := new(big.Rat).Set(rhos[k]) // smallest units for one unit of utility
				if rule.Utility != pb.UtilityCost {
					want.Quo(want, unit) // cost utilities are in smallest units themselves
				}
				if rd.Rate.Cmp(want) != 0 {
					t.Fatalf("%s round %d: ρ %v, want %v\n%s", rule.Name, k, rd.Rate, want, e)
				}
			}
		}
	})
}

func winners(t *rapid.T, text string, rule string, o pb.Options) []string {
	in, err := pb.Read(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	r, err := pb.ParseRule(rule, in.VoteType)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, in, r, o).WinnerIDs()
}

func TestOrderOfBallotsAndProjectsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawElection(t)
		f := e
		order := rapid.Permutation(seq(len(e.ballots))).Draw(t, "order of ballots")
		f.ballots, f.points = nil, nil
		for _, i := range order {
			f.ballots, f.points = append(f.ballots, e.ballots[i]), append(f.points, e.points[i])
		}
		place := rapid.Permutation(seq(len(e.ids))).Draw(t, "order of projects")
		f.ids, f.costs = make([]string, len(e.ids)), make([]int, len(e.ids))
		for i, p := range place {
			f.ids[p], f.costs[p] = e.ids[i], e.costs[i]
		}
		for i, b := range f.ballots {
			moved := make([]int, len(b))
			for k, p := range b {
				moved[k] = place[p]
			}
			f.ballots[i] = moved
		}
		for _, rule := range literature(e.read(t)) {
			for _, tie := range []pb.TieBreak{pb.TieIDs, pb.TieCostVotesIDs, pb.TieCostVotesLot} {
				o := pb.Options{TieBreak: tie, Seed: "7"}
				if a, b := winners(t, e.String(), rule.Name, o), winners(t, f.String(), rule.Name, o); !slices.Equal(a, b) {
					t.Fatalf("%s: %v became %v\n%s\n%s", rule.Name, a, b, e, f)
				}
			}
		}
	})
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func TestRenamingThatKeepsTheOrderOfIdsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawElection(t)
		f := e
		f.ids = slices.Clone(e.ids)
		sorted := slices.Sorted(slices.Values(e.ids))
		back := map[string]string{}
		for i, id := range e.ids {
			f.ids[i] = fmt.Sprintf("renamed-%03d", slices.Index(sorted, id))
			back[f.ids[i]] = id
		}
		for _, rule := range literature(e.read(t)) {
			a, b := winners(t, e.String(), rule.Name, pb.Options{TieBreak: pb.TieIDs}), winners(t, f.String(), rule.Name, pb.Options{TieBreak: pb.TieIDs})
			for i := range b {
				b[i] = back[b[i]]
			}
			if rule.Family == pb.FamilyPhragmen {
				slices.Sort(b)
			}
			if !slices.Equal(a, b) {
				t.Fatalf("%s: %v became %v\n%s", rule.Name, a, b, e)
			}
		}
	})
}

func TestDoublingEveryBallotLeavesEqualSharesUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawElection(t)
		f := e
		f.ballots, f.points = slices.Concat(e.ballots, e.ballots), slices.Concat(e.points, e.points)
		for _, rule := range literature(e.read(t)) {
			if rule.Family != pb.FamilyShares || rule.Completion != pb.CompleteNone {
				continue
			}
			if a, b := winners(t, e.String(), rule.Name, pb.Options{}), winners(t, f.String(), rule.Name, pb.Options{}); !slices.Equal(a, b) {
				t.Fatalf("%s: %v became %v\n%s", rule.Name, a, b, e)
			}
		}
	})
}

func TestScalingAllMoneyLeavesRulesWithoutStepsUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawElection(t)
		e.digits = false
		f := e
		k := rapid.SampledFrom([]int{3, 10, 1_000_003, 1_000_000_007}).Draw(t, "factor")
		f.budget *= k
		f.costs = slices.Clone(e.costs)
		for i := range f.costs {
			f.costs[i] *= k
		}
		for _, rule := range literature(e.read(t)) {
			if rule.Completion != pb.CompleteNone && rule.Completion != pb.CompleteUtil {
				continue // the step of the others is one unit of the currency
			}
			if a, b := winners(t, e.String(), rule.Name, pb.Options{}), winners(t, f.String(), rule.Name, pb.Options{}); !slices.Equal(a, b) {
				t.Fatalf("%s: %v became %v\n%s", rule.Name, a, b, e)
			}
		}
	})
}

func TestResultDoesNotDependOnWorkersOrSkipping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawElection(t)
		k := rapid.SampledFrom([]int{1, 7, 50}).Draw(t, "factor") // many steps
		e.budget *= k
		for i := range e.costs {
			e.costs[i] *= k
		}
		in := e.read(t)
		for _, rule := range literature(in) {
			a := run(t, in, rule, pb.Options{Workers: 1, NoSkip: true})
			b := run(t, in, rule, pb.Options{Workers: 3})
			if !slices.Equal(a.Winners, b.Winners) || a.Steps != b.Steps || a.Endowment.Cmp(b.Endowment) != 0 {
				t.Fatalf("%s: %v after %d steps became %v after %d\n%s", rule.Name, a.WinnerIDs(), a.Steps, b.WinnerIDs(), b.Steps, e)
			}
		}
	})
}

// A larger election with rounding everywhere: a prime number of voters, prices
// with long denominators, and many voters near the border between poor and rich.
func TestLargerElectionsAgreeWithTheNaiveProgram(t *testing.T) {
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		e := election{voteType: []string{"approval", "cumulative", "ordinal"}[seed%3], budget: 9973}
		for p := range 15 {
			e.ids = append(e.ids, fmt.Sprint(p))
			e.costs = append(e.costs, 100+rnd.IntN(900))
		}
		for range 127 {
			b := rnd.Perm(15)[:1+rnd.IntN(6)]
			pts := make([]int, len(b))
			for i := range pts {
				pts[i] = rnd.IntN(9)
			}
			e.ballots, e.points = append(e.ballots, b), append(e.points, pts)
		}
		in, err := pb.Read(strings.NewReader(e.String()))
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range literature(in) {
			if rule.Completion != pb.CompleteNone && rule.Completion != pb.CompleteUtil {
				continue // too slow for fractions, voter by voter
			}
			if got, want := runRule(t, in, rule.Name, pb.Options{}).Winners, naiveWinners(in, rule, byID(in)); !slices.Equal(got, want) {
				t.Errorf("seed %d %s: got %v, want %v", seed, rule.Name, got, want)
			}
		}
	}
}

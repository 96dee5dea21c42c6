package pb_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/pb"
	"pgregory.net/rapid"
)

// What an explanation promises is tried: the election is counted again with the
// cost it names.
func TestALoserWinsAtTheCostThatItsExplanationNames(t *testing.T) {
	tried := 0
	rapid.Check(t, func(t *rapid.T) {
		e := drawElection(t)
		e.digits = false
		for i := range e.costs {
			e.costs[i] *= 100
		}
		e.budget *= 100
		in := e.read(t)
		for _, rule := range literature(in) {
			if rule.Completion != pb.CompleteNone {
				continue
			}
			res := run(t, in, rule, pb.Options{})
			for p, x := range res.Explanations() {
				if x.Why == pb.WhyFunded || x.WinsAtCost == 0 {
					continue
				}
				cheaper := func(cost int) bool {
					f := e
					f.costs = slices.Clone(e.costs)
					f.costs[p] = cost
					return slices.Contains(winners(t, f.String(), rule.Name, pb.Options{}), e.ids[p])
				}
				tried++
				if !cheaper(int(x.WinsAtCost)) {
					t.Fatalf("%s: %s does not win at %d\n%s", rule.Name, e.ids[p], x.WinsAtCost, e)
				}
				// Two units more are too many (one is the rounding down). A loser
				// for whom the cost is no obstacle lost a tie.
				if int(x.WinsAtCost)+2 < e.costs[p] && cheaper(int(x.WinsAtCost)+2) {
					t.Fatalf("%s: %s wins even at %d\n%s", rule.Name, e.ids[p], x.WinsAtCost+2, e)
				}
			}
		}
	})
	if tried == 0 {
		t.Error("no loser was tried")
	}
}

// So is the number of votes that it names: ballots with the loser alone are added.
func TestALoserWinsWithTheVotesThatItsExplanationNames(t *testing.T) {
	tried := 0
	rapid.Check(t, func(t *rapid.T) {
		e := drawElection(t)
		in := e.read(t)
		for _, rule := range literature(in) {
			if rule.Family == pb.FamilyShares || e.voteType != "approval" { // shares: from people who had spent nothing, among as many
				continue
			}
			res := run(t, in, rule, pb.Options{})
			for p, x := range res.Explanations() {
				if x.Why == pb.WhyFunded || x.ExtraVotes < 1 {
					continue
				}
				with := func(more int64) bool {
					f := e
					f.ballots, f.points = slices.Clone(e.ballots), slices.Clone(e.points)
					for range more {
						f.ballots, f.points = append(f.ballots, []int{p}), append(f.points, []int{0})
					}
					return slices.Contains(winners(t, f.String(), rule.Name, pb.Options{}), e.ids[p])
				}
				tried++
				if !with(x.ExtraVotes) {
					t.Fatalf("%s: %s does not win with %d more votes\n%s", rule.Name, e.ids[p], x.ExtraVotes, e)
				}
				if x.ExtraVotes > 1 && with(x.ExtraVotes-1) {
					t.Fatalf("%s: %s wins even with %d more votes\n%s", rule.Name, e.ids[p], x.ExtraVotes-1, e)
				}
			}
		}
	})
	if tried == 0 {
		t.Error("no loser was tried")
	}
}

// The bounds that spare most of the work change nothing.
func TestExplanationsAreThoseFoundWithoutBounds(t *testing.T) {
	compared := 0
	defer pb.Between(16)
	near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-8*(1+math.Abs(a)+math.Abs(b)) }
	rapid.Check(t, func(t *rapid.T) {
		e := drawElection(t)
		in := e.read(t)
		pb.Between(rapid.SampledFrom([]int{1, 2, 16}).Draw(t, "between"))
		for _, rule := range literature(in) {
			if rule.Family != pb.FamilyShares {
				continue
			}
			res := run(t, in, rule, pb.Options{})
			slow := res.SlowExplanations()
			for p, x := range res.Explanations() {
				y := slow[p]
				same := x.Why == y.Why && x.Round == y.Round && x.ExtraVotes == y.ExtraVotes && near(float64(x.WinsAtCost), float64(y.WinsAtCost)) && near(x.EffectiveSupport, y.EffectiveSupport) &&
					near(x.MoneyAtFirst, y.MoneyAtFirst) && near(x.MoneyThen, y.MoneyThen) && near(x.MoneyLeft, y.MoneyLeft)
				for _, took := range [][2][]pb.Taking{{x.Took, y.Took}, {y.Took, x.Took}} {
					for _, a := range took[0] {
						same = same && (a.Money < 1e-6 || slices.ContainsFunc(took[1], func(b pb.Taking) bool { return a.Project == b.Project && near(a.Money, b.Money) }))
					}
				}
				if !same {
					t.Fatalf("%s, %s:\nfast %+v\nslow %+v\n%s", rule.Name, e.ids[p], x, y, e)
				}
				compared++
			}
		}
	})
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

func TestTheExampleIsExplained(t *testing.T) {
	in := readText(t, threeParks)
	res := runRule(t, in, "mes_cost", pb.Options{})
	if got := strings.Join(res.WinnerIDs(), " "); got != "N1 S1" {
		t.Fatalf("winners %s", got)
	}
	n2, _ := in.Index("N2")
	x := res.Explain(n2)
	if x.Why != pb.WhySpent || x.Votes != 5 || x.Round != 0 || x.MoneyAtFirst != 500 || len(x.Took) != 1 || in.Projects[x.Took[0].Project].ID != "N1" {
		t.Errorf("N2: %+v", x)
	}
	// Its five supporters had 100 each and paid 50 each for N1.
	if x.MoneyThen < 249.99 || x.MoneyThen > 250.01 || x.Took[0].Money < 249.99 || x.Took[0].Money > 250.01 {
		t.Errorf("N2: %+v", x)
	}
}

package pb_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/pb"
)

// Groups of voters who agree within the group and whose projects cost together
// exactly the group's part of the budget: Equal Shares must fund every project,
// the last one with the last cent of everybody. Any rounding in the wrong
// direction loses one. Within a group, ballots differ by a project nobody can
// afford, so that there are several classes.
func TestProjectsAffordableToTheLastCentAreFunded(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for n := 1; n <= 250; n++ {
		groups := 1 + rnd.IntN(3)
		var s, ballots strings.Builder
		budget, voters, projects := 0, 0, 0
		part := 1 + rnd.IntN(1000) // a voter's share
		for g := range groups {
			left := n * part
			var ids []string
			for left > 0 {
				c := min(left, 1+rnd.IntN(n*part))
				if len(ids) == 6 {
					c = left
				}
				id := fmt.Sprintf("g%dp%d", g, len(ids))
				fmt.Fprintf(&s, "%s;%d\n", id, c)
				ids = append(ids, id)
				left -= c
			}
			projects += len(ids)
			for v := range n {
				b := ids
				if v%3 == 0 {
					b = append([]string{"dream"}, ids...)
				}
				fmt.Fprintf(&ballots, "%d;%s\n", voters, strings.Join(b, ","))
				voters++
			}
			budget += n * part
		}
		text := fmt.Sprintf("META\nkey;value\nbudget;%d\nvote_type;approval\nPROJECTS\nproject_id;cost\ndream;%d\n%sVOTES\nvoter_id;vote\n%s", budget, 10*budget, s.String(), ballots.String())
		in := readText(t, text)
		for _, rule := range []string{"mes_cost", "mes_card", "mes_cost_add1", "mes_card_u"} {
			res := runRule(t, in, rule, pb.Options{})
			if len(res.Winners) != projects || res.Cost != in.Budget {
				t.Fatalf("%d voters in %d groups, %s: %d of %d projects funded\n%s", n, groups, rule, len(res.Winners), projects, text)
			}
			if c := res.Certificates(); !c.Shares.Holds || !c.Priceable.Holds {
				t.Fatalf("%s: %+v\n%s", rule, c, text)
			}
		}
	}
}

// A project of exactly k shares with k supporters is affordable; a billionth of
// the currency dearer it is not.
func TestTheBorderOfAffordabilityIsExact(t *testing.T) {
	for n := 2; n <= 300; n++ {
		k := 1 + n/2
		budget := 100 * n
		for _, c := range []struct {
			cost string
			won  bool
		}{{fmt.Sprint(100 * k), true}, {fmt.Sprintf("%d.000000001", 100*k), false}, {fmt.Sprintf("%d.999999999", 100*k-1), true}} {
			var b strings.Builder
			fmt.Fprintf(&b, "META\nkey;value\nbudget;%d\nvote_type;approval\nPROJECTS\nproject_id;cost\nA;%s\nVOTES\nvoter_id;vote\n", budget, c.cost)
			for v := range n {
				if v < k {
					fmt.Fprintf(&b, "%d;A\n", v)
				} else {
					fmt.Fprintf(&b, "%d;\n", v)
				}
			}
			in := readText(t, b.String())
			if got := runRule(t, in, "mes_cost", pb.Options{}); (len(got.Winners) == 1) != c.won {
				t.Errorf("%d voters, cost %s of %d shares of 100: funded %v", n, c.cost, k, !c.won)
			}
		}
	}
}

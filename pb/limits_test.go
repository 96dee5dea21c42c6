package pb_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/pb"
	"pgregory.net/rapid"
)

func TestLimitsBindTheOutcome(t *testing.T) {
	in := readText(t, threeParks)
	for name, c := range map[string]struct {
		rule   string
		limits pb.Limits
		want   string
	}{
		"nothing":              {"greedy_cost", pb.Limits{}, "N1 N2 N3"},
		"excluded":             {"greedy_cost", pb.Limits{Excluded: []string{"N1"}}, "N2 N3 S1 S2"},
		"fixed":                {"greedy_cost", pb.Limits{Fixed: []string{"S2"}}, "S2 N1 N2"},
		"fixed before shares":  {"mes_cost", pb.Limits{Fixed: []string{"S1"}}, "S1 N1 S2"},
		"incompatible":         {"greedy_cost", pb.Limits{Incompatible: [][]string{{"N1", "N2"}, {"S1", "S2"}}}, "N1 N3 S1"},
		"incompatible shares":  {"mes_cost_add1u", pb.Limits{Incompatible: [][]string{{"N1", "N2", "N3"}}}, "N1 S1 S2"},
		"a district's ceiling": {"greedy_cost", pb.Limits{Districts: map[string]pb.Amount{"North": 600}}, "N1 N2 S1"},
		"a category's ceiling": {"mes_cost_add1u", pb.Limits{Categories: map[string]pb.Amount{"green": 300}}, "N1 N2 N3"},
		"phragmen":             {"phragmen", pb.Limits{Districts: map[string]pb.Amount{"North": 300}}, "N1 S1 S2"},
		"minimum support":      {"greedy_cost", pb.Limits{MinVotes: 4}, "N1 N2 N3"},
		"fewer than asked for": {"mes_cost_add1u", pb.Limits{MinVotes: 6}, "N1"},
	} {
		res := runRule(t, in, c.rule, pb.Options{Limits: &c.limits})
		if got := strings.Join(res.WinnerIDs(), " "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		res.Publish()
	}
	for _, bad := range []pb.Limits{{Fixed: []string{"X"}}, {Excluded: []string{"X"}}, {Incompatible: [][]string{{"X"}}}, {Fixed: []string{"N1"}, Excluded: []string{"N1"}}, {Fixed: []string{"N1", "N2", "N3", "S1"}},
		{Fixed: []string{"N1", "N2"}, Incompatible: [][]string{{"N2", "N1"}}}, {Fixed: []string{"N1", "N2"}, Districts: map[string]pb.Amount{"North": 300}},
		{Fixed: []string{"S2"}, Categories: map[string]pb.Amount{"green": 0}}} {
		var x *pb.OptionError
		if _, err := pb.RunNamed(t.Context(), in, "mes", pb.Options{Limits: &bad}); !errors.As(err, &x) || x.Text("it") == "" {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestLimitsAreNeverPassed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawElection(t)
		in := e.read(t)
		l := pb.Limits{Incompatible: [][]string{in2(t, e.ids)}, Excluded: in2(t, e.ids)[:1]}
		for _, rule := range pb.Rules(in.VoteType) {
			if rule.City == "threshold" {
				continue
			}
			won := run(t, in, rule, pb.Options{Limits: &l}).WinnerIDs()
			n := 0
			for _, id := range l.Incompatible[0] {
				if slices.Contains(won, id) {
					n++
				}
			}
			if n > 1 || slices.Contains(won, l.Excluded[0]) {
				t.Fatalf("%s: %v under %+v\n%s", rule.Name, won, l, e)
			}
		}
	})
}

func in2(t *rapid.T, ids []string) []string {
	return rapid.Permutation(slices.Clone(ids)).Draw(t, "ids")[:min(2, len(ids))]
}

func TestTheLotDecidesByThePublishedSeed(t *testing.T) {
	text := "META\nkey;value\nbudget;60\nvote_type;approval\nPROJECTS\nproject_id;cost\nA;60\nB;60\nC;60\nVOTES\nvoter_id;vote\n1;A,B,C\n"
	seen := map[string]bool{}
	for _, seed := range strings.Split("a b c d e f g h i j k l", " ") {
		in := readText(t, text)
		o := pb.Options{TieBreak: pb.TieCostVotesLot, Seed: seed}
		won := runRule(t, in, "mes_cost", o).WinnerIDs()[0]
		for _, rule := range []string{"greedy_cost", "mes_cost_add1u", "phragmen"} {
			if w := runRule(t, in, rule, o).WinnerIDs()[0]; w != won {
				t.Errorf("seed %s: %s takes %s, mes_cost %s: the order must be the same", seed, rule, w, won)
			}
		}
		seen[won] = true
	}
	if len(seen) != 3 {
		t.Errorf("twelve seeds only ever drew %v", seen)
	}
	in := readText(t, strings.Replace(text, "B;60", "B;59", 1))
	if won := runRule(t, in, "mes_cost", pb.Options{TieBreak: pb.TieCostVotesLot, Seed: "a"}).WinnerIDs(); won[0] != "B" {
		t.Errorf("the cheapest comes before the lot: %v", won)
	}
}

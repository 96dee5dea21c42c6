package pb_test

import (
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/pb"
)

// A voter who paid in full and has nothing left pays for nothing afterwards. Voter 1
// gives all for project 2; were it taken for a payer of project 1 too, voter 3 would
// seem to have 250 left instead of exactly the 200 that a costs.
func TestWhoPaidExactlyAllPaysNothingAfterwards(t *testing.T) {
	in := readText(t, `META
key;value
budget;2400
vote_type;approval
num_votes;8
num_projects;3
PROJECTS
project_id;cost
1;100
2;1200
a;200
VOTES
voter_id;vote
0;2
1;1,2,a
2;2
3;1,a
4;
5;2
6;
7;
`)
	res := runRule(t, in, "mes_cost", pb.Options{})
	if got := strings.Join(res.WinnerIDs(), " "); got != "2 1 a" {
		t.Errorf("winners %s", got)
	}
	if r := res.Rounds[1]; r.FullPayers != 1 || r.PoorPayers != 0 || r.Payment.RatString() != "100" {
		t.Errorf("round of 1: %d full, %d poor, %s each", r.FullPayers, r.PoorPayers, r.Payment)
	}
	if c := res.Certificates(); !c.Shares.Holds || !c.Priceable.Holds {
		t.Errorf("%+v", c)
	}
}

// The order of the cities' tool: votes, cost, then numbers by size before other ids,
// those as the file has them. Toulouse 2022 has 19 before 177.
func TestCitiesBreakTiesAsTheirToolOrdersKeys(t *testing.T) {
	in := readText(t, `META
key;value
budget;5
vote_type;approval
num_votes;1
num_projects;7
PROJECTS
project_id;cost
177;1
z;1
019;1
19;1
a;1
4294967295;1
4294967294;1
VOTES
voter_id;vote
0;177,z,019,19,a,4294967295,4294967294
`)
	res := runRule(t, in, "esnet_add1u", pb.Options{})
	if got := strings.Join(res.WinnerIDs(), " "); got != "19 177 4294967294 z 019" {
		t.Errorf("funded %s", got)
	}
}

package pb_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"codeberg.org/arengo/arengo/pb"
)

// Two thirds of the voters live in the north. The greedy rule gives them all of
// the money; Equal Shares gives the south its part.
func Example() {
	in, err := pb.Read(strings.NewReader(threeParks))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, rule := range []string{"greedy_cost", "mes_cost", "mes_cost_add1u"} {
		res, err := pb.RunNamed(context.Background(), in, rule, pb.Options{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %v for %s\n", rule, res.WinnerIDs(), in.Format(res.Cost))
	}
	// Output:
	// greedy_cost: [N1 N2 N3] for 890
	// mes_cost: [N1 S1] for 550
	// mes_cost_add1u: [N1 N2 S1] for 850
}

func ExampleResult_Explain() {
	in, _ := pb.Read(strings.NewReader(threeParks))
	res, _ := pb.RunNamed(context.Background(), in, "mes_cost", pb.Options{})
	n2, _ := in.Index("N2")
	x := res.Explain(n2)
	fmt.Printf("%d supporters had %.0f; after round %d they had %.0f left\n", x.Votes, x.MoneyAtFirst, x.Round+1, x.MoneyThen)
	for _, t := range x.Took {
		fmt.Printf("they paid %.0f for %s\n", t.Money, in.Projects[t.Project].Name)
	}
	fmt.Printf("it would have won at a cost of %s, or with %d more votes\n", in.Format(x.WinsAtCost), x.ExtraVotes)
	// Output:
	// 5 supporters had 500; after round 1 they had 250 left
	// they paid 250 for North park
	// it would have won at a cost of 250, or with 1 more votes
}

func ExampleResult_Certificates() {
	in, _ := pb.Read(strings.NewReader(threeParks))
	for _, rule := range []string{"mes_cost", "greedy_cost"} {
		res, _ := pb.RunNamed(context.Background(), in, rule, pb.Options{})
		c := res.Certificates()
		fmt.Println(rule, c.EJRPlus.Holds)
	}
	// Output:
	// mes_cost true
	// greedy_cost false
}

func ExampleVerify() {
	in, _ := pb.Read(strings.NewReader(threeParks))
	res, _ := pb.EqualShares(context.Background(), in, pb.Options{})
	published := res.Publish()
	v, _ := pb.Verify(context.Background(), in, published)
	fmt.Println(v.OK())
	published.Winners[1] = "N3"
	v, _ = pb.Verify(context.Background(), in, published)
	fmt.Println(v.OK())
	// Output:
	// true
	// false
}

func ExampleCompare() {
	in, _ := pb.Read(strings.NewReader(threeParks))
	shares, _ := pb.EqualShares(context.Background(), in, pb.Options{})
	greedy, _ := pb.RunNamed(context.Background(), in, "greedy", pb.Options{})
	c := pb.Compare(shares, greedy)
	fmt.Printf("%d prefer equal shares, %d greedy; without a winner: %d and %d\n", c.PreferA, c.PreferB, c.StatsA.WithoutWinner, c.StatsB.WithoutWinner)
	// Output:
	// 3 prefer equal shares, 5 greedy; without a winner: 0 and 3
}

func ExampleBuild() {
	in, err := pb.Build(pb.Election{
		Name: "School yard", VoteType: pb.Approval, Budget: "1000",
		Projects: []pb.Candidate{{ID: "tree", Name: "A tree", Cost: "300"}, {ID: "swing", Name: "A swing", Cost: "800.50"}},
		Ballots:  []pb.Ballot{{Projects: []string{"tree"}}, {Projects: []string{"tree", "swing"}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	in.Write(os.Stdout)
	// Output:
	// META
	// key;value
	// description;School yard
	// num_projects;2
	// num_votes;2
	// budget;1000
	// vote_type;approval
	// PROJECTS
	// project_id;cost;name;category;district
	// tree;300;A tree;;
	// swing;800.50;A swing;;
	// VOTES
	// voter_id;vote
	// 1;tree
	// 2;tree,swing
}

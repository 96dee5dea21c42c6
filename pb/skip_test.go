package pb_test

import (
	"bytes"
	"slices"
	"testing"

	"codeberg.org/arengo/arengo/pb"
	"codeberg.org/arengo/arengo/pb/pbtest"
)

func synth(t testing.TB, s pbtest.Shape) *pb.Instance {
	t.Helper()
	var b bytes.Buffer
	if err := pbtest.Synth(&b, s); err != nil {
		t.Fatal(err)
	}
	in, err := pb.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestSkippingStepsFindsWhatRunningEachOfThemFinds(t *testing.T) {
	skipped := int64(0)
	for _, s := range []pbtest.Shape{
		{Projects: 30, Voters: 100, Seed: 1, CostFactor: 2},
		{Projects: 30, Voters: 100, Seed: 2, CostFactor: 5},
		{Projects: 20, Voters: 60, Seed: 3, CostFactor: 3, MinBallot: 1, MaxBallot: 3},
		{Projects: 60, Voters: 400, Seed: 4, CostFactor: 4},
		{Projects: 12, Voters: 7, Seed: 5, MinBallot: 1, MaxBallot: 4},
	} {
		in := synth(t, s)
		for _, rule := range []string{"mes_cost_add1", "mes_card_add1", "esnet_add1u", "esnet_add1_noexh"} {
			a := runRule(t, in, rule, pb.Options{})
			b := runRule(t, in, rule, pb.Options{NoSkip: true, Workers: 1})
			if !slices.Equal(a.Winners, b.Winners) || a.Steps != b.Steps {
				t.Errorf("%+v %s: %v after %d steps, want %v after %d", s, rule, a.WinnerIDs(), a.Steps, b.WinnerIDs(), b.Steps)
			}
			skipped += a.Effort.Skipped
		}
	}
	if skipped == 0 {
		t.Error("nothing was skipped: the test shows nothing")
	}
	t.Logf("%d steps skipped", skipped)
}

package pb_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"codeberg.org/arengo/arengo/pb"
)

// shared is where the conformance data lie; they are not part of the
// repository, because the real elections carry no licence.
func shared(t testing.TB) string {
	for _, dir := range []string{os.Getenv("ARENGO_SHARED"), "../../shared", "../../../shared"} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "data/pb/expected.json")); err == nil {
			return filepath.Join(dir, "data/pb")
		}
	}
	t.Skip("the real elections (../shared/data/pb) are not here")
	return ""
}

func readFile(t testing.TB, path string) *pb.Instance {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, err := pb.Read(f)
	if err != nil {
		t.Fatalf("%s: %v", filepath.Base(path), err)
	}
	return in
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func runRule(t testing.TB, in *pb.Instance, name string, o pb.Options) *pb.Result {
	t.Helper()
	rule, err := pb.ParseRule(name, in.VoteType)
	if err != nil {
		t.Fatal(err)
	}
	res, err := pb.Run(context.Background(), in, rule, o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return res
}

func TestRealElectionsHaveTheWinnersThatTwoIndependentProgramsFound(t *testing.T) {
	dir := shared(t)
	var want map[string]struct {
		VoteType string `json:"vote_type"`
		Rules    map[string]struct {
			Winners []string
			Cost    string
		}
	}
	readJSON(t, filepath.Join(dir, "expected.json"), &want)
	if len(want) != 72 {
		t.Fatalf("%d files expected, want 72", len(want))
	}
	pairs := 0
	for file, w := range want {
		in := readFile(t, filepath.Join(dir, "instances", file))
		if string(in.VoteType) != w.VoteType {
			t.Errorf("%s: vote type %s, want %s", file, in.VoteType, w.VoteType)
		}
		for rule, x := range w.Rules {
			pairs++
			res := runRule(t, in, rule, pb.Options{})
			if got := res.WinnerIDs(); !slices.Equal(got, x.Winners) {
				t.Errorf("%s %s:\n got %v\nwant %v", file, rule, got, x.Winners)
			}
			if got := in.Format(res.Cost); got != x.Cost {
				t.Errorf("%s %s: cost %s, want %s", file, rule, got, x.Cost)
			}
		}
	}
	t.Logf("%d files, %d pairs of file and rule", len(want), pairs)
}

func TestTrapsHaveTheExpectedWinners(t *testing.T) {
	dir := filepath.Join(shared(t), "edge")
	var want map[string]map[string][]string
	readJSON(t, filepath.Join(dir, "expected.json"), &want)
	if len(want) == 0 {
		t.Fatal("no traps")
	}
	for file, rules := range want {
		in := readFile(t, filepath.Join(dir, file))
		for rule, winners := range rules {
			if got := runRule(t, in, rule, pb.Options{}).WinnerIDs(); !slices.Equal(got, winners) {
				t.Errorf("%s %s: got %v, want %v", file, rule, got, winners)
			}
		}
	}
}

// Three cities published what they funded by Equal Shares.
func TestCitiesThatUseEqualSharesFundedTheseProjects(t *testing.T) {
	dir := filepath.Join(shared(t), "instances")
	for _, file := range []string{"Poland_Wieliczka_2023_Green_Budget.pb", "Poland_Swiecie_2023.pb", "Netherlands_Assen_2024.pb"} {
		in := readFile(t, filepath.Join(dir, file))
		res := runRule(t, in, "esnet_add1_noexh", pb.Options{})
		for p := range in.Projects {
			if res.Won(p) != (in.Projects[p].Selected == 1) {
				t.Errorf("%s: %s funded: %v, officially %v", file, in.Projects[p].ID, res.Won(p), in.Projects[p].Selected)
			}
		}
	}
	in := readFile(t, filepath.Join(dir, "Poland_Wieliczka_2023_Green_Budget.pb"))
	for rule, want := range map[string]string{"esnet_add1_noexh": "17.8", "greedy_cost": "27.6"} {
		s := runRule(t, in, rule, pb.Options{}).Stats()
		if got := fmt.Sprintf("%.1f", 100*float64(s.WithoutWinner)/float64(s.Voters)); got != want {
			t.Errorf("Wieliczka, %s: %s %% of voters without a winner, want %s %%", rule, got, want)
		}
	}
}

// Cities that use a greedy rule published what they funded, too.
func TestCitiesGreedyRules(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t), "instances", "*.pb"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files")
	}
	same, compared := 0, 0
	for _, f := range files {
		in := readFile(t, f)
		rule := map[string]string{"greedy": "greedy_score", "greedy-threshold": "greedy_threshold", "greedy-no-skip": "greedy_no_skip"}[in.MetaValue("rule")]
		if rule == "" || in.Projects[0].Selected < 0 || rule == "greedy_threshold" && in.MetaValue("min_project_score_threshold") == "" {
			continue
		}
		compared++
		res, equal := runRule(t, in, rule, pb.Options{}), true
		for p := range in.Projects {
			equal = equal && res.Won(p) == (in.Projects[p].Selected == 1)
		}
		if equal {
			same++
		} else {
			t.Logf("%s (%s): other projects than the official ones", filepath.Base(f), rule)
		}
	}
	t.Logf("%d of %d as officially", same, compared)
	if compared == 0 || same*10 < compared*7 {
		t.Errorf("only %d of %d as officially funded", same, compared)
	}
}

package pb_test

import (
	"context"
	"encoding/json"
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

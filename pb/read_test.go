package pb_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/pb"
	"pgregory.net/rapid"
)

const head = "META\nkey;value\nbudget;100\nvote_type;approval\nPROJECTS\nproject_id;cost;name\nA;50;a\nB;40;b\nVOTES\nvoter_id;vote\n"

// What real files contain, and other programs tolerate, is read.
func TestReaderToleratesWhatRealFilesContain(t *testing.T) {
	for name, c := range map[string]struct {
		text     string
		voters   int
		votes    string // votes of all projects in their order
		warnings []pb.Code
	}{
		"plain":                 {head + "1;A,B\n2;A\n", 2, "2 1", nil},
		"no newline at the end": {head + "1;A,B\n2;A", 2, "2 1", nil},
		"byte order mark":       {"\ufeff" + head + "1;A\n", 1, "1 0", nil},
		"CRLF":                  {strings.ReplaceAll(head+"1;A,B\n2;B\n", "\n", "\r\n"), 2, "1 2", nil},
		"section titles in lower case, with empty columns": {strings.NewReplacer("META", "meta;;", "VOTES", "Votes;").Replace(head) + "1;A\n", 1, "1 0", nil},
		"empty lines":                  {strings.ReplaceAll(head+"1;A\n2;B\n", "\n", "\n\n"), 2, "1 1", nil},
		"empty ballots count":          {head + "1;A\n2;\n3;\n", 3, "1 0", nil},
		"a project twice":              {head + "1;A,B,A\n", 1, "1 1", []pb.Code{pb.FaultVoteTwice}},
		"a comma too many":             {head + "1;A,\n2;,B,,A\n", 2, "2 1", []pb.Code{pb.FaultVoteGap, pb.FaultVoteGap, pb.FaultVoteGap}},
		"spaces around separators":     {head + "1; A , B \n2;B\n", 2, "1 2", []pb.Code{pb.FaultSpaces}},
		"a row of separators only":     {head + "1;A\n;\n", 1, "1 0", []pb.Code{pb.FaultVoteBlank}},
		"a quoted ballot":              {head + "1;\"A,B\"\n", 1, "1 1", nil},
		"more columns than names":      {strings.Replace(head, "A;50;a", "A;50;a;x", 1) + "1;A\n", 1, "1 0", []pb.Code{pb.FaultRowLong}},
		"fewer columns than names":     {strings.Replace(head, "A;50;a", "A;50", 1) + "1;A\n", 1, "1 0", []pb.Code{pb.FaultRowShort}},
		"text behind a closing quote":  {strings.Replace(head, "A;50;a", "A;50;\"a\"b", 1) + "1;A\n", 1, "1 0", []pb.Code{pb.FaultQuoteTail}},
		"a quote inside a field":       {strings.Replace(head, "A;50;a", "A;50;a \"b\"", 1) + "1;A\n", 1, "1 0", nil},
		"a field of two lines":         {strings.Replace(head, "A;50;a", "A;50;\"a\nb\"", 1) + "1;A\n", 1, "1 0", nil},
		"wrong counts":                 {strings.Replace(head, "budget", "num_votes;7\nnum_projects;9\nbudget", 1) + "1;A\n", 1, "1 0", []pb.Code{pb.FaultCountProjects, pb.FaultCountVotes}},
		"a key twice, the last counts": {strings.Replace(head, "budget;100", "budget;7\nbudget;100", 1) + "1;A\n", 1, "1 0", []pb.Code{pb.FaultMetaTwice}},
		"columns in another order":     {"META\nkey;value\nvote_type;approval\nbudget;100\nPROJECTS\nname;cost;project_id\na;50;A\nb;40;B\nVOTES\nage;vote;voter_id\n7;A;1\n8;A,B;2\n", 2, "2 1", nil},
		"not UTF-8":                    {strings.Replace(head, "A;50;a", "A;50;\xff", 1) + "1;A\n", 1, "1 0", []pb.Code{pb.FaultNotUTF8}},
		"a wrong votes column":         {strings.Replace(strings.Replace(strings.Replace(head, "cost;name", "cost;votes", 1), "50;a", "50;3", 1), "40;b", "40;0", 1) + "1;A\n", 1, "1 0", []pb.Code{pb.FaultVotesColumn}},
	} {
		in, err := pb.Read(strings.NewReader(c.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var votes []string
		for _, p := range in.Projects {
			votes = append(votes, fmt.Sprint(p.Votes))
		}
		var warnings []pb.Code
		for _, w := range in.Warnings {
			warnings = append(warnings, w.Code)
		}
		slices.Sort(warnings)
		slices.Sort(c.warnings)
		if in.Budget != 100 || in.Voters != c.voters || strings.Join(votes, " ") != c.votes || !slices.Equal(warnings, c.warnings) {
			t.Errorf("%s: budget %d, %d voters, votes %v, warnings %v; want 100, %d, %s, %v", name, in.Budget, in.Voters, votes, warnings, c.voters, c.votes, c.warnings)
		}
	}
}

// Every fault is found, with its place.
func TestReaderNamesEveryFaultWithItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want string // line:column code, …
	}{
		"nothing":                  {"", "0:0 section_missing, 0:0 section_missing, 0:0 section_missing, 0:0 meta_missing"},
		"an unknown project":       {head + "1;A\n2;A,X\n", "12:5 vote_unknown"},
		"several at once":          {strings.Replace(head, "A;50;a", "A;x;a", 1) + "1;Q\n2;A,X\n", "7:3 cost, 11:3 vote_unknown, 12:5 vote_unknown"},
		"a project listed twice":   {strings.Replace(head, "B;40;b", "A;40;b", 1) + "1;A\n", "8:1 project_twice"},
		"a project without id":     {strings.Replace(head, "B;40;b", ";40;b", 1) + "1;A\n", "8:1 project_no_id"},
		"an id with a comma":       {strings.Replace(head, "B;40;b", "\"B,C\";40;b", 1) + "1;A\n", "8:1 project_id"},
		"a negative cost":          {strings.Replace(head, "B;40", "B;-40", 1) + "1;A\n", "8:3 cost"},
		"no budget":                {strings.Replace(head, "budget", "bugdet", 1) + "1;A\n", "0:0 meta_missing"},
		"a budget in words":        {strings.Replace(head, "100", "much", 1) + "1;A\n", "3:0 budget"},
		"an unknown vote type":     {strings.Replace(head, "approval", "loud", 1) + "1;A\n", "4:0 vote_type"},
		"no vote column":           {strings.Replace(head, ";vote\n", ";ballot\n", 1) + "1;A\n", "10:0 column_missing"},
		"a column twice":           {strings.Replace(head, "cost;name", "cost;cost", 1) + "1;A\n", "6:17 column_twice"},
		"an open quote":            {strings.Replace(head, "B;40;b", "B;40;\"b", 1) + "1;A\n", "8:6 open_quote, 0:0 section_missing"},
		"sections out of order":    {"META\nkey;value\nbudget;1\nvote_type;approval\nVOTES\nvoter_id;vote\n1;A\nPROJECTS\nproject_id;cost\nA;1\n", "6:0 section_order"},
		"a section twice":          {head + "1;A\nVOTES\nvoter_id;vote\n2;A\n", "12:1 section_twice"},
		"lines before any section": {"x;y\n" + head + "1;A\n", "1:1 outside_section"},
		"amounts beyond counting":  {strings.NewReplacer("A;50", "A;4000000000000000000", "B;40", "B;4000000000000000000").Replace(head) + "1;A\n", "0:0 total_cost"},
		"points missing":           {strings.NewReplacer("approval", "cumulative", "id;vote", "id;vote;points").Replace(head) + "1;A,B;3\n", "11:7 points_few"},
		"points in words":          {strings.NewReplacer("approval", "scoring", "id;vote", "id;vote;points").Replace(head) + "1;A,B;3,x\n", "11:7 points"},
		"no points column":         {strings.NewReplacer("approval", "cumulative").Replace(head) + "1;A\n", "10:0 column_missing"},
		"no header":                {"META\nPROJECTS\nproject_id;cost\nA;1\nVOTES\nvoter_id;vote\n1;A\n", "2:0 header_missing"},
	} {
		_, err := pb.Read(strings.NewReader(c.text))
		var f *pb.FaultsError
		if !errors.As(err, &f) {
			t.Errorf("%s: error %v", name, err)
			continue
		}
		var got []string
		for _, x := range f.Faults {
			if !x.Warning {
				got = append(got, fmt.Sprintf("%d:%d %s", x.Line, x.Column, x.Code))
			}
			for _, lang := range []string{"it", "en"} {
				if s := x.Text(lang); strings.HasSuffix(s, ": "+string(x.Code)) || strings.Contains(s, "{") {
					t.Errorf("%s: no %s text for %s: %s", name, lang, x.Code, s)
				}
			}
		}
		if s := strings.Join(got, ", "); !strings.HasPrefix(s, c.want) {
			t.Errorf("%s: got %s, want %s", name, s, c.want)
		}
	}
}

func TestDecimalsAreCountedExactly(t *testing.T) {
	text := "META\nkey;value\nbudget;100,50\nvote_type;cumulative\nPROJECTS\nproject_id;cost\nA;33.5\nB;33,125\nC;1e1\nVOTES\nvoter_id;vote;points\n1;A,B;1.5,2\n2;A;3\n3;A,B;1,25\n"
	_, err := pb.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	in := readText(t, text)
	if in.Digits != 3 || in.Budget != 100500 || in.Projects[1].Cost != 33125 || in.Projects[2].Cost != 10000 || in.Format(in.Budget) != "100.5" {
		t.Errorf("%d digits, budget %d, costs %v", in.Digits, in.Budget, in.Projects)
	}
	if in.PointDigits() != 1 || !slices.Equal(in.ClassPoints(0), []int32{15, 20}) || !slices.Equal(in.ClassPoints(1), []int32{30}) {
		t.Errorf("points %v %v in units of 10^-%d", in.ClassPoints(0), in.ClassPoints(1), in.PointDigits())
	}
}

func TestHostileFilesAreBounded(t *testing.T) {
	long := head + "1;" + strings.Repeat("A", 6<<20)
	var f *pb.FaultsError
	if _, err := pb.Read(strings.NewReader(long)); !errors.As(err, &f) || f.Faults[len(f.Faults)-1].Code != pb.FaultLineTooLong && !hasCode(f, pb.FaultLineTooLong) {
		t.Errorf("a line of 6 MB: %v", err)
	}
	if _, err := pb.ReadWith(strings.NewReader(head+strings.Repeat("1;A\n", 1000)), pb.ReadOptions{MaxBytes: 1000}); !errors.As(err, &f) || !hasCode(f, pb.FaultTooLarge) {
		t.Errorf("a file over its bound: %v", err)
	}
	_, err := pb.Read(strings.NewReader(head + strings.Repeat("1;X\n", 5000)))
	if !errors.As(err, &f) || len(f.Faults) > 25 || f.Faults[len(f.Faults)-1].Repeated == 0 {
		t.Errorf("5,000 faults of one kind are not gathered: %v", err)
	}
}

func hasCode(f *pb.FaultsError, c pb.Code) bool {
	return slices.ContainsFunc(f.Faults, func(x pb.Fault) bool { return x.Code == c })
}

// same compares what two instances are to a tally.
func same(a, b *pb.Instance) error {
	if a.VoteType != b.VoteType || a.Budget != b.Budget || a.Digits != b.Digits || a.Voters != b.Voters || a.PointDigits() != b.PointDigits() {
		return fmt.Errorf("%v %v %v %v became %v %v %v %v", a.VoteType, a.Budget, a.Digits, a.Voters, b.VoteType, b.Budget, b.Digits, b.Voters)
	}
	if !slices.Equal(a.Meta, b.Meta) || len(a.Projects) != len(b.Projects) || a.Classes() != b.Classes() {
		return fmt.Errorf("%v\nbecame\n%v", a.Meta, b.Meta)
	}
	for i := range a.Projects {
		p, q := a.Projects[i], b.Projects[i]
		if p.ID != q.ID || p.Name != q.Name || p.Cost != q.Cost || p.Votes != q.Votes || !slices.Equal(p.Category, q.Category) {
			return fmt.Errorf("%+v became %+v", p, q)
		}
	}
	for j := range a.Classes() {
		ps, n := a.Class(j)
		qs, m := b.Class(j)
		if n != m || !slices.Equal(ps, qs) || !slices.Equal(a.ClassPoints(j), b.ClassPoints(j)) {
			return fmt.Errorf("class %d: %v %d became %v %d", j, ps, n, qs, m)
		}
	}
	return nil
}

func rewrite(in *pb.Instance, o pb.ReadOptions) (*pb.Instance, string, error) {
	var b bytes.Buffer
	if err := in.Write(&b); err != nil {
		return nil, "", err
	}
	text := b.String()
	out, err := pb.ReadWith(&b, o)
	return out, text, err
}

func TestWhatIsWrittenReadsBackTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawElection(t)
		for _, o := range []pb.ReadOptions{{}, {KeepVoters: true}} {
			in, err := pb.ReadWith(strings.NewReader(e.String()), o)
			if err != nil {
				t.Fatal(err)
			}
			out, text, err := rewrite(in, o)
			if err == nil {
				err = same(in, out)
			}
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, e, text)
			}
		}
	})
}

func TestRealFilesAreWrittenAsTheyWere(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(shared(t), "instances", "*.pb"))
	if len(files) != 72 {
		t.Fatalf("%d files", len(files))
	}
	for _, f := range files {
		in := readFile(t, f)
		out, _, err := rewrite(in, pb.ReadOptions{})
		if err == nil {
			err = same(in, out)
		}
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(f), err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(head + "1;A,B\n2;A\n"))
	f.Add([]byte(threeParks))
	f.Add([]byte("META\nkey;value\nbudget;100,50\nvote_type;cumulative\nPROJECTS\nproject_id;cost;score\nA;33.5;\"4;5\"\nVOTES\nvoter_id;vote;points\n1;A;1.5\n\"2\nx\";A;3\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, o := range []pb.ReadOptions{{}, {KeepVoters: true, IgnoreUnknown: true}} {
			in, err := pb.ReadWith(bytes.NewReader(data), o)
			if err != nil {
				var x *pb.FaultsError
				if !errors.As(err, &x) || x.Error() == "" {
					t.Fatalf("error %v", err)
				}
				continue
			}
			pb.Check(in)
			out, text, err := rewrite(in, o)
			if err == nil {
				err = same(in, out)
			}
			if err != nil {
				t.Fatalf("%v\n%q\nwritten %q", err, data, text)
			}
			if in.Voters < 50 && len(in.Projects) < 20 && in.TotalCost() < 1e6 {
				for _, name := range []string{"mes_u", "greedy"} {
					rule, err := pb.ParseRule(name, in.VoteType)
					if err != nil {
						t.Fatal(err)
					}
					res, err := pb.Run(t.Context(), in, rule, pb.Options{})
					if err != nil {
						t.Fatal(err)
					}
					if res.Cost > in.Budget {
						t.Fatalf("%s spends %d of %d", name, res.Cost, in.Budget)
					}
					res.Publish()
				}
			}
		}
	})
}

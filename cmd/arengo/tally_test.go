package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const parks = `META
key;value
description;Tre parchi
budget;900
vote_type;approval
PROJECTS
project_id;cost;name
N1;300;North park
N2;300;North school
N3;290;North road
S1;250;South park
S2;60;South bench
VOTES
voter_id;vote
1;N1,N2,N3
2;N1,N2,N3
3;N1,N2,N3
4;N1,N2
5;N1,N3
6;N1,N2,N3
7;S1,S2
8;S1
9;S1,S2
`

func tallyFiles(t *testing.T) (dir, good, bad string) {
	dir = t.TempDir()
	good, bad = filepath.Join(dir, "good.pb"), filepath.Join(dir, "bad.pb")
	for name, text := range map[string]string{good: parks, bad: strings.Replace(parks, "1;N1", "1;X9", 1)} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, good, bad
}

func tally(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = runTally(context.Background(), args, strings.NewReader(parks), &o, &e)
	return o.String(), e.String(), code
}

func TestTallyCommand(t *testing.T) {
	dir, good, bad := tallyFiles(t)
	page := filepath.Join(dir, "report.html")
	for name, c := range map[string]struct {
		args      []string
		code      int
		out, errs string // must occur
	}{
		"the default rule":            {[]string{good, "--lang", "en"}, 0, "mes_cost_add1u", ""},
		"flags behind the file":       {[]string{good, "--rule", "greedy_cost", "--lang=it"}, 0, "greedy_cost: Voto a maggioranza", ""},
		"flags before the file":       {[]string{"--rule=mes-cost", "--lang", "en", good}, 0, "mes_cost: Method of Equal Shares", ""},
		"standard input":              {[]string{"-", "--lang", "en"}, 0, "North park", ""},
		"comparison":                  {[]string{good, "--rule", "mes", "--compare", "greedy", "--lang", "en"}, 0, "Funded only by greedy_cost", ""},
		"report":                      {[]string{good, "--report", page, "--lang", "en"}, 0, "", "report written to"},
		"check":                       {[]string{"check", good, "--lang", "en"}, 0, "META lacks country", ""},
		"check of a faulty file":      {[]string{"check", bad, "--lang", "en"}, 2, "", "line 15, column 3: the vote names project “X9”, which does not exist"},
		"a faulty file":               {[]string{bad, "--lang", "it"}, 2, "", "riga 15, colonna 3: il voto nomina il progetto «X9», che non esiste"},
		"a faulty file beside a good": {[]string{bad, good, "--lang", "en"}, 2, "North park", "X9"},
		"unknown project, tolerated":  {[]string{bad, "--ignore-unknown", "--lang", "en"}, 0, "North park", "warning"},
		"no such file":                {[]string{filepath.Join(dir, "none.pb"), "--lang", "en"}, 2, "", "cannot read"},
		"no file":                     {[]string{"--lang", "en"}, 2, "", "the file of ballots is missing"},
		"no such rule":                {[]string{good, "--rule", "best", "--lang", "en"}, 2, "", "unknown rule “best”"},
		"no such tie-break":           {[]string{good, "--tie-break", "best", "--lang", "en"}, 2, "", "unknown tie-break"},
		"no such flag":                {[]string{good, "--fast", "--lang", "en"}, 2, "", "bad flag"},
		"a rule for other ballots":    {[]string{good, "--rule", "mes_borda", "--lang", "en"}, 2, "", "rule mes_borda does not apply to approval ballots"},
		"fixed against one-of":        {[]string{good, "--fixed", "N1,N2", "--one-of", "N1,N2", "--lang", "en"}, 2, "", "project “N2” cannot be fixed"},
		"fixed twice":                 {[]string{good, "--fixed", "N1,N1", "--lang", "en"}, 0, "North park", ""},
		"fixed and excluded":          {[]string{good, "--fixed", "N1", "--exclude", "N1", "--lang", "en"}, 2, "", "both fixed and excluded"},
		"fewer votes than none":       {[]string{good, "--min-votes", "-1", "--lang", "en"}, 2, "", "--min-votes -1"},
		"a report over the ballots":   {[]string{good, "--report", dir + "/./good.pb", "--lang", "en"}, 2, "", "would overwrite the ballots"},
		"help":                        {[]string{"--help", "--lang", "en"}, 0, "Usage: arengo tally", ""},
	} {
		out, errs, code := tally(t, c.args...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) {
			t.Errorf("%s: exit %d, want %d\nout: %s\nerrors: %s", name, code, c.code, out, errs)
		}
	}
	if kept, err := os.ReadFile(good); err != nil || string(kept) != parks {
		t.Errorf("the ballots are gone: %v", err)
	}
	html, err := os.ReadFile(page)
	if err != nil || !bytes.Contains(html, []byte("North school")) || bytes.Contains(html, []byte("<script")) {
		t.Errorf("the report: %v, %d bytes", err, len(html))
	}
}

func TestTallyWritesOneObjectForEachFileAndRule(t *testing.T) {
	_, good, _ := tallyFiles(t)
	out, errs, code := tally(t, "--all", "--json", good, good)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || errs != "" || len(lines) < 26 || len(lines)%2 != 0 {
		t.Fatalf("exit %d, %d lines, errors %s", code, len(lines), errs)
	}
	rules := map[string]bool{}
	for _, l := range lines {
		var v map[string]any
		if err := json.Unmarshal([]byte(l), &v); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"file", "rule", "winners", "cost", "rounds", "explanations", "certificates", "statistics"} {
			if _, ok := v[key]; !ok {
				t.Errorf("%v has no %s", v["rule"], key)
			}
		}
		rules[v["rule"].(string)] = true
	}
	for _, r := range strings.Fields("greedy_cost mes_cost mes_cost_u mes_cost_add1 mes_cost_add1u greedy_card mes_card mes_card_u mes_card_add1 mes_card_add1u phragmen esnet_add1u esnet_add1_noexh") {
		if !rules[r] {
			t.Errorf("--all leaves out %s", r)
		}
	}
}

func TestVerifyCommand(t *testing.T) {
	dir, good, _ := tallyFiles(t)
	out, _, code := tally(t, good, "--rule", "mes_cost_add1u", "--json", "--compare", "greedy")
	if code != 0 {
		t.Fatal(code)
	}
	result := filepath.Join(dir, "result.json")
	verify := func(text string, args ...string) (string, int) {
		if err := os.WriteFile(result, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		var o, e bytes.Buffer
		code := runVerify(context.Background(), append(args, "--lang", "en"), strings.NewReader(""), &o, &e)
		return o.String() + e.String(), code
	}
	if s, code := verify(out, result, good); code != 0 || !strings.Contains(s, "the result is right") {
		t.Errorf("a true result: exit %d\n%s", code, s)
	}
	if s, code := verify(strings.Replace(out, `"winners":["N1","N2","S1"]`, `"winners":["N1","N3","S1"]`, 1), result, good); code != 1 || !strings.Contains(s, "NOT right") {
		t.Errorf("a false result: exit %d\n%s", code, s)
	}
	for name, text := range map[string]string{"no JSON": "winners: all", "two results": out + out, "nothing": ""} {
		if s, code := verify(text, result, good); code != 2 || s == "" {
			t.Errorf("%s: exit %d\n%s", name, code, s)
		}
	}
	if _, code := verify(out, result); code != 2 {
		t.Errorf("without a file: exit %d", code)
	}
}

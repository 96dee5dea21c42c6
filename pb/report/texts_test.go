package report_test

import (
	"os"
	"regexp"
	"testing"

	"codeberg.org/arengo/arengo/pb"
	"codeberg.org/arengo/arengo/pb/report"
	"github.com/BurntSushi/toml"
)

// Both catalogues have the same keys with the same arguments, so that no reader
// meets a key instead of a text.
func TestBothLanguagesSayTheSame(t *testing.T) {
	load := func(lang string) map[string]string {
		b, err := os.ReadFile("texts/" + lang + ".toml")
		words := map[string]string{}
		if err == nil {
			err = toml.Unmarshal(b, &words)
		}
		if err != nil {
			t.Fatal(err)
		}
		return words
	}
	it, en := load("it"), load("en")
	args := regexp.MustCompile(`\{\d\}`)
	count := func(s string) map[string]int {
		n := map[string]int{}
		for _, a := range args.FindAllString(s, -1) {
			n[a]++
		}
		return n
	}
	for key, s := range it {
		e, ok := en[key]
		if !ok {
			t.Errorf("no English text for %s", key)
		}
		if a, b := count(s), count(e); len(a) != len(b) {
			t.Errorf("%s: arguments %v and %v", key, a, b)
		}
	}
	for key := range en {
		if _, ok := it[key]; !ok {
			t.Errorf("no Italian text for %s", key)
		}
	}
	for _, lang := range report.Languages() {
		w := report.Words(lang)
		for _, v := range []pb.VoteType{pb.Approval, pb.Ordinal, pb.Cumulative} {
			for _, r := range pb.Rules(v) {
				if s := report.RuleName(w, r); regexp.MustCompile(`rule_|utility_`).MatchString(s) {
					t.Errorf("%s: no name in %s: %s", r.Name, lang, s)
				}
			}
		}
	}
}

func TestNumbersAreWrittenAsInTheLanguage(t *testing.T) {
	it, en := report.Words("it"), report.Words("en")
	for _, c := range [][3]string{
		{it.Number("1538904.42"), en.Number("1538904.42"), "1.538.904,42 1,538,904.42"},
		{it.Number("-5000"), en.Number("-5000"), "-5.000 -5,000"},
		{it.Percent(0.9999, 0), en.Percent(1, 0), "99\u00a0% 100%"},
		{it.People(1), en.People(2), "1 persona 2 people"},
	} {
		if got := c[0] + " " + c[1]; got != c[2] {
			t.Errorf("got %q, want %q", got, c[2])
		}
	}
}

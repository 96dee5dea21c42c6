package prose

import (
	"os"
	"strings"
	"testing"
	"time"
)

// Each line of testdata/sentences.txt is a text with its ends.
func TestSentencesEndWhereAReaderSees(t *testing.T) {
	file, err := os.ReadFile("testdata/sentences.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines, langs := 0, map[string]int{}
	for n, line := range strings.Split(string(file), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		lang, marked, _ := strings.Cut(line, " ")
		marked = strings.ReplaceAll(marked, "⏎", "\n")
		lines++
		langs[lang]++
		text := strings.ReplaceAll(marked, "‖", "")
		var got strings.Builder
		last := 0
		for _, at := range Ends(text, lang) {
			if at <= last || at > len(text) {
				t.Fatalf("line %d: the end %d after %d", n+1, at, last)
			}
			got.WriteString(text[last:at] + "‖")
			last = at
		}
		got.WriteString(text[last:])
		if got.String() != marked {
			t.Errorf("line %d:\n got %q\nwant %q", n+1, got.String(), marked)
		}
	}
	if lines < 150 || langs["it"] < 100 || langs["de"] < 40 {
		t.Fatalf("only %d lines, %v", lines, langs)
	}
}

func TestLongTextIsPartedQuickly(t *testing.T) {
	for _, unit := range []string{"Il dott. Rossi arriva. ", ". ", "\n", "a", "(((", "A.\n"} {
		from := time.Now()
		Ends(strings.Repeat(unit, 50_000/len(unit)), "it")
		if took := time.Since(from); took > 2*time.Second {
			t.Errorf("%q takes %v", unit, took)
		}
	}
}

func FuzzEnds(f *testing.F) {
	f.Add("Il dott. Rossi. E poi?\n– Sì", "it")
	f.Fuzz(func(t *testing.T, text, lang string) {
		last := 0
		for _, at := range Ends(text, lang) {
			if at <= last || at >= len(text) {
				t.Fatalf("%d after %d in %q", at, last, text)
			}
			last = at
		}
	})
}

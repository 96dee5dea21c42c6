package pages

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDiffMarksWordsThatWentAndCame(t *testing.T) {
	got := diff("La biblioteca apre alle 9.", "La biblioteca civica apre alle 10.")
	want := []piece{{"", "La biblioteca "}, {"ins", "civica "}, {"", "apre alle "}, {"del", "9"}, {"ins", "10"}, {"", "."}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDiffHoldsBothTexts(t *testing.T) {
	word := rapid.SampledFrom([]string{"via", "Roma", "è", "chiusa", " ", "\n", ",", "🚧", "àè"})
	text := rapid.Custom(func(t *rapid.T) string {
		s := ""
		for _, w := range rapid.SliceOfN(word, 0, 30).Draw(t, "words") {
			s += w
		}
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		var before, after string
		for _, p := range diff(a, b) {
			if p.Op != "ins" {
				before += p.Text
			}
			if p.Op != "del" {
				after += p.Text
			}
		}
		if before != a || after != b {
			t.Fatalf("%q → %q became %q → %q", a, b, before, after)
		}
	})
}

func TestDiffOfHugeTextsStaysCheap(t *testing.T) {
	a, b := "", ""
	for range 3000 {
		a, b = a+"uno due ", b+"tre quattro "
	}
	if got := diff(a, b); len(got) < 2 {
		t.Errorf("%d pieces", len(got))
	}
}

package square

import (
	"strings"
	"testing"
)

func TestLengthIsMastodons(t *testing.T) {
	for text, want := range map[string]int{
		"": 0,
		"perché 👩‍👩‍👧‍👦 🇮🇹":                                                10,
		"https://comune.cesate.mi.it/una/pagina/molto/lunga?con=parametri": 23,
		"(https://a.it/x).":                                 23 + 3,
		"http://è.it e https://b.org, basta":                23 + 3 + 23 + 7,
		"https://piazza.example/" + strings.Repeat("a", 50): 73,
		"ciao @ufficio@altro.example.org!":                  14,
		"scrivere a ufficio@comune.it":                      28,
	} {
		if got := length("", text); got != want {
			t.Errorf("%q counts %d, want %d", text, got, want)
		}
	}
	if got := length("àè", "ì"); got != 3 {
		t.Errorf("warning and text count %d, want 3", got)
	}
}

func FuzzLength(f *testing.F) {
	f.Add("a", "https://a.it/(x) @b@c.it")
	f.Fuzz(func(t *testing.T, warning, text string) {
		if n := length(warning, text); n < 0 || n > len(warning)+len(text)+23*strings.Count(text, "://") {
			t.Fatalf("%d", n)
		}
		shown(text, "https://a.example")
		rendered(text)
		readable(text)
	})
}

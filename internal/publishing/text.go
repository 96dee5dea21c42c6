package publishing

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/italian"
	"golang.org/x/text/unicode/norm"

	"codeberg.org/arengo/arengo/internal/prose"
)

// Summary is the start of a plain text, at most n characters, cut between words.
func Summary(plain string, n int) string {
	plain = strings.Join(strings.Fields(plain), " ")
	if utf8.RuneCountInString(plain) <= n {
		return plain
	}
	cut := string([]rune(plain)[:n-1])
	if i := strings.LastIndexByte(cut, ' '); i > n/2 {
		cut = cut[:i]
	}
	return strings.TrimRight(prose.Unhung(cut, ""), ".") + "…"
}

// Stems returns the stems of a text with how often each occurs: words folded of
// accents, elisions parted ("l'acqua" → "acqua"), Italian or English snowball.
// The same function serves indexing and searching, so "scuola" finds "le scuole".
func Stems(s, lang string) map[string]int {
	stems := map[string]int{}
	for _, w := range strings.FieldsFunc(norm.NFC.String(strings.ToLower(s)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r)
	}) {
		if utf8.RuneCountInString(w) < 2 || utf8.RuneCountInString(w) > 40 || stopwords[w] {
			continue
		}
		stems[stem(w, lang)]++
	}
	return stems
}

func stem(w, lang string) string {
	env := snowballstem.NewEnv(w)
	if lang == "en" {
		english.Stem(env)
	} else {
		italian.Stem(env)
	}
	return fold(env.Current())
}

// fold drops accents: "città" and "citta" are one stem.
func fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// stopwords are too common to find anything by; written for this use.
var stopwords = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`il lo la gli le un uno una di del dello della dei degli delle da dal dallo dalla dai dagli dalle
		in nel nello nella nei negli nelle su sul sullo sulla sui sugli sulle al allo alla ai agli alle con per tra fra ed ad che chi cui non
		come si ci se ma anche sono è era più dell all nell dall sull quest questo questa questi queste the and of to a an on for with`) {
		m[w] = true
	}
	return m
}()

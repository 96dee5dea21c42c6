package count

import (
	"sort"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Truncate shortens text to at most limit, as the rule counts it, the suffix
// included; see Fit.
func Truncate(rule Rule, text string, limit int, suffix string) string {
	return Fit(text, suffix, Limit{rule, limit})
}

// Fit returns text unchanged when it is within all the limits. Otherwise it cuts
// it at the end of a word and appends the suffix, usually "…" or " … https://…",
// so that the whole is within the limits. A link, a mention, a hashtag or an emoji
// is kept whole or left out. Only where a word is so long that half of the room
// would stay empty (or the script has no spaces) does it cut between two characters.
//
// When the suffix alone is too long it is left out; the result may be empty.
func Fit(text, suffix string, limits ...Limit) string {
	if Fits(text, limits...) {
		return text
	}
	if !Fits(suffix, limits...) {
		suffix = ""
	}
	words, characters := cuts(text)
	fits := func(cut int) bool { return Fits(text[:cut]+suffix, limits...) }
	word, character := longest(words, fits), longest(characters, fits)
	cut := word
	if word < character/2 {
		cut = character
	}
	return text[:cut] + suffix
}

// longest returns the last of the ascending cuts that fits, or 0. It looks near the
// beginning first, because limits are small and a pasted text may be a megabyte.
// Lengths grow with the cut except where a cut changes what the text before it
// means; the search may then stop early, but never on a cut that does not fit.
func longest(at []int, fits func(int) bool) int {
	most := 1
	for most < len(at) && fits(at[most-1]) {
		most *= 2
	}
	n := sort.Search(min(most, len(at)), func(i int) bool { return !fits(at[i]) })
	for n > 0 {
		n--
		if fits(at[n]) {
			return at[n]
		}
	}
	return 0
}

// cuts lists where a text may end, ascending: after words, and after characters.
// No cut is inside an entity or a grapheme cluster, and none leaves a space, an
// open bracket or a comma hanging before the suffix.
func cuts(text string) (words, characters []int) {
	entities := Entities(text)
	end := 0 // the end of the last cluster that may stand before a suffix
	state, rest := -1, text
	for at := 0; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		next := at + len(cluster)
		for len(entities) > 0 && entities[0].End <= at {
			entities = entities[1:]
		}
		inside := len(entities) > 0 && entities[0].Start < next && next < entities[0].End
		hanging := (len(entities) == 0 || entities[0].Start >= next) && hangs(cluster)
		space := spaces(cluster)
		if space && end > 0 && (len(words) == 0 || words[len(words)-1] != end) {
			words = append(words, end)
		}
		if !inside && !hanging {
			end = next
			characters = append(characters, next)
		}
		at = next
	}
	return words, characters
}

func spaces(cluster string) bool {
	for _, r := range cluster {
		if !unicode.IsSpace(r) {
			return false
		}
	}
	return true
}

// hangs reports whether a cluster looks forgotten at the end of a shortened text.
func hangs(cluster string) bool {
	if spaces(cluster) {
		return true
	}
	r, size := utf8.DecodeRuneInString(cluster)
	if size != len(cluster) {
		return false
	}
	switch r {
	case ',', ';', ':', '-', '–', '—', '(', '[', '«', '“', '‘', '\'', '"', '/', '#', '@':
		return true
	}
	return unicode.In(r, unicode.Ps, unicode.Pi)
}

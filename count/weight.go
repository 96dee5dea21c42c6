package count

import (
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// weight adds the weights of X's configuration version 3, whose scale is 100: a
// light character is 100, another 200, an emoji sequence 200. The sum is given
// in whole characters because both are multiples of the scale.
func weight(text string) int {
	n, state := 0, -1
	for len(text) > 0 {
		var cluster string
		if text[0] < utf8.RuneSelf && (len(text) == 1 || text[1] < utf8.RuneSelf) {
			// ASCII before ASCII: only CR LF join, and they weigh 1 each anyway.
			n, text, state = n+1, text[1:], -1
			continue
		}
		cluster, text, _, state = uniseg.FirstGraphemeClusterInString(text, state)
		if emojiSequence(cluster) {
			n += 2
			continue
		}
		for _, r := range cluster {
			n += runeWeight(r)
		}
	}
	return n
}

// runeWeight is 1 in the ranges of the configuration, else 2.
func runeWeight(r rune) int {
	switch {
	case r <= 4351, r >= 8192 && r <= 8205, r >= 8208 && r <= 8223, r >= 8242 && r <= 8247:
		return 1
	}
	return 2
}

const (
	emojiStyle = 0xFE0F // variation selector 16: show as emoji
	joiner     = 0x200D
	keycap     = 0x20E3
)

// emojiSequence reports whether a cluster of several characters is one emoji: a
// flag, a keycap, a picture with a skin tone, a family. A single picture needs no
// test: it weighs 2 as a character.
func emojiSequence(cluster string) bool {
	first, size := utf8.DecodeRuneInString(cluster)
	rest := cluster[size:]
	if rest == "" {
		return false
	}
	switch {
	case regional(first):
		second, _ := utf8.DecodeRuneInString(rest)
		return regional(second)
	case first >= '0' && first <= '9' || first == '#' || first == '*':
		last, _ := utf8.DecodeLastRuneInString(rest)
		return last == keycap
	case first == '©' || first == '®':
		return rest == string(rune(emojiStyle))
	case !pictographic(first):
		return false
	}
	for _, r := range rest {
		tag := r >= 0xE0020 && r <= 0xE007F
		tone := r >= 0x1F3FB && r <= 0x1F3FF
		if r != emojiStyle && r != joiner && !tag && !tone && !pictographic(r) {
			return false // a variation selector 15 too: "show as text"
		}
	}
	return true
}

func regional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

// pictographic covers the blocks in which Unicode has emoji. It is wider than the
// property Extended_Pictographic, which makes no difference here: what it adds is
// never followed by an emoji's modifiers.
func pictographic(r rune) bool {
	switch {
	case r >= 0x1F000 && r <= 0x1FAFF, r >= 0x2190 && r <= 0x21FF, r >= 0x2300 && r <= 0x27BF,
		r >= 0x2900 && r <= 0x297F, r >= 0x2B00 && r <= 0x2BFF:
		return true
	}
	switch r {
	case 0x203C, 0x2049, 0x2122, 0x2139, 0x3030, 0x303D, 0x3297, 0x3299:
		return true
	}
	return false
}

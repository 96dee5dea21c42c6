package prose

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// ends are the line ends of other systems: of the web, of word processors (a
// vertical tab or U+2028 within a paragraph, a form feed between pages), of old
// mainframes. All are a line end here.
var ends = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// Lines gives a text the one line end that the house knows, "\n".
func Lines(text string) string { return ends.Replace(text) }

// Clean is what was typed, as it is kept: valid UTF-8 in NFC, one kind of line end,
// nothing that no reader can see. What parts two words (a tab) or holds a letter
// together (the joiners of Persian and of emoji) stays.
func Clean(text string) string {
	return norm.NFC.String(drop(Lines(strings.ToValidUTF8(text, "\uFFFD")), unseen))
}

// Visible is a text with one kind of line end and without control characters. It is
// changed in no other way: it may be a password.
func Visible(text string) string {
	return drop(Lines(text), func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' })
}

func drop(text string, what func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if what(r) {
			return -1
		}
		return r
	}, text)
}

// unseen are characters that break feeds and platforms and that nobody meant:
// control characters, marks that turn the direction of what stands around them
// (UAX 9), byte-order marks, soft hyphens, places of pictures that a paste lost.
func unseen(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case unicode.IsControl(r), r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0xFEFF, r == 0x00AD, r == 0xFFFC:
		return true
	}
	return false
}

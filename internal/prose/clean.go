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

// Clean is what was typed, as it is kept: valid UTF-8 in NFC, one kind of line
// end, nothing that no reader can see. What would glue two words together (a tab)
// or take a letter apart (the joiners of Persian and of emoji) stays.
func Clean(text string) string {
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if unseen(r) {
			return -1
		}
		return r
	}, Lines(strings.ToValidUTF8(text, "\uFFFD"))))
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

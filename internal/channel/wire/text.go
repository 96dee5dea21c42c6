package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/prose"
)

// Plain is what a reader sees of a piece of HTML, as plain text (see prose.Reader).
// The result is bounded by channel.MaxSaid, however large or deep the HTML is.
func Plain(content string) string {
	return Cut(prose.Reader{Most: channel.MaxSaid}.Plain(content), channel.MaxSaid)
}

// Tidy makes a text of somebody else one that may be kept and shown: valid UTF-8
// without control characters, no line ends with white space, no two empty lines
// follow each other, and no more than channel.MaxSaid bytes.
func Tidy(text string) string { return TidyTo(text, channel.MaxSaid) }

// TidyTo is Tidy with another bound.
func TidyTo(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, prose.Lines(strings.ToValidUTF8(text, "\uFFFD")))
	var b strings.Builder
	empty := 0
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(squeeze(line), " \t\u00a0")
		if line == "" {
			empty++
			continue
		}
		if b.Len() > 0 {
			b.WriteString(strings.Repeat("\n", 1+min(empty, 1)))
		}
		empty = 0
		b.WriteString(line)
	}
	return Cut(b.String(), limit)
}

// squeeze makes one space of several; how far a line is indented stays.
func squeeze(line string) string {
	words := strings.TrimLeft(line, " ")
	margin := line[:len(line)-len(words)]
	for strings.Contains(words, "  ") {
		words = strings.ReplaceAll(words, "  ", " ")
	}
	return margin + words
}

// Cut shortens a text to at most limit bytes, with an ellipsis where it was cut.
func Cut(text string, limit int) string {
	const ellipsis = "…"
	if len(text) <= limit {
		return text
	}
	end := max(limit-len(ellipsis), 0)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.TrimRight(text[:end], " \n") + ellipsis
}

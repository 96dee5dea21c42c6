package pages

import (
	"strings"
	"unicode"
)

// A piece of a comparison: text that stayed, went or came.
type piece struct {
	Op   string // "", "del" or "ins"
	Text string
}

// maxCells bounds the work of one comparison: beyond it two texts are shown one
// after the other, which is still right.
const maxCells = 4_000_000

// diff compares two texts word by word. Its pieces without "ins" are the first
// text, those without "del" the second.
func diff(a, b string) []piece {
	x, y := words(a), words(b)
	start := 0
	for start < len(x) && start < len(y) && x[start] == y[start] {
		start++
	}
	end := 0
	for end < len(x)-start && end < len(y)-start && x[len(x)-1-end] == y[len(y)-1-end] {
		end++
	}
	var out pieces
	out.add("", x[:start]...)
	out.compare(x[start:len(x)-end], y[start:len(y)-end])
	out.add("", x[len(x)-end:]...)
	return out
}

type pieces []piece

func (p *pieces) add(op string, words ...string) {
	text := strings.Join(words, "")
	switch last := len(*p) - 1; {
	case text == "":
	case last >= 0 && (*p)[last].Op == op:
		(*p)[last].Text += text
	default:
		*p = append(*p, piece{op, text})
	}
}

// compare finds a longest common subsequence of the words.
func (p *pieces) compare(x, y []string) {
	if len(x)*len(y) > maxCells {
		p.add("del", x...)
		p.add("ins", y...)
		return
	}
	// longest[i][j] is the length for x[i:] and y[j:].
	longest := make([][]int32, len(x)+1)
	for i := range longest {
		longest[i] = make([]int32, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(x) && j < len(y) {
		switch {
		case x[i] == y[j]:
			p.add("", x[i])
			i, j = i+1, j+1
		case longest[i+1][j] >= longest[i][j+1]:
			p.add("del", x[i])
			i++
		default:
			p.add("ins", y[j])
			j++
		}
	}
	p.add("del", x[i:]...)
	p.add("ins", y[j:]...)
}

// words parts a text into words and what stands between them; joined they are
// the text again.
func words(text string) (out []string) {
	start, inside := 0, false
	for i, c := range text {
		w := unicode.IsLetter(c) || unicode.IsNumber(c)
		if i > start && (w != inside || !w) {
			out = append(out, text[start:i])
			start = i
		}
		inside = w
	}
	if start < len(text) {
		out = append(out, text[start:])
	}
	return out
}

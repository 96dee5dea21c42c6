package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"

	"codeberg.org/arengo/arengo/internal/channel"
)

// Plain is what a reader sees of a piece of HTML, as plain text: paragraphs parted
// by an empty line, line breaks kept, list items after a dash. What is no content
// (scripts, styles, the head of a document) is left out. The result is bounded by
// channel.MaxSaid, however large or deep the HTML is.
func Plain(content string) string {
	var p page
	t := html.NewTokenizer(strings.NewReader(content))
	for p.b.Len() <= 2*channel.MaxSaid {
		switch t.Next() {
		case html.ErrorToken:
			return p.text()
		case html.TextToken:
			if p.hidden == "" {
				p.say(string(t.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := t.TagName()
			p.open(string(name))
		case html.EndTagToken:
			name, _ := t.TagName()
			p.close(string(name))
		}
	}
	return p.text()
}

// page is a text that grows from the elements of a document.
type page struct {
	b      strings.Builder
	breaks int    // line ends to be written before the next word
	pre    int    // depth of elements that keep their white space
	hidden string // the element whose content nobody sees; empty outside of one
}

func (p *page) open(name string) {
	if p.hidden != "" {
		return
	}
	switch name {
	case "script", "style", "head", "title", "template", "noscript", "object":
		p.hidden = name
	case "br":
		p.breaks++
	case "pre":
		p.pre++
		p.part(2)
	case "li":
		p.part(1)
		p.say("– ")
	case "tr", "div", "dt", "dd":
		p.part(1)
	case "p", "blockquote", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "section", "article":
		p.part(2)
	case "td", "th":
		p.say(" ")
	}
}

func (p *page) close(name string) {
	switch {
	case p.hidden == name:
		p.hidden = ""
		return
	case p.hidden != "":
		return
	}
	switch name {
	case "pre":
		p.pre = max(p.pre-1, 0)
		p.part(2)
	case "li", "tr", "div", "dt", "dd":
		p.part(1)
	case "p", "blockquote", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article":
		p.part(2)
	}
}

// part asks for at least n line ends before what follows.
func (p *page) part(n int) { p.breaks = max(p.breaks, n) }

func (p *page) say(text string) {
	if p.pre == 0 {
		text = strings.Map(func(r rune) rune {
			if r == '\n' || r == '\t' || r == '\r' {
				return ' '
			}
			return r
		}, text)
		if p.breaks > 0 || p.b.Len() == 0 {
			text = strings.TrimLeft(text, " ")
		}
	}
	if text == "" {
		return
	}
	if p.b.Len() > 0 {
		p.b.WriteString(strings.Repeat("\n", min(p.breaks, 2)))
	}
	p.breaks = 0
	p.b.WriteString(text)
}

func (p *page) text() string { return Tidy(p.b.String()) }

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
	}, strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n"))
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

// squeeze makes one space of several.
func squeeze(line string) string {
	for strings.Contains(line, "  ") {
		line = strings.ReplaceAll(line, "  ", " ")
	}
	return line
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

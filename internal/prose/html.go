package prose

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// Reader reads HTML as a person reads a page. The zero Reader is ready to use.
type Reader struct {
	// Base is the address of the site, without a final slash, to which links
	// without a host belong; without it they lead nowhere, and are not told.
	Base string

	// Silent leaves out where links lead: for a summary, in which nobody follows one.
	Silent bool

	// Most ends the reading after so many bytes of text; 0 reads all.
	Most int

	// Name says what a link to somebody is called, or "" when it is a link like any
	// other. It is asked about every link.
	Name func(Anchor) string
}

// Anchor is a link as it stands in a page.
type Anchor struct {
	Shown string // the words that a reader sees
	Href  string // absolute; empty when it leads nowhere
	Class string
}

// Plain is what a reader sees of a piece of HTML, as plain text:
//
//   - paragraphs are parted by an empty line, lines stay lines;
//   - list items stand after a dash or their number, lists within lists are
//     indented, quoted lines begin with "> ";
//   - a row of a table is a line, with " | " between its cells;
//   - a link is followed by its address in brackets, unless its words are the
//     address; a hashtag and a name are only words;
//   - a picture is its alternative text;
//   - what is struck through stands between "~~", a line across the page is "———";
//   - figures above and below the line are those of Unicode: m², H₂O.
//
// What is no content (scripts, styles, the head of a document) is left out. The
// memory used is that of the text, however deep the HTML is.
func (r Reader) Plain(content string) string {
	p := page{Reader: r}
	t := html.NewTokenizer(strings.NewReader(content))
	for p.Most == 0 || len(p.b) <= p.Most {
		switch t.Next() {
		case html.ErrorToken:
			return p.text()
		case html.TextToken:
			if p.hidden == "" {
				p.say(string(t.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := t.TagName()
			p.open(string(name), attributes(t, more))
		case html.EndTagToken:
			name, _ := t.TagName()
			p.close(string(name))
		}
	}
	return p.text()
}

// attributes reads those of a tag that matter here.
func attributes(t *html.Tokenizer, more bool) map[string]string {
	var all map[string]string
	for more {
		var key, value []byte
		key, value, more = t.TagAttr()
		switch name := string(key); name {
		case "href", "class", "alt", "start", "value", "type", "role":
			if all == nil {
				all = map[string]string{}
			}
			if _, twice := all[name]; !twice {
				all[name] = string(value)
			}
		}
	}
	return all
}

// page is a text that grows from the elements of a document.
type page struct {
	Reader
	b      []byte
	breaks int    // line ends to be written before the next word
	space  bool   // white space was read since the last word
	before string // what is written right before the next word: an opening mark
	mark   string // the dash or number of the list item that begins
	hidden string // the element whose content nobody sees; empty outside of one
	pre    int    // depth of elements that keep their white space
	quotes int    // depth of quotations
	raised string // "sup" or "sub" while inside of one
	struck int    // depth of what is struck through
	opened bool   // its mark was written
	lists  []list
	tables []table
	link   *link
}

// list is a list that is being read.
type list struct {
	numbered bool
	style    string // of its numbers: "a", "A", else figures
	next     int
}

// table is a table that is being read.
type table struct {
	data  bool // it has headings: an empty cell means something
	cells int  // begun in this row
	said  bool // something in the cell that was begun last
}

// link is a link that is being read.
type link struct {
	href, class string
	from        int // where its words begin; -1 before the first
	picture     bool
}

// opens says what the beginning of an element means. What is not in here (em,
// strong, span, code, …) changes how words look, and not what they say.
var opens = map[string]func(*page, string, map[string]string){
	"br":  func(p *page, _ string, _ map[string]string) { p.line() },
	"hr":  func(p *page, _ string, _ map[string]string) { p.part(2); p.say("———"); p.part(2) },
	"img": (*page).image, "a": (*page).anchor, "li": (*page).item, "ol": (*page).list, "ul": (*page).list, "menu": (*page).list,
	"table": (*page).table, "tr": (*page).row, "td": (*page).cell, "th": (*page).cell,
	"pre": func(p *page, _ string, _ map[string]string) {
		p.part(2)
		p.pre++
	},
	"blockquote": func(p *page, _ string, _ map[string]string) {
		p.part(2)
		p.quotes++
	},
	"del": strike, "s": strike, "strike": strike,
	"q":   func(p *page, _ string, _ map[string]string) { p.before += "«" },
	"sup": func(p *page, name string, _ map[string]string) { p.raised = name },
	"sub": func(p *page, name string, _ map[string]string) { p.raised = name },
	// A head that nobody closes ends where the body begins.
	"body": func(p *page, _ string, _ map[string]string) { p.hidden = "" },
}

func strike(p *page, _ string, _ map[string]string) { p.struck++ }

// unseenElements have content that no reader sees.
var unseenElements = map[string]bool{"script": true, "style": true, "head": true, "title": true, "template": true, "noscript": true,
	"object": true, "iframe": true, "svg": true, "noembed": true, "noframes": true}

// blocks are the elements that stand for themselves, with the line ends around them.
var blocks = map[string]int{
	"p": 2, "dl": 2, "table": 2, "h1": 2, "h2": 2, "h3": 2, "h4": 2, "h5": 2, "h6": 2, "section": 2, "article": 2,
	"blockquote": 2, "pre": 2, "figure": 2, "fieldset": 2, "details": 2, "form": 2, "aside": 2, "header": 2, "footer": 2, "nav": 2, "main": 2,
	"li": 1, "tr": 1, "div": 1, "dt": 1, "dd": 1, "figcaption": 1, "caption": 1, "address": 1, "summary": 1, "legend": 1, "center": 1, "option": 1,
}

func (p *page) open(name string, attr map[string]string) {
	if p.hidden != "" && name != "body" {
		return
	}
	if unseenElements[name] {
		p.hidden = name
		return
	}
	if l := p.link; l != nil && l.from >= 0 && (blocks[name] > 0 || name == "td" || name == "th") {
		p.endLink() // it was never closed, or goes on over several blocks
	}
	if f := opens[name]; f != nil {
		f(p, name, attr)
		return
	}
	if n := blocks[name]; n > 0 {
		p.part(n)
	}
}

// closes says what the end of an element means, before its line ends.
var closes = map[string]func(*page){
	"a": (*page).endLink, "ol": (*page).endList, "ul": (*page).endList, "menu": (*page).endList, "li": (*page).endItem,
	"td": (*page).endCell, "th": (*page).endCell, "table": (*page).endTable,
	"pre":        func(p *page) { p.pre = max(p.pre-1, 0) },
	"blockquote": func(p *page) { p.part(2); p.quotes = max(p.quotes-1, 0) },
	"del":        (*page).endStruck, "s": (*page).endStruck, "strike": (*page).endStruck,
	"q":   func(p *page) { p.endMark("«", "»") },
	"sup": func(p *page) { p.raised = "" }, "sub": func(p *page) { p.raised = "" },
}

func (p *page) close(name string) {
	if p.hidden != "" {
		if p.hidden == name {
			p.hidden = ""
		}
		return
	}
	if f := closes[name]; f != nil {
		f(p)
	}
	if n := blocks[name]; n > 0 {
		p.part(n)
	}
}

// part asks for at least n line ends before what follows.
func (p *page) part(n int) {
	if p.inCell() {
		p.space = true // a row is one line
		return
	}
	p.breaks = max(p.breaks, n)
	p.space = false
}

// line ends a line, as often as it is asked to.
func (p *page) line() {
	if p.inCell() {
		p.space = true
		return
	}
	p.breaks++
	p.space = false
}

func (p *page) inCell() bool {
	n := len(p.tables)
	return n > 0 && p.tables[n-1].data && p.tables[n-1].cells > 0
}

// say writes words: as they are within pre, else with one space for all white
// space, as a browser shows it.
func (p *page) say(text string) {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\u00a0':
			return ' '
		case unseen(r):
			return -1
		}
		return r
	}, Lines(text))
	if p.raised != "" {
		text = raise(text, p.raised)
	}
	if p.pre > 0 {
		for i, line := range strings.Split(text, "\n") {
			if i > 0 {
				p.line()
			}
			p.write(line)
		}
		return
	}
	for text != "" {
		word := strings.TrimLeft(text, " \n\t")
		p.space = p.space || len(word) < len(text)
		if word == "" {
			return
		}
		end := strings.IndexAny(word, " \n\t")
		if end < 0 {
			end = len(word)
		}
		p.write(word[:end])
		text = word[end:]
	}
}

// write puts a word where it belongs: after the line ends and marks that were asked for.
func (p *page) write(word string) {
	if word != "" {
		p.put(word)
	}
}

func (p *page) put(word string) {
	next := false // cell of a row
	if n := len(p.tables); n > 0 {
		next = p.tables[n-1].cells > 1 && !p.tables[n-1].said
		p.tables[n-1].said = true
	}
	switch fresh := len(p.b) == 0; {
	case fresh || p.breaks > 0:
		if !fresh {
			p.b = append(p.b, strings.Repeat("\n", min(p.breaks, 2))...)
		}
		p.b = append(p.b, p.margin()...)
	case next:
		p.b = append(p.b, " | "...)
	case p.space && p.b[len(p.b)-1] != ' ':
		p.b = append(p.b, ' ')
	}
	p.breaks, p.space = 0, false
	p.b = append(p.b, p.mark...)
	p.mark = ""
	if p.link != nil && p.link.from < 0 {
		p.link.from = len(p.b)
	}
	p.b = append(p.b, p.before...)
	p.before = ""
	if p.struck > 0 && !p.opened {
		p.b = append(p.b, struckMark...)
		p.opened = true
	}
	p.b = append(p.b, word...)
}

// maxMargin bounds how far a line is indented, however deep it stands.
const maxMargin = 4

// margin is what a new line begins with.
func (p *page) margin() string {
	depth := len(p.lists)
	if p.mark != "" {
		depth--
	}
	return strings.Repeat("> ", min(p.quotes, maxMargin)) + strings.Repeat("  ", max(min(depth, maxMargin), 0))
}

const struckMark = "~~"

func (p *page) endStruck() {
	p.struck = max(p.struck-1, 0)
	if p.struck == 0 && p.opened {
		p.b = append(p.b, struckMark...)
		p.opened = false
	}
}

// endMark closes what an opening mark began, or takes the mark back when nothing
// was said since.
func (p *page) endMark(open, closing string) {
	if strings.HasSuffix(p.before, open) {
		p.before = strings.TrimSuffix(p.before, open)
		return
	}
	if len(p.b) > 0 {
		p.b = append(p.b, closing...)
	}
}

func (p *page) list(name string, attr map[string]string) {
	// A list within an item stands close to it.
	if len(p.lists) > 0 {
		p.part(1)
	} else {
		p.part(2)
	}
	l := list{numbered: name == "ol", style: attr["type"], next: 1}
	if n, err := strconv.Atoi(attr["start"]); err == nil {
		l.next = n
	}
	p.lists = append(p.lists, l)
}

func (p *page) endList() {
	if n := len(p.lists); n > 0 {
		p.lists = p.lists[:n-1]
	}
	if len(p.lists) > 0 {
		p.part(1)
	} else {
		p.part(2)
	}
}

func (p *page) item(_ string, attr map[string]string) {
	p.part(1)
	p.mark = "– "
	if n := len(p.lists); n > 0 && p.lists[n-1].numbered {
		l := &p.lists[n-1]
		if v, err := strconv.Atoi(attr["value"]); err == nil {
			l.next = v
		}
		p.mark = l.number() + " "
		l.next++
	}
}

// number is that of the next item.
func (l list) number() string {
	if first := map[string]rune{"a": 'a', "A": 'A'}[l.style]; first != 0 && l.next >= 1 && l.next <= 26 {
		return string(first+rune(l.next-1)) + "."
	}
	return fmt.Sprint(l.next, ".")
}

// endItem shows an item without words as the page does: its mark alone.
func (p *page) endItem() {
	if p.mark != "" {
		p.put("")
	}
}

func (p *page) table(string, map[string]string) {
	p.part(2)
	p.tables = append(p.tables, table{})
}

func (p *page) endTable() {
	n := len(p.tables)
	if n == 0 {
		return
	}
	if p.tables = p.tables[:n-1]; n > 1 {
		p.tables[n-2].said = true
	}
}

func (p *page) row(string, map[string]string) {
	if n := len(p.tables); n > 0 {
		p.tables[n-1].cells = 0
	}
	p.part(1)
}

func (p *page) cell(name string, _ map[string]string) {
	p.space = true
	if n := len(p.tables); n > 0 {
		t := &p.tables[n-1]
		t.data = t.data || name == "th"
		t.cells++
		t.said = false
	}
}

// endCell says of an empty cell of a table with headings that it is one, so that
// what follows stays in its column.
func (p *page) endCell() {
	if n := len(p.tables); n > 0 && p.tables[n-1].data && !p.tables[n-1].said {
		p.write("–")
	}
	p.space = true
}

func (p *page) image(_ string, attr map[string]string) {
	if p.link != nil {
		p.link.picture = true
	}
	p.say(attr["alt"])
}

// raise writes figures above or below the line, where Unicode has them.
func raise(text, where string) string {
	const plain, up, down = "0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "₀₁₂₃₄₅₆₇₈₉₊₋"
	to := []rune(up)
	if where == "sub" {
		to = []rune(down)
	}
	if strings.Trim(strings.TrimSpace(text), plain) != "" {
		return text
	}
	return strings.Map(func(r rune) rune {
		if i := strings.IndexRune(plain, r); i >= 0 {
			return to[i]
		}
		return r
	}, text)
}

// text is what was read, without white space at the ends of lines.
func (p *page) text() string {
	p.endLink()
	lines := strings.Split(string(p.b), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

package publishing

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/prose"
)

// Writing turns Markdown into what each square reads: HTML for the site, plain
// text for the others. There is one rule: what a reader of the site sees, a reader
// of the copy reads. So the plain text is made of the HTML. It is safe for
// concurrent use.
type Writing struct {
	md     goldmark.Markdown
	policy *bluemonday.Policy
}

// shownElements are what a text may be made of on the site.
var shownElements = []string{"p", "br", "strong", "em", "del", "ul", "ol", "li", "blockquote", "h2", "h3", "h4", "hr", "code", "pre",
	"table", "thead", "tbody", "tr", "th", "td", "a"}

// NewWriting prepares the Markdown reader and the sanitiser.
//
// The reader is for people who never heard of Markdown, as well as for those who
// did: what nobody would have meant as a mark is text, and nothing that was typed
// vanishes. So a line end is one; a line that begins with a tab is no program; a
// tag of HTML is shown as it was typed; "5*3*2", "9~12" and ">20.000 euro" lose no
// character; a line of dashes is a line and not what makes a title of the line
// above; "[nota]: domani" is no definition of a link; a picture, which would be
// fetched from elsewhere, is a link to it; the numbers of a list are those typed.
// Headings start at the second level, since the title is the first.
func NewWriting() *Writing {
	p := bluemonday.NewPolicy()
	p.AllowElements(shownElements...)
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("value").Matching(bluemonday.Integer).OnElements("li")
	p.AllowURLSchemes("http", "https", "mailto", "tel")
	p.AllowRelativeURLs(true)
	p.RequireNoFollowOnLinks(false)
	reader := parser.NewParser(
		parser.WithBlockParsers(
			util.Prioritized(parser.NewThematicBreakParser(), 200),
			util.Prioritized(bullets{parser.NewListParser()}, 300),
			util.Prioritized(bullets{parser.NewListItemParser()}, 400),
			util.Prioritized(parser.NewATXHeadingParser(), 600),
			util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
			util.Prioritized(quotation{parser.NewBlockquoteParser()}, 800),
			util.Prioritized(paragraph{parser.NewParagraphParser()}, 1000),
		),
		parser.WithInlineParsers(
			util.Prioritized(parser.NewCodeSpanParser(), 100),
			util.Prioritized(parser.NewLinkParser(), 200),
			util.Prioritized(parser.NewAutoLinkParser(), 300),
			util.Prioritized(literal{}, 400),
			util.Prioritized(parser.NewEmphasisParser(), 500),
		),
		parser.WithASTTransformers(util.Prioritized(shape{}, 100)),
	)
	return &Writing{policy: p, md: goldmark.New(goldmark.WithParser(reader), goldmark.WithExtensions(extension.Linkify, extension.Strikethrough, extension.Table),
		goldmark.WithRendererOptions(html.WithHardWraps(), renderer.WithNodeRenderers(util.Prioritized(pictures{}, 100))))}
}

// HTML renders Markdown, sanitised.
func (w *Writing) HTML(markdown string) (string, error) {
	var b bytes.Buffer
	if err := w.md.Convert([]byte(markdown), &b); err != nil {
		return "", fmt.Errorf("markdown: %w", err)
	}
	return string(w.policy.SanitizeBytes(b.Bytes())), nil
}

// Plain is a text as a square without markup shows it. base is the address of the
// institution's site, to which its links without a host belong.
func (w *Writing) Plain(markdown, base string) string {
	return w.read(markdown, prose.Reader{Base: base})
}

// Words is a text without the addresses of its links: for a search and a summary.
func (w *Writing) Words(markdown string) string { return w.read(markdown, prose.Reader{Silent: true}) }

func (w *Writing) read(markdown string, r prose.Reader) string {
	page, err := w.HTML(markdown)
	if err != nil {
		return markdown // as it was typed: no word is lost
	}
	return r.Plain(page)
}

// paragraph takes lines however far they are indented.
type paragraph struct{ parser.BlockParser }

func (paragraph) CanAcceptIndentedLine() bool { return true }

// bullets are those of people: "+ 5 %" is a figure.
type bullets struct{ parser.BlockParser }

func (b bullets) Trigger() []byte {
	return bytes.ReplaceAll(b.BlockParser.Trigger(), []byte("+"), nil)
}

// quotation begins with a mark and a space: ">20.000 euro" is a sum.
type quotation struct{ parser.BlockParser }

func (q quotation) Open(parent ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	line, _ := reader.PeekLine()
	_, after, _ := bytes.Cut(line, []byte(">"))
	if len(after) > 0 && bytes.IndexByte([]byte(" \t\n>"), after[0]) < 0 {
		return nil, parser.NoChildren
	}
	return q.BlockParser.Open(parent, reader, pc)
}

// literal keeps marks that nobody meant: a single "~", and "*" between figures.
type literal struct{}

func (literal) Trigger() []byte { return []byte{'~', '*'} }

func (literal) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	before := block.PrecendingCharacter()
	line, segment := block.PeekLine()
	n := len(line) - len(bytes.TrimLeft(line, string(line[:1])))
	if line[0] == '~' && n != 1 || line[0] == '*' && (!figure(before) || n == len(line) || !figure(rune(line[n]))) {
		return nil
	}
	block.Advance(n)
	return ast.NewTextSegment(segment.WithStop(segment.Start + n))
}

func figure(r rune) bool { return r >= '0' && r <= '9' }

// shape gives a document what the reader of Markdown leaves to others.
type shape struct{}

func (shape) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	src := reader.Source()
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			n.Level = min(max(n.Level, 2), 4)
		case *ast.Link:
			n.Destination = destination(n.Destination)
			if !n.HasChildren() { // without words, it is its address
				n.AppendChild(n, ast.NewString(n.Destination))
			}
		case *ast.Image:
			n.Destination = destination(n.Destination)
		case *ast.List:
			if n.IsOrdered() {
				number(n, src)
			}
		}
		return ast.WalkContinue, nil
	})
}

// destination is where a link leads: what a person typed without a scheme is an
// address of the web or of a mailbox if it looks like one, else a page of the site.
func destination(d []byte) []byte {
	to := string(d)
	if to == "" || strings.ContainsAny(to[:1], "/#?") || strings.Contains(to, ":") {
		return d
	}
	if local, host, ok := strings.Cut(to, "@"); ok && local != "" && strings.Contains(host, ".") {
		return []byte("mailto:" + to)
	}
	if e := count.Entities(to); len(e) == 1 && e[0].Kind == count.URL && e[0].Start == 0 && e[0].Public {
		return []byte("https://" + to)
	}
	return []byte("/" + to)
}

// number keeps the numbers that were typed: "25. April" stays so below "3. Mai".
// Where all are alike ("1." for each, as some write Markdown) they are counted.
func number(list *ast.List, src []byte) {
	var typed []int
	alike := true
	for item := list.FirstChild(); item != nil; item = item.NextSibling() {
		digits := src[item.Pos():]
		end := bytes.IndexFunc(digits, func(r rune) bool { return !figure(r) })
		v, err := strconv.Atoi(string(digits[:max(end, 0)]))
		if err != nil {
			return
		}
		alike = alike && v == list.Start
		typed = append(typed, v)
	}
	next := list.Start
	for item, i := list.FirstChild(), 0; item != nil && !alike; item, i = item.NextSibling(), i+1 {
		if typed[i] != next {
			item.SetAttributeString("value", strconv.Itoa(typed[i]))
		}
		next = typed[i] + 1
	}
}

// pictures renders a picture as a link with its alternative text: the site shows
// no files of others, and asks no other server for them.
type pictures struct{}

func (p pictures) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindImage, p.render)
}

func (pictures) render(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	n := node.(*ast.Image)
	linked := false
	for up := n.Parent(); up != nil; up = up.Parent() {
		linked = linked || up.Kind() == ast.KindLink
	}
	switch {
	case linked && n.HasChildren():
	case linked:
		if entering {
			_, _ = w.Write(util.EscapeHTML(n.Destination))
		}
	case entering:
		_, _ = w.WriteString(`<a href="`)
		_, _ = w.Write(util.EscapeHTML(util.URLEscape(n.Destination, true)))
		_, _ = w.WriteString(`">`)
		if !n.HasChildren() {
			_, _ = w.Write(util.EscapeHTML(n.Destination))
		}
	default:
		_, _ = w.WriteString("</a>")
	}
	return ast.WalkContinue, nil
}

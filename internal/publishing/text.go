package publishing

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/italian"
	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
	"golang.org/x/text/unicode/norm"
)

// Writing turns Markdown into what each square reads: HTML for the site, plain
// text for the others. It is safe for concurrent use.
type Writing struct {
	md     goldmark.Markdown
	policy *bluemonday.Policy
}

// NewWriting prepares the Markdown reader and the sanitiser. Headings start at
// the second level, since the title is the first; raw HTML is dropped.
func NewWriting() *Writing {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "strong", "em", "del", "ul", "ol", "li", "blockquote", "h2", "h3", "h4", "hr", "code", "pre",
		"table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowURLSchemes("http", "https", "mailto", "tel")
	p.AllowRelativeURLs(true)
	p.RequireNoFollowOnLinks(false)
	return &Writing{md: goldmark.New(goldmark.WithExtensions(extension.Linkify, extension.Strikethrough, extension.Table)), policy: p}
}

// HTML renders Markdown, sanitised.
func (w *Writing) HTML(markdown string) (string, error) {
	src := []byte(markdown)
	doc := w.md.Parser().Parse(text.NewReader(src))
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if h, ok := n.(*ast.Heading); ok && entering {
			h.Level = min(max(h.Level, 2), 4)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return "", fmt.Errorf("markdown: %w", err)
	}
	var b bytes.Buffer
	if err := w.md.Renderer().Render(&b, src, doc); err != nil {
		return "", fmt.Errorf("markdown: %w", err)
	}
	return string(w.policy.SanitizeBytes(b.Bytes())), nil
}

// Plain renders Markdown as the plain text of a square: paragraphs parted by an
// empty line, list items with a dash, a link as its text followed by its address.
func (w *Writing) Plain(markdown string) string {
	src := []byte(markdown)
	doc := w.md.Parser().Parse(text.NewReader(src))
	var b strings.Builder
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				b.Write(n.Segment.Value(src))
				switch {
				case n.HardLineBreak():
					b.WriteByte('\n')
				case n.SoftLineBreak():
					b.WriteByte(' ')
				}
			}
		case *ast.String:
			if entering {
				b.Write(n.Value)
			}
		case *ast.AutoLink:
			if entering {
				b.Write(n.URL(src))
			}
		case *ast.Link:
			if !entering {
				address := string(n.Destination)
				if shown := string(n.Text(src)); shown != address && !strings.HasSuffix(address, shown) { //nolint:staticcheck // the text of the children is what is shown
					b.WriteString(" " + address)
				}
			}
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			if entering {
				for i := range n.Lines().Len() {
					line := n.Lines().At(i)
					b.Write(line.Value(src))
				}
				b.WriteByte('\n')
			}
		case *ast.ListItem:
			if entering {
				b.WriteString("– ")
			}
		case *ast.TextBlock, *ast.List:
			if !entering {
				b.WriteByte('\n')
			}
		case *ast.Paragraph, *ast.Heading, *ast.Blockquote:
			if !entering {
				b.WriteString("\n\n")
			}
		case *ast.HTMLBlock, *ast.RawHTML:
			return ast.WalkSkipChildren, nil
		}
		return ast.WalkContinue, nil
	})
	return strings.TrimSpace(manyBreaks.ReplaceAllString(b.String(), "\n\n"))
}

var manyBreaks = regexp.MustCompile(`[ \t]*\n([ \t]*\n)+`)

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
	return strings.TrimRight(cut, " ,;:.–-") + "…"
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

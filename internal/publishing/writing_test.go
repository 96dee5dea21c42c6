package publishing

import (
	"fmt"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"codeberg.org/arengo/arengo/internal/prose"
)

const home = "https://comune.example"

// written says, for each construct that the editor's reader of Markdown can make,
// what the site shows and what a copy says. The kinds are those that the example
// must contain.
var written = []struct {
	name, markdown, html, plain string
	kinds                       []ast.NodeKind
}{
	{"a paragraph", "Apre alle 9.", "<p>Apre alle 9.</p>", "Apre alle 9.", []ast.NodeKind{ast.KindDocument, ast.KindParagraph, ast.KindText}},
	{"paragraphs", "Uno.\n\n\n\nDue.", "<p>Uno.</p>\n<p>Due.</p>", "Uno.\n\nDue.", nil},
	{"lines as they were typed", "Lunedì 9-12\nMartedì 14-16", "<p>Lunedì 9-12<br>\nMartedì 14-16</p>", "Lunedì 9-12\nMartedì 14-16", nil},
	{"a line that was broken by two spaces", "Uno  \ndue\\\ntre", "<p>Uno<br>\ndue<br>\ntre</p>", "Uno\ndue\ntre", nil},
	{"entities", "5 &euro; &amp; IVA&nbsp;10%, &lt;3 &#8364; &nulla;", "<p>5 € &amp; IVA\u00a010%, &lt;3 € &amp;nulla;</p>", "5 € & IVA 10%, <3 € &nulla;", nil},
	{"escapes", `ufficio\_tecnico@c.it, 5 \* 3 \# \[x\] \\`, "", `ufficio_tecnico@c.it, 5 * 3 # [x] \`, nil},
	{"emphasis", "**subito** e *piano* e ***tutto***", "<p><strong>subito</strong> e <em>piano</em> e <em><strong>tutto</strong></em></p>", "subito e piano e tutto", []ast.NodeKind{ast.KindEmphasis}},
	{"stars between figures", "5*3*2 e 2**3**4, *vero*", "<p>5*3*2 e 2**3**4, <em>vero</em></p>", "5*3*2 e 2**3**4, vero", nil},
	{"struck text", "~~lunedì~~ martedì", "<p><del>lunedì</del> martedì</p>", "~~lunedì~~ martedì", []ast.NodeKind{extast.KindStrikethrough}},
	{"a tilde for from and to", "9~12 e 14~18, ~così~", "<p>9~12 e 14~18, ~così~</p>", "9~12 e 14~18, ~così~", nil},
	{"headings", "# Orari\n\n##### Festivi\ntesto", "<h2>Orari</h2>\n<h4>Festivi</h4>\n<p>testo</p>", "Orari\n\nFestivi\n\ntesto", []ast.NodeKind{ast.KindHeading}},
	{"no heading", "#estate\nTotale\n===", "<p>#estate<br>\nTotale<br>\n===</p>", "#estate\nTotale\n===", nil},
	{"a line across", "Uno\n\n---\n\nDue", "<p>Uno</p>\n<hr>\n<p>Due</p>", "Uno\n\n———\n\nDue", []ast.NodeKind{ast.KindThematicBreak}},
	{"a line below a line", "Testo\n---\nFine", "<p>Testo</p>\n<hr>\n<p>Fine</p>", "Testo\n\n———\n\nFine", nil},
	{"a list", "Serve:\n\n- carta\n- penna\n\nGrazie", "<p>Serve:</p>\n<ul>\n<li>carta</li>\n<li>penna</li>\n</ul>\n<p>Grazie</p>", "Serve:\n\n– carta\n– penna\n\nGrazie", []ast.NodeKind{ast.KindList, ast.KindListItem, ast.KindTextBlock}},
	{"a list of paragraphs", "- uno\n\n  ancora\n\n- due", "", "– uno\n\n  ancora\n\n– due", nil},
	{"a list in a list", "1. Frutta\n   - mele\n   - pere\n2. Pane", "", "1. Frutta\n  – mele\n  – pere\n2. Pane", nil},
	{"a numbered list", "1. Modulo\n2. Firma", "<ol>\n<li>Modulo</li>\n<li>Firma</li>\n</ol>", "1. Modulo\n2. Firma", nil},
	{"a date that looks like one", "25. April: Feier", `<ol start="25">` + "\n<li>April: Feier</li>\n</ol>", "25. April: Feier", nil},
	{"dates that look like one", "25. April: Feier\n1. Mai: Fest\n2. Juni: Fest", `<ol start="25">` + "\n<li>April: Feier</li>\n<li value=\"1\">Mai: Fest</li>\n<li>Juni: Fest</li>\n</ol>", "25. April: Feier\n1. Mai: Fest\n2. Juni: Fest", nil},
	{"numbers that count themselves", "1. a\n1. b\n1. c", "", "1. a\n2. b\n3. c", nil},
	{"a number and no list", "Dal\n2026. Poi basta", "<p>Dal<br>\n2026. Poi basta</p>", "Dal\n2026. Poi basta", nil},
	{"a sum with a plus", "+ 5 % di iscritti", "<p>+ 5 % di iscritti</p>", "+ 5 % di iscritti", nil},
	{"a box to tick", "- [ ] carta\n- [x] penna", "<ul>\n<li>[ ] carta</li>\n<li>[x] penna</li>\n</ul>", "– [ ] carta\n– [x] penna", nil},
	{"a quotation", "> Dice:\n> sì", "<blockquote>\n<p>Dice:<br>\nsì</p>\n</blockquote>", "> Dice:\n> sì", []ast.NodeKind{ast.KindBlockquote}},
	{"a comparison", "ISEE\n>20.000 euro", "<p>ISEE<br>\n&gt;20.000 euro</p>", "ISEE\n>20.000 euro", nil},
	{"a table", "| Giorno | Ore |\n|---|:-:|\n| Lunedì | 9-12 |\n| Martedì | |\n\nDopo", "<table>\n<thead>\n<tr>\n<th>Giorno</th>\n<th>Ore</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>Lunedì</td>\n<td>9-12</td>\n</tr>\n<tr>\n<td>Martedì</td>\n<td></td>\n</tr>\n</tbody>\n</table>\n<p>Dopo</p>",
		"Giorno | Ore\nLunedì | 9-12\nMartedì | –\n\nDopo", []ast.NodeKind{extast.KindTable, extast.KindTableHeader, extast.KindTableRow, extast.KindTableCell}},
	{"code", "Premi `F5 *ora*`.", "<p>Premi <code>F5 *ora*</code>.</p>", "Premi F5 *ora*.", []ast.NodeKind{ast.KindCodeSpan}},
	{"a block of code", "```sh\na\n  b <x>\n```\nFine", "<pre><code>a\n  b &lt;x&gt;\n</code></pre>\n<p>Fine</p>", "a\n  b <x>\n\nFine", []ast.NodeKind{ast.KindFencedCodeBlock}},
	{"indented lines", "Orario\n\n    lunedì 9-12\n\tmartedì 14-16", "<p>Orario</p>\n<p>lunedì 9-12<br>\nmartedì 14-16</p>", "Orario\n\nlunedì 9-12\nmartedì 14-16", nil},
	{"an indented first line", "\tCari cittadini,\n    domani si vota.", "<p>Cari cittadini,<br>\ndomani si vota.</p>", "Cari cittadini,\ndomani si vota.", nil},
	{"a link", "Vedi [orari](https://comune.example/orari).", `<p>Vedi <a href="https://comune.example/orari">orari</a>.</p>`, "Vedi orari (https://comune.example/orari).", []ast.NodeKind{ast.KindLink}},
	{"a link with a title", `[orari](https://c.example/o "Gli orari")`, "", "orari (https://c.example/o)", nil},
	{"a link that is its address", "[comune.example/orari](https://www.comune.example/orari)", "", "https://www.comune.example/orari", nil},
	{"a link of the site", "[Regolamento](/m/regolamento)", `<p><a href="/m/regolamento">Regolamento</a></p>`, "Regolamento (https://comune.example/m/regolamento)", nil},
	{"a link without a scheme", "[Scuola](scuola.example.it/orari) e [noi](urp@c.it) e [qui](orari)", `<p><a href="https://scuola.example.it/orari">Scuola</a> e <a href="mailto:urp@c.it">noi</a> e <a href="/orari">qui</a></p>`,
		"Scuola (https://scuola.example.it/orari) e noi (urp@c.it) e qui (https://comune.example/orari)", nil},
	{"a link to nothing good", "[qui](javascript:alert(1)) e [là]()", "<p>qui e là</p>", "qui e là", nil},
	{"a link without words", "[](https://c.example/o)", `<p><a href="https://c.example/o">https://c.example/o</a></p>`, "https://c.example/o", []ast.NodeKind{ast.KindString}},
	{"an address", "Vedi <https://a.example/x>, https://b.example/y. E www.c.example, urp@c.it", "", "Vedi https://a.example/x, https://b.example/y. E http://www.c.example, urp@c.it", []ast.NodeKind{ast.KindAutoLink}},
	{"no address", "Mercato sabato.Il parcheggio, p.es. avviso.zip", "<p>Mercato sabato.Il parcheggio, p.es. avviso.zip</p>", "Mercato sabato.Il parcheggio, p.es. avviso.zip", nil},
	{"a picture", "![La piazza](https://a.example/p.jpg)", `<p><a href="https://a.example/p.jpg">La piazza</a></p>`, "La piazza (https://a.example/p.jpg)", []ast.NodeKind{ast.KindImage}},
	{"a picture without words", "![](https://a.example/p.jpg)", "", "https://a.example/p.jpg", nil},
	{"a picture that is a link", "[![La piazza](https://a.example/p.jpg)](https://b.example/x)", `<p><a href="https://b.example/x">La piazza</a></p>`, "La piazza (https://b.example/x)", nil},
	{"no definition", "[nota]: domani si vota", "<p>[nota]: domani si vota</p>", "[nota]: domani si vota", nil},
	{"a tag of an old site", "<p>Testo dal vecchio sito</p>", "<p>&lt;p&gt;Testo dal vecchio sito&lt;/p&gt;</p>", "<p>Testo dal vecchio sito</p>", nil},
	{"a comparison in a sentence", "minore<di> 3 e a<b", "<p>minore&lt;di&gt; 3 e a&lt;b</p>", "minore<di> 3 e a<b", nil},
	{"a program", "<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>", "<script>alert(1)</script>", nil},
	{"a mark without a text", "1.\n\n- \n\nfine", "", "1.\n\n–\n\nfine", nil},
}

// neverMade are the kinds that goldmark knows and our reader never makes: raw HTML
// and indented code are text, links are not defined elsewhere, the extensions for
// definitions, footnotes and boxes are off.
var neverMade = map[ast.NodeKind]bool{
	ast.KindCodeBlock: true, ast.KindHTMLBlock: true, ast.KindRawHTML: true, ast.KindLinkReferenceDefinition: true,
	extast.KindDefinitionList: true, extast.KindDefinitionTerm: true, extast.KindDefinitionDescription: true, extast.KindTaskCheckBox: true,
	extast.KindFootnote: true, extast.KindFootnoteLink: true, extast.KindFootnoteBacklink: true, extast.KindFootnoteList: true,
}

// attempts at what is never made, and at everything that begins like a mark.
const attempts = "Termine\n: spiegazione\n\nNota[^1]\n\n[^1]: sotto\n\n- [ ] fare\n\n    codice\n\n<div>\nx\n</div>\n\n<b>x</b> <!-- y -->\n\n[a]: https://x.example\n\n\"virgolette\" -- 'e' ..."

func TestReaderOfACopyReadsWhatTheSiteShows(t *testing.T) {
	w := NewWriting()
	for _, c := range written {
		html, err := w.HTML(c.markdown)
		if err != nil {
			t.Fatal(err)
		}
		html = strings.TrimSuffix(html, "\n")
		if c.html != "" && html != c.html {
			t.Errorf("%s: the site shows\n%s\nwant\n%s", c.name, html, c.html)
		}
		if got := w.Plain(c.markdown, home); got != c.plain {
			t.Errorf("%s: a copy says\n%q\nwant\n%q", c.name, got, c.plain)
		}
		kinds := made(w, c.markdown)
		for _, k := range c.kinds {
			if !kinds[k] {
				t.Errorf("%s: the example holds no %s", c.name, k)
			}
		}
	}
}

// made are the kinds of node in a text.
func made(w *Writing, markdown string) map[ast.NodeKind]bool {
	all := map[ast.NodeKind]bool{}
	_ = ast.Walk(w.md.Parser().Parse(text.NewReader([]byte(markdown))), func(n ast.Node, _ bool) (ast.WalkStatus, error) {
		all[n.Kind()] = true
		return ast.WalkContinue, nil
	})
	return all
}

// registered are all kinds of node that are compiled in, by their numbers.
func registered() (all []ast.NodeKind) {
	defer func() { _ = recover() }() // beyond the last there is no name
	for k := ast.NodeKind(1); ; k++ {
		if k.String() != "" {
			all = append(all, k)
		}
	}
}

// A kind of node that the parser can make has its case above: a new extension
// fails here until it has one.
func TestEveryKindOfNodeHasItsCase(t *testing.T) {
	w := NewWriting()
	shown, seen := map[ast.NodeKind]bool{}, made(w, attempts)
	for _, c := range written {
		for _, k := range c.kinds {
			shown[k] = true
		}
		for k := range made(w, c.markdown) {
			seen[k] = true
		}
	}
	kinds := registered()
	if len(kinds) < 30 {
		t.Fatalf("only %d kinds: the test has lost its subject", len(kinds))
	}
	inner := map[string]bool{"Delimiter": true, "LinkLabelState": true} // of the parser itself, gone when it is done
	for _, k := range kinds {
		switch {
		case inner[k.String()]:
		case neverMade[k] && seen[k]:
			t.Errorf("%s is made after all: it needs its case", k)
		case !neverMade[k] && !shown[k]:
			t.Errorf("%s has no case", k)
		}
	}
}

// What the sanitiser lets through, the reader of pages understands: an element that
// parts text on the site parts it in a copy.
func TestEveryElementOfThePageIsRead(t *testing.T) {
	want := map[string]string{"br": "a\nb", "hr": "a\n\n———b", "strong": "ab", "em": "ab", "code": "ab", "a": "ab", "thead": "ab", "tbody": "ab",
		"del": "a~~b", "li": "a\n– b", "tr": "a\nb", "td": "a b", "th": "a b", "blockquote": "a\n\n> b", "ul": "a\n\n  b", "ol": "a\n\n  b"}
	w := NewWriting()
	for _, name := range shownElements {
		expected, special := want[name]
		if !special {
			expected = "a\n\nb"
		}
		got := prose.Reader{}.Plain("a<" + name + ">b")
		if name == "hr" {
			got = strings.ReplaceAll(got, "———\n\n", "———")
		}
		if got != expected {
			t.Errorf("%s: %q, want %q", name, got, expected)
		}
		if name == "a" {
			continue // without an address it is no link
		}
		if kept := w.policy.Sanitize(fmt.Sprintf("a<%s>b", name)); !strings.Contains(kept, "<"+name) {
			t.Errorf("%s is not let through: %s", name, kept)
		}
	}
}

func TestSummaryNamesNoAddresses(t *testing.T) {
	if got := NewWriting().Words("Vedi [orari](https://a.example/x) e\n\n- uno"); got != "Vedi orari e\n\n– uno" {
		t.Errorf("%q", got)
	}
}

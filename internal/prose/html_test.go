package prose

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlainIsWhatAReaderSees(t *testing.T) {
	cases := []struct{ name, html, want string }{
		{"paragraphs and breaks", "<p>Uno<br>due</p><p>Tre &amp; quattro</p>", "Uno\ndue\n\nTre & quattro"},
		{"entities", "<p>5 &euro; &amp; IVA&nbsp;10%</p>", "5 € & IVA 10%"},
		{"a list", "<p>Serve:</p><ul><li>carta</li><li>penna</li></ul>Grazie", "Serve:\n\n– carta\n– penna\n\nGrazie"},
		{"a numbered list", "<ol><li>Modulo</li><li>Firma</li></ol>", "1. Modulo\n2. Firma"},
		{"that starts elsewhere", `<ol start="25"><li>April: Feier</li></ol>`, "25. April: Feier"},
		{"that leaps", `<ol start="25"><li>April</li><li value="1">Mai</li><li>Juni</li></ol>`, "25. April\n1. Mai\n2. Juni"},
		{"with letters", `<ol type="a"><li>carta</li><li>penna</li></ol>`, "a. carta\nb. penna"},
		{"a list of paragraphs", "<ul><li><p>Uno</p><p>ancora</p></li><li><p>Due</p></li></ul>", "– Uno\n\n  ancora\n\n– Due"},
		{"a list in a list", "<ul><li>Frutta<ol><li>mele</li><li>pere</li></ol></li><li>Pane</li></ul><p>Fine</p>", "– Frutta\n  1. mele\n  2. pere\n– Pane\n\nFine"},
		{"an empty item", "<ul><li></li><li>Due</li></ul>", "–\n– Due"},
		{"items that nobody closed", "<ul><li>Uno<li>Due</ul>", "– Uno\n– Due"},
		{"a quotation", "<p>Dice:</p><blockquote><p>Uno<br>due</p><p>Tre</p></blockquote><p>Fine</p>", "Dice:\n\n> Uno\n> due\n\n> Tre\n\nFine"},
		{"a list in a quotation", "<blockquote><ul><li>a</li></ul></blockquote>", "> – a"},
		{"a table", "<table><thead><tr><th>Giorno</th><th>Ore</th></tr></thead><tbody><tr><td>Lunedì</td><td>9-12</td></tr><tr><td>Martedì</td><td>14-16</td></tr></tbody></table><p>Dopo</p>",
			"Giorno | Ore\nLunedì | 9-12\nMartedì | 14-16\n\nDopo"},
		{"a table with empty cells", "<table><tr><th></th><th>Mattina</th><th>Sera</th></tr><tr><td>Lunedì</td><td></td><td>14-16</td></tr></table>", "– | Mattina | Sera\nLunedì | – | 14-16"},
		{"a cell of several lines", "<table><tr><th>Giorno</th><th>Ore</th></tr><tr><td><p>Lunedì</p></td><td><p>9-12<br>14-16</p></td></tr></table>", "Giorno | Ore\nLunedì | 9-12 14-16"},
		{"a table for looks", "<table><tr><td></td><td>Nome</td><td></td><td>Rossi</td></tr><tr><td></td></tr><tr><td><p>Testo</p><p>lungo</p></td></tr></table>", "Nome | Rossi\n\nTesto\n\nlungo"},
		{"a table in a table", "<table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td><td>c</td></tr></table>", "a | b\n\nc"},
		{"a link", `Vedi <a href="https://comune.example/orari">gli orari</a>.`, "Vedi gli orari (https://comune.example/orari)."},
		{"a link that is its address", `<a href="https://comune.example/orari">https://comune.example/orari</a>`, "https://comune.example/orari"},
		{"without scheme and www", `<a href="https://www.comune.example/orari/">comune.example/orari</a>`, "https://www.comune.example/orari/"},
		{"cut in three", `<p>Vedi <a href="https://a.example/x/lungo"><span class="invisible">https://</span><span class="ellipsis">a.example/x</span><span class="invisible">/lungo</span></a></p>`, "Vedi https://a.example/x/lungo"},
		{"cut with an ellipsis", `<a href="https://x.example/lungo/indirizzo">x.example/lungo…</a>`, "https://x.example/lungo/indirizzo"},
		{"that names another place", `<a href="https://male.example/x">https://banca.example</a>`, "https://banca.example (https://male.example/x)"},
		{"of the site", `<a href="/m/regolamento">Regolamento</a>`, "Regolamento (https://comune.example/m/regolamento)"},
		{"on another host", `<a href="//altro.example/x">Altro</a>`, "Altro (https://altro.example/x)"},
		{"within the page", `<a href="#sotto">sotto</a>`, "sotto"},
		{"that does something", `<a href="javascript:alert(1)">premere</a>`, "premere"},
		{"to an address", `<a href="mailto:urp@comune.example?subject=x">Scrivi</a> o <a href="mailto:urp@comune.example">urp@comune.example</a>`, "Scrivi (urp@comune.example) o urp@comune.example"},
		{"to a telephone", `<a href="tel:+390212345">Chiama</a> <a href="tel:+390212345">+39 02 12345</a>`, "Chiama (+390212345) +39 02 12345"},
		{"to a hashtag and a person", `<a href="https://x.example/tags/mensa">#<span>mensa</span></a> <a href="https://x.example/@anna">@<span>anna</span></a>`, "#mensa @anna"},
		{"with emphasis in it", `<a href="https://a.example/x">gli <em>orari</em></a>`, "gli orari (https://a.example/x)"},
		{"around a picture", `<a href="https://a.example/x"><img src="x.png"></a> <a href="https://a.example/y"><img alt="La piazza" src="y.png"></a>`, "https://a.example/x La piazza (https://a.example/y)"},
		{"that nobody closed", `<a href="https://x.example/a">aperto<p>dopo</p>`, "aperto (https://x.example/a)\n\ndopo"},
		{"around blocks", `<a href="https://x.example/a"><div>Uno</div></a><div>Due</div>`, "Uno (https://x.example/a)\nDue"},
		{"struck text", "<p><del>lunedì</del> martedì</p>", "~~lunedì~~ martedì"},
		{"struck and nothing in it", "a <del> </del>b <s><del>c</del></s>", "a b ~~c~~"},
		{"a picture", `<p>Qui: <img src="x.jpg" alt="La piazza"></p>`, "Qui: La piazza"},
		{"code", "<p>Premi <code>F5</code></p><pre><code>a\n  b\n\n\nc\n</code></pre><p>Fine</p>", "Premi F5\n\na\n  b\n\nc\n\nFine"},
		{"figures", "10 m<sup>2</sup>, H<sub>2</sub>O, 1<sup>a</sup>", "10 m², H₂O, 1a"},
		{"a short quotation", "Dice <q>sì</q>", "Dice «sì»"},
		{"a line across", "Uno<hr>Due", "Uno\n\n———\n\nDue"},
		{"headings", "<h2>Orari</h2><p>9-12</p><h3>Festivi</h3>chiuso", "Orari\n\n9-12\n\nFestivi\n\nchiuso"},
		{"white space of the source", "<div>Buongiorno,\n   vorrei  sapere</div>\n<div>l'orario</div>", "Buongiorno, vorrei sapere\nl'orario"},
		{"white space between elements", "<b>Uno</b> <i>due</i><span> tre</span>", "Uno due tre"},
		{"empty paragraphs of a word processor", "<p>Uno</p><p>&nbsp;</p><p> </p><p>Due</p>", "Uno\n\nDue"},
		{"soft hyphens and byte-order marks", "Regola\u00admento\ufeff", "Regolamento"},
		{"scripts and styles", `<head><title>x</title></head><style>p{}</style>Ciao<script>alert("1")</script> a tutti`, "Ciao a tutti"},
		{"a head that nobody closed", "<html><head><meta charset=utf-8><body>Ciao", "Ciao"},
		{"a document that ends anywhere", "<p>Ciao <b", "Ciao"},
		{"control characters", "Ciao\x00\x1b[31m\u009d", "Ciao[31m"},
		{"closed and never opened", "</ul></li></td></table></a></del></blockquote></pre></q>Ciao", "Ciao"},
		{"nothing", "", ""},
	}
	r := Reader{Base: "https://comune.example"}
	for _, c := range cases {
		if got := r.Plain(c.html); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
	if got := (Reader{Silent: true}).Plain(`Vedi <a href="https://a.example/x">gli orari</a>.`); got != "Vedi gli orari." {
		t.Errorf("without addresses: %q", got)
	}
	if got := (Reader{}).Plain(`<a href="/x">qui</a>`); got != "qui" {
		t.Errorf("a link of nowhere: %q", got)
	}
}

// What nests a million deep costs neither stack nor a margin as wide.
func TestDeepDocumentIsRead(t *testing.T) {
	for element, want := range map[string]string{"div": "fondo", "blockquote": "> > > > fondo", "ul": "        fondo", "ul><li": "        – fondo", "del": "~~fondo",
		"table><tr><td": "fondo", "a href=x": "fondo", "q": strings.Repeat("«", 1000) + "fondo"} {
		n := 300_000
		if element == "q" {
			n = 1000
		}
		if got := (Reader{}).Plain(strings.Repeat("<"+element+">", n) + "fondo"); got != want {
			t.Errorf("%s: %.60q", element, got)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("<p>Ciao <a href='x'>a</a><br/>b<li>")
	f.Add("<pre>\r\n\x00<script>")
	f.Add("<table><tr><th><td>a<del><ol start=7><li value=3><a href=mailto:%zz><img alt=x></a></table>")
	f.Fuzz(func(t *testing.T, content string) {
		got := Reader{Base: "https://c.example"}.Plain(strings.ToValidUTF8(content, ""))
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\x1b\r\v\f") || strings.Contains(got, "\n\n\n") || strings.Contains(got, " \n") {
			t.Fatalf("%q", got)
		}
	})
}

func TestLinksOfAPageLeadThereFromAnywhere(t *testing.T) {
	got := Rebase(`<a href="/m/a?b=1&amp;c=2">a</a> <a href="//x.example/y">b</a> <a href="https://z.example/">c</a> <a href="mailto:a@b.it">d</a> <a href="?q=1">e</a> <a href="#f">f</a>`, "https://c.example")
	want := `<a href="https://c.example/m/a?b=1&amp;c=2">a</a> <a href="https://x.example/y">b</a> <a href="https://z.example/">c</a> <a href="mailto:a@b.it">d</a> <a href="https://c.example/?q=1">e</a> <a href="#f">f</a>`
	if got != want {
		t.Errorf("%s", got)
	}
}

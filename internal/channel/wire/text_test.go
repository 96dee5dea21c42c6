package wire_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

func TestPlainIsWhatAReaderSees(t *testing.T) {
	cases := []struct{ name, html, want string }{
		{"paragraphs and breaks", "<p>Uno<br>due</p><p>Tre &amp; quattro</p>", "Uno\ndue\n\nTre & quattro"},
		{"a link that the server cut in three", `<p>Vedi <a href="https://a.example/x"><span class="invisible">https://</span><span>a.example</span><span class="invisible">/x</span></a></p>`, "Vedi https://a.example/x"},
		{"a list", "<p>Serve:</p><ul><li>carta</li><li>penna</li></ul>Grazie", "Serve:\n\n– carta\n– penna\n\nGrazie"},
		{"white space of the source", "<div>Buongiorno,\n   vorrei  sapere</div>\n<div>l'orario</div>", "Buongiorno, vorrei sapere\nl'orario"},
		{"scripts and styles", `<head><title>x</title></head><style>p{}</style>Ciao<script>alert("1")</script> a tutti`, "Ciao a tutti"},
		{"preformatted", "<pre>a\n  b</pre>", "a\n b"},
		{"a document that ends anywhere", "<p>Ciao <b", "Ciao"},
		{"control characters", "Ciao\x00\x1b[31m\u009d", "Ciao[31m"},
		{"nothing", "", ""},
	}
	for _, c := range cases {
		if got := wire.Plain(c.html); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestLongTextIsCutBetweenCharacters(t *testing.T) {
	for _, n := range []int{channel.MaxSaid - 1, channel.MaxSaid, channel.MaxSaid + 1, 4 * channel.MaxSaid} {
		got := wire.Plain(strings.Repeat("è", n))
		if len(got) > channel.MaxSaid || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
			t.Errorf("%d characters give %d bytes, ending in %q", n, len(got), got[len(got)-6:])
		}
	}
	if got := wire.Cut("breve", 10); got != "breve" {
		t.Errorf("%q", got)
	}
}

// What nests a million deep costs no stack.
func TestDeepDocumentIsRead(t *testing.T) {
	deep := strings.Repeat("<div><blockquote>", 1_000_000) + "fondo"
	if got := wire.Plain(deep); got != "fondo" {
		t.Errorf("%q", got)
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("<p>Ciao <a href='x'>a</a><br/>b<li>")
	f.Add("<pre>\r\n\x00<script>")
	f.Fuzz(func(t *testing.T, content string) {
		got := wire.Plain(content)
		if len(got) > channel.MaxSaid || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\x1b\r") || strings.Contains(got, "\n\n\n") {
			t.Fatalf("%q", got)
		}
	})
}

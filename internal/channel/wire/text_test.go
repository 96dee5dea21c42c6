package wire_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

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

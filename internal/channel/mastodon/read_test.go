package mastodon

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"codeberg.org/arengo/arengo/internal/channel"
)

func TestHTMLIsReadAsItIsShown(t *testing.T) {
	got := read(`<p>Uno <b>due</b><br>tre &amp; quattro</p><p>Vedi <a href="https://a.example/?x=1&amp;y=2"><span class="invisible">https://</span>a.example</a></p>`)
	if want := "\nUno due\ntre & quattro\nVedi https://a.example"; got.text != want {
		t.Errorf("text %q, want %q", got.text, want)
	}
	if !slices.Equal(got.links, []string{"https://a.example/?x=1&y=2"}) {
		t.Errorf("links %q", got.links)
	}
}

func TestEssenceForgetsWhatServersChange(t *testing.T) {
	for _, pair := range [][2]string{
		{"Perche\u0301  no?\n\nGià", "Perché no? Già"},
		{"Grazie @ufficio@altro.example!", "Grazie @ufficio!"},
	} {
		if essence(pair[0]) != essence(pair[1]) {
			t.Errorf("%q is not %q", essence(pair[0]), essence(pair[1]))
		}
	}
	if essence("Chiuso lunedì") == essence("Chiuso martedì") {
		t.Error("two texts are one")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`<p>Ciao <a href="https://a.example">a</a></p>`)
	f.Add(`<p><br/><a href='x`)
	f.Fuzz(func(t *testing.T, content string) {
		s := read(content)
		if strings.ContainsFunc(essence(s.text), unicode.IsSpace) {
			t.Fatalf("white space is left in %q", essence(s.text))
		}
		soughtAs(channel.Post{Text: content}, progress{}).shownBy(status{Content: content})
	})
}

func FuzzProgress(f *testing.F) {
	f.Add([]byte(`{"since":"1","noted":true,"media":[{"hash":"a","alt":"b","id":"c"}]}`))
	f.Fuzz(func(t *testing.T, prior []byte) { readProgress(prior) })
}

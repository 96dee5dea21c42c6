package bluesky

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"codeberg.org/arengo/arengo/count"
)

// shown is a facet as a reader meets it: the words, and where they lead.
type shown struct{ words, leads string }

func TestRichText(t *testing.T) {
	const ada, did = "ada.bsky.social", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
	known := map[string]string{ada: did, "nessuno.example": ""}
	for _, c := range []struct {
		name, text, want string
		facets           []shown
	}{
		{"plain", "Domani il mercato è in piazza.", "Domani il mercato è in piazza.", nil},
		{"empty", "", "", nil},
		{"link without scheme shown", "Qui: https://a.it/x?y=1", "Qui: a.it/x?y=1", []shown{{"a.it/x?y=1", "https://a.it/x?y=1"}}},
		{"bracket and full stop stay outside", "Orari (https://a.it/x?y=1).", "Orari (a.it/x?y=1).", []shown{{"a.it/x?y=1", "https://a.it/x?y=1"}}},
		{"bare address", "Su comune.cesate.mi.it/orari, ogni giorno", "Su comune.cesate.mi.it/orari, ogni giorno", []shown{{"comune.cesate.mi.it/orari", "https://comune.cesate.mi.it/orari"}}},
		{"final slash", "https://comune.cesate.mi.it/", "comune.cesate.mi.it", []shown{{"comune.cesate.mi.it", "https://comune.cesate.mi.it/"}}},
		{"long path", "→ https://comune.cesate.mi.it/novita/avvisi/2026/chiusura-di-via-roma", "→ comune.cesate.mi.it/novita/avvisi/2026/chius…",
			[]shown{{"comune.cesate.mi.it/novita/avvisi/2026/chius…", "https://comune.cesate.mi.it/novita/avvisi/2026/chiusura-di-via-roma"}}},
		{"an encoded character is not halved", "https://a.it/citt%C3%A0/citt%C3%A0/%C3%A0-di-Cesate", "a.it/citt%C3%A0/citt%C3%A0/…",
			[]shown{{"a.it/citt%C3%A0/citt%C3%A0/…", "https://a.it/citt%C3%A0/citt%C3%A0/%C3%A0-di-Cesate"}}},
		{"accents before count as bytes", "Perché già così: #città", "Perché già così: #città", []shown{{"#città", "città"}}},
		{"elision", "Arriva l'#estate, e l’#autunno!", "Arriva l'#estate, e l’#autunno!", []shown{{"#estate", "estate"}, {"#autunno", "autunno"}}},
		{"number is no tag", "Il #25 e #25aprile", "Il #25 e #25aprile", []shown{{"#25aprile", "25aprile"}}},
		{"emoji before", "👩‍👩‍👧‍👦🇮🇹 #festa 🎉 https://a.it", "👩‍👩‍👧‍👦🇮🇹 #festa 🎉 a.it", []shown{{"#festa", "festa"}, {"a.it", "https://a.it"}}},
		{"right to left", "مرحبا #ساحة https://a.it/مرحبا ברוכים", "مرحبا #ساحة a.it/مرحبا ברוכים", []shown{{"#ساحة", "ساحة"}, {"a.it/مرحبا", "https://a.it/مرحبا"}}},
		{"known handle", "Grazie @Ada.bsky.social!", "Grazie @Ada.bsky.social!", []shown{{"@Ada.bsky.social", did}}},
		{"unknown handle stays text", "Grazie @nessuno.example e @ada", "Grazie @nessuno.example e @ada", nil},
		{"handle of another network", "Su @comune@mastodon.uno", "Su @comune@mastodon.uno", nil},
		{"e-mail address", "Scrivere a urp@comune.cesate.mi.it", "Scrivere a urp@comune.cesate.mi.it", nil},
		{"lines", "Uno\r\ndue\rtre\x00\x07", "Uno\ndue\ntre", nil},
		{"not UTF-8", "a\xffb", "a\uFFFDb", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := rich(c.text, known)
			if got.Text != c.want {
				t.Errorf("text %q, want %q", got.Text, c.want)
			}
			var read []shown
			for _, f := range got.Facets {
				x := f.Features[0]
				read = append(read, shown{got.Text[f.Index.Start:f.Index.End], x.URI + x.Tag + x.DID})
			}
			if len(read) != len(c.facets) {
				t.Fatalf("facets %q, want %q", read, c.facets)
			}
			for i := range read {
				if read[i] != c.facets[i] {
					t.Errorf("facet %d is %q, want %q", i, read[i], c.facets[i])
				}
			}
		})
	}
}

func TestLongTagIsNoFacet(t *testing.T) {
	if r := rich("#"+strings.Repeat("a", 65), nil); len(r.Facets) != 0 {
		t.Errorf("facets %+v", r.Facets)
	}
	if r := rich("#"+strings.Repeat("a", 64), nil); len(r.Facets) != 1 {
		t.Errorf("facets %+v", r.Facets)
	}
}

func TestMentionedListsEachHandleOnce(t *testing.T) {
	got := mentioned("@a.example @A.example, @b.example; @c @d@e.example f@g.example")
	if strings.Join(got, " ") != "a.example b.example" {
		t.Errorf("mentioned %q", got)
	}
}

func FuzzRichText(f *testing.F) {
	for _, s := range []string{"", "a https://a.it/x. #è @ada.bsky.social", "👩‍👩‍👧‍👦#a\xff", "https://é.it/" + strings.Repeat("%C3", 20), "مرحبا #ساحة", "http://a.b/\u0301\u0301\u0301\u0301\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		dids := map[string]string{}
		for _, h := range mentioned(s) {
			dids[h] = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
		}
		r := rich(s, dids)
		if !utf8.ValidString(r.Text) {
			t.Fatalf("%q is not UTF-8", r.Text)
		}
		// What the officer was told about the length must hold for what is sent.
		if was := clean(s); len(r.Text) > len(was)+len("…")*strings.Count(was, "://") || uniseg.GraphemeClusterCount(r.Text) > uniseg.GraphemeClusterCount(was) {
			t.Fatalf("%q grew to %q", was, r.Text)
		}
		end := 0
		for _, x := range r.Facets {
			if x.Index.Start < end || x.Index.End <= x.Index.Start || x.Index.End > len(r.Text) {
				t.Fatalf("facet %+v overlaps or lies outside %q", x, r.Text)
			}
			if end = x.Index.End; !utf8.ValidString(r.Text[x.Index.Start:end]) || !utf8.ValidString(r.Text[end:]) {
				t.Fatalf("facet %+v cuts a character of %q", x, r.Text)
			}
			if len(x.Features) != 1 {
				t.Fatalf("facet %+v", x)
			}
		}
		if n := count.Length(count.Bluesky(), r.Text); n > count.Length(count.Bluesky(), clean(s)) {
			t.Fatalf("counted %d", n)
		}
	})
}

package bluesky

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// shown is a facet as a reader meets it: the words, and where they lead.
type shown struct{ words, leads string }

// vector is a text, what is published of it, and its facets.
type vector struct {
	name, text, want string
	facets           []shown
}

const adaDID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"

// handles are the accounts that the vectors mention.
func handles() map[string]string {
	return map[string]string{"ada.bsky.social": adaDID, "nessuno.example": ""}
}

func vectors() []vector {
	return []vector{
		{"plain", "Domani il mercato è in piazza.", "Domani il mercato è in piazza.", nil},
		{"empty", "", "", nil},
		{"link without scheme shown", "Qui: https://a.it/x?y=1", "Qui: a.it/x?y=1", []shown{{"a.it/x?y=1", "https://a.it/x?y=1"}}},
		{"bracket and full stop stay outside", "Orari (https://a.it/x?y=1).", "Orari (a.it/x?y=1).", []shown{{"a.it/x?y=1", "https://a.it/x?y=1"}}},
		{"bare address", "Su comune.cesate.mi.it/orari, ogni giorno", "Su comune.cesate.mi.it/orari, ogni giorno", []shown{{"comune.cesate.mi.it/orari", "https://comune.cesate.mi.it/orari"}}},
		{"no bare address", "Mercato sabato.Il parcheggio, p.es. avviso.zip o sabato.Il/La", "Mercato sabato.Il parcheggio, p.es. avviso.zip o sabato.Il/La", nil},
		{"www and ours", "Su www.a.it e comune.example.it", "Su www.a.it e comune.example.it", []shown{{"www.a.it", "https://www.a.it"}, {"comune.example.it", "https://comune.example.it"}}},
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
		{"known handle", "Grazie @Ada.bsky.social!", "Grazie @Ada.bsky.social!", []shown{{"@Ada.bsky.social", adaDID}}},
		{"unknown handle stays text", "Grazie @nessuno.example e @ada", "Grazie @nessuno.example e @ada", nil},
		{"handle of another network", "Su @comune@mastodon.uno", "Su @comune@mastodon.uno", nil},
		{"e-mail address", "Scrivere a urp@comune.cesate.mi.it", "Scrivere a urp@comune.cesate.mi.it", nil},
		{"address with accents", "https://perché.it/città?q=là#qui", "perché.it/città?q=là#qui", []shown{{"perché.it/città?q=là#qui", "https://perché.it/città?q=là#qui"}}},
		{"tags in Chinese and Cyrillic", "#广场 #площадь", "#广场 #площадь", []shown{{"#广场", "广场"}, {"#площадь", "площадь"}}},
		{"lines", "Uno\r\ndue\rtre\x00\x07", "Uno\ndue\ntre", nil},
		{"not UTF-8", "a\xffb", "a\uFFFDb", nil},
	}
}

// What is heard says where its links lead, which the text itself shortens.
func TestLinksOfWhatIsHeardAreTold(t *testing.T) {
	facets := func(text string, links ...string) (all []facet) {
		for i := 0; i < len(links); i += 2 {
			at := strings.Index(text, links[i])
			all = append(all, facet{byteSlice{at, at + len(links[i])}, []feature{{Type: linkFeature, URI: links[i+1]}}})
		}
		return all
	}
	for _, c := range []struct {
		text  string
		links []string
		want  string
	}{
		{"Perché a.it/novita/av… non va?", []string{"a.it/novita/av…", "https://a.it/novita/avvisi"}, "Perché https://a.it/novita/avvisi non va?"},
		{"Vedi qui e a.it/x", []string{"qui", "https://b.it/y", "a.it/x", "https://a.it/x"}, "Vedi qui (https://b.it/y) e https://a.it/x"},
		{"Nessuno", nil, "Nessuno"},
	} {
		if got := told(c.text, facets(c.text, c.links...)); got != c.want {
			t.Errorf("%q", got)
		}
	}
	// A stranger's facets may be anything.
	for _, f := range []byteSlice{{-1, 3}, {2, 1}, {0, 99}, {5, 6}} {
		if got := told("Perché no", []facet{{f, []feature{{Type: linkFeature, URI: "https://a.it"}}}}); got != "Perché no" {
			t.Errorf("%v: %q", f, got)
		}
	}
	if got := told("aa", []facet{{byteSlice{0, 1}, []feature{{Type: linkFeature, URI: "javascript:x"}}}, {byteSlice{0, 2}, nil}}); got != "aa" {
		t.Errorf("%q", got)
	}
}

func TestRichText(t *testing.T) {
	for _, c := range vectors() {
		t.Run(c.name, func(t *testing.T) {
			got := rich(c.text, handles(), "comune.example.it")
			if got.Text != c.want {
				t.Errorf("text %q, want %q", got.Text, c.want)
			}
			var read []shown
			for _, f := range got.Facets {
				x := f.Features[0]
				read = append(read, shown{got.Text[f.Index.Start:f.Index.End], x.URI + x.Tag + x.DID})
			}
			if !slices.Equal(read, c.facets) {
				t.Errorf("facets %q, want %q", read, c.facets)
			}
		})
	}
}

// Each vector must pass the lexicon of the real PDS and come back as it was.
func TestVectorsAreTakenByARealPDS(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	w, cerr := d.adapter.worker(d.account())
	if cerr != nil {
		t.Fatal(cerr)
	}
	for _, c := range vectors() {
		p := aPost(c.text)
		rkey := recordKey(p.Key, p.Due)
		if cerr := w.put(t.Context(), rkey, record(p, progress{Mentions: handles()}, datetime(p.Due))); cerr != nil {
			t.Errorf("%s: %v", c.name, cerr)
			continue
		}
		s, found, cerr := w.read(t.Context(), postCollection, rkey)
		if cerr != nil || !found {
			t.Fatalf("%s: %v", c.name, cerr)
		}
		if !s.says(record(p, progress{Mentions: handles()}, datetime(p.Due))) {
			t.Errorf("%s: came back as %s", c.name, s.Value)
		}
	}
}

func TestEndlessAddressIsTextTooLong(t *testing.T) {
	p := aPost("https://a.it/" + strings.Repeat("a", maxURI))
	if cerr := check(p); cerr == nil || cerr.Code != channel.CodeTooLong {
		t.Errorf("error %v", cerr)
	}
	p.Text = "https://a.it/" + strings.Repeat("a", 4000)
	if cerr := check(p); cerr != nil {
		t.Errorf("an address that is shown short: %v", cerr)
	}
}

func TestLongTagIsNoFacet(t *testing.T) {
	if r := rich("#"+strings.Repeat("a", 65), nil, ""); len(r.Facets) != 0 {
		t.Errorf("facets %+v", r.Facets)
	}
	if r := rich("#"+strings.Repeat("a", 64), nil, ""); len(r.Facets) != 1 {
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
		r := rich(s, dids, "")
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

// A post says all that the site shows: text and facets together are the plain text.
func TestEveryConstructIsReadOnBluesky(t *testing.T) {
	for _, markdown := range testkit.Constructs() {
		text := publishing.NewWriting().Plain(markdown, "https://comune.example")
		r := rich(text, nil, "comune.example")
		if got := told(r.Text, r.Facets); got != text {
			t.Errorf("%q\nreads\n%q", text, got)
		}
		for _, f := range r.Facets {
			if x := f.Features[0]; strings.Contains(x.URI, "sabato") || strings.Contains(x.URI, "avviso.zip") || x.Tag == "2026" {
				t.Errorf("a link by mistake: %+v", x)
			}
		}
	}
}

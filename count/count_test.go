package count_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/count"
	"github.com/rivo/uniseg"
	"pgregory.net/rapid"
)

// vectors reads a file of testdata and fails when it is empty.
func vectors[T any](t *testing.T, name string) []T {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var v []T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if len(v) == 0 {
		t.Fatalf("%s has no cases", name)
	}
	return v
}

func rules() map[string]count.Rule {
	return map[string]count.Rule{
		"mastodon": count.Mastodon(0), "bluesky": count.Bluesky(), "telegram": count.Telegram(),
		"x": count.X(), "threads": count.Threads(), "graphemes": count.Graphemes(),
	}
}

func TestLengthVectors(t *testing.T) {
	used := map[string]bool{}
	for _, v := range vectors[struct {
		Why, Text string
		Repeat    int
		Want      map[string]int
	}](t, "length.json") {
		text := strings.Repeat(v.Text, max(1, v.Repeat))
		if len(v.Want) == 0 {
			t.Errorf("%s: nothing is wanted", v.Why)
		}
		for name, want := range v.Want {
			rule, ok := rules()[name]
			if !ok {
				t.Fatalf("no rule %q", name)
			}
			used[name] = true
			if got := count.Length(rule, text); got != want {
				t.Errorf("%s: %s counts %d in %q, want %d", v.Why, name, got, v.Text, want)
			}
		}
	}
	for name := range rules() {
		if !used[name] {
			t.Errorf("no vector for %s", name)
		}
	}
}

func TestEntityVectors(t *testing.T) {
	for _, v := range vectors[struct {
		Text string
		Want [][]string
	}](t, "entities.json") {
		got := [][]string{}
		for _, e := range count.Entities(v.Text) {
			one := []string{e.Kind.String(), v.Text[e.Start:e.End], e.Name}
			if e.Bare {
				one[0] = "bare"
			} else if e.Kind == count.URL && !e.Public {
				one[0] = "local"
			}
			if len(v.Want) > len(got) && len(v.Want[len(got)]) == 2 {
				one = one[:2]
			}
			got = append(got, one)
		}
		if !slices.EqualFunc(got, v.Want, slices.Equal) {
			t.Errorf("%q\n got %q\nwant %q", v.Text, got, v.Want)
		}
	}
}

func TestTruncateVectors(t *testing.T) {
	for _, v := range vectors[struct {
		Why, Rule, Text, Suffix, Want string
		Limit                         int
	}](t, "truncate.json") {
		rule, ok := rules()[v.Rule]
		if !ok {
			t.Fatalf("no rule %q", v.Rule)
		}
		if got := count.Truncate(rule, v.Text, v.Limit, v.Suffix); got != v.Want {
			t.Errorf("%s:\n got %q\nwant %q", v.Why, got, v.Want)
		}
	}
}

func TestInstanceDecidesTheLengthOfALink(t *testing.T) {
	if n := count.Length(count.Mastodon(30), "https://a.it"); n != 30 {
		t.Fatalf("got %d", n)
	}
}

func TestContentWarningCountsAsWritten(t *testing.T) {
	if n := count.LengthWithWarning(count.Mastodon(0), "Vedi https://a.it", "https://a.it"); n != 17+23 {
		t.Fatalf("got %d", n)
	}
}

func TestBlueskyHasTwoLimits(t *testing.T) {
	family := "👨‍👩‍👧‍👦" // 1 grapheme of 25 bytes
	for _, c := range []struct {
		text string
		want bool
	}{
		{strings.Repeat("a", 300), true},
		{strings.Repeat("a", 301), false},
		{strings.Repeat(family, 120), true},
		{strings.Repeat(family, 121), false},
	} {
		if got := count.Fits(c.text, count.BlueskyLimits()...); got != c.want {
			t.Errorf("%d bytes: got %v", len(c.text), got)
		}
	}
	short := count.Fit(strings.Repeat(family, 200), "…", count.BlueskyLimits()...)
	if !count.Fits(short, count.BlueskyLimits()...) || strings.TrimRight(short, "…") != strings.Repeat(family, 119) {
		t.Errorf("got %d bytes", len(short))
	}
}

// texts are made of what Italian public bodies really write, glued at random.
func texts() *rapid.Generator[string] {
	piece := rapid.SampledFrom([]string{
		"Cesate", "è", "città", "l'", "dell’", "perché", "citta\u0300", " ", " ", "\n", "\r\n", ", ", ". ", "(", ")", "«", "»", "…",
		"https://comune.cesate.mi.it/x?y=1", "http://a.it", "https://it.wikipedia.org/wiki/Cesate_(Italia)", "comune.cesate.mi.it", "a.it",
		"@biblioteca", "@comune@social.example", "@cesate.bsky.social", "info@comune.it", "#estate", "#Cesate2026", "#perché", "#25", "#",
		"👨‍👩‍👧", "👍🏽", "🇮🇹", "1️⃣", "❤️", "🎉", "é", "漢字", "\u200d", "\ufe0f", "x", "S.p.A.", "10.30", "@", "/",
	})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(piece, 0, 60).Draw(t, "pieces"), "")
	})
}

func TestTruncatedTextIsWithinTheLimitAndBreaksNothing(t *testing.T) {
	names := []string{"mastodon", "bluesky", "telegram", "x", "threads", "graphemes"}
	rapid.Check(t, func(t *rapid.T) {
		text := texts().Draw(t, "text")
		rule := rules()[rapid.SampledFrom(names).Draw(t, "rule")]
		limit := rapid.IntRange(0, 120).Draw(t, "limit")
		checkTruncated(t, rule, text, limit)
	})
}

func checkTruncated(t interface{ Fatalf(string, ...any) }, rule count.Rule, text string, limit int) {
	const suffix = "…"
	got := count.Truncate(rule, text, limit, suffix)
	if n := count.Length(rule, got); n > limit {
		t.Fatalf("%q is %d long, limit %d", got, n, limit)
	}
	if count.Length(rule, text) <= limit {
		if got != text {
			t.Fatalf("%q was changed to %q", text, got)
		}
		return
	}
	kept := strings.TrimSuffix(got, suffix)
	if !strings.HasPrefix(text, kept) {
		t.Fatalf("%q is not the beginning of %q", kept, text)
	}
	for _, e := range count.Entities(text) {
		if e.Start < len(kept) && len(kept) < e.End {
			t.Fatalf("cut inside %q", text[e.Start:e.End])
		}
	}
	at := 0
	for g := uniseg.NewGraphemes(text); at < len(kept) && g.Next(); {
		at += len(g.Str())
	}
	if at != len(kept) {
		t.Fatalf("cut inside a character, at byte %d of %q", len(kept), text)
	}
}

func TestLengthOfWordsIsAdditive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := texts().Draw(t, "a"), texts().Draw(t, "b")
		for name, rule := range rules() {
			if got, want := count.Length(rule, a+" \n "+b), count.Length(rule, a+" ")+count.Length(rule, "\n")+count.Length(rule, " "+b); got != want {
				t.Fatalf("%s: %d, want %d", name, got, want)
			}
		}
	})
}

func FuzzEntities(f *testing.F) {
	for _, s := range []string{"l'#estate", "(https://a.it/x?y=1).", "@a@b.it", "a.it", "https://user:p@a.it", "http://xn--p1ai.рф/ü", "\xff#a\xff@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		last := 0
		for _, e := range count.Entities(text) {
			if e.Start < last || e.End <= e.Start || e.End > len(text) || e.Name == "" || e.Kind.String() == "none" {
				t.Fatalf("%+v after %d in %q", e, last, text)
			}
			if utf8.ValidString(text) && !utf8.ValidString(text[e.Start:e.End]) {
				t.Fatalf("%+v cuts a character of %q", e, text)
			}
			if strings.ContainsAny(text[e.Start:e.End], " \n\t<>\"") {
				t.Fatalf("%q holds what no entity holds", text[e.Start:e.End])
			}
			last = e.End
		}
	})
}

func FuzzTruncate(f *testing.F) {
	f.Add("Buongiorno https://a.it/x #estate 👨‍👩‍👧", 20)
	f.Add("\xff\xfe", 1)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		for _, rule := range rules() {
			checkTruncated(t, rule, text, max(0, limit))
		}
	})
}

// A text of a megabyte must not stop the editor.
func TestMegabyteIsCutInReasonableTime(t *testing.T) {
	for _, piece := range []string{"a", "a.", "@a", "#a", "è ", "https://a.it/(", "🎉", "http://"} {
		text := strings.Repeat(piece, 1<<20/len(piece))
		if got := count.Truncate(count.X(), text, 280, "…"); count.Length(count.X(), got) > 280 {
			t.Errorf("%q: still too long", piece)
		}
	}
}

func BenchmarkLengthX(b *testing.B) {
	text := strings.Repeat("Da lunedì la biblioteca è aperta fino alle 19 📚 https://comune.cesate.mi.it/orari #Cesate ", 4)
	for b.Loop() {
		count.Length(count.X(), text)
	}
}

func TestOnlySureAddressesAreMeant(t *testing.T) {
	for text, want := range map[string]bool{
		"https://sabato.il": true, "www.a.it": true, "WWW.A.IT": true, "comune.it/orari": true, "COMUNE.IT/ORARI": true,
		"sabato.Il": false, "p.es": false, "avviso.zip": false, "comune.it": false, "comune.it?x=1": false, "sabato.Il/La": false, "comune.it:80": false,
	} {
		all := count.Entities(text)
		if len(all) != 1 || all[0].Kind != count.URL || all[0].Meant() != want {
			t.Errorf("%s: %+v", text, all)
		}
	}
	if h := count.Entities("Vedi Comune.it:8080/x")[0].Host(); h != "comune.it" {
		t.Error(h)
	}
}

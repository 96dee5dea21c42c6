package site

import (
	"html"
	"mime"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzSearchMarksAndNeverChangesTheText(f *testing.F) {
	f.Add("Le scuole dell'infanzia, «città» <b>", "scuola citta", "it")
	f.Add("e\u0301 perche\u0301 \u0130stanbul \xff", "perché", "en")
	f.Fuzz(func(t *testing.T, text, asked, lang string) {
		words := query(asked)
		if len(words) > maxWords {
			t.Fatalf("%d words", len(words))
		}
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return // publishing stores neither
		}
		plain := strings.NewReplacer("<mark>", "", "</mark>", "").Replace(string(newMatcher(words).mark(text, lang)))
		if got := html.UnescapeString(plain); got != text {
			t.Fatalf("marked: %q, was %q", got, text)
		}
		if part := newMatcher(words).excerpt(text, lang); !utf8.ValidString(part) || utf8.RuneCountInString(part) > 250 {
			t.Fatalf("excerpt %q", part)
		}
	})
}

func FuzzDifferencesKeepBothTexts(f *testing.F) {
	f.Add("dal 4 al 22 maggio", "dal 4 al 29 maggio")
	f.Add("a a a", "a a")
	f.Fuzz(func(t *testing.T, before, after string) {
		if len(strings.Fields(before)) > 2*around || len(strings.Fields(after)) > 2*around {
			return // long ones are shortened
		}
		d := words(Change{Before: before, After: after})
		if strings.Contains(d.Start+d.End, "…") {
			return
		}
		join := func(parts ...string) string { return strings.Join(strings.Fields(strings.Join(parts, " ")), " ") }
		if got, want := join(d.Start, d.Removed, d.End), join(before); got != want {
			t.Fatalf("before: %q, want %q", got, want)
		}
		if got, want := join(d.Start, d.Inserted, d.End), join(after); got != want {
			t.Fatalf("after: %q, want %q", got, want)
		}
	})
}

func FuzzCalendarTextComesBack(f *testing.F) {
	f.Add("Sala; piano 1, «così» \\ fine\r\ndue")
	f.Add(strings.Repeat("è", 200))
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		var l lines
		l.text("SUMMARY", text)
		for line := range strings.SplitSeq(l.String(), "\r\n") {
			if len(line) > 75 || !utf8.ValidString(line) {
				t.Fatalf("%d octets: %q", len(line), line)
			}
		}
		if text == "" {
			return
		}
		value := strings.TrimSuffix(strings.TrimPrefix(strings.ReplaceAll(l.String(), "\r\n ", ""), "SUMMARY:"), "\r\n")
		got := strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n").Replace(value)
		if want := visible(text); got != want {
			t.Fatalf("%q came back as %q", want, got)
		}
	})
}

func FuzzDispositionIsOneHeaderThatParses(f *testing.F) {
	f.Add("application/pdf", "perché \"no\"\r\nX: 1;.pdf")
	f.Fuzz(func(t *testing.T, kind, name string) {
		if !utf8.ValidString(name) {
			return
		}
		value := disposition(kind, name)
		if strings.ContainsAny(value, "\r\n\x00") {
			t.Fatalf("%q", value)
		}
		how, params, err := mime.ParseMediaType(value)
		if err != nil || how != "inline" && how != "attachment" || strings.ContainsAny(params["filename"], `/\"`) {
			t.Fatalf("%q: %s %v %v", value, how, params, err)
		}
	})
}

package inbox

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/channel"
)

func TestCleanKeepsWhatPeopleWrite(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"paragraphs":         {"Buongiorno,\r\n\r\n\r\nquanto costa?\r", "Buongiorno,\n\nquanto costa?"},
		"accents and emoji":  {"Perché? 👩‍👧 e\u0301", "Perché? 👩‍👧 e\u0301"},
		"Arabic":             {"مرحبا", "مرحبا"},
		"direction override": {"gnp\u202e.exe", "gnp.exe"},
		"isolate":            {"a\u2066b\u2069c", "abc"},
		"control":            {"a\x00b\x1b[31mc", "ab[31mc"},
		"broken UTF-8":       {"a\xffb", "ab"},
		"tower of marks":     {"e" + strings.Repeat("\u0301", 40), "e" + strings.Repeat("\u0301", maxMarks)},
		"tab":                {"a\tb", "a b"},
	} {
		if got := paragraphs(c.in, 1000); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for address, want := range map[string]string{
		"https://example.org/a?b=c": "https://example.org/a?b=c",
		"http://example.org":        "http://example.org",
		"javascript:alert(1)":       "",
		"https://":                  "",
		"//example.org":             "",
		"https://u:p@example.org":   "",
		"data:text/html,x":          "",
		"https://example.org/\x00":  "",
		strings.Repeat("h", 3000):   "",
		"https://example.org/" + strings.Repeat("a", 2000): "",
	} {
		if got := webAddress(address); got != want {
			t.Errorf("%.40q: %q", address, got)
		}
	}
}

// FuzzClean proves that whatever a stranger sends is bounded and safe to keep, that
// cleaning twice changes nothing, and that the same name stays the same name.
func FuzzClean(f *testing.F) {
	f.Add("comment", "id", "parent", "Anna", "https://a.example/", "Buongiorno\n\n\nà tutti", "it", []byte(`{"cid":"x"}`), int64(1))
	f.Add("edit", "\x00", "\xff", "\u202eanna", "javascript:alert(1)", strings.Repeat("é\u0301", 20_000), "x y", []byte(`{`), int64(-1))
	f.Add("react", strings.Repeat("i", 3000), "p", "", "", "", "it-IT", []byte(`"\u0000"`), int64(1<<60))
	now := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, act, id, parent, name, url, text, lang string, refs []byte, at int64) {
		in := channel.Said{Act: channel.Act(act), ID: id, Parent: parent, URL: url, Text: text, Subject: name, Lang: lang, Refs: refs, At: time.UnixMicro(at), Reaction: name,
			Author: channel.Author{ID: id, Handle: name, Name: text, URL: url, Avatar: url}, Media: []channel.SaidMedia{{URL: url, Alt: text}}}
		s, ok := clean(in, now)
		if !ok {
			return
		}
		for what, v := range map[string]string{"id": s.ID, "parent": s.Parent, "author": s.Author.ID, "name": s.Author.Name, "handle": s.Author.Handle, "text": s.Text, "subject": s.Subject, "reaction": s.Reaction} {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				t.Errorf("%s: %q", what, v)
			}
		}
		for what, v := range map[string]string{"name": s.Author.Name, "handle": s.Author.Handle, "subject": s.Subject} {
			if strings.ContainsFunc(v, unicode.IsControl) || utf8.RuneCountInString(v) > maxLine {
				t.Errorf("%s: %q", what, v)
			}
		}
		if len(s.Text) > channel.MaxSaid || len(s.ID) > maxID+10 || len(s.Parent) > maxID+10 || s.At.After(now) || s.At.Unix() <= 0 || len(s.Refs) > maxRefs {
			t.Errorf("%+v", s)
		}
		if again, ok := clean(s, now); !ok || again.ID != s.ID || again.Parent != s.Parent || again.Text != s.Text || again.URL != s.URL || again.Author != s.Author {
			t.Errorf("cleaned twice it is another: %+v, %+v", s, again)
		}
	})
}

// FuzzSearched proves that any text can be searched for.
func FuzzSearched(f *testing.F) {
	f.Add("l'acqua del rubinetto")
	f.Add("' OR 1=1 --\x00\xff")
	f.Fuzz(func(t *testing.T, text string) {
		words := searched("i1", text)
		if len(words) > maxSearch {
			t.Errorf("%d words", len(words))
		}
		for _, w := range words {
			if len(w.forms) == 0 {
				t.Error("a word without a form finds nothing")
			}
		}
	})
}

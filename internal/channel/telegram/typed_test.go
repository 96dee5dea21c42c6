package telegram

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf16"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

func TestChatIsReadAsPeopleTypeIt(t *testing.T) {
	for typed, want := range map[string]string{
		"@comunecesate":                  "@comunecesate",
		"comunecesate":                   "@comunecesate",
		"t.me/comunecesate":              "@comunecesate",
		"https://t.me/comunecesate":      "@comunecesate",
		"https://t.me/comunecesate/12":   "@comunecesate",
		"http://telegram.me/comunecesat": "@comunecesat",
		"-1001234567890":                 "-1001234567890",
	} {
		if got := chatName(typed); got != want {
			t.Errorf("%q is read as %q, want %q", typed, got, want)
		}
	}
}

func TestTokenIsRecognised(t *testing.T) {
	for token, want := range map[string]bool{
		"987654321:AAF-a_token_that_is_only_a_test": true,
		"AAF-a_token_that_is_only_a_test":           false,
		"987654321:":                                false,
		"987654321:AAF-a_token/../getMe?x=1234567":  false,
		"x:AAF-a_token_that_is_only_a_test":         false,
		"":                                          false,
	} {
		if got := wellFormed(token); got != want {
			t.Errorf("%q: %v", token, got)
		}
	}
}

func FuzzExplain(f *testing.F) {
	f.Add(400, `{"ok":false,"error_code":400,"description":"Bad Request: message to edit not found"}`)
	f.Add(429, `{"ok":false,"parameters":{"retry_after":99999999999}}`)
	f.Add(400, `{"ok":false,"parameters":{"migrate_to_chat_id":-100}}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 300 || status > 599 {
			return
		}
		var said envelope
		if json.Unmarshal([]byte(body), &said) != nil {
			return
		}
		for _, k := range []wire.Kind{wire.Repeatable, wire.Irreversible} {
			e := bot{}.explain(t.Context(), wire.Status(status, k), said)
			if e.Class == "" || e.Code == "" || e.RetryAfter < 0 {
				t.Fatalf("%+v", e)
			}
			if status < 500 && status != 408 && e.Class == channel.Unknown {
				t.Fatalf("a refusal of %d leaves the outcome open", status)
			}
		}
	})
}

func FuzzTyped(f *testing.F) {
	f.Add("https://t.me/comune")
	f.Fuzz(func(t *testing.T, typed string) {
		if name := chatName(typed); strings.Contains(name, "/") {
			t.Fatalf("%q", name)
		}
		if wellFormed(typed) && strings.ContainsAny(typed, "/?#% ") {
			t.Fatalf("%q would change the address", typed)
		}
	})
}

// Telegram makes links of whatever looks like a host; what is none is guarded.
func TestNoHostBecomesALinkByMistake(t *testing.T) {
	p := channel.Post{Link: "https://piazza.comune.example.it/m/x"}
	for text, want := range map[string]string{
		"Mercato sabato.Il parcheggio è chiuso":   "Mercato sabato.\u2060Il parcheggio è chiuso",
		"p.es. avviso.zip":                        "p.\u2060es. avviso.\u2060zip",
		"https://a.it/x www.a.it a.it/y urp@c.it": "https://a.it/x www.a.it a.it/y urp@c.it",
		"Su piazza.comune.example.it tutti":       "Su piazza.comune.example.it tutti",
		strings.Repeat("a", 4096-9) + "sabato.it": strings.Repeat("a", 4096-9) + "sabato.it",
	} {
		if got := guarded(text, p); got != want {
			t.Errorf("%.60q became %q", text, got)
		}
	}
}

func TestMarksOfWhatIsHeardAreWords(t *testing.T) {
	text := "🎉 lunedì martedì qui a.it/x\nuno\ndue"
	at := func(words string) (int, int) {
		before, _, _ := strings.Cut(text, words)
		return len(utf16.Encode([]rune(before))), len(utf16.Encode([]rune(words)))
	}
	of := func(kind, words, link string) mark {
		from, n := at(words)
		return mark{kind, from, n, link}
	}
	got := marked(text, []mark{of("strikethrough", "lunedì", ""), of("bold", "martedì", ""), of("text_link", "qui", "https://b.it/y"),
		of("text_link", "a.it/x", "https://a.it/x"), of("blockquote", "uno\ndue", ""), {"text_link", 90, 5, "https://c.it"}, {"strikethrough", -1, 5, ""}, of("text_link", "martedì", "tg://user?id=1")})
	if want := "🎉 ~~lunedì~~ martedì qui (https://b.it/y) a.it/x\n> uno\n> due"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

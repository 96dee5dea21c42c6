package telegram

import (
	"encoding/json"
	"strings"
	"testing"

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

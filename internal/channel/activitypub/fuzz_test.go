package activitypub_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"codeberg.org/arengo/arengo/internal/channel/activitypub"
)

// FuzzTextBecomesHarmlessHTML: whatever is written, only paragraphs, line ends and
// links to the web come out, and a reader sees every word.
func FuzzTextBecomesHarmlessHTML(f *testing.F) {
	for _, s := range []string{"Ciao", "a\n\nb\nc", "https://x.example/?a=1&b=<2>, #mercato", `"><script>alert(1)</script>`, "#mercato#mercato", "https://", "javascript:alert(1)", "è\x00\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out := activitypub.HTML("https://c.example", text, []string{"mercato", "Bilancio partecipativo"})
		z := html.NewTokenizer(strings.NewReader(out))
		for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
			if kind == html.TextToken || kind == html.EndTagToken {
				continue
			}
			token := z.Token()
			if kind != html.StartTagToken || !strings.Contains(" p br a span ", " "+token.Data+" ") {
				t.Fatalf("%q became %q", text, out)
			}
			for _, a := range token.Attr {
				if a.Key == "href" && !strings.HasPrefix(a.Val, "https://") && !strings.HasPrefix(a.Val, "http://") || strings.HasPrefix(a.Key, "on") || a.Key == "style" {
					t.Fatalf("%q became %q", text, out)
				}
			}
		}
	})
}

// FuzzAddresses: what is no address of another server has no host, and no address
// leads to two things of ours.
func FuzzAddresses(f *testing.F) {
	for _, s := range []string{"https://x.example/users/a", "http://x.example", "https://u@x.example", "https://[::1]:1/a", "https://c.example/ap/u/a", "https://c.example/ap/o/%2e%2e", "//x", "https:x", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		host, name, id := activitypub.Addresses("https://c.example", address)
		if host != "" && (!strings.HasPrefix(strings.ToLower(address), "https://") || strings.ContainsAny(host, "/@ ") || len(host) > 300) {
			t.Errorf("%q is at %q", address, host)
		}
		if name != "" && id != "" || strings.ContainsAny(name, "?#") && !strings.Contains(address, "%") {
			t.Errorf("%q is %q and %q", address, name, id)
		}
	})
}

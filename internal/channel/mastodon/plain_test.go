package mastodon_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/prose"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// What looks like Markdown arrives as it was written, when it is posted and when it
// is corrected, on servers that would render it.
func TestTextIsShownAsItWasWritten(t *testing.T) {
	for name, o := range map[string]square.Options{"GoToSocial": {GoToSocial: true}, "Mastodon": {}} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, o)
			a := w.connect(t)
			read := func(r channel.Remote) string {
				var s struct {
					Content string `json:"content"`
				}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server+"/api/v1/statuses/"+r.ID, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+w.token)
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = resp.Body.Close() }()
				if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
					t.Fatal(err)
				}
				return prose.Reader{}.Plain(s.Content)
			}
			// The server shows no margins: the words are compared.
			spoken := func(text string) string { return strings.Join(strings.Fields(text), " ") }
			for i, markdown := range testkit.Constructs() {
				p := channel.Post{Key: fmt.Sprint("k", i), Text: publishing.NewWriting().Plain(markdown, w.server)}
				r := finalize(t, w, a, p)
				if got := read(r); spoken(got) != spoken(p.Text) {
					t.Errorf("posted, it reads\n%s\nwant\n%s", got, p.Text)
				}
				p.Text = "Corretto. " + p.Text
				if _, err := w.adapter.Edit(t.Context(), a, p, r); err != nil {
					t.Fatal(err)
				}
				if got := read(r); spoken(got) != spoken(p.Text) {
					t.Errorf("corrected, it reads\n%s\nwant\n%s", got, p.Text)
				}
			}
		})
	}
}

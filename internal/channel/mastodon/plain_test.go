package mastodon_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/prose"
)

// What looks like Markdown arrives as it was written, when it is posted and when it
// is corrected, on servers that would render it.
func TestTextIsShownAsItWasWritten(t *testing.T) {
	for name, o := range map[string]square.Options{"GoToSocial": {GoToSocial: true}, "Mastodon": {}} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, o)
			a := w.connect(t)
			p := channel.Post{Key: "k", Text: "5*3*2 a ufficio_tecnico_due@c.it\n1. Modulo\n~~lunedì~~ minore<di> 3"}
			r := finalize(t, w, a, p)
			read := func() string {
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
			if got := read(); got != p.Text {
				t.Errorf("posted, it reads\n%s", got)
			}
			p.Text = strings.Replace(p.Text, "5*3*2", "5*3*4", 1)
			if _, err := w.adapter.Edit(t.Context(), a, p, r); err != nil {
				t.Fatal(err)
			}
			if got := read(); got != p.Text {
				t.Errorf("corrected, it reads\n%s", got)
			}
		})
	}
}

package mastodon_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/channel/mastodon"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/fetch"
)

// town is a square with one account, behind a gate.
type town struct {
	square        *square.Square
	gate          *channeltest.Gate
	server, token string
	adapter       *mastodon.Adapter
}

func newTown(t testing.TB, o square.Options) town {
	t.Helper()
	s, err := square.New(o)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.AddAccount("comune", "Comune di Cesate")
	if err != nil {
		t.Fatal(err)
	}
	gate := channeltest.NewGate(s.Handler(), tooMany)
	return town{s, gate, gate.Serve(t), token, mastodon.New(fetch.New(fetch.Options{AllowLoopback: true}))}
}

// tooMany is Mastodon's answer to a client that goes too fast.
func tooMany(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-RateLimit-Limit", "300")
	w.Header().Set("X-RateLimit-Remaining", "0")
	w.Header().Set("X-RateLimit-Reset", time.Now().Add(wait).UTC().Format(time.RFC3339Nano))
	w.WriteHeader(http.StatusTooManyRequests)
	w.Write([]byte(`{"error":"Too many requests"}`))
}

func (w town) typed() map[string]string {
	return map[string]string{"server": w.server, "token": w.token}
}

func (w town) connect(t testing.TB) channel.Account {
	t.Helper()
	a, err := w.adapter.Connect(t.Context(), maps.Clone(w.typed()))
	if err != nil {
		t.Fatal(err)
	}
	a.ID = "channel-1"
	return a
}

func (w town) seen(testing.TB) []channeltest.Seen {
	var list []channeltest.Seen
	for _, p := range w.square.Posts("comune") {
		s := channeltest.Seen{ID: p.ID, URL: p.URL, Text: p.Text, Edited: p.Edited}
		for _, m := range p.Media {
			s.Media = append(s.Media, channeltest.SeenMedia{Alt: m.Alt, Video: strings.HasPrefix(m.ContentType, "video/")})
		}
		list = append(list, s)
	}
	return list
}

func posts(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == "/api/v1/statuses"
}

func uploads(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == "/api/v2/media"
}

func subject(t *testing.T, o square.Options) channeltest.Subject {
	w := newTown(t, o)
	return channeltest.Subject{
		Adapter: w.adapter, Account: w.connect(t), Gate: w.gate,
		Final: posts, Upload: uploads, Posts: w.seen,
		Revoke: func(t testing.TB) {
			if err := w.square.Revoke(w.token); err != nil {
				t.Fatal(err)
			}
		},
		Typed: w.typed(),
		Wrong: []channeltest.Wrong{
			{Field: "server", Typed: map[string]string{"server": "non è un indirizzo"}},
			{Field: "server", Typed: map[string]string{"server": "ftp://example.org"}},
			{Field: "server", Typed: map[string]string{"server": "http://127.0.0.1:1"}},
			{Field: "token", Typed: map[string]string{"token": "not-a-token"}},
		},
		People:  citizens{w.square},
		Secrets: []string{w.token},
	}
}

func TestConformance(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Subject { return subject(t, square.Options{}) })
}

// unkeyed is a subject that plays all but what a server without a key cannot.
func unkeyed(t *testing.T, o square.Options) channeltest.Subject {
	s := subject(t, o)
	s.Cannot = map[channeltest.Case]string{channeltest.Repeat: "the server knows no key: a repeated request makes a second status"}
	return s
}

func TestConformanceWithAServerThatRendersTextsAndKnowsNoKey(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Subject { return unkeyed(t, square.Options{GoToSocial: true}) })
}

func TestConformanceWithAServerThatDoesNotEvenShowTheSource(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Subject {
		s := unkeyed(t, square.Options{GoToSocial: true, Stubborn: true, Sourceless: true})
		s.Opaque = true
		return s
	})
}

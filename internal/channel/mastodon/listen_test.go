package mastodon_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/mastodon"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/fetch"
)

func listen(t *testing.T, w town, a channel.Account, from json.RawMessage) channel.Heard {
	t.Helper()
	h, err := w.adapter.Listen(t.Context(), a, from)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// clock is a time that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestAnswerWrittenWithAnotherProgramIsHeardOnceItIsSettled(t *testing.T) {
	c := &clock{time.Now().Add(-time.Hour)}
	w := newTown(t, square.Options{Now: c.now})
	a := w.connect(t)
	id, err := w.square.Say(square.Saying{By: "marisa", Text: "@comune quando riapre?"})
	if err != nil {
		t.Fatal(err)
	}
	heard := listen(t, w, a, nil)
	to := heard.Said[0]
	if to.ID != id || to.Ours {
		t.Fatalf("%+v", to)
	}
	c.at = time.Now()
	p := channel.Post{Key: "k", Text: "Lunedì.", To: &channel.Reply{ID: to.ID, Author: to.Author, Refs: to.Refs}}
	finalize(t, w, a, p)
	if again := listen(t, w, a, heard.Cursor); len(again.Said) != 0 {
		t.Errorf("what we are just sending is taken for somebody's: %+v", again.Said)
	}
	// The same, long ago.
	c.at = time.Now().Add(-30 * time.Minute)
	w2 := newTown(t, square.Options{Now: c.now})
	a2 := w2.connect(t)
	heard = listen(t, w2, a2, nil)
	if _, err := w2.square.Say(square.Saying{By: "marisa", Text: "@comune quando riapre?"}); err != nil {
		t.Fatal(err)
	}
	said := listen(t, w2, a2, heard.Cursor)
	p.To.ID = said.Said[0].ID
	r := finalize(t, w2, a2, p)
	said = listen(t, w2, a2, said.Cursor)
	if len(said.Said) != 1 || !said.Said[0].Ours || said.Said[0].ID != r.ID || said.Said[0].Parent != p.To.ID || said.Said[0].Text != "Lunedì." {
		t.Fatalf("%+v", said.Said)
	}
	if again := listen(t, w2, a2, said.Cursor); len(again.Said) != 0 {
		t.Errorf("told twice: %+v", again.Said)
	}
}

func TestAnswerNamesWhomItAnswersOnce(t *testing.T) {
	for text, want := range map[string]string{
		"Alle 9.":                 "@marisa Alle 9.",
		"Certo @marisa, alle 9.":  "Certo @marisa, alle 9.",
		"Lo sa @altra@server.it.": "@marisa Lo sa @altra@server.it.",
	} {
		w := newTown(t, square.Options{})
		a := w.connect(t)
		id, err := w.square.Say(square.Saying{By: "marisa", Text: "@comune a che ora?", Visibility: "unlisted"})
		if err != nil {
			t.Fatal(err)
		}
		to := listen(t, w, a, nil).Said[0]
		finalize(t, w, a, channel.Post{Key: "k", Text: text, To: &channel.Reply{ID: id, Author: to.Author, Refs: to.Refs}})
		got := w.square.Posts("comune")[0]
		if got.Text != want || got.Visibility != "unlisted" {
			t.Errorf("%q is posted as %q, %s", text, got.Text, got.Visibility)
		}
	}
}

func TestReportReachesTheModerators(t *testing.T) {
	w := newTown(t, square.Options{})
	a := w.connect(t)
	id, err := w.square.Say(square.Saying{By: "marisa", Text: "@comune insulti"})
	if err != nil {
		t.Fatal(err)
	}
	to := listen(t, w, a, nil).Said[0]
	r := channel.Reply{ID: id, Author: to.Author, Refs: to.Refs}
	if to.Author.ID != w.server+"/users/marisa" {
		t.Errorf("the author is %q, which another server could give to somebody else", to.Author.ID)
	}
	if err := w.adapter.Report(t.Context(), a, r, strings.Repeat("è", 2000)); err != nil {
		t.Fatal(err)
	}
	if got := w.square.Reports(); len(got) != 1 || got[0].About == "" || got[0].Posts[0] != id {
		t.Errorf("%+v", got)
	}
	if e := channel.AsError(w.adapter.Hide(t.Context(), a, r)); e.Class != channel.Refused || e.Code != channel.CodeCannotHide {
		t.Errorf("%v", e)
	}
}

// serverSaying answers every list of notifications with text.
func serverSaying(t *testing.T, text string) channel.Account {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/notifications") {
			io.WriteString(w, text)
			return
		}
		io.WriteString(w, `[]`)
	}))
	t.Cleanup(s.Close)
	return channel.Account{Server: s.URL, Handle: "@comune@qui.example", Secret: json.RawMessage(`{"token":"x","user_id":"1"}`)}
}

func TestOneSpoiltNotificationDoesNotSilenceTheOthers(t *testing.T) {
	const good = `{"id":"%d","type":"mention","created_at":"2026-11-22T10:00:00.000Z","account":{"id":"7","acct":"anna"},
		"status":{"id":"9%d","content":"<p>Ciao</p>","visibility":"public","created_at":"2026-11-22T10:00:00.000Z","account":{"id":"7","acct":"anna","display_name":"Anna"}}}`
	a := serverSaying(t, "["+fmt.Sprintf(good, 5, 5)+`,{"id":"4","type":"mention","created_at":"ieri","status":{"id":[]}},
		{"id":"3","type":"follow"},{"id":"2","type":"mention","account":null,"status":null},
		{"id":"1","type":"pleroma:emoji_reaction","emoji":"🎉","account":{"id":"8","acct":"b@altrove.example"},"status":{"id":"91"}}]`)
	h, err := mastodon.New(fetch.New(fetch.Options{AllowLoopback: true})).Listen(t.Context(), a, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Said) != 2 || h.Said[0].Reaction != "🎉" || h.Said[0].Author.Handle != "@b@altrove.example" ||
		h.Said[1].ID != "95" || h.Said[1].Author.Handle != "@anna@qui.example" {
		t.Fatalf("%+v", h.Said)
	}
	if !strings.Contains(string(h.Cursor), `"5"`) {
		t.Errorf("cursor %s", h.Cursor)
	}
}

func TestAnswerThatIsNoListOfNotificationsIsAnError(t *testing.T) {
	for _, text := range []string{`{}`, `[{"type":"mention"}]`, `["x"]`, `[`, ``, `null garbage`} {
		_, err := mastodon.New(fetch.New(fetch.Options{AllowLoopback: true})).Listen(t.Context(), serverSaying(t, text), nil)
		if e := channel.AsError(err); err == nil || e.Class != channel.Transient || e.Code != channel.CodeNotAPI {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTokenThatMayNotReadDoesNotStopPublishing(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"error":"This action is outside the authorized scopes"}`)
	}))
	defer s.Close()
	a := channel.Account{Server: s.URL, Secret: json.RawMessage(`{"token":"x","user_id":"1"}`)}
	_, err := mastodon.New(fetch.New(fetch.Options{AllowLoopback: true})).Listen(t.Context(), a, nil)
	if e := channel.AsError(err); e.Class != channel.Refused || e.Code != channel.CodeForbidden {
		t.Errorf("%v", err)
	}
}

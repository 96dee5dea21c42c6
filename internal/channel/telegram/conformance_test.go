package telegram_test

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/channel/telegram"
	"codeberg.org/arengo/arengo/internal/channel/telegram/telegramtest"
	"codeberg.org/arengo/arengo/internal/fetch"
)

const (
	token = "987654321:AAF-a_token_that_is_only_a_test"
	chat  = int64(-1001234567890)
)

// town is a fake server with one channel, behind a gate.
type town struct {
	api     *telegramtest.Server
	gate    *channeltest.Gate
	server  string
	adapter *telegram.Adapter
}

func newTown(t testing.TB, o telegramtest.Options) town {
	t.Helper()
	s := telegramtest.New(o)
	s.AddBot(token, "cesate_bot")
	s.AddChat(telegramtest.Chat{ID: chat, Type: "channel", Title: "Comune di Cesate", Username: "comunecesate"})
	s.Join(token, chat, telegramtest.Member{Status: "administrator", Post: true})
	s.AddChat(telegramtest.Chat{ID: group, Type: "supergroup", Title: "Parliamone"})
	s.Join(token, group, telegramtest.Member{Status: "administrator", Delete: true})
	s.Link(chat, group)
	gate := channeltest.NewGate(s.Handler(), tooMany)
	return town{s, gate, gate.Serve(t), telegram.New(fetch.New(fetch.Options{AllowLoopback: true}))}
}

// tooMany is Telegram's answer to a bot that goes too fast.
func tooMany(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusTooManyRequests)
	n := int(wait.Seconds())
	fmt.Fprintf(w, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after %d","parameters":{"retry_after":%d}}`, n, n)
}

func (w town) typed() map[string]string {
	return map[string]string{"token": token, "chat": "@comunecesate", "server": w.server}
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

// seen puts the messages of an album together.
func (w town) seen(testing.TB) []channeltest.Seen {
	var list []channeltest.Seen
	album := map[string]int{}
	for _, m := range w.api.Messages(chat) {
		id := strconv.FormatInt(m.ID, 10)
		at, known := album[m.Album]
		if m.Album == "" || !known {
			at = len(list)
			list = append(list, channeltest.Seen{ID: id, URL: "https://t.me/comunecesate/" + id, Text: m.Text, Edited: m.Edited})
			album[m.Album] = at
		} else {
			list[at].ID += "," + id
		}
		if m.Kind != "" {
			list[at].Media = append(list[at].Media, channeltest.SeenMedia{Video: m.Kind == "video"})
		}
	}
	return list
}

// shows matches the requests that make a message.
func shows(r *http.Request) bool { return strings.Contains(r.URL.Path, "/send") }

func subject(t *testing.T) channeltest.Subject {
	w := newTown(t, telegramtest.Options{})
	return channeltest.Subject{
		Adapter: w.adapter, Account: w.connect(t), Gate: w.gate,
		Final: shows, Posts: w.seen,
		Revoke: func(testing.TB) { w.api.Revoke(token) },
		Typed:  w.typed(),
		Wrong: []channeltest.Wrong{
			{Field: "token", Typed: map[string]string{"token": "not a token"}},
			{Field: "token", Typed: map[string]string{"token": "987654321:AAF-another_token_but_wrong"}},
			{Field: "chat", Typed: map[string]string{"chat": "@nobody_here"}},
			{Field: "chat", Typed: map[string]string{"chat": "-100555"}},
			{Field: "server", Typed: map[string]string{"server": "http://127.0.0.1:1"}},
			{Field: "server", Typed: map[string]string{"server": "not an address"}},
		},
		Secrets: []string{token},
		People:  citizens{w.api},
		SameText: func(sent, seen string) bool {
			text, alts, found := strings.Cut(seen, "\n\n🖼 ")
			return text == sent && (!found || alts != "")
		},
		Cannot: map[channeltest.Case]string{
			channeltest.Resume: "a file is uploaded with its message, so there is no step before it",
			channeltest.Pace:   "the platform limits messages, not uploads",
			channeltest.Repeat: "the Bot API knows no key: a repeated request makes a second message",

			channeltest.HearDelete: "the Bot API tells of no deletions",
		},
	}
}

func TestConformance(t *testing.T) { channeltest.Run(t, subject) }

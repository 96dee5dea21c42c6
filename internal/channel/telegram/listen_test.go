package telegram_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/telegram"
	"codeberg.org/arengo/arengo/internal/channel/telegram/telegramtest"
)

func (w town) listen(t *testing.T, a channel.Account, from json.RawMessage) channel.Heard {
	t.Helper()
	h, err := w.adapter.Listen(t.Context(), a, from)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// told are the acts, parents and reactions of what was heard, each in a line.
func told(h channel.Heard) (lines []string) {
	for _, s := range h.Said {
		lines = append(lines, strings.TrimSpace(fmt.Sprint(s.Act, " ", s.Parent, " ", s.Reaction, s.Text)))
	}
	return lines
}

func TestCommentsBelowAPostAnswerThatPost(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	a := w.connect(t)
	h := w.listen(t, a, nil)
	r, err := send(w, t, a, channel.Post{Key: "k", Text: "Sabato il mercato"})
	if err != nil {
		t.Fatal(err)
	}
	people := citizens{w.api}
	first := people.Say(t, "A che ora?", r.ID, false)
	people.Say(t, "Già, a che ora?", first, false) // to somebody else
	h = w.listen(t, a, h.Cursor)
	if got, want := told(h), []string{"comment " + r.ID + " A che ora?", "comment " + first + " Già, a che ora?"}; !slices.Equal(got, want) {
		t.Fatalf("heard %q, want %q", got, want)
	}
	s := h.Said[0]
	if s.Author.ID != "55501" || s.Author.Name != "Marisa Villa" || s.Author.Handle != "@marisav" || s.URL != "https://t.me/c/9876543210/"+strings.TrimPrefix(s.ID, "-1009876543210/") {
		t.Errorf("%+v", s)
	}
}

func TestAnonymousReactionsAreCountedByTheirDifference(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	a := w.connect(t)
	h := w.listen(t, a, nil)
	steps := []struct {
		n    map[string]int
		want []string
	}{
		{map[string]int{"👍": 2, "🔥": 1}, []string{"react 7 like", "react 7 like", "react 7 🔥"}},
		{map[string]int{"👍": 3}, []string{"react 7 like", "unreact 7 🔥"}},
		{map[string]int{"👍": 3}, nil},
		{map[string]int{}, []string{"unreact 7 like", "unreact 7 like", "unreact 7 like"}},
	}
	authors := map[string]bool{}
	for n, s := range steps {
		w.api.Counted(chat, 7, s.n)
		h = w.listen(t, a, h.Cursor)
		if got := told(h); !slices.Equal(got, s.want) {
			t.Fatalf("step %d: %q, want %q", n, got, s.want)
		}
		for _, x := range h.Said {
			authors[x.Author.ID] = true
		}
	}
	if len(authors) != 3 {
		t.Errorf("%d people, want the three who reacted most: %v", len(authors), authors)
	}
	w.api.Counted(chat, 8, map[string]int{"👍": 1_000_000_000})
	if h = w.listen(t, a, h.Cursor); len(h.Said) > 10_000 {
		t.Errorf("a number gives %d things", len(h.Said))
	}
}

func TestNamedReactionsFollowTheirAuthor(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	a := w.connect(t)
	h := w.listen(t, a, nil)
	r, err := send(w, t, a, channel.Post{Key: "k", Text: "Sabato il mercato"})
	if err != nil {
		t.Fatal(err)
	}
	copied := w.api.Messages(group)[0].ID // our post in the discussion group
	w.api.React(marisa(), group, copied, "", "👍")
	w.api.React(marisa(), group, copied, "👍", "❤")
	h = w.listen(t, a, h.Cursor)
	if got, want := told(h), []string{"react " + r.ID + " like", "unreact " + r.ID + " like", "react " + r.ID + " ❤"}; !slices.Equal(got, want) {
		t.Fatalf("heard %q, want %q", got, want)
	}
	if h.Said[0].Author.ID != "55501" {
		t.Errorf("%+v", h.Said[0].Author)
	}
}

// Two profiles may share a bot: each hears what concerns its own channel, though
// Telegram tells each thing to the bot once.
func TestTwoChannelsOfOneBotBothHear(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	const library, readers = int64(-1005550001), int64(-1005550002)
	w.api.AddChat(telegramtest.Chat{ID: library, Type: "channel", Title: "Biblioteca", Username: "bibliocesate"})
	w.api.AddChat(telegramtest.Chat{ID: readers, Type: "supergroup", Title: "Lettori"})
	w.api.Join(token, library, telegramtest.Member{Status: "administrator", Post: true})
	w.api.Join(token, readers, telegramtest.Member{Status: "administrator"})
	w.api.Link(library, readers)
	one := w.connect(t)
	two, err := w.adapter.Connect(t.Context(), map[string]string{"token": token, "chat": "@bibliocesate", "server": w.server})
	if err != nil {
		t.Fatal(err)
	}
	h1, h2 := w.listen(t, one, nil), w.listen(t, two, nil)
	for n := range 30 {
		w.api.Say(marisa(), group, fmt.Sprint("al comune ", n), 0)
		w.api.Say(marisa(), readers, fmt.Sprint("alla biblioteca ", n), 0)
		if n%10 == 9 {
			h1 = w.listen(t, one, h1.Cursor)
			h2 = w.listen(t, two, h2.Cursor)
			if len(h1.Said) != 10 || len(h2.Said) != 10 || h1.Said[0].Text != fmt.Sprint("al comune ", n-9) || h2.Said[0].Text != fmt.Sprint("alla biblioteca ", n-9) {
				t.Fatalf("heard %q and %q", told(h1), told(h2))
			}
		}
	}
}

// After a week of silence Telegram numbers updates anew, perhaps lower.
func TestLowerNumbersAfterALongSilenceAreHeard(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	a := w.connect(t)
	w.api.Say(marisa(), group, "prima", 0)
	h := w.listen(t, a, nil)
	w.api.Renumber(1000)
	w.api.Say(marisa(), group, "dopo", 0)
	old := []byte(strings.Replace(string(h.Cursor), `"at":"20`, `"at":"19`, 1)) // a long time ago
	if got := told(w.listen(t, a, old)); !slices.Contains(got, "comment  dopo") {
		t.Errorf("heard %q", got)
	}
}

func TestWhoWritesInTheNameOfTheChannelIsOneOfUs(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	a := w.connect(t)
	for _, c := range []struct {
		update string
		want   int
		ours   bool
	}{
		{`{"message_id":9,"date":1,"chat":{"id":-1009876543210,"type":"supergroup"},"from":{"id":136817688,"is_bot":true},"sender_chat":{"id":-1001234567890,"title":"Comune"},"text":"Risponde il Comune"}`, 1, true},
		{`{"message_id":9,"date":1,"chat":{"id":-1009876543210,"type":"supergroup"},"from":{"id":1087968824,"is_bot":true},"sender_chat":{"id":-1009876543210,"title":"Comune"},"text":"Un amministratore anonimo"}`, 1, true},
		{`{"message_id":9,"date":1,"chat":{"id":-1009876543210,"type":"supergroup"},"from":{"id":7,"is_bot":true},"text":"Un altro bot"}`, 0, false},
		{`{"message_id":9,"date":1,"chat":{"id":-1009876543210,"type":"supergroup"},"from":{"id":7},"new_chat_members":[]}`, 0, false},
		{`{"message_id":9,"date":1,"chat":{"id":-100777,"type":"supergroup"},"from":{"id":7},"text":"In un altro gruppo"}`, 0, false},
		{`{"message_id":9,"date":1,"chat":{"id":-1009876543210,"type":"supergroup"},"from":{"id":7,"first_name":"Ada"},"photo":[{}],"caption":"Guardate"}`, 1, false},
		{`{"message_id":"nove"}`, 0, false},
		{`[]`, 0, false},
	} {
		w.api.Raw(token, "message", json.RawMessage(c.update))
		h := w.listen(t, a, nil)
		w.api.Forget(token)
		if len(h.Said) != c.want || c.want == 1 && h.Said[0].Ours != c.ours {
			t.Errorf("%s is heard as %+v", c.update, h.Said)
		}
		if c.want == 1 && strings.Contains(c.update, "photo") && h.Said[0].Text != "📷\n\nGuardate" {
			t.Errorf("a picture is %q", h.Said[0].Text)
		}
	}
}

func TestBotWhoseUpdatesGoElsewhereSaysSo(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	a := w.connect(t)
	w.api.Webhook(token)
	_, err := w.adapter.Listen(t.Context(), a, nil)
	if e := channel.AsError(err); err == nil || e.Class != channel.Transient || e.Code != telegram.CodeListened {
		t.Fatalf("%v", err)
	}
}

func TestCitizenWhoBlockedTheBotDoesNotStopTheChannel(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	a := w.connect(t)
	id := citizens{w.api}.Say(t, "Solo per voi", "", true)
	s := w.listen(t, a, nil).Said[0]
	w.api.Block(marisa().ID)
	_, err := send(w, t, a, channel.Post{Key: "k", Text: "Ecco", To: &channel.Reply{ID: id, Author: s.Author, Private: true}})
	if e := channel.AsError(err); err == nil || e.Class != channel.Refused || e.Code != channel.CodeCannotAnswer {
		t.Fatalf("%v", err)
	}
}

func TestHiddenCommentIsDeletedWhereTheBotMay(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	a := w.connect(t)
	id := citizens{w.api}.Say(t, "Insulti", "", false)
	r := channel.Reply{ID: id}
	w.api.Join(token, group, telegramtest.Member{Status: "administrator"})
	if e := channel.AsError(w.adapter.Hide(t.Context(), a, r)); e.Class != channel.Refused || e.Code != telegram.CodeMayNotDelete {
		t.Errorf("without the right: %v", e)
	}
	w.api.Join(token, group, telegramtest.Member{Status: "administrator", Delete: true})
	for range 2 {
		if err := w.adapter.Hide(t.Context(), a, r); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.api.Messages(group)); n != 0 {
		t.Errorf("%d messages are left", n)
	}
	for what, err := range map[string]error{"unhide": w.adapter.Unhide(t.Context(), a, r), "report": w.adapter.Report(t.Context(), a, r, "x"),
		"hide a letter": w.adapter.Hide(t.Context(), a, channel.Reply{ID: strconv.FormatInt(marisa().ID, 10) + "/1"})} {
		if e := channel.AsError(err); err == nil || e.Class != channel.Refused {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzListen(f *testing.F) {
	f.Add(`{"message_id":9,"date":1,"chat":{"id":-1009876543210},"from":{"id":7},"text":"x","reply_to_message":{"reply_to_message":null}}`)
	f.Add(`{"chat":{"type":"private"},"message_id":1,"date":99999999999999,"from":{},"document":{}}`)
	w := newTown(f, telegramtest.Options{})
	a := w.connect(f)
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		for _, kind := range []string{"message", "edited_message", "message_reaction", "message_reaction_count"} {
			w.api.Raw(token, kind, json.RawMessage(text))
		}
		h, err := w.adapter.Listen(t.Context(), a, nil)
		w.api.Forget(token)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range h.Said {
			if s.Act == channel.Comments && (s.ID == "" || s.Author.ID == "" || s.Text == "") {
				t.Fatalf("%+v", s)
			}
		}
	})
}

package telegram_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/channel/telegram"
	"codeberg.org/arengo/arengo/internal/channel/telegram/telegramtest"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func send(w town, t *testing.T, a channel.Account, p channel.Post) (channel.Remote, error) {
	t.Helper()
	done, err := w.adapter.Prepare(t.Context(), a, p, nil, nil)
	if err != nil {
		return channel.Remote{}, err
	}
	return w.adapter.Finalize(t.Context(), a, p, done)
}

func photos(t *testing.T, n int) []channel.Media {
	var list []channel.Media
	for i := range n {
		m := channeltest.Photo(t, i)
		m.Alt = "Foto della piazza"
		list = append(list, m)
	}
	return list
}

func TestDescriptionsFollowTheTextWhenTheyFit(t *testing.T) {
	cases := []struct {
		name, text string
		files      int
		want       string
	}{
		{"one picture", "La festa", 1, "La festa\n\n🖼 Foto della piazza"},
		{"two pictures", "La festa", 2, "La festa\n\n🖼 1. Foto della piazza\n🖼 2. Foto della piazza"},
		{"no text", "", 1, "🖼 Foto della piazza"},
		{"no room", strings.Repeat("a", 1010), 1, strings.Repeat("a", 1010)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newTown(t, telegramtest.Options{})
			if _, err := send(w, t, w.connect(t), channel.Post{Key: "k", Text: c.text, Media: photos(t, c.files)}); err != nil {
				t.Fatal(err)
			}
			sent := w.api.Messages(chat)
			if len(sent) != c.files || sent[0].Text != c.want {
				t.Fatalf("%+v, want %q", sent, c.want)
			}
			for _, m := range sent[1:] {
				if m.Text != "" {
					t.Errorf("a second caption hides the first: %q", m.Text)
				}
			}
		})
	}
}

func TestLimitsCountUTF16(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	a := w.connect(t)
	const emoji = "🎉" // one character for a reader, two units for Telegram
	for _, c := range []struct {
		text  string
		media []channel.Media
		fits  bool
	}{
		{strings.Repeat(emoji, 2048), nil, true},
		{strings.Repeat(emoji, 2048) + "!", nil, false},
		{strings.Repeat(emoji, 512), photos(t, 1), true},
		{strings.Repeat(emoji, 512) + "!", photos(t, 1), false},
	} {
		_, err := send(w, t, a, channel.Post{Key: "k", Text: c.text, Media: c.media})
		if c.fits && err != nil || !c.fits && channel.AsError(err).Code != channel.CodeTooLong {
			t.Errorf("%d bytes beside %d files: %v", len(c.text), len(c.media), err)
		}
	}
}

func TestWarningStandsAboveAndHidesThePictures(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	if _, err := send(w, t, w.connect(t), channel.Post{Key: "k", Text: "Testo", Warning: "Immagini forti", Media: photos(t, 2)}); err != nil {
		t.Fatal(err)
	}
	sent := w.api.Messages(chat)
	if !strings.HasPrefix(sent[0].Text, "⚠️ Immagini forti\n\nTesto") || !sent[0].Spoiler || !sent[1].Spoiler {
		t.Fatalf("%+v", sent)
	}
}

func TestDocumentsGoByThemselves(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	a := w.connect(t)
	pdf := channeltest.File("bando.pdf", "application/pdf", "", []byte("%PDF-1.7 "))
	if _, err := send(w, t, a, channel.Post{Key: "1", Text: "Il bando", Media: []channel.Media{pdf, pdf}}); err != nil {
		t.Fatal(err)
	}
	if sent := w.api.Messages(chat); len(sent) != 2 || sent[0].Kind != "document" || sent[0].Name != "bando.pdf" {
		t.Fatalf("%+v", sent)
	}
	_, err := send(w, t, a, channel.Post{Key: "2", Text: "Bando e foto", Media: append(photos(t, 1), pdf)})
	if e := channel.AsError(err); e.Class != channel.Refused || e.Code != channel.CodeMedia {
		t.Fatalf("got %v", err)
	}
	if n := len(w.api.Accepted()); n != 2 {
		t.Fatalf("%d messages", n)
	}
}

func TestLinksLeadToTheMessage(t *testing.T) {
	for _, c := range []struct {
		chat  telegramtest.Chat
		typed string
		want  string
	}{
		{telegramtest.Chat{ID: -1009, Type: "channel", Username: "cesate_news"}, "https://t.me/cesate_news", "https://t.me/cesate_news/101"},
		{telegramtest.Chat{ID: -1001777, Type: "supergroup", Title: "Privato"}, "-1001777", "https://t.me/c/1777/101"},
		{telegramtest.Chat{ID: -55, Type: "group", Title: "Piccolo"}, "-55", ""},
	} {
		w := newTown(t, telegramtest.Options{})
		w.api.AddChat(c.chat)
		w.api.Join(token, c.chat.ID, telegramtest.Member{Status: "administrator", Post: true})
		a, err := w.adapter.Connect(t.Context(), map[string]string{"token": token, "chat": c.typed, "server": w.server})
		if err != nil {
			t.Fatal(err)
		}
		r, err := send(w, t, a, channel.Post{Key: "k", Text: "Ciao"})
		if err != nil || r.URL != c.want {
			t.Errorf("%s: %q, %v, want %q", c.typed, r.URL, err, c.want)
		}
	}
}

func TestRightsInTheChatAreChecked(t *testing.T) {
	for status, m := range map[string]telegramtest.Member{
		"kicked":                {Status: "kicked"},
		"left":                  {Status: "left"},
		"only a member":         {Status: "member"},
		"an administrator mute": {Status: "administrator"},
	} {
		w := newTown(t, telegramtest.Options{})
		a := w.connect(t)
		w.api.Join(token, chat, m)
		_, err := w.adapter.Test(t.Context(), a)
		if e := channel.AsError(err); e.Class != channel.Revoked || e.Code != channel.CodeForbidden {
			t.Errorf("%s: Test says %v", status, err)
		}
		_, err = send(w, t, a, channel.Post{Key: "k", Text: "Ciao"})
		if e := channel.AsError(err); e.Class != channel.Revoked || e.Code != channel.CodeForbidden {
			t.Errorf("%s: Finalize says %v", status, err)
		}
		_, err = w.adapter.Connect(t.Context(), w.typed())
		if e := channel.AsError(err); e.Field != "chat" {
			t.Errorf("%s: Connect says %v about %q", status, err, e.Field)
		}
	}
}

func TestGroupThatBecameASupergroupIsFollowed(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	a := w.connect(t)
	w.api.Move(chat, -1005)
	var kept json.RawMessage
	a.Keep = func(_ context.Context, s json.RawMessage) error { kept = s; return nil }
	_, err := send(w, t, a, channel.Post{Key: "k", Text: "Ciao"})
	if e := channel.AsError(err); e.Class != channel.Transient || len(kept) == 0 {
		t.Fatalf("%v, kept %d bytes", err, len(kept))
	}
	a.Secret = kept
	if _, err := send(w, t, a, channel.Post{Key: "k", Text: "Ciao"}); err != nil {
		t.Fatal(err)
	}
	if n := len(w.api.Messages(-1005)); n != 1 {
		t.Fatalf("%d messages in the new group", n)
	}
}

func TestPaceOfTheChatIsRespected(t *testing.T) {
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	w := newTown(t, telegramtest.Options{Now: func() time.Time { return now }, Pace: true})
	a := w.connect(t)
	for range 20 {
		if _, err := send(w, t, a, channel.Post{Key: "k", Text: "Ciao"}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := send(w, t, a, channel.Post{Key: "k", Text: "Ciao"})
	e := channel.AsError(err)
	if e.Class != channel.Transient || e.Code != channel.CodeTooMany || e.RetryAfter != 61*time.Second {
		t.Fatalf("%v, wait %s", err, e.RetryAfter)
	}
	now = now.Add(e.RetryAfter)
	if _, err := send(w, t, a, channel.Post{Key: "k", Text: "Ciao"}); err != nil {
		t.Fatal(err)
	}
}

func TestMessageTooOldToDeleteIsLeftToAPerson(t *testing.T) {
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	w := newTown(t, telegramtest.Options{Now: func() time.Time { return now }})
	a := w.connect(t)
	r, err := send(w, t, a, channel.Post{Key: "k", Text: "Ciao"})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(49 * time.Hour)
	err = w.adapter.Withdraw(t.Context(), a, r)
	if e := channel.AsError(err); e.Class != channel.Refused || e.Code != channel.CodeCannotEdit {
		t.Fatalf("got %v", err)
	}
}

func TestAlbumThatChangedItsSizeIsLeftToAPerson(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	a := w.connect(t)
	p := channel.Post{Key: "k", Text: "Foto", Media: photos(t, 3)}
	r, err := send(w, t, a, p)
	if err != nil {
		t.Fatal(err)
	}
	p.Media = p.Media[:2]
	_, err = w.adapter.Edit(t.Context(), a, p, r)
	if e := channel.AsError(err); e.Class != channel.Refused || e.Code != channel.CodeCannotEdit {
		t.Fatalf("got %v", err)
	}
}

func TestPhotoThatTelegramCannotShowIsRefused(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	bad := channeltest.File("foto.jpg", "image/jpeg", "x", []byte("no picture"))
	_, err := send(w, t, w.connect(t), channel.Post{Key: "k", Text: "Foto", Media: []channel.Media{bad}})
	if e := channel.AsError(err); e.Class != channel.Refused || e.Code != channel.CodeMedia {
		t.Fatalf("got %v", err)
	}
}

func TestAlbumOfWhichNotAllWasMadeIsUnknown(t *testing.T) {
	gate := channeltest.NewGate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"ok":true,"result":[{"message_id":7,"chat":{"id":-1009,"type":"channel"}}]}`)
	}), tooMany)
	adapter := telegram.New(fetch.New(fetch.Options{AllowLoopback: true}))
	a := channel.Account{Server: gate.Serve(t), Secret: json.RawMessage(`{"token":"1:x","chat":-1009}`)}
	_, err := adapter.Finalize(t.Context(), a, channel.Post{Media: photos(t, 2)}, nil)
	if e := channel.AsError(err); e.Class != channel.Unknown {
		t.Fatalf("got %v", err)
	}
}

// What is sent has no parse mode, so that every sign is one; only what Telegram would
// take for a host gets a joiner that nobody sees.
func TestEveryConstructIsReadOnTelegram(t *testing.T) {
	w := newTown(t, telegramtest.Options{})
	a := w.connect(t)
	for i, markdown := range testkit.Constructs() {
		text := publishing.NewWriting().Plain(markdown, "https://comune.example")
		before := len(w.api.Messages(chat))
		if _, err := send(w, t, a, channel.Post{Key: fmt.Sprint(i), Text: text}); err != nil {
			t.Fatal(err)
		}
		sent := w.api.Messages(chat)[before:]
		if len(sent) != 1 || strings.ReplaceAll(sent[0].Text, "\u2060", "") != text {
			t.Errorf("%q became %+v", text, sent)
		}
	}
}

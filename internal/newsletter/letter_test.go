package newsletter

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/prose"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (run with -update when this is meant)\n%s", name, diff)
	}
}

func TestLettersAsTheyLeaveTheHouse(t *testing.T) {
	w := open(t)
	event := at("2026-05-09T16:30")
	to := letterTo{subscriber: Subscriber{ID: "SUBSCRIBER", Email: "anna@example.org", Locale: "it"}}
	english := to
	english.subscriber.Locale = "en"
	message := Issue{ID: "ISSUE", Kind: OfMessage, Title: `Strade & "ponti" <chiusi>`, Link: "https://piazza.cesate.example/m/strade", Items: []Item{{Profile: "Comune di Cesate", Title: `Strade & "ponti" <chiusi>`, Lang: "it",
		Text: "Domani la via è chiusa.\nDalle 8 alle 18.\n\n<script>alert(1)</script> perché sì & no.", Link: "https://piazza.cesate.example/m/strade",
		Pictures: []Picture{{URL: "https://piazza.cesate.example/media/abc/posta/ponte.jpg", Alt: `Il "ponte" & la via`}}}}}
	rich := message
	lat := at("2026-10-24T00:00")
	post := channel.Post{Title: message.Title, Text: message.Title + "\n\nGiorno | Ore\nLunedì | 9-12\n\nvedi orari (https://piazza.cesate.example/m/orari)\n\nhttps://piazza.cesate.example/m/strade", Lang: "it",
		Link: message.Link, Tags: []string{"lavori in corso", "2026"}, Rich: &channel.Rich{Kind: "event",
			HTML:  "<table>\n<thead>\n<tr>\n<th>Giorno</th>\n<th>Ore</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>Lunedì</td>\n<td>9-12</td>\n</tr>\n</tbody>\n</table>\n<p>vedi <a href=\"/m/orari\">orari</a></p>",
			Event: &channel.Event{Start: lat, End: lat.AddDate(0, 0, 3), Days: true, Where: "Piazza <Grande>"}}}
	rich.Items = []Item{w.list.item(w.i, institution.Profile{Name: "Comune di Cesate"}, post)}
	digest := Issue{ID: "ISSUE", Kind: OfWeek, Link: "https://piazza.cesate.example/notizie", Items: []Item{
		{Profile: "Biblioteca", Title: "Storie sotto il glicine", Text: "Un pomeriggio di storie lette ad alta voce.", Link: "https://piazza.cesate.example/m/storie", Lang: "it", Event: &event},
		{Profile: "Comune di Cesate", Title: "Welcome desk", Text: "Every Thursday afternoon.", Link: "https://piazza.cesate.example/m/welcome", Lang: "en"}}}
	for name, write := range map[string]func() (mail.Letter, error){
		"rich":      func() (mail.Letter, error) { return newWriter(w.list, w.i, rich).letter(to, w.clock.now()) },
		"message":   func() (mail.Letter, error) { return newWriter(w.list, w.i, message).letter(to, w.clock.now()) },
		"digest":    func() (mail.Letter, error) { return newWriter(w.list, w.i, digest).letter(to, w.clock.now()) },
		"digest-en": func() (mail.Letter, error) { return newWriter(w.list, w.i, digest).letter(english, w.clock.now()) },
		"confirmation": func() (mail.Letter, error) {
			return w.list.confirmation(w.i, asked{Email: "anna@example.org", Locale: "it", Nonce: "NONCE", Expires: db.At(w.clock.now().Add(time.Hour))}, "https://piazza.cesate.example/newsletter/conferma/LINK", w.clock.now())
		},
	} {
		l, err := write()
		if err != nil {
			t.Fatal(err)
		}
		token := w.list.token(w.i.ID, "SUBSCRIBER")
		clean := func(s string) string { return strings.ReplaceAll(s, token, "TOKEN") }
		golden(t, name+".txt", clean(l.Text))
		golden(t, name+".html", clean(l.HTML))
		bytes, err := l.Bytes(nil)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(bytes), "\r\n\r\n")
		for _, want := range []string{"Message-ID: <", "MIME-Version: 1.0", "Content-Type: multipart/alternative"} {
			if !strings.Contains(head, want) {
				t.Errorf("%s: %q is missing in\n%s", name, want, head)
			}
		}
		if one := strings.Contains(head, "List-Unsubscribe-Post: List-Unsubscribe=One-Click"); one != (name != "confirmation") {
			t.Errorf("%s: one-click unsubscription is %v", name, one)
		}
		if strings.Contains(l.HTML, "<script") {
			t.Errorf("%s: what was typed is not escaped", name)
		}
	}
}

// Both parts of a letter say what the site shows.
func TestEveryConstructIsReadInALetter(t *testing.T) {
	w := open(t)
	writing := publishing.NewWriting()
	spoken := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	to := letterTo{subscriber: Subscriber{ID: "SUBSCRIBER", Email: "anna@example.org", Locale: "it"}}
	for _, markdown := range testkit.Constructs() {
		page, err := writing.HTML(markdown)
		if err != nil {
			t.Fatal(err)
		}
		text := writing.Plain(markdown, w.list.address(w.i))
		post := channel.Post{Title: "Titolo", Text: "Titolo\n\n" + text, Lang: "it", Link: "https://piazza.cesate.example/m/titolo", Rich: &channel.Rich{HTML: page}}
		l, err := newWriter(w.list, w.i, Issue{ID: "ISSUE", Kind: OfMessage, Title: "Titolo", Items: []Item{w.list.item(w.i, institution.Profile{}, post)}}).letter(to, w.clock.now())
		if err != nil {
			t.Fatal(err)
		}
		if want := spoken(text); !strings.Contains(spoken(l.Text), want) || !strings.Contains(spoken(prose.Reader{}.Plain(l.HTML)), want) {
			t.Errorf("%s\nreads\n%s\nand\n%s", text, l.Text, prose.Reader{}.Plain(l.HTML))
		}
	}
}

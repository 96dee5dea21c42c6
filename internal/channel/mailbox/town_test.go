package mailbox

import (
	"context"
	"crypto/tls"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// postman takes letters and says what became of them.
type postman struct {
	mu      sync.Mutex
	letters []mail.Letter
	say     func(mail.Letter) mail.Result // nil: all is well
}

func (p *postman) Send(_ context.Context, l mail.Letter) mail.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := l.Bytes(nil); err != nil {
		return mail.Result{Outcome: mail.Refused, Err: err}
	}
	r := mail.Result{Outcome: mail.Sent, Code: 250}
	if p.say != nil {
		r = p.say(l)
	}
	if r.Outcome == mail.Sent || r.Outcome == mail.Unknown {
		p.letters = append(p.letters, l) // what is unknown may have gone: the worst case
	}
	return r
}

func (*postman) Close() error { return nil }

// sent are the letters that went.
func (p *postman) sent() []mail.Letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]mail.Letter(nil), p.letters...)
}

// box is a connected mailbox on a real server.
type box struct {
	server  testkit.DovecotPeer
	adapter *Adapter
	account channel.Account
	post    *postman
	n       *int
}

const address = "biblioteca@comune.example"

func note(key string) string { return "[" + key + "]" }

func newBox(t testing.TB) box {
	t.Helper()
	b := box{server: testkit.Dovecot(t), post: &postman{}, n: new(int)}
	b.adapter = New(Options{Mail: b.post, Clock: time.Now, Note: note,
		Reach: fetch.Options{AllowLoopback: true, TLS: &tls.Config{RootCAs: b.server.Roots}}})
	a, err := b.adapter.Connect(t.Context(), b.typed())
	if err != nil {
		t.Fatal(err)
	}
	a.ID = "channel-1"
	b.account = a
	return b
}

func (b box) typed() map[string]string {
	return map[string]string{"address": address, "host": b.server.Host, "port": strconv.Itoa(b.server.Port), "user": "biblioteca", "password": b.server.Password}
}

func (b box) deliver(t testing.TB, letter string) {
	t.Helper()
	b.server.Deliver(t, "biblioteca", []byte(strings.ReplaceAll(letter, "\n", "\r\n")))
}

func (b box) listen(t testing.TB, from []byte) channel.Heard {
	t.Helper()
	h, err := b.adapter.Listen(t.Context(), b.account, from)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// citizens write letters.
type citizens struct{ box }

var _ channeltest.People = citizens{}

func (c citizens) Say(t testing.TB, text, parent string, _ bool) string {
	t.Helper()
	*c.n++
	id := fmt.Sprintf("domanda.%d@casa.example", *c.n)
	answers := ""
	if parent != "" {
		answers = "In-Reply-To: <" + parent + ">\n"
	}
	c.deliver(t, "From: Marisa Villa <marisa@casa.example>\nTo: "+address+"\nSubject: Una domanda\nMessage-ID: <"+id+">\n"+answers+
		"Date: "+time.Now().Format(time.RFC1123Z)+"\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n"+text+"\n")
	return id
}

func (c citizens) Change(t testing.TB, _, _ string) { t.Fatal("a letter cannot be changed") }
func (c citizens) TakeBack(t testing.TB, _ string)  { t.Fatal("a letter cannot be taken back") }
func (c citizens) React(t testing.TB, _ string)     { t.Fatal("nobody likes a letter") }

func (c citizens) Answers(_ testing.TB, id string) []channeltest.Seen {
	var list []channeltest.Seen
	for _, l := range c.post.sent() {
		if l.InReplyTo == id && l.To.Addr == "marisa@casa.example" {
			list = append(list, channeltest.Seen{ID: l.MessageID, Text: l.Text, Private: true})
		}
	}
	return list
}

func TestConformance(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Subject {
		b := newBox(t)
		return channeltest.Subject{
			Adapter: b.adapter, Account: b.account, People: citizens{b}, Typed: b.typed(), Secrets: []string{b.server.Password},
			Near: "letters travel by IMAP and SMTP, which no HTTP gate can cut: see TestBooksProveWhatLeft",
			Cannot: map[channeltest.Case]string{
				channeltest.HearEdit:       "a letter cannot be changed",
				channeltest.HearDelete:     "a letter cannot be taken back",
				channeltest.HearReact:      "nobody likes a letter",
				channeltest.AnswerWithdraw: "a letter cannot be taken back",
				channeltest.AnswerGone:     "a letter cannot be taken back",
			},
		}
	})
}

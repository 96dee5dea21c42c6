package mail_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/mail"
)

const mark = "bWFyay1vZi1hLWZvcm0tdGhhdC1pcy1ub2JvZHlz"

// marked is a letter with something of the reader's own in all places.
func marked(word, before string) mail.Letter {
	l := letter(1)
	l.To = mail.Address{Addr: "lettore@example.org"}
	l.Text += before + "https://comune.example/disiscrivi/" + word + "\n\n.\n" + word
	l.HTML += "<p>" + before + `<a href="https://comune.example/disiscrivi/` + word + `">via</a> = ` + word + "</p>"
	l.Unsubscribe = "https://comune.example/disiscrivi/" + word
	return l
}

// A letter out of a form is the letter as it would have been written by itself,
// wherever lines happen to end.
func TestFormFillsInTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.StringMatching(`[a-z àè€=.\n]{0,120}`).Draw(t, "before")
		word := rapid.StringMatching(`[A-Za-z0-9_-]{40}`).Draw(t, "word")
		to := rapid.StringMatching(`[a-z]{1,64}@[a-z]{1,63}\.example`).Draw(t, "to")
		id := rapid.StringMatching(`[a-z0-9-]{1,60}\.[a-z0-9-]{1,36}@[a-z]{1,40}\.example`).Draw(t, "id")
		f, err := mail.NewForm(marked(mark, before), mark)
		if err != nil {
			t.Fatal(err)
		}
		l, err := f.Letter(to, id, word)
		if err != nil {
			t.Fatal(err)
		}
		want := marked(word, before)
		want.To.Addr, want.MessageID = to, id
		if l.Text != want.Text || l.HTML != want.HTML || l.Unsubscribe != want.Unsubscribe {
			t.Fatalf("says\n%s\n%s", l.Text, l.HTML)
		}
		got, err := l.Bytes(nil)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := want.Bytes(nil); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("got\n%s\nwant\n%s\n%v", got, data, err)
		}
	})
}

func TestFormRefusesWhatALetterWould(t *testing.T) {
	f, err := mail.NewForm(marked(mark, ""), mark)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"", "short", mark + "x", strings.Replace(mark, "b", "\n", 1), strings.Replace(mark, "b", "=", 1)} {
		if _, err := f.Letter("anna@example.org", "a@b.example", word); err == nil {
			t.Errorf("%q was filled in", word)
		}
	}
	for to, id := range map[string]string{"anna@example.org\r\nBcc: b@example.org": "a@b", "anna": "a@b", "anna@example.org": "a\r\nb@c", "": "a@b", "bea@example.org": ""} {
		l, err := f.Letter(to, id, mark)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Bytes(nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q, %q: %v", to, id, err)
		}
	}
	bad := marked(mark, "")
	bad.Subject = ""
	if _, err := mail.NewForm(bad, mark); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
	if _, err := mail.NewForm(letter(1), "a.b=c"); err == nil {
		t.Error("a mark that quoted-printable changes")
	}
}

// BenchmarkWriteLetter is what a letter costs before it leaves: by itself, out of a
// form, and signed.
func BenchmarkWriteLetter(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	signer, err := mail.NewSigner("comune.example", "arengo", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	if err != nil {
		b.Fatal(err)
	}
	f, err := mail.NewForm(marked(mark, strings.Repeat("Una riga del testo.\n", 200)), mark)
	if err != nil {
		b.Fatal(err)
	}
	for name, write := range map[string]func(n int) error{
		"by itself": func(n int) error {
			l := marked(mark, strings.Repeat("Una riga del testo.\n", 200))
			l.MessageID = fmt.Sprint(n, "@comune.example")
			_, err := l.Bytes(nil)
			return err
		},
		"form": func(n int) error {
			l, err := f.Letter("anna@example.org", fmt.Sprint(n, "@comune.example"), mark)
			if err == nil {
				_, err = l.Bytes(nil)
			}
			return err
		},
		"form, signed": func(n int) error {
			l, err := f.Letter("anna@example.org", fmt.Sprint(n, "@comune.example"), mark)
			if err == nil {
				_, err = l.Bytes(signer)
			}
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if err := write(n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

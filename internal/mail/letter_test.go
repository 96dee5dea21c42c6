package mail_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/mail"
	"github.com/emersion/go-msgauth/dkim"
)

func letter(n int) mail.Letter {
	return mail.Letter{
		From:        mail.Address{Name: "Comune di Cesate – Novità", Addr: "notizie@comune.example"},
		ReplyTo:     mail.Address{Addr: "urp@comune.example"},
		To:          mail.Address{Name: "Niccolò", Addr: fmt.Sprintf("lettore%d@example.org", n)},
		Subject:     "Perché la strada è chiusa: più lunghi i percorsi, così si va in città",
		Text:        "Buongiorno,\n\n.un punto a inizio riga\nè chiusa via Roma.\n\nIl Comune\n",
		HTML:        "<p>Buongiorno,</p><p>è chiusa via Roma.</p>",
		MessageID:   fmt.Sprintf("m%d.1@comune.example", n),
		Date:        time.Date(2026, 3, 29, 3, 30, 0, 0, time.FixedZone("CEST", 7200)),
		Language:    "it",
		Bounces:     fmt.Sprintf("torna+m%d@comune.example", n),
		Unsubscribe: "https://comune.example/disiscrizione/" + strings.Repeat("0123456789abcdef", 4),
		ListID:      "notizie.comune.example",
	}
}

var update = flag.Bool("update", false, "write the golden files")

func TestLetterIsAlwaysTheSameBytes(t *testing.T) {
	for name, l := range map[string]mail.Letter{"newsletter": letter(1), "plain": {
		From: mail.Address{Addr: "no-reply@comune.example"}, To: mail.Address{Addr: "anna@example.org"},
		Subject: "Codice di accesso", Text: "Il codice è 123456.", MessageID: "a@comune.example", Date: letter(1).Date,
	}} {
		got, err := l.Bytes(nil)
		if err != nil {
			t.Fatal(err)
		}
		file := "testdata/" + name + ".eml"
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: differs from %s:\n%s", name, file, got)
		}
	}
}

func TestLetterIsReadBackByAnotherReader(t *testing.T) {
	data, err := letter(1).Bytes(nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := netmail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	dec := new(mime.WordDecoder)
	for name, want := range map[string]string{
		"Subject":               letter(1).Subject,
		"Message-Id":            "<m1.1@comune.example>",
		"List-Unsubscribe":      "<" + letter(1).Unsubscribe + ">",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		"List-Id":               "<notizie.comune.example>",
		"Auto-Submitted":        "auto-generated",
		"Content-Language":      "it",
	} {
		if got, err := dec.DecodeHeader(m.Header.Get(name)); err != nil || got != want {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
	if from, err := netmail.ParseAddress(m.Header.Get("From")); err != nil || from.Name != letter(1).From.Name {
		t.Errorf("From is %v, %v", from, err)
	}
	if d, err := m.Header.Date(); err != nil || !d.Equal(letter(1).Date) {
		t.Errorf("Date is %v, %v", d, err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []string{letter(1).Text, letter(1).HTML} {
		p, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil || strings.ReplaceAll(string(body), "\r\n", "\n") != want {
			t.Errorf("got %q, want %q, %v", body, want, err)
		}
	}
	for i, line := range bytes.Split(data, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n") {
			t.Errorf("line %d is not one of RFC 5322", i+1)
		}
	}
}

func TestTextCannotBecomeAHeader(t *testing.T) {
	for field, spoil := range map[string]func(*mail.Letter){
		"subject":     func(l *mail.Letter) { l.Subject = "Ciao\r\nBcc: tutti@example.org" },
		"from":        func(l *mail.Letter) { l.From.Name = "a\nb" },
		"to":          func(l *mail.Letter) { l.To.Addr = "a@example.org>\r\nRCPT TO:<b@example.org" },
		"reply_to":    func(l *mail.Letter) { l.ReplyTo.Addr = "a b@example.org" },
		"bounces":     func(l *mail.Letter) { l.Bounces = "<a@example.org>" },
		"message_id":  func(l *mail.Letter) { l.MessageID = "<a@b>" },
		"list_id":     func(l *mail.Letter) { l.ListID = "a\r\nb" },
		"unsubscribe": func(l *mail.Letter) { l.Unsubscribe = "javascript:alert(1)" },
		"text":        func(l *mail.Letter) { l.Text = "" },
	} {
		l := letter(1)
		spoil(&l)
		_, err := l.Bytes(nil)
		f := fault.Of(err)
		if f.Kind != fault.Invalid || len(f.Fields) == 0 || f.Fields[0].Name != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

func TestNormalAddress(t *testing.T) {
	for typed, want := range map[string]string{
		" Anna.Rossi@Example.ORG ": "Anna.Rossi@example.org",
		"anna+news@example.org":    "anna+news@example.org",
		"anna@münchen.de":          "anna@xn--mnchen-3ya.de",
		"o'brien@example.org":      "o'brien@example.org",
		"":                         "", "anna": "", "@example.org": "", "anna@": "", "anna@localhost": "", "anna@@example.org": "",
		"anna@example.org, b@example.org": "", "Anna <anna@example.org>": "", "an na@example.org": "", "anna@example.org.": "",
		"nicolò@example.org": "", "a..b@example.org": "", "anna@-x.org": "", strings.Repeat("a", 65) + "@example.org": "",
		"anna@example.org\r\nBcc: x": "", `"a b"@example.org`: "",
	} {
		got, err := mail.NormalAddress("email", typed)
		if got != want || (want == "") != fault.Is(err, fault.Invalid) {
			t.Errorf("%q: got %q, %v", typed, got, err)
		}
	}
}

func TestSignatureCoversTheUnsubscription(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(nil, 2048)
	if err != nil {
		t.Fatal(err)
	}
	edPublic, edKey, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	rsaPublic, _ := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	for name, k := range map[string]struct {
		private any
		record  string
	}{
		"rsa":     {rsaKey, "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(rsaPublic)},
		"ed25519": {edKey, "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(edPublic)},
	} {
		der, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := mail.NewSigner("comune.example", "arengo", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		if err != nil {
			t.Fatal(err)
		}
		data, err := letter(1).Bytes(signer)
		if err != nil {
			t.Fatal(err)
		}
		verify := func(data []byte) error {
			v, err := dkim.VerifyWithOptions(bytes.NewReader(data), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
				if name != "arengo._domainkey.comune.example" {
					return nil, fmt.Errorf("asked for %s", name)
				}
				return []string{k.record}, nil
			}})
			if err != nil {
				return err
			}
			if len(v) != 1 {
				return fmt.Errorf("%d signatures", len(v))
			}
			return v[0].Err
		}
		if err := verify(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, change := range [][2]string{{"disiscrizione", "dischiamazio"}, {"One-Click", "One-Cluck"}, {"via Roma", "via Rima"}} {
			forged := bytes.Replace(data, []byte(change[0]), []byte(change[1]), 1)
			if bytes.Equal(forged, data) {
				t.Fatalf("%q is not in the letter", change[0])
			}
			if verify(forged) == nil {
				t.Errorf("%s: %q can be changed", name, change[0])
			}
		}
	}
	if _, err := mail.NewSigner("comune.example", "arengo", []byte("no key")); err == nil {
		t.Error("no key was accepted as a key")
	}
}

func TestAnswerOfAPersonNamesWhatItAnswers(t *testing.T) {
	l := letter(1)
	l.InReplyTo, l.References = "domanda@example.org", []string{"prima@example.org", "domanda@example.org"}
	data, err := l.Bytes(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, want := range []string{"In-Reply-To: <domanda@example.org>\r\n", "References: <prima@example.org>\r\n <domanda@example.org>\r\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "Auto-Submitted") {
		t.Error("a person's answer calls itself automatic")
	}
	l.References = append(l.References, "x@y>\r\nBcc: tutti@example.org")
	if _, err := l.Bytes(nil); err == nil {
		t.Error("a name that becomes a header is taken")
	}
}

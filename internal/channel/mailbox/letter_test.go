package mailbox

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/channel"
)

func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

const head = "From: Marisa <m@casa.example>\nMessage-ID: <a@casa.example>\nMIME-Version: 1.0\n"

// Whatever is in a letter, it is kept as far as it can be read, and in bounds.
func TestBrokenLettersAreKept(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 50<<20))
	z.Close()
	zipped := base64.StdEncoding.EncodeToString(bomb.Bytes())
	nested := strings.Repeat("Content-Type: multipart/mixed; boundary=x\n\n--x\n", 5000)
	many := "Content-Type: multipart/mixed; boundary=x\n\n" + strings.Repeat("--x\nContent-Type: text/plain\n\nparte\n", 20_000)
	cases := []struct{ name, letter, contains string }{
		{"an unknown character set", head + "Content-Type: text/plain; charset=x-marziano\n\nPerche no\n", "Perche no"},
		{"an unknown encoding", head + "Content-Transfer-Encoding: x-cifrato\n\nPerche no\n", "Perche no"},
		{"base64 that is none", head + "Content-Transfer-Encoding: base64\n\n!!!! non è base64\n", ""},
		{"bytes that are no text", head + "Content-Type: text/plain; charset=utf-8\n\nCiao \xff\xfe\x00 mondo\n", "Ciao"},
		{"no boundary", head + "Content-Type: multipart/mixed\n\n--x\n\nCiao\n", ""},
		{"a part that does not end", head + "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nCiao a tutti\n", "Ciao a tutti"},
		{"no header at all", "Solo testo, senza intestazione\n", "Solo testo"},
		{"nothing", "", ""},
		{"no sender", "Subject: x\n\nChi sono?\n", "Chi sono?"},
		{"a sender that is none", "From: <<<\"><script>\n\nChi sono?\n", "Chi sono?"},
		{"ten thousand recipients", "From: m@casa.example\nTo: " + strings.Repeat("a@b.example,\n ", 10_000) + "c@d.example\n\nCiao a tutti\n", "Ciao"},
		{"a bomb in a zip", head + "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nVedi allegato\n--x\nContent-Type: application/gzip\nContent-Disposition: attachment; filename=bomba.gz\nContent-Transfer-Encoding: base64\nContent-Encoding: gzip\n\n" + zipped + "\n--x--\n", "Vedi allegato"},
		{"parts in parts", head + nested, ""},
		{"twenty thousand parts", head + many, "parte"},
		{"a name that is a path", head + "Content-Type: application/pdf; name=\"../../etc/passwd\u202efdp.exe\"\nContent-Disposition: attachment\n\nx\n", ""},
		{"a Message-ID that is a header", "From: m@casa.example\nMessage-ID: <a@b\n c>\n\nCiao\n", "Ciao"},
	}
	for _, c := range cases {
		got := parse(crlf(c.letter), false, "")
		if !strings.Contains(got.text, c.contains) {
			t.Errorf("%s: %q", c.name, got.text)
		}
		sound(t, c.name, got)
	}
}

// sound fails unless what was read of a letter may be kept.
func sound(t *testing.T, name string, c content) {
	t.Helper()
	switch {
	case c.id == "" || len(c.id) > maxID || strings.ContainsAny(c.id, "<>\r\n "):
		t.Errorf("%s: id %q", name, c.id)
	case c.author.ID == "" || len(c.author.ID) > maxID || strings.ContainsAny(c.author.ID+c.author.Name+c.subject, "\r\n\x00"):
		t.Errorf("%s: %+v, %q", name, c.author, c.subject)
	case len(c.text) > channel.MaxSaid || !utf8.ValidString(c.text) || strings.ContainsAny(c.text, "\x00\x1b"):
		t.Errorf("%s: text of %d bytes", name, len(c.text))
	case len(c.files) > maxFiles || len(c.refs.References) > maxReferences || len(c.subject) > maxSubject:
		t.Errorf("%s: %d files, %d references", name, len(c.files), len(c.refs.References))
	}
	for _, f := range c.files {
		if strings.ContainsAny(f.Name, "\r\n/\\") || f.Name == "" {
			t.Errorf("%s: file %q", name, f.Name)
		}
	}
	if len(c.whole) > channel.MaxWhole || !utf8.ValidString(c.whole) || strings.ContainsAny(c.whole, "\x00\x1b") {
		t.Errorf("%s: whole of %d bytes", name, len(c.whole))
	}
}

func TestLetterWithoutANameHasTheSameOneEachTime(t *testing.T) {
	one := parse(crlf("From: m@casa.example\n\nCiao\n"), false, "")
	two := parse(crlf("From: m@casa.example\n\nCiao!\n"), false, "")
	if one.id != parse(crlf("From: m@casa.example\n\nCiao\n"), false, "").id || one.id == two.id || one.refs.MessageID != "" {
		t.Errorf("%q and %q", one.id, two.id)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain; charset=utf-7\n\n+AGE-\n--x\nContent-Disposition: attachment; filename*=utf-8''a%2Fb\n\n--x--"))
	f.Add([]byte("From: =?x?Q?=\nX-Trasporto: posta-certificata\nContent-Type: message/rfc822; name=postacert.eml\n\nX-Trasporto: posta-certificata\nContent-Type: message/rfc822\n\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, raw []byte) { sound(t, "fuzz", parse(raw, false, "")) })
}

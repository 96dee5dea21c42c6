package loose

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecodeBelievesBytesMoreThanWords(t *testing.T) {
	for _, c := range []struct {
		name, bytes, declared string
		html                  bool
		want                  string
	}{
		{"Latin 1 with the bytes of Outlook", "l\x92ora \x80", "ISO-8859-1", false, "l’ora €"},
		{"Latin 1 that is UTF-8", "perché", "latin1", false, "perché"},
		{"nothing declared, UTF-8", "perché", "", false, "perché"},
		{"nothing declared, none", "perch\xe9", "", false, "perché"},
		{"US-ASCII that is none", "perch\xe9", "US-ASCII", false, "perché"},
		{"a page's own word", "<meta charset=iso-8859-2>\xb1", "", true, "<meta charset=iso-8859-2>ą"},
		{"the header before the page's own word", "<meta charset=iso-8859-2>\xb1", "iso-8859-1", true, "<meta charset=iso-8859-2>±"},
		{"a page's wrong word", "<meta charset=\"iso-8859-1\">è", "", true, "<meta charset=\"iso-8859-1\">è"},
		{"UTF-8 with strays", "è \x92", "utf-8", false, "è ’"},
		{"a name that nobody has", "perch\xe9", "x-marziano", false, "perché"},
		{"a name in quotation marks", "perch\x82", "\"cp850\"", false, "perché"},
		{"HZ", "~{NpJ)l6HK!#~}", "hz-gb-2312", false, "勿施於人。"},
		{"nothing", "", "utf-8", false, ""},
	} {
		if got := Decode([]byte(c.bytes), c.declared, c.html); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAddressIsFoundHoweverItIsWritten(t *testing.T) {
	for header, want := range map[string]Address{
		"Anna <anna@e.it>":                        {"Anna", "anna@e.it"},
		"<anna@e.it>":                             {"", "anna@e.it"},
		"anna@e.it":                               {"", "anna@e.it"},
		"Anna anna@e.it":                          {"Anna", "anna@e.it"},
		`"Rossi, Anna" <anna@e.it>, b@e.it`:       {"Rossi, Anna", "anna@e.it"},
		"Rossi, Anna <anna@e.it>":                 {"Rossi, Anna", "anna@e.it"},
		`"anna@pec.it" <anna@e.it>`:               {"anna@pec.it", "anna@e.it"},
		"Redazione: Anna <anna@e.it>;":            {"Anna", "anna@e.it"},
		`"anna rossi"@e.it`:                       {"", `"anna rossi"@e.it`},
		"=?utf-8?B?Tmljb2zDsg==?= <n@e.it>":       {"Nicolò", "n@e.it"},
		"nessuno":                                 {},
		"":                                        {},
		"undisclosed-recipients:;":                {},
		"Anna\n <anna@e.it>":                      {"Anna", "anna@e.it"},
		"anna@e.it.":                              {"", "anna@e.it"},
		"\"Per conto di: a@pec.it\" <posta@g.it>": {"Per conto di: a@pec.it", "posta@g.it"},
	} {
		if got := FirstAddress(header); got != want {
			t.Errorf("%q: %+v, want %+v", header, got, want)
		}
	}
}

// Whatever comes, reading ends, within its bounds, and what is text is text.
func FuzzRead(f *testing.F) {
	f.Add("From: a@b.it\n\nCiao")
	f.Add("Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n\nSubject: =?utf-8?q?=c3?= =?utf-8?q?=a8?=\n\n--x--")
	f.Add("Content-Type: text/html; charset*0*=utf-8''u; charset*1=tf-7; name=\"a\n\n+AGE-")
	f.Add("Content-Transfer-Encoding: base64\n\n====A=B")
	f.Fuzz(func(t *testing.T, s string) {
		n := 0
		p := Read([]byte(s))
		p.Walk(func(p *Part) bool {
			n++
			for _, text := range []string{p.Text(), p.FileName(), p.Header.Text("Subject"), FirstAddress(p.Header.Get("From")).Name} {
				if !utf8.ValidString(text) {
					t.Fatalf("%q is no text", text)
				}
			}
			if p.Inner() != nil {
				p.Inner().Text()
			}
			return true
		})
		if n > maxParts+1 {
			t.Fatalf("%d parts", n)
		}
	})
}

func TestManyPartsAndDepthsAreBounded(t *testing.T) {
	for name, s := range map[string]string{
		"many": "Content-Type: multipart/mixed; boundary=x\n\n" + strings.Repeat("--x\n\nparte\n", 50_000),
		"deep": strings.Repeat("Content-Type: multipart/mixed; boundary=x\n\n--x\n", 5000),
	} {
		n := 0
		Read([]byte(s)).Walk(func(*Part) bool { n++; return true })
		if n > maxParts+1 || n < 2 {
			t.Errorf("%s: %d parts", name, n)
		}
	}
}

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

func TestLettersAreReadAsTheirWritersMeantThem(t *testing.T) {
	cases := []struct{ name, letter, want string }{
		{"Latin 1, quoted-printable", head + "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nPerch=E9 gi=E0 cos=\n=EC?\n", "Perché già così?"},
		{"Windows 1252, base64", head + "Content-Type: text/plain; charset=windows-1252\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte("\x80 10 \x96 grazie")), "€ 10 – grazie"},
		{"without MIME", "From: m@casa.example\nSubject: x\n\nBuongiorno\n", "Buongiorno"},
		{"plain preferred", head + "Content-Type: multipart/alternative; boundary=x\n\n--x\nContent-Type: text/plain\n\nSemplice\n--x\nContent-Type: text/html\n\n<p>Ricca</p>\n--x--\n", "Semplice"},
		{"HTML alone", head + "Content-Type: text/html; charset=utf-8\n\n<style>p{}</style><p>Ciao<br>a <b>tutti</b></p><script>x()</script>", "Ciao\na tutti"},
		{"an empty plain part", head + "Content-Type: multipart/alternative; boundary=x\n\n--x\nContent-Type: text/plain\n\n \n--x\nContent-Type: text/html\n\n<p>Ricca</p>\n--x--\n", "Ricca"},
		{"quoted below, Italian", head + "\nVa bene, grazie.\n\nIl giorno lun 2 nov 2026 alle ore 10:12 Biblioteca <b@comune.example> ha\nscritto:\n\n> Apriamo alle 9.\n> Saluti\n", "Va bene, grazie."},
		{"quoted below, English", head + "\nThanks!\n\nOn Mon, Nov 2, 2026 at 10:12 AM Library <b@comune.example> wrote:\n> We open at 9.\n", "Thanks!"},
		{"quoted above", head + "\nIl 02/11/2026 10:12, Biblioteca ha scritto:\n> Apriamo alle 9.\n\nAnche il sabato?\n", "Anche il sabato?"},
		{"Outlook", head + "\nGrazie\n\nDa: Biblioteca\nInviato: lunedì 2 novembre 2026 10:12\nA: Marisa\nOggetto: Orari\n\nApriamo alle 9.\n", "Grazie"},
		{"parted by a line", head + "\nGrazie\n\n-----Messaggio originale-----\nApriamo alle 9.\n", "Grazie"},
		{"a signature", head + "\nA che ora?\n\n-- \nMarisa Villa\nvia Roma 3\n", "A che ora?"},
		{"nothing but a quotation", head + "\n> Apriamo alle 9.\n", "> Apriamo alle 9."},
		{"a sentence that only looks like it", head + "\nIl sindaco ha scritto:\nnon è vero niente.\nDa: via Roma a via Milano c'è buio.\n", "Il sindaco ha scritto:\nnon è vero niente.\nDa: via Roma a via Milano c'è buio."},
		{"certified mail", "From: \"Per conto di: m@pec.example\" <posta-certificata@pec.example>\nX-Trasporto: posta-certificata\nMessage-ID: <busta@pec.example>\nContent-Type: multipart/signed; boundary=s\n\n" +
			"--s\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nMessaggio di posta certificata\n--x\nContent-Type: message/rfc822; name=\"postacert.eml\"\n\n" +
			"From: Marisa <m@pec.example>\nSubject: Istanza\nContent-Type: text/plain; charset=utf-8\n\nChiedo di accedere agli atti.\n--x--\n--s--\n", "Chiedo di accedere agli atti."},
	}
	for _, c := range cases {
		got := parse(crlf(c.letter), false)
		if got.text != c.want || got.broken || got.automatic {
			t.Errorf("%s: %q, broken %v, automatic %v, want %q", c.name, got.text, got.broken, got.automatic, c.want)
		}
	}
	if pec := parse(crlf(cases[len(cases)-1].letter), false); pec.author.ID != "m@pec.example" || pec.subject != "Istanza" || pec.id != "busta@pec.example" {
		t.Errorf("certified mail: %+v", pec)
	}
}

func TestLettersThatNoPersonWroteArePassedOver(t *testing.T) {
	for name, header := range map[string]string{
		"a holiday notice":      "Auto-Submitted: auto-replied\n",
		"a newsletter":          "List-Unsubscribe: <https://a.example>\n",
		"a mailing list":        "List-Id: <a.b.example>\n",
		"an old notice":         "Precedence: bulk\n",
		"a bounce":              "Return-Path: <>\n",
		"a delivery report":     "Content-Type: multipart/report; report-type=delivery-status; boundary=x\n",
		"a receipt":             "X-Ricevuta: avvenuta-consegna\n",
		"nobody who can answer": "From: noreply@a.example\n",
	} {
		letter := header + "Message-ID: <a@b.example>\n\nTesto\n"
		if !strings.HasPrefix(header, "From") {
			letter = "From: m@casa.example\n" + letter
		}
		if !parse(crlf(letter), false).automatic {
			t.Errorf("%s is taken for a letter of a person", name)
		}
	}
	if parse(crlf("From: m@casa.example\nAuto-Submitted: no\nPrecedence: first-class\n\nTesto\n"), false).automatic {
		t.Error("a person's letter is passed over")
	}
}

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
		got := parse(crlf(c.letter), false)
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
		if strings.ContainsAny(f, "\r\n/\\") {
			t.Errorf("%s: file %q", name, f)
		}
	}
}

func TestLetterWithoutANameHasTheSameOneEachTime(t *testing.T) {
	one := parse(crlf("From: m@casa.example\n\nCiao\n"), false)
	two := parse(crlf("From: m@casa.example\n\nCiao!\n"), false)
	if one.id != parse(crlf("From: m@casa.example\n\nCiao\n"), false).id || one.id == two.id || one.refs.MessageID != "" {
		t.Errorf("%q and %q", one.id, two.id)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain; charset=utf-7\n\n+AGE-\n--x\nContent-Disposition: attachment; filename*=utf-8''a%2Fb\n\n--x--"))
	f.Add([]byte("From: =?x?Q?=\nX-Trasporto: posta-certificata\nContent-Type: message/rfc822; name=postacert.eml\n\nX-Trasporto: posta-certificata\nContent-Type: message/rfc822\n\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, raw []byte) { sound(t, "fuzz", parse(raw, false)) })
}

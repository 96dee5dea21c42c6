package mail

import (
	"bytes"
	"encoding/xml"
	"io"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/mail/loose"
)

// Receipts of Italian certified mail (PEC: DPR 68/2005; technical rules of DM 2
// November 2005, 6.4 and 6.5). The field X-Ricevuta says of which kind one is; a
// field, and daticert.xml (7.4), name the letter that it is about.

// maxCertificate bounds a daticert.xml, in bytes; it is some two kilobytes long.
const maxCertificate = 64 << 10

// receipt reads a receipt; ok is false for any other letter.
func receipt(p *loose.Part) (r Report, ok bool) {
	b := Bounce{}
	switch strings.ToLower(strings.TrimSpace(p.Header.Get("X-Ricevuta"))) {
	case "":
		return r, false
	case "accettazione", "presa-in-carico":
		b.Action = "relayed"
	case "avvenuta-consegna":
		b.Action = "delivered"
	case "non-accettazione", "errore-consegna", "rilevazione-virus":
		b.Action = "failed"
	case "preavviso-errore-consegna":
		b.Action = "delayed"
	}
	cert := certificateOf(p)
	b.Recipient, b.Diagnostic = cert.recipient, strings.Join(strings.Fields(cert.why), " ")
	switch {
	case b.Action != "failed":
	case cert.code == "no-dest":
		b.Status = "5.1.1"
	case cert.code == "no-dominio":
		b.Status = "5.1.2"
	default:
		b.Status = statusOf("", b.Diagnostic)
	}
	if b.Action != "" {
		r.Recipients = []Bounce{b}
	}
	for _, id := range []string{p.Header.Get("X-Riferimento-Message-ID"), cert.messageID} {
		if id = strings.Trim(strings.TrimSpace(id), "<>"); id != "" && !slices.Contains(r.IDs, id) {
			r.IDs = append(r.IDs, id)
		}
	}
	return r, true
}

// certificate is what matters of a daticert.xml.
type certificate struct {
	messageID, recipient string
	code, why            string // of an error: no-dest, no-dominio, virus, altro; and in the provider's words
}

// certificateOf finds and reads the daticert.xml of an envelope.
func certificateOf(p *loose.Part) (c certificate) {
	p.Walk(func(part *loose.Part) bool {
		if strings.EqualFold(part.FileName(), "daticert.xml") && len(part.Body) <= maxCertificate {
			c = readCertificate(part.Body)
			return false
		}
		return true
	})
	return c
}

// readCertificate reads the few words that matter. A document that declares a type
// or entities of its own is none of a provider: nothing in it is believed.
func readCertificate(raw []byte) (c certificate) {
	d := xml.NewDecoder(io.LimitReader(bytes.NewReader(raw), maxCertificate))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		b, err := io.ReadAll(in)
		return strings.NewReader(loose.Decode(b, charset, false)), err
	}
	in := ""
	for range 2000 {
		t, err := d.Token()
		if err != nil {
			return c
		}
		switch t := t.(type) {
		case xml.Directive:
			return certificate{}
		case xml.StartElement:
			if in = t.Name.Local; in == "postacert" {
				for _, a := range t.Attr {
					if a.Name.Local == "errore" {
						c.code = strings.ToLower(strings.TrimSpace(a.Value))
					}
				}
			}
		case xml.EndElement:
			in = ""
		case xml.CharData:
			switch in {
			case "msgid":
				c.messageID += string(t)
			case "errore-esteso":
				c.why += string(t)
			case "consegna":
				c.recipient += string(t)
			}
		}
	}
	return c
}

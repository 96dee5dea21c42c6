package mailbox

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/mail/loose"
)

// Italian certified mail (PEC: DPR 68/2005, technical rules of DM 2 November 2005)
// travels in envelopes of the providers: X-Trasporto says that a letter is inside,
// X-Ricevuta that the provider tells what became of one.

// maxCertificate bounds a daticert.xml, in bytes; it is some two kilobytes long.
const maxCertificate = 64 << 10

// envelope returns the letter inside an envelope of certified mail, nil when there
// is none. An envelope of an anomaly holds a letter that came from outside of the
// certified system, or that the provider could not check (6.3.5, 6.3.6).
func (c *content) envelope(p *loose.Part) *loose.Part {
	switch strings.ToLower(strings.TrimSpace(p.Header.Get("X-Trasporto"))) {
	case "posta-certificata":
	case "errore":
		c.anomaly = true
	default:
		return nil
	}
	var named, any *loose.Part
	p.Walk(func(part *loose.Part) bool {
		if inner := part.Inner(); inner != nil {
			if any == nil {
				any = inner
			}
			if named == nil && strings.EqualFold(part.FileName(), "postacert.eml") {
				named = inner
			}
		}
		return named == nil
	})
	if named != nil {
		return named
	}
	return any
}

// unwrap reads the letter inside. The envelope's name stays: it is the one by which
// the provider and the citizen's answer know it.
func (c *content) unwrap(p *loose.Part, cut bool, own string) {
	outer := *c
	c.head(p.Header, nil)
	c.id, c.refs.MessageID, c.cut = outer.id, outer.refs.MessageID, cut
	if c.parent == "" {
		c.parent, c.refs.References = outer.parent, outer.refs.References
	}
	if c.author.ID == nobody().ID {
		c.broken = false
		if c.author = outer.author; outer.refs.ReplyTo != "" {
			c.author = channel.Author{ID: outer.refs.ReplyTo, Handle: outer.refs.ReplyTo}
		}
	}
	if c.subject == "" {
		c.subject = certifiedSubject.ReplaceAllString(outer.subject, "")
	}
	c.doubt = doubtful(p, c.author, own)
	c.body(p)
}

var certifiedSubject = regexp.MustCompile(`(?i)^(POSTA CERTIFICATA|ANOMALIA MESSAGGIO):\s*`)

// report is what a mail server says became of letters, ours among them perhaps.
type report struct {
	mail.Report
	fate   string // one of channel's fates; "" when it says none
	detail string // in the server's words
}

// reportOf reads a receipt of certified mail, or a report of a mail server; nil for
// any other letter.
func reportOf(p *loose.Part) *report {
	if kind := strings.ToLower(strings.TrimSpace(p.Header.Get("X-Ricevuta"))); kind != "" {
		return receipt(p, kind)
	}
	r, ok := mail.ReadReport(p)
	if !ok {
		return nil
	}
	out := &report{Report: r}
	for _, b := range r.Recipients {
		switch fate := fateOf(b.Action); {
		case fate == channel.FateFailed, out.fate == "":
			out.fate, out.detail = fate, oneLine(b.Diagnostic, maxSubject)
		}
	}
	return out
}

func fateOf(action string) string {
	switch action {
	case "failed":
		return channel.FateFailed
	case "delayed":
		return channel.FateDelayed
	case "delivered", "relayed", "expanded":
		return channel.FateArrived
	}
	return ""
}

// receipt reads what a provider of certified mail tells of a letter (6.4, 6.5): a
// field and daticert.xml name it.
func receipt(p *loose.Part, kind string) *report {
	r := &report{}
	switch kind {
	case "accettazione", "presa-in-carico":
		r.fate = channel.FateAccepted
	case "avvenuta-consegna":
		r.fate = channel.FateArrived
	case "non-accettazione", "errore-consegna", "rilevazione-virus":
		r.fate = channel.FateFailed
		r.Recipients = []mail.Bounce{{Action: "failed"}}
	case "preavviso-errore-consegna":
		r.fate = channel.FateDelayed
		r.Recipients = []mail.Bounce{{Action: "delayed"}}
	}
	cert := certificateOf(p)
	for _, id := range slices.Concat(ids(p.Header.Get("X-Riferimento-Message-ID")), ids(cert.MessageID), mail.IDsIn(p)) {
		if !slices.Contains(r.IDs, id) {
			r.IDs = append(r.IDs, id)
		}
	}
	if r.detail = oneLine(cert.Error, maxSubject); len(r.Recipients) > 0 {
		r.Recipients[0].Diagnostic = r.detail
	}
	return r
}

// certificate is what daticert.xml says (technical rules, 7.4).
type certificate struct {
	Kind      string // accettazione, avvenuta-consegna …
	MessageID string
	Error     string // in the provider's words; "" when all went well
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
	for n := 0; n < 2000; n++ {
		t, err := d.Token()
		if err != nil {
			return c
		}
		switch t := t.(type) {
		case xml.Directive:
			return certificate{}
		case xml.StartElement:
			in = t.Name.Local
			if in == "postacert" {
				for _, a := range t.Attr {
					if a.Name.Local == "tipo" {
						c.Kind = a.Value
					}
				}
			}
		case xml.EndElement:
			in = ""
		case xml.CharData:
			switch in {
			case "msgid":
				c.MessageID += string(t)
			case "errore-esteso":
				c.Error += string(t)
			}
		}
	}
	return c
}

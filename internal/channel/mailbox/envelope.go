package mailbox

import (
	"regexp"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/mail/loose"
)

// Italian certified mail (PEC: DPR 68/2005, technical rules of DM 2 November 2005)
// travels in envelopes of the providers: X-Trasporto says that a letter is inside,
// X-Ricevuta that the provider tells what became of one.

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
	if behalf := author(p.Header.Get("Reply-To")); behalf.ID != "" {
		c.author, c.refs.ReplyTo = behalf, "" // should the letter inside be unreadable
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
	c.body(p, own)
}

var certifiedSubject = regexp.MustCompile(`(?i)^(POSTA CERTIFICATA|ANOMALIA MESSAGGIO):\s*`)

// report is what a mail server says became of letters, ours among them perhaps.
type report struct {
	mail.Report
	fate   string // one of channel's fates; "" when it says none
	detail string // in the server's words
}

// reportOf reads a report of a mail server or a receipt of certified mail; nil for any
// other letter.
func reportOf(p *loose.Part) *report {
	r, ok := mail.ReadReport(p)
	if !ok {
		return nil
	}
	out := &report{Report: r}
	for _, b := range r.Recipients {
		if fate := fateOf(b.Action); fate == channel.FateFailed || out.fate == "" {
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
	case "delivered":
		return channel.FateArrived
	case "relayed", "expanded":
		return channel.FateAccepted // handed on, to where nobody tells any more
	}
	return ""
}

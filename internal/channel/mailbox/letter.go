package mailbox

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/hostname"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/mail/loose"
)

// content is what a letter says.
type content struct {
	id, parent string
	author     channel.Author
	subject    string
	text       string // what the writer wrote
	whole      string // all of the letter's text, where text leaves some of it out
	lang       string
	files      []channel.SaidFile
	more       int // files beyond those that are kept
	refs       refs
	doubt      channel.Doubt // why no person may have written it
	report     *report       // of a mail server, about one of our letters perhaps
	anomaly    bool          // certified mail that the provider could not certify
	broken     bool          // not all of it could be read
	cut        bool          // longer than what was fetched
}

// refs is what an answer needs besides the id.
type refs struct {
	MessageID  string   `json:"message_id,omitempty"` // empty when the letter has none
	References []string `json:"references,omitempty"`
	ReplyTo    string   `json:"reply_to,omitempty"`
}

const (
	maxFiles      = channel.MaxSaidFiles
	maxReferences = 20
	maxSubject    = 300 // bytes
	maxID         = 250 // bytes of a Message-ID; a longer one is replaced by its hash
)

// parse reads a letter, or the beginning of one. It never fails: what cannot be
// read is left out and said to be. box is the address of the box that it came to.
func parse(raw []byte, cut bool, box string) content {
	_, own, _ := strings.Cut(strings.ToLower(box), "@")
	c := content{cut: cut}
	p := loose.Read(raw)
	c.head(p.Header, raw)
	if inner := c.envelope(p); inner != nil {
		c.unwrap(inner, cut, own)
		return c
	}
	c.doubt = doubtful(p, c.author, own)
	if c.report = reportOf(p); c.report != nil {
		c.doubt = channel.DoubtReport // by whoever it is signed
	}
	if (c.doubt == channel.DoubtNoReply || c.doubt == "" && strings.EqualFold(c.author.ID, box)) && c.refs.ReplyTo != "" {
		// A form on a web site writes in its own name, or in that of the box; the citizen is
		// who is to be answered.
		c.doubt, c.author = "", channel.Author{ID: c.refs.ReplyTo, Handle: c.refs.ReplyTo, Name: c.replyName(p.Header)}
		c.refs.ReplyTo = ""
	}
	c.body(p, own)
	if c.doubt == channel.DoubtReport {
		c.files, c.more = nil, 0 // its parts are for programs
	}
	return c
}

func (c *content) replyName(h loose.Header) string {
	if name := author(h.Get("Reply-To")).Name; name != "" {
		return name
	}
	return c.author.Name
}

// body reads what the letter says, and what is attached to it.
func (c *content) body(p *loose.Part, domain string) {
	var b body
	text := b.gather(p, 0)
	c.files, c.more = b.files, b.more
	if n := len(c.files); c.cut && n > 0 {
		c.files[n-1].Content = nil // where the letter was cut, a file ends in its middle
	}
	// What was cut off ends in the middle: that is no defect of the letter.
	c.broken = (c.broken || b.broken) && !c.cut
	own := own(text, c.answers(), domain)
	c.text = wire.Tidy(own)
	if own != text {
		if whole := tidyAll(text); whole != c.text {
			c.whole = whole
		}
	}
}

// answers reports whether the letter answers another one, so that what it quotes is
// that one. A letter that is passed on quotes what it is about.
func (c *content) answers() bool {
	if passedOn(c.subject) {
		return false
	}
	return c.parent != "" || answered(c.subject) != "Re: "+strings.TrimSpace(c.subject)
}

// head reads what the header says.
func (c *content) head(h loose.Header, raw []byte) {
	if own := ids(h.Get("Message-Id")); len(own) > 0 {
		c.id, c.refs.MessageID = own[0], own[0]
	} else {
		c.id = hashID(raw)
	}
	c.thread(h)
	c.author = author(h.Get("From"))
	if c.author.ID == "" {
		c.author = author(h.Get("Sender"))
	}
	to := author(h.Get("Reply-To"))
	switch {
	case c.author.ID == "" && to.ID != "":
		c.author = to
	case to.ID != c.author.ID:
		c.refs.ReplyTo = to.ID
	}
	c.subject = oneLine(h.Text("Subject"), maxSubject)
	if lang, _, _ := strings.Cut(h.Get("Content-Language"), ","); len(lang) <= 35 {
		c.lang = strings.TrimSpace(lang)
	}
	if c.author.ID == "" {
		c.author, c.broken = nobody(), true
	}
}

// thread reads which letters this one answers.
func (c *content) thread(h loose.Header) {
	c.refs.References = ids(h.Get("References"))
	c.refs.References = c.refs.References[max(len(c.refs.References)-maxReferences, 0):]
	if answered := ids(h.Get("In-Reply-To")); len(answered) > 0 {
		c.parent = answered[0]
	} else if n := len(c.refs.References); n > 0 {
		c.parent = c.refs.References[n-1]
	}
}

// ids are the names of letters in a field.
func ids(field string) (list []string) {
	for _, word := range strings.Fields(strings.NewReplacer("><", "> <", ",", " ").Replace(field)) {
		if id := strings.Trim(word, "<>,;\""); usableID(id) {
			list = append(list, id)
		}
	}
	return list
}

// nobody is the author of a letter that does not say who wrote it.
func nobody() channel.Author { return channel.Author{ID: "unknown@invalid", Name: "?"} }

// usableID reports whether a Message-ID may be kept as it is.
func usableID(id string) bool {
	return id != "" && len(id) <= maxID && strings.Contains(id, "@") && strings.IndexFunc(id, func(r rune) bool {
		return r <= ' ' || r > unicode.MaxASCII || strings.ContainsRune(`"\<>(),:;[]`, r)
	}) < 0
}

// hashID names a letter that has no name of its own, the same each time.
func hashID(raw []byte) string {
	sum := sha256.Sum256(raw)
	return "sha256-" + hex.EncodeToString(sum[:16])
}

// oneLine is a text without line ends and control characters.
func oneLine(s string, limit int) string {
	return wire.Cut(strings.Join(strings.Fields(wire.Tidy(s)), " "), limit)
}

// author reads the first address of a header. The name is what its owner chose; the
// address says who it is.
func author(header string) channel.Author {
	a := loose.FirstAddress(header)
	address := strings.ToLower(a.Addr)
	if ascii, err := hostname.Mail(address); err == nil {
		address = ascii
	}
	if !reachable(address) {
		return channel.Author{}
	}
	return channel.Author{ID: address, Handle: address, Name: oneLine(a.Name, 200)}
}

// reachable reports whether a letter can be sent to an address.
func reachable(address string) bool {
	_, ok := mail.Path(address)
	return ok && len(address) <= maxID
}

// doubtful says why a letter may be no person's: RFC 3834, mailing lists (RFC 2919,
// 2369), delivery reports (RFC 3464). Rules of a mailbox and forms on web sites set
// the same marks on what people write, so only what is surely automatic is left out:
// see channel.Doubt.
func doubtful(p *loose.Part, from channel.Author, own string) channel.Doubt {
	h := p.Header
	user, domain, _ := strings.Cut(from.ID, "@")
	auto, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(h.Get("Auto-Submitted"))), ";")
	precedence := strings.ToLower(strings.TrimSpace(h.Get("Precedence")))
	switch {
	case p.Kind == "multipart/report", h.Has("X-Failed-Recipients"):
		return channel.DoubtReport
	case strings.TrimSpace(auto) == "auto-replied", precedence == "auto_reply", h.Has("X-Autoreply"), h.Has("X-Autorespond"), h.Has("X-Autoresponder"), saysAbsent(h):
		return channel.DoubtAutoReply
	case strings.TrimSpace(auto) != "" && strings.TrimSpace(auto) != "no":
		return channel.DoubtGenerated
	case h.Has("List-Id"), h.Has("List-Post"), h.Has("List-Unsubscribe"), precedence == "list":
		if ownList(h, own) && !within(domain, own) {
			return "" // a citizen wrote to a group of the institution
		}
		return channel.DoubtList
	case precedence == "bulk", precedence == "junk", strings.TrimSpace(h.Get("Return-Path")) == "<>":
		return channel.DoubtBulk
	case slices.Contains([]string{"mailer-daemon", "postmaster", "noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "non-rispondere", "nonrispondere"}, user):
		return channel.DoubtNoReply
	}
	return ""
}

// saysAbsent reports whether an absence is announced: Exchange calls its own answers
// generated, not replied, and says in the subject what they are.
func saysAbsent(h loose.Header) bool {
	if !h.Has("Auto-Submitted") && !h.Has("X-Auto-Response-Suppress") {
		return false
	}
	subject := strings.ToLower(h.Text("Subject"))
	for _, begins := range []string{"automatic reply:", "risposta automatica:", "automatische antwort:", "réponse automatique", "abwesenheitsnotiz", "out of office", "fuori sede:", "samodejni odgovor:"} {
		if strings.HasPrefix(subject, begins) {
			return true
		}
	}
	return false
}

// ownList reports whether a list is one of the institution's own groups.
func ownList(h loose.Header, own string) bool {
	if own == "" {
		return false
	}
	for _, name := range []string{"List-Id", "List-Post"} {
		value := strings.Trim(strings.ToLower(strings.TrimSpace(h.Get(name))), "<>")
		if at := strings.LastIndexAny(value, "<@"); at >= 0 {
			value = value[at+1:]
		}
		if within(strings.Trim(value, "<> "), own) {
			return true
		}
	}
	return false
}

// within reports whether a domain is another one or below it.
func within(domain, of string) bool {
	return of != "" && (domain == of || strings.HasSuffix(domain, "."+of))
}

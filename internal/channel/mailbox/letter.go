package mailbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	netmail "net/mail"
	"slices"
	"strings"
	"unicode"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // so that letters in any character set are read
	gomail "github.com/emersion/go-message/mail"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

// content is what a letter says.
type content struct {
	id, parent string
	author     channel.Author
	subject    string
	text       string
	lang       string
	files      []string // names of attachments
	refs       refs
	automatic  bool // no person wrote it
	broken     bool // not all of it could be read
	cut        bool // longer than what was fetched
}

// refs is what an answer needs besides the id.
type refs struct {
	MessageID  string   `json:"message_id,omitempty"` // empty when the letter has none
	References []string `json:"references,omitempty"`
	ReplyTo    string   `json:"reply_to,omitempty"`
}

const (
	maxParts      = 100 // of one letter
	maxDepth      = 20  // of parts in parts
	maxFiles      = channel.MaxSaidMedia
	maxReferences = 20
	maxSubject    = 300 // bytes
	maxID         = 250 // bytes of a Message-ID; a longer one is replaced by its hash
)

// parse reads a letter, or the beginning of one. It never fails: what cannot be
// read is left out and said to be.
func parse(raw []byte, cut bool) content {
	c := content{cut: cut}
	e, err := message.Read(bytes.NewReader(raw))
	if e == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		c.broken, c.text, c.id, c.author = true, wire.Tidy(string(raw)), hashID(raw), nobody()
		return c
	}
	c.broken = err != nil
	c.head(e.Header, raw)
	if certified(e.Header) {
		// The letter itself is inside the provider's envelope.
		if inner := postacert(e, 0); inner != nil {
			within := parse(inner, cut)
			within.id, within.refs.MessageID = c.id, c.refs.MessageID
			return within
		}
	}
	var b body
	b.walk(e, 0)
	// What was cut off ends in the middle: that is no defect of the letter.
	c.files, c.broken = b.files, (c.broken || b.broken) && !cut
	switch {
	case strings.TrimSpace(b.plain) != "":
		c.text = wire.Tidy(own(b.plain))
	case b.html != "":
		c.text = wire.Tidy(own(wire.Plain(b.html)))
	}
	return c
}

// head reads what the header says.
func (c *content) head(h message.Header, raw []byte) {
	ids := func(name string) (list []string) {
		for _, word := range strings.Fields(h.Get(name)) {
			if id := strings.Trim(word, "<>,;"); usableID(id) {
				list = append(list, id)
			}
		}
		return list
	}
	if own := ids("Message-Id"); len(own) > 0 {
		c.id, c.refs.MessageID = own[0], own[0]
	} else {
		c.id = hashID(raw)
	}
	c.refs.References = ids("References")
	c.refs.References = c.refs.References[max(len(c.refs.References)-maxReferences, 0):]
	if answered := ids("In-Reply-To"); len(answered) > 0 {
		c.parent = answered[0]
	} else if n := len(c.refs.References); n > 0 {
		c.parent = c.refs.References[n-1]
	}
	c.author = author(h.Get("From"))
	if to := author(h.Get("Reply-To")); to.ID != "" && to.ID != c.author.ID {
		c.refs.ReplyTo = to.ID
	}
	c.subject = oneLine(decoded(h.Get("Subject")), maxSubject)
	if lang, _, _ := strings.Cut(h.Get("Content-Language"), ","); len(lang) <= 35 {
		c.lang = strings.TrimSpace(lang)
	}
	c.automatic = automatic(h)
	if c.author.ID == "" {
		c.author, c.broken = nobody(), true
	}
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

// decoded reads the encoded words of a header (RFC 2047) in any character set; what
// cannot be read stays as it is.
func decoded(s string) string {
	d := mime.WordDecoder{CharsetReader: message.CharsetReader}
	if text, err := d.DecodeHeader(s); err == nil {
		return text
	}
	return s
}

// oneLine is a text without line ends and control characters.
func oneLine(s string, limit int) string {
	return wire.Cut(strings.Join(strings.Fields(wire.Tidy(s)), " "), limit)
}

// author reads the first address of a header. The name is what its owner chose; the
// address says who it is.
func author(header string) channel.Author {
	p := netmail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: message.CharsetReader}}
	list, err := p.ParseList(header)
	address, name := "", ""
	if err == nil && len(list) > 0 {
		address, name = list[0].Address, list[0].Name
	} else if at := strings.LastIndexByte(header, '<'); at >= 0 {
		// A name that breaks the rules before an address that keeps them.
		address, _, _ = strings.Cut(header[at+1:], ">")
		name = strings.Trim(header[:at], ` "`)
	} else {
		address = header
	}
	address = strings.ToLower(strings.TrimSpace(address))
	if a, err := netmail.ParseAddress(address); err != nil || a.Address != address || len(address) > maxID || strings.IndexFunc(address, unicode.IsControl) >= 0 {
		return channel.Author{}
	}
	return channel.Author{ID: address, Handle: address, Name: oneLine(decoded(name), 200)}
}

// automatic reports whether no person wrote a letter: RFC 3834, mailing lists (RFC
// 2919, 2369), delivery reports (RFC 3464), and the receipts of certified mail.
func automatic(h message.Header) bool {
	if auto := strings.ToLower(strings.TrimSpace(h.Get("Auto-Submitted"))); auto != "" && auto != "no" {
		return true
	}
	switch strings.ToLower(strings.TrimSpace(h.Get("Precedence"))) {
	case "bulk", "list", "junk", "auto_reply":
		return true
	}
	for _, name := range []string{"List-Id", "List-Unsubscribe", "List-Post", "X-Autoreply", "X-Autorespond", "X-Ricevuta", "X-Failed-Recipients"} {
		if h.Get(name) != "" {
			return true
		}
	}
	kind, _, _ := h.ContentType()
	path := strings.TrimSpace(h.Get("Return-Path"))
	from := strings.ToLower(author(h.Get("From")).ID)
	user, _, _ := strings.Cut(from, "@")
	return strings.EqualFold(kind, "multipart/report") || path == "<>" || slices.Contains([]string{"mailer-daemon", "postmaster", "noreply", "no-reply"}, user)
}

// certified reports whether a letter came as Italian certified mail (DPR 68/2005,
// technical rules, 6.3.5), which wraps what was written.
func certified(h message.Header) bool {
	return strings.EqualFold(strings.TrimSpace(h.Get("X-Trasporto")), "posta-certificata")
}

// postacert finds the letter inside the envelope of certified mail.
func postacert(e *message.Entity, depth int) []byte {
	kind, params, _ := e.Header.ContentType()
	if kind == "message/rfc822" && (depth > 0 || strings.EqualFold(params["name"], "postacert.eml")) {
		inner, err := io.ReadAll(io.LimitReader(e.Body, maxLetter))
		if err != nil {
			return nil
		}
		return inner
	}
	parts := e.MultipartReader()
	if parts == nil || depth > maxDepth {
		return nil
	}
	for range maxParts {
		part, err := parts.NextPart()
		if part == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
			return nil
		}
		if inner := postacert(part, depth+1); inner != nil {
			return inner
		}
	}
	return nil
}

// body gathers the parts of a letter.
type body struct {
	plain, html string
	files       []string
	broken      bool
	parts       int
}

// maxBody bounds the text of one part, in bytes, after its encoding was undone.
const maxBody = 4 * channel.MaxSaid

func (b *body) walk(e *message.Entity, depth int) {
	if b.parts++; b.parts > maxParts || depth > maxDepth {
		b.broken = true
		return
	}
	if parts := e.MultipartReader(); parts != nil {
		for {
			part, err := parts.NextPart()
			if errors.Is(err, io.EOF) {
				return
			}
			if part == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
				b.broken = true
				return
			}
			b.broken = b.broken || err != nil
			if b.walk(part, depth+1); b.parts > maxParts {
				return
			}
		}
	}
	kind, _, err := e.Header.ContentType()
	if err != nil {
		kind = "text/plain"
	}
	if name, attached := attachment(e.Header, kind); attached {
		if len(b.files) < maxFiles {
			b.files = append(b.files, name)
		}
		return
	}
	raw, err := io.ReadAll(io.LimitReader(e.Body, maxBody))
	b.broken = b.broken || err != nil && !errors.Is(err, io.ErrUnexpectedEOF)
	switch text := strings.ToValidUTF8(string(raw), "\uFFFD"); {
	case kind == "text/html":
		b.html += text
	default:
		b.plain += text + "\n\n"
	}
}

// attachment tells a file from a text that is to be read.
func attachment(h message.Header, kind string) (name string, attached bool) {
	file := gomail.AttachmentHeader{Header: h}
	name, err := file.Filename()
	if err != nil {
		name = ""
	}
	// What a name makes of a folder, or of the direction of writing, is no part of it.
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, name)
	if name == "" {
		name = strings.ReplaceAll(kind, "/", " ")
	}
	disposition, _, _ := h.ContentDisposition()
	isText := kind == "text/plain" || kind == "text/html" || kind == ""
	return oneLine(name, 150), strings.EqualFold(disposition, "attachment") || !isText
}

package mail

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	netmail "net/mail"
	"net/url"
	"strings"
	"time"
	"unicode"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/hostname"
	"github.com/emersion/go-msgauth/dkim"
	gomail "github.com/wneessen/go-mail"
)

// Address is a mailbox with the name shown beside it, which may be empty.
type Address struct {
	Name string
	Addr string
}

// Letter is what one person receives. Subject, From, To, MessageID, Date and Text
// are needed; HTML is the same in other clothes.
type Letter struct {
	From      Address
	ReplyTo   Address // may be empty
	To        Address
	Subject   string
	Text      string
	HTML      string
	MessageID string    // left@right, without the angle brackets (RFC 5322, 3.6.4)
	Date      time.Time // in the zone it is to be written in
	Language  string    // of the text: it, en; may be empty

	// Bounces is where the letter goes back to when it cannot be delivered (the
	// envelope sender); empty means From.
	Bounces string

	// Unsubscribe is an https address at which a POST, without a question and
	// without signing in, ends the subscription (RFC 8058); empty for letters that
	// are no newsletter.
	Unsubscribe string
	ListID      string // of a newsletter: notizie.comune.example (RFC 2919)

	// InReplyTo and References are the letters that a person answers with this one,
	// without the angle brackets (RFC 5322, 3.6.4). Such a letter is no automatic one.
	InReplyTo  string
	References []string

	filled *filled // how it came out of a form; nil when it did not
}

// NormalAddress checks an address typed by a person and gives the form to store:
// without spaces around, the domain in lower case and in ASCII. It fails with
// Invalid on the named field.
func NormalAddress(field, typed string) (string, error) {
	bad := fault.InvalidField(field, "mail.address")
	s := strings.TrimSpace(typed)
	at := strings.LastIndexByte(s, '@')
	if at < 1 || len(s) > 254 || at > 64 { // RFC 5321, 4.5.3.1
		return "", bad
	}
	trailing := strings.HasSuffix(s, ".")
	s, err := hostname.Mail(s)
	if err != nil || trailing || !strings.Contains(s[at:], ".") {
		return "", bad
	}
	a, err := netmail.ParseAddress(s)
	if err != nil || a.Address != s || a.Name != "" || strings.IndexFunc(s, notPlain) >= 0 {
		return "", bad
	}
	return s, nil
}

// notPlain finds what is allowed in no address that other systems accept too.
func notPlain(r rune) bool {
	return r > unicode.MaxASCII || r <= ' ' || strings.ContainsRune(`"\<>(),:;[]`, r)
}

// notLink finds what a header can carry in no address of the web.
func notLink(r rune) bool { return r > unicode.MaxASCII || r <= ' ' || r == '<' || r == '>' }

// maxMessageID bounds the name of an answered letter: a line may have no more than
// 998 characters (RFC 5322, 2.1.1).
const maxMessageID = 900

// check refuses what would let a text become a header, or a letter nobody can send.
func (l Letter) check() error {
	var f fault.Fields
	if l.filled == nil { // the form was checked
		l.checkCommon(&f)
	}
	if !sendable(l.To.Addr) {
		f.Add("to", "mail.address")
	}
	if left, right, ok := strings.Cut(l.MessageID, "@"); !ok || left == "" || right == "" || strings.IndexFunc(l.MessageID, notPlain) >= 0 {
		f.Add("message_id", "mail.message_id")
	}
	return f.Err()
}

// sendable reports whether an address can be told to a mail server.
func sendable(address string) bool { _, ok := Path(address); return ok }

// Path is an address as a mail server is told it: as it stands, or with its left side
// in quotation marks (RFC 5321, 4.1.2). Some providers give people addresses that
// break the rules without them, such as anna..b@example.org.
func Path(address string) (path string, ok bool) {
	if strings.IndexFunc(address, notPlain) >= 0 {
		return "", false
	}
	if a, err := netmail.ParseAddress(address); err == nil && a.Address == address {
		return address, true
	}
	at := strings.LastIndexByte(address, '@')
	if at < 1 || strings.Contains(address[:at], "@") {
		return "", false
	}
	path = `"` + address[:at] + `"` + address[at:]
	a, err := netmail.ParseAddress(path)
	return path, err == nil && a.Address == address
}

// checkCommon checks what a letter has in common with the others of its form.
func (l Letter) checkCommon(f *fault.Fields) {
	for name, s := range map[string]string{"from": l.From.Name, "to": l.To.Name, "reply_to": l.ReplyTo.Name,
		"subject": l.Subject, "list_id": l.ListID, "language": l.Language} {
		if strings.IndexFunc(s, unicode.IsControl) >= 0 {
			f.Add(name, "mail.control")
		}
	}
	for name, s := range map[string]string{"from": l.From.Addr, "reply_to": l.ReplyTo.Addr, "bounces": l.Bounces} {
		if s == "" && (name == "reply_to" || name == "bounces") {
			continue
		}
		if !sendable(s) {
			f.Add(name, "mail.address")
		}
	}
	if l.Subject == "" {
		f.Add("subject", "fault.field.missing")
	}
	if l.Text == "" {
		f.Add("text", "fault.field.missing")
	}
	for _, id := range append([]string{l.InReplyTo}, l.References...) {
		if id != "" && (len(id) > maxMessageID || strings.IndexFunc(id, notPlain) >= 0) {
			f.Add("in_reply_to", "mail.message_id")
		}
	}
	if u, err := url.Parse(l.Unsubscribe); l.Unsubscribe != "" && (err != nil || strings.IndexFunc(l.Unsubscribe, notLink) >= 0 || u.Scheme != "https" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" || u.Host == "") {
		f.Add("unsubscribe", "mail.unsubscribe")
	}
}

// Signer signs letters, so that a receiver knows that the domain stands behind
// them (DKIM, RFC 6376).
type Signer struct {
	domain, selector string
	key              crypto.Signer
}

// NewSigner reads a private key, RSA or Ed25519, in PEM (PKCS #8 or PKCS #1).
func NewSigner(domain, selector string, key []byte) (*Signer, error) {
	block, _ := pem.Decode(key)
	if block == nil || domain == "" || selector == "" {
		return nil, errors.New("signing of letters needs a domain, a selector and a private key in PEM")
	}
	var parsed any
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
			return nil, fmt.Errorf("read signing key: %w", err)
		}
	}
	k, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("read signing key: %T cannot sign", parsed)
	}
	return &Signer{domain, selector, k}, nil
}

// signed lists the headers under the signature. RFC 8058 wants both headers of the
// unsubscription among them.
func signed() []string {
	return []string{"From", "Reply-To", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
		"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"}
}

// Bytes is the letter as it travels, signed when there is a signer. It fails with
// Invalid, naming what is wrong.
func (l Letter) Bytes(s *Signer) ([]byte, error) {
	data, err := l.unsigned()
	if err != nil || s == nil {
		return data, err
	}
	return s.sign(data)
}

// unsigned is the letter without a signature.
func (l Letter) unsigned() ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if l.filled != nil {
		return l.filled.bytes(l), nil
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary(boundaryOf(l.MessageID)))
	m.FromMailAddress(&netmail.Address{Name: l.From.Name, Address: l.From.Addr})
	m.ToMailAddress(&netmail.Address{Name: l.To.Name, Address: l.To.Addr})
	if l.ReplyTo.Addr != "" {
		m.ReplyToMailAddress(&netmail.Address{Name: l.ReplyTo.Name, Address: l.ReplyTo.Addr})
	}
	m.Subject(l.Subject)
	m.SetDateWithValue(l.Date)
	m.SetMessageIDWithValue(l.MessageID)
	if l.Language != "" {
		m.SetGenHeader("Content-Language", l.Language)
	}
	if l.ListID != "" {
		m.SetGenHeader("List-Id", "<"+l.ListID+">")
	}
	if l.Unsubscribe != "" {
		m.SetGenHeaderPreformatted("List-Unsubscribe", "<"+l.Unsubscribe+">")
		m.SetGenHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	if l.InReplyTo != "" {
		m.SetGenHeaderPreformatted("In-Reply-To", "<"+l.InReplyTo+">")
		m.SetGenHeaderPreformatted("References", "<"+strings.Join(l.References, ">\r\n <")+">")
	} else {
		// RFC 3834: keeps holiday notices from answering.
		m.SetGenHeader("Auto-Submitted", "auto-generated")
	}
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	if l.HTML != "" {
		m.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("build letter: %w", err)
	}
	return b.Bytes(), nil
}

// boundaryOf parts the parts of a letter. It comes from the identity of the letter:
// same letter, same bytes.
func boundaryOf(messageID string) string {
	sum := sha256.Sum256([]byte(messageID))
	return "arengo-" + hex.EncodeToString(sum[:12])
}

// sign puts the signature before the letter. The library that builds letters could
// sign too; its signatures were refused by another verifier.
func (s *Signer) sign(letter []byte) ([]byte, error) {
	var b bytes.Buffer
	err := dkim.Sign(&b, bytes.NewReader(letter), &dkim.SignOptions{
		Domain: s.domain, Selector: s.selector, Signer: s.key, HeaderKeys: signed(),
		// Servers on the way may fold lines anew.
		HeaderCanonicalization: dkim.CanonicalizationRelaxed,
		BodyCanonicalization:   dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		return nil, fmt.Errorf("sign letter: %w", err)
	}
	return b.Bytes(), nil
}

// envelope is the sender that bounces go back to.
func (l Letter) envelope() string {
	if l.Bounces != "" {
		return l.Bounces
	}
	return l.From.Addr
}

package mail

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"net/textproto"
	"strings"
)

// Bounce is what a report says about one recipient of a letter (RFC 3464).
type Bounce struct {
	Recipient  string // the address the letter was written to, where the report says it
	Action     string // failed, delayed, delivered, relayed or expanded
	Status     string // of RFC 3463: 5.1.1 is an unknown mailbox, 4.2.2 a full one
	Diagnostic string // what the other server said
	MessageID  string // of the letter, without the angle brackets; may be empty
}

// Permanent reports whether the address should not be written to again: the
// delivery failed, and for a reason that will stay (class 5).
func (b Bounce) Permanent() bool {
	return b.Action == "failed" && strings.HasPrefix(b.Status, "5.")
}

// ErrNoReport is returned for a letter that is not a delivery report: an answer of
// a person, a holiday notice.
var ErrNoReport = errors.New("the letter is no delivery report")

const (
	maxReport     = 4 << 20 // bytes
	maxParts      = 20
	maxRecipients = 1000
)

// ParseBounce reads a delivery report. It fails with ErrNoReport for other letters,
// and with another error for a report that is broken or says nothing.
func ParseBounce(r io.Reader) ([]Bounce, error) {
	m, err := netmail.ReadMessage(io.LimitReader(r, maxReport))
	if err != nil {
		return nil, fmt.Errorf("read bounce: %w", err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || !strings.EqualFold(params["report-type"], "delivery-status") || params["boundary"] == "" {
		return nil, ErrNoReport
	}
	var found []Bounce
	id := ""
	parts := multipart.NewReader(m.Body, params["boundary"])
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read bounce: %w", err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		switch kind {
		case "message/delivery-status", "message/global-delivery-status":
			if found, err = recipients(part); err != nil {
				return nil, fmt.Errorf("read bounce: %w", err)
			}
		case "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers":
			id = messageID(part)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("read bounce: no recipient in the report")
	}
	for i := range found {
		found[i].MessageID = id
	}
	return found, nil
}

// recipients reads the groups of fields of a delivery status: the first is about
// the letter, each other about a recipient.
func recipients(r io.Reader) ([]Bounce, error) {
	tp := textproto.NewReader(bufio.NewReader(r))
	var all []Bounce
	for len(all) < maxRecipients {
		h, err := tp.ReadMIMEHeader()
		if b, ok := recipient(h); ok {
			all = append(all, b)
		}
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func recipient(h textproto.MIMEHeader) (Bounce, bool) {
	address := typed(h.Get("Original-Recipient"))
	if address == "" {
		address = typed(h.Get("Final-Recipient"))
	}
	if !strings.Contains(address, "@") {
		return Bounce{}, false
	}
	status, _, _ := strings.Cut(strings.TrimSpace(h.Get("Status")), " ") // a comment may follow
	if enhanced(status) != status {
		status = ""
	}
	return Bounce{
		Recipient:  address,
		Action:     strings.ToLower(strings.TrimSpace(h.Get("Action"))),
		Status:     status,
		Diagnostic: typed(h.Get("Diagnostic-Code")),
	}, true
}

// typed takes the value out of "rfc822; anna@example.org".
func typed(s string) string {
	_, value, _ := strings.Cut(s, ";")
	return strings.Trim(strings.TrimSpace(value), "<>")
}

func messageID(r io.Reader) string {
	h, _ := textproto.NewReader(bufio.NewReader(r)).ReadMIMEHeader() // the rest may be cut off
	return strings.Trim(strings.TrimSpace(h.Get("Message-Id")), "<>")
}

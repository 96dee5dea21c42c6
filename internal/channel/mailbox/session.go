package mailbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/fetch"
)

const (
	sessionTime = 50 * time.Second // for a whole session
	maxSession  = 64 << 20         // bytes that a server may send in one
)

// session is one connection to a box.
type session struct {
	client *imapclient.Client
	stop   func() bool
}

// bounded is a connection that ends when the other side says too much.
type bounded struct {
	net.Conn
	left int64
}

var errTooMuch = errors.New("the mail server says too much")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// open connects and signs in, always under TLS: from the first byte, or by STARTTLS
// where the port is that of plain IMAP or the server speaks first. A server that
// offers neither is refused: the password would travel in the clear.
func (a *Adapter) open(ctx context.Context, c credentials) (*session, *channel.Error) {
	ctx, cancel := context.WithTimeout(ctx, sessionTime)
	s, e := a.secured(ctx, c, c.Port != startTLSPort)
	if e != nil {
		cancel()
		return nil, e
	}
	unwatch := s.stop
	s.stop = func() bool { cancel(); return unwatch() }
	if err := s.client.WaitGreeting(); err != nil {
		s.close()
		return nil, lost(err)
	}
	if err := s.client.Login(c.User, c.Password).Wait(); err != nil {
		s.close()
		return nil, unsigned(err)
	}
	return s, nil
}

// unsigned says why signing in failed.
func unsigned(err error) *channel.Error {
	e := lost(err)
	if !said(err) {
		return e
	}
	switch responseCode(err) {
	case imap.ResponseCodeUnavailable, imap.ResponseCodeInUse, imap.ResponseCodeLimit, imap.ResponseCodeServerBug:
		return e // for now
	}
	e.Class, e.Code = channel.Revoked, channel.CodeSignIn
	return e
}

// secured opens a protected connection.
func (a *Adapter) secured(ctx context.Context, c credentials, implicit bool) (*session, *channel.Error) {
	conn, err := fetch.Dialer(a.o.Reach).DialContext(ctx, "tcp", net.JoinHostPort(c.Host, strconv.Itoa(c.Port)))
	if err != nil {
		return nil, &channel.Error{Class: channel.Transient, Code: channel.CodeUnreachable, Err: err}
	}
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	// The end of the context ends whatever waits for the server.
	s := &session{stop: context.AfterFunc(ctx, func() { conn.Close() })}
	limited := &bounded{conn, maxSession}
	if !implicit {
		if s.client, err = imapclient.NewStartTLS(limited, &imapclient.Options{TLSConfig: a.tls(c.Host)}); err == nil {
			return s, nil
		}
	} else {
		under := tls.Client(limited, a.tls(c.Host))
		if err = under.HandshakeContext(ctx); err == nil {
			s.client = imapclient.New(under, nil)
			return s, nil
		}
	}
	s.stop()
	conn.Close()
	var plain tls.RecordHeaderError
	if implicit && errors.As(err, &plain) {
		return a.secured(ctx, c, false) // it answered in the clear: it may know STARTTLS
	}
	return nil, refused(err)
}

// startTLSPort is where a connection begins in the clear (RFC 8314 prefers 993).
const startTLSPort = 143

func (s *session) close() {
	s.client.Close()
	s.stop()
}

// refused says why no protected connection came about.
func refused(err error) *channel.Error {
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return &channel.Error{Class: channel.Refused, Code: CodeCertificate, Err: err}
	}
	e := lost(err)
	if said(err) || e.Code != channel.CodeTimeout {
		e.Code = channel.CodeNotAPI // no mail server, or one that knows no TLS
	}
	return e
}

// said reports whether the server itself refused, with NO or BAD.
func said(err error) bool {
	var e *imap.Error
	return errors.As(err, &e)
}

func responseCode(err error) imap.ResponseCode {
	var e *imap.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// lost is an error of a session whose commands may all be repeated.
func lost(err error) *channel.Error {
	e := &channel.Error{Class: channel.Transient, Code: channel.CodeServer, Err: err}
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, net.ErrClosed):
		e.Code = channel.CodeTimeout
	case said(err):
		e.Detail = wire.Cut(err.Error(), 200)
	}
	return e
}

// enter opens a folder.
func (s *session) enter(folder string, reading bool) (*imap.SelectData, *channel.Error) {
	data, err := s.client.Select(folder, &imap.SelectOptions{ReadOnly: reading}).Wait()
	if err != nil {
		e := lost(err)
		if said(err) {
			e.Class, e.Code = channel.Refused, CodeFolder
		}
		return nil, e
	}
	return data, nil
}

// sent finds the folder of what was sent: the one that the server calls so (RFC
// 6154), else one of the names that mail programs give it; "" when there is none.
func (s *session) sent() (string, *channel.Error) {
	list, err := s.client.List("", "*", nil).Collect()
	if err != nil {
		return "", lost(err)
	}
	usual := []string{"sent", "sent items", "sent messages", "posta inviata", "inviata", "inviati", "elementi inviati"}
	found := ""
	for _, folder := range list {
		for _, attr := range folder.Attrs {
			if attr == imap.MailboxAttrSent {
				return folder.Mailbox, nil
			}
		}
		name := folder.Mailbox
		if folder.Delim != 0 {
			name = name[strings.LastIndex(name, string(folder.Delim))+1:]
		}
		for _, u := range usual {
			if found == "" && strings.EqualFold(name, u) {
				found = folder.Mailbox
			}
		}
	}
	return found, nil
}

// letter is what a folder says of one letter.
type letter struct {
	uid   imap.UID
	size  int64
	at    time.Time
	flags []imap.Flag
	raw   []byte
}

// sizes asks how long letters are, in bytes.
func (s *session) sizes(uids imap.UIDSet) (map[imap.UID]int64, *channel.Error) {
	list, err := s.client.Fetch(uids, &imap.FetchOptions{UID: true, RFC822Size: true}).Collect()
	if err != nil {
		return nil, lost(err)
	}
	all := map[imap.UID]int64{}
	for _, m := range list {
		all[m.UID] = m.RFC822Size
	}
	return all, nil
}

// fetch reads letters, of each at most so many bytes.
func (s *session) fetch(uids imap.UIDSet, most int64) ([]letter, *channel.Error) {
	section := &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: most}}
	cmd := s.client.Fetch(uids, &imap.FetchOptions{UID: true, InternalDate: true, RFC822Size: true, BodySection: []*imap.FetchItemBodySection{section}})
	var all []letter
	for {
		m := cmd.Next()
		if m == nil {
			break
		}
		var l letter
		for {
			item := m.Next()
			if item == nil {
				break
			}
			switch x := item.(type) {
			case imapclient.FetchItemDataUID:
				l.uid = x.UID
			case imapclient.FetchItemDataInternalDate:
				l.at = x.Time
			case imapclient.FetchItemDataRFC822Size:
				l.size = x.Size
			case imapclient.FetchItemDataBodySection:
				if x.Literal == nil {
					continue
				}
				raw, err := io.ReadAll(io.LimitReader(x.Literal, most))
				if err != nil {
					cmd.Close()
					return nil, lost(err)
				}
				l.raw = raw
			}
		}
		if l.uid != 0 {
			all = append(all, l)
		}
	}
	if err := cmd.Close(); err != nil {
		return nil, lost(fmt.Errorf("fetch letters: %w", err))
	}
	return all, nil
}

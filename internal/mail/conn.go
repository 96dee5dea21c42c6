package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// conn is a signed-in connection. The library opens it (TLS, sign-in, what the
// server can do); letters are spoken here, because the library waits for an answer
// after every command, asks every server for SMTPUTF8 that offers it, and cannot
// tell whether the end of a letter left.
type conn struct {
	client    *smtp.Client
	raw       *bounded
	pipelines bool // takes several commands at once (RFC 2920)
	dirty     bool // an address was refused: the transaction is to be reset
	used      int  // letters
	last      time.Time

	mu       sync.Mutex
	stopping bool // the context ended
	inHand   bool // a letter's text is under way, or its answer is awaited
}

// maxHeard is how many bytes a server may say about one letter, and while we
// connect: more is no mail server's answer.
const maxHeard = 256 << 10

// bounded is a connection on which the other side may say only so much.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the mail server says too much")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (c *conn) close() {
	c.client.Close()
	c.raw.Close()
}

// quit says goodbye and does not wait long for the answer.
func (c *conn) quit() {
	c.raw.SetDeadline(time.Now().Add(time.Second))
	c.client.Quit()
	c.close()
}

// dialer prepares the library for one connection, which is handed to got.
func (s *SMTP) dialer(got func(net.Conn) net.Conn) (*gomail.Client, error) {
	o := s.options
	config := &tls.Config{}
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = o.Host
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	opts := []gomail.Option{
		gomail.WithPort(o.Port), gomail.WithTimeout(o.Timeout), gomail.WithTLSConfig(config),
		gomail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			raw, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			raw = got(raw)
			if o.Security == Implicit {
				return tls.Client(raw, config), nil
			}
			return raw, nil
		}),
	}
	switch o.Security {
	case StartTLS:
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case Implicit: // the connection is TLS already; this lets the library see it
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	case Clear:
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		return nil, fmt.Errorf("security %q is none of starttls, tls, none", o.Security)
	}
	if o.Hello != "" {
		opts = append(opts, gomail.WithHELO(o.Hello))
	}
	if o.User != "" {
		opts = append(opts, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(o.User), gomail.WithPassword(o.Password))
	}
	return gomail.NewClient(o.Host, opts...)
}

// dial opens a connection and signs in.
func (s *SMTP) dial(ctx context.Context) (*conn, error) {
	c := &conn{}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	stop := func() bool { return true }
	d, err := s.dialer(func(raw net.Conn) net.Conn {
		c.raw = &bounded{raw, maxHeard}
		// The library watches the context only until TCP is connected.
		stop = context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
		return c.raw
	})
	if err != nil {
		return nil, err
	}
	c.client, err = d.DialToSMTPClientWithContext(ctx)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if c.raw != nil {
			c.raw.Close()
		}
		return nil, err
	}
	c.pipelines, _ = c.client.Extension("PIPELINING")
	return c, nil
}

// talk hands over letters on one connection. It returns how many have their
// result, and nil when the connection can be used again; otherwise trouble is the
// result of the first letter that is left, should no other connection take it.
//
// The commands for a letter travel together where the server allows it, behind the
// text of the letter before: one wait for each letter.
func (s *SMTP) talk(ctx context.Context, c *conn, letters []parcel, done func(int, Result), pacer *pace) (settled int, trouble *Result) {
	stop := context.AfterFunc(ctx, func() { c.stop(s.options.Grace) })
	defer func() {
		if !stop() && trouble == nil {
			r := unsent(ctx) // its deadline has passed
			trouble = &r
		}
	}()
	ahead := false // the commands for the letter have been sent behind the last one
	for n, p := range letters {
		if c.used >= s.options.PerConn {
			return n, nil
		}
		if !ahead && pacer.wait(ctx) != nil || !c.step(s.options.Timeout, false) {
			r := unsent(ctx)
			return n, &r
		}
		refused, broken := c.envelope(p, ahead)
		ahead = false
		if broken != nil {
			return n, broken
		}
		c.used++
		if refused != nil {
			if refused.Busy {
				return n, refused
			}
			done(p.n, *refused)
			continue
		}
		if !c.step(s.options.Timeout, true) {
			r := unsent(ctx)
			return n, &r
		}
		text := p.text()
		end := len(text)
		if n+1 < len(letters) && c.pipelines && c.used < s.options.PerConn && pacer.free() {
			ahead = true
			text = appendEnvelope(text, letters[n+1], false)
		}
		r, healthy := c.text(text, end, s)
		if r.Busy {
			return n, &r
		}
		if r.Outcome == Sent {
			pacer.good()
		}
		done(p.n, r)
		if !healthy {
			gone := Result{Outcome: Deferred, Ours: true, Code: r.Code, Text: r.Text, Err: r.Err}
			return n + 1, &gone
		}
	}
	return len(letters), nil
}

// stop is what the end of the context means: what is in hand may end within the
// grace, anything else ends now.
func (c *conn) stop(grace time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopping = true
	if c.inHand {
		c.raw.SetDeadline(time.Now().Add(grace))
	} else {
		c.raw.SetDeadline(time.Unix(1, 0))
	}
}

// step gives the next step its time. It reports false when there must be no next
// one; the wait for an answer is not a new step.
func (c *conn) step(d time.Duration, inHand bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping {
		return false
	}
	c.inHand = inHand
	c.raw.left = maxHeard
	c.raw.SetDeadline(time.Now().Add(d))
	return true
}

// patient gives the answer to a whole letter more time than a command.
func (c *conn) patient(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopping {
		c.raw.SetDeadline(time.Now().Add(d))
	}
}

// answered ends the time in which a letter is in hand.
func (c *conn) answered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inHand = false
	if c.stopping {
		c.raw.SetDeadline(time.Unix(1, 0))
	}
}

// appendEnvelope writes the commands that go before a letter's text. All is ASCII,
// so no extension is asked for, and any server on the way can take it
// (RFC 6531, 3.4).
func appendEnvelope(b []byte, p parcel, reset bool) []byte {
	if reset {
		b = append(b, "RSET\r\n"...)
	}
	b = append(append(append(b, "MAIL FROM:<"...), p.from...), ">\r\n"...)
	b = append(append(append(b, "RCPT TO:<"...), p.to...), ">\r\n"...)
	return append(b, "DATA\r\n"...)
}

// envelope says who writes to whom, unless that was sent ahead, and reads the
// answers. Both are nil when the server waits for the text. refused is the result
// of a letter on a connection that lives; broken is that of one that does not.
func (c *conn) envelope(p parcel, ahead bool) (refused, broken *Result) {
	commands := []string{"MAIL FROM:<" + p.from + ">", "RCPT TO:<" + p.to + ">", "DATA"}
	what := []string{"sender", "recipient", "data"}
	if c.dirty {
		commands, what = append([]string{"RSET"}, commands...), append([]string{"reset"}, what...)
	}
	if c.pipelines && !ahead {
		if err := c.write(appendEnvelope(nil, p, c.dirty)); err != nil {
			return nil, lost("sender", err)
		}
	}
	for n, command := range commands {
		if !c.pipelines {
			if refused != nil {
				break
			}
			if err := c.write([]byte(command + "\r\n")); err != nil {
				return nil, lost(what[n], err)
			}
		}
		want := 25 // 250; for a recipient also 251, will forward
		if command == "DATA" {
			want = 354
		}
		_, _, err := c.client.Text.ReadResponse(want)
		if err == nil {
			switch command {
			case "RSET":
				c.dirty = false
			case "DATA":
				if refused != nil {
					return c.nothing(refused)
				}
			}
			continue
		}
		var reply *textproto.Error
		if !errors.As(err, &reply) {
			if refused != nil {
				return nil, refused // it said why, and hung up
			}
			return nil, lost(what[n], err)
		}
		r := replied(reply, what[n])
		if what[n] == "sender" || what[n] == "reset" {
			r.Outcome, r.Ours = Deferred, true
		}
		if reply.Code == 421 { // the server is closing the connection
			r.Ours = true
			return nil, &r
		}
		if refused == nil {
			refused, c.dirty = &r, true
		}
	}
	return refused, nil
}

// nothing ends a letter whose text the server waits for although it refused its
// sender or recipient: with no text (RFC 2920, 3.1).
func (c *conn) nothing(refused *Result) (_, broken *Result) {
	err := c.write([]byte(".\r\n"))
	if err == nil {
		_, _, err = c.client.Text.ReadResponse(25)
	}
	var reply *textproto.Error
	if err != nil && !errors.As(err, &reply) {
		return nil, refused
	}
	return refused, nil
}

// lost is the result of a letter that was not handed over because the connection
// broke.
func lost(what string, err error) *Result {
	return &Result{Outcome: Deferred, Ours: true, Err: fmt.Errorf("%s: %w", what, err)}
}

// write sends bytes at once.
func (c *conn) write(b []byte) error {
	w := c.client.Text.W
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.Flush()
}

// text hands over a letter, whose final dot ends at end, and reports what became
// of it and whether the connection may be used again.
func (c *conn) text(b []byte, end int, s *SMTP) (r Result, healthy bool) {
	defer c.answered()
	w := c.client.Text.W
	written, err := w.Write(b)
	if err == nil {
		err = w.Flush()
	}
	// Without the final dot a server must not deliver (RFC 5321, 4.1.1.4).
	if err != nil && written-w.Buffered() < end {
		return *lost("hand over letter", err), false
	}
	c.patient(s.options.Patience)
	_, _, err = c.client.Text.ReadResponse(25)
	var reply *textproto.Error
	switch {
	case err == nil:
		return Result{Outcome: Sent, Code: 250}, true
	case errors.As(err, &reply) && reply.Code >= 400:
		r = replied(reply, "letter")
		r.Whole = true
		return r, reply.Code != 421
	}
	return Result{Outcome: Unknown, Err: fmt.Errorf("letter handed over, no answer: %w", err)}, false
}

// text is the letter as DATA wants it: a dot before each line that begins with
// one, and the dot that ends it (RFC 5321, 4.5.2).
func (p parcel) text() []byte {
	out := make([]byte, 0, len(p.data)+len(p.data)/64+512)
	if bytes.HasPrefix(p.data, []byte(".")) {
		out = append(out, '.')
	}
	rest := p.data
	for {
		n := bytes.Index(rest, []byte("\r\n."))
		if n < 0 {
			break
		}
		out = append(append(out, rest[:n+3]...), '.')
		rest = rest[n+3:]
	}
	out = append(out, rest...)
	if !bytes.HasSuffix(out, []byte("\r\n")) {
		out = append(out, "\r\n"...)
	}
	return append(out, ".\r\n"...)
}

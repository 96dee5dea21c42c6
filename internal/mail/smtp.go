package mail

import (
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

// Security is how a connection to the mail server is protected.
type Security string

const (
	StartTLS Security = "starttls" // begins in clear, must become TLS; usually port 587
	Implicit Security = "tls"      // TLS from the first byte; usually port 465
	Clear    Security = "none"     // no TLS: a server on the same machine
)

// SMTPOptions say which mail server takes the letters.
type SMTPOptions struct {
	Host        string
	Port        int
	Security    Security // "" means StartTLS
	User        string   // "" means no sign-in
	Password    string
	Hello       string        // our name, for HELO; "" means the machine's
	Connections int           // at the same time; 0 means 4
	PerConn     int           // letters before a connection is closed, as many servers want; 0 means 100
	Timeout     time.Duration // for one letter; 0 means one minute
	TLS         *tls.Config   // nil means the system's authorities
	Signer      *Signer       // nil means no DKIM
}

// SMTP hands letters to a mail server over a few connections that it keeps.
type SMTP struct {
	options SMTPOptions
	places  chan struct{}
	mu      sync.Mutex
	idle    []*conn
	closed  bool
}

var _ Sender = (*SMTP)(nil)

// maxIdle is how long an unused connection is trusted; servers close it after
// a few minutes, some after thirty seconds.
const maxIdle = 20 * time.Second

// conn is a signed-in connection.
type conn struct {
	client *smtp.Client
	raw    net.Conn
	used   int
	last   time.Time
}

func (c *conn) close() {
	c.client.Close()
	c.raw.Close()
}

// NewSMTP checks the options; nothing is dialled before the first letter.
func NewSMTP(o SMTPOptions) (*SMTP, error) {
	if o.Security == "" {
		o.Security = StartTLS
	}
	if o.Connections <= 0 {
		o.Connections = 4
	}
	if o.PerConn <= 0 {
		o.PerConn = 100
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	s := &SMTP{options: o, places: make(chan struct{}, o.Connections)}
	if _, err := s.dialer(nil); err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	return s, nil
}

// dialer prepares the library for one connection, which is handed to got.
func (s *SMTP) dialer(got func(net.Conn)) (*gomail.Client, error) {
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
			got(raw)
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
	d, err := s.dialer(func(raw net.Conn) {
		c.raw = raw
		// The library watches the context only until TCP is connected.
		stop = context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
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
	return c, nil
}

// take returns a connection that was kept, or a new one.
func (s *SMTP) take(ctx context.Context, fresh bool) (c *conn, reused bool, err error) {
	for !fresh {
		s.mu.Lock()
		n := len(s.idle)
		if n == 0 {
			s.mu.Unlock()
			break
		}
		c = s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		if time.Since(c.last) < maxIdle {
			return c, true, nil
		}
		c.close()
	}
	c, err = s.dial(ctx)
	return c, false, err
}

// keep puts a healthy connection back.
func (s *SMTP) keep(c *conn) {
	c.used++
	c.last = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || c.used >= s.options.PerConn {
		c.client.UpdateDeadline(time.Second)
		c.client.Quit()
		c.close()
		return
	}
	s.idle = append(s.idle, c)
}

// Send hands over one letter. A connection that was kept and turns out to be dead
// is replaced once, as long as the letter was not handed over.
func (s *SMTP) Send(ctx context.Context, l Letter) Result {
	data, err := l.Bytes(s.options.Signer)
	if err != nil {
		return Result{Outcome: Refused, Err: err}
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-ctx.Done():
		return Result{Outcome: Deferred, Ours: true, Err: context.Cause(ctx)}
	}
	for fresh := false; ; fresh = true {
		c, reused, err := s.take(ctx, fresh)
		if err != nil {
			return failedDial(err)
		}
		r, healthy := s.transact(ctx, c, l, data)
		if healthy {
			s.keep(c)
			return r
		}
		c.close()
		if !reused || r.Outcome != Deferred || ctx.Err() != nil {
			return r
		}
	}
}

// failedDial is about us, whatever the number: nobody's address was judged.
func failedDial(err error) Result {
	r := Result{Outcome: Deferred, Ours: true, Err: fmt.Errorf("reach mail server: %w", err)}
	var reply *textproto.Error
	if errors.As(err, &reply) {
		r.Code, r.Text, r.Enhanced = reply.Code, reply.Msg, enhanced(reply.Msg)
	}
	return r
}

// transact speaks SMTP for one letter and reports whether the connection may be
// used again.
func (s *SMTP) transact(ctx context.Context, c *conn, l Letter, data []byte) (r Result, healthy bool) {
	if err := c.client.UpdateDeadline(s.options.Timeout); err != nil {
		return Result{Outcome: Deferred, Ours: true, Err: err}, false
	}
	stop := context.AfterFunc(ctx, func() { c.raw.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() {
			healthy = false // its deadline has passed
		}
	}()
	if err := c.client.Mail(l.envelope()); err != nil {
		r, healthy = s.before(c, err, "sender")
		r.Outcome, r.Ours = Deferred, true
		return r, healthy
	}
	if err := c.client.Rcpt(l.To.Addr); err != nil {
		return s.before(c, err, "recipient")
	}
	w, err := c.client.Data()
	if err != nil {
		return s.before(c, err, "data")
	}
	if _, err := w.Write(data); err != nil {
		// Without the final dot a server must not deliver (RFC 5321, 4.1.1.4).
		return Result{Outcome: Deferred, Ours: true, Err: fmt.Errorf("hand over letter: %w", err)}, false
	}
	err = w.Close()
	var reply *textproto.Error
	switch {
	case err == nil:
		return Result{Outcome: Sent, Code: 250}, true
	case errors.As(err, &reply):
		return replied(reply, "letter"), reply.Code != 421
	}
	return Result{Outcome: Unknown, Err: fmt.Errorf("letter handed over, no answer: %w", err)}, false
}

// before is the result of a failure before the letter was handed over. After a
// refusal the connection is made ready for the next letter.
func (s *SMTP) before(c *conn, err error, what string) (Result, bool) {
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		return Result{Outcome: Deferred, Ours: true, Err: fmt.Errorf("%s: %w", what, err)}, false
	}
	r := replied(reply, what)
	if reply.Code == 421 { // the server is closing the connection
		r.Ours = true
		return r, false
	}
	return r, c.client.Reset() == nil
}

// Close says goodbye on every kept connection.
func (s *SMTP) Close() error {
	s.mu.Lock()
	idle := s.idle
	s.idle, s.closed = nil, true
	s.mu.Unlock()
	for _, c := range idle {
		c.client.UpdateDeadline(time.Second)
		c.client.Quit()
		c.close()
	}
	return nil
}

// Check connects, signs in and leaves: for doctor and readiness.
func (s *SMTP) Check(ctx context.Context) error {
	c, err := s.dial(ctx)
	if err != nil {
		return fmt.Errorf("reach mail server: %w", err)
	}
	c.client.Quit()
	c.close()
	return nil
}

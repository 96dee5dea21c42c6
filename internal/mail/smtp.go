package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/textproto"
	"sync"
	"time"
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
	PerMinute   int           // letters in bulk; 0 means no limit until the server asks to slow down
	Timeout     time.Duration // for reaching the server, for each command, and for the text of a letter; 0 means one minute
	Patience    time.Duration // for the answer to a whole letter; 0 means five minutes
	Grace       time.Duration // for the letter in hand when the context ends; 0 means two seconds
	TLS         *tls.Config   // nil means the system's authorities
	Signer      *Signer       // nil means no DKIM
}

// SMTP hands letters to a mail server over a few connections that it keeps.
//
// Letters in bulk share all connections but one, so that a letter on which a
// person waits never stands behind a newsletter.
type SMTP struct {
	options SMTPOptions
	places  chan struct{} // connections in use
	bulk    chan struct{} // of them, for letters in bulk
	pace    *pace
	mu      sync.Mutex
	idle    []*conn
	closed  bool
}

var _ Bulk = (*SMTP)(nil)

// maxIdle is how long an unused connection is trusted; servers close it after
// a few minutes, some after thirty seconds.
const maxIdle = 20 * time.Second

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
	if o.Patience <= 0 {
		o.Patience = 5 * time.Minute
	}
	if o.Grace <= 0 {
		o.Grace = 2 * time.Second
	}
	s := &SMTP{options: o, places: make(chan struct{}, o.Connections), bulk: make(chan struct{}, max(o.Connections-1, 1)), pace: newPace(o.PerMinute)}
	if _, err := s.dialer(nil); err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	return s, nil
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
	c.last = time.Now()
	s.mu.Lock()
	full := s.closed || c.used >= s.options.PerConn
	if !full {
		s.idle = append(s.idle, c)
	}
	s.mu.Unlock()
	if full {
		c.quit()
	}
}

// Send hands over one letter. A connection that was kept and turns out to be dead
// is replaced once, as long as the letter was not handed over.
func (s *SMTP) Send(ctx context.Context, l Letter) (r Result) {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-ctx.Done():
		return unsent(ctx)
	}
	s.handOver(ctx, []Letter{l}, func(_ int, got Result) { r = got }, false)
	return r
}

// Lanes is how many batches of letters go at the same time.
func (s *SMTP) Lanes() int { return cap(s.bulk) }

// Place waits until a batch can be handed over at once.
func (s *SMTP) Place(ctx context.Context, urgent bool) (release func(), err error) {
	release = func() { <-s.places }
	if !urgent {
		select {
		case s.bulk <- struct{}{}:
			release = func() { <-s.places; <-s.bulk }
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	select {
	case s.places <- struct{}{}:
		return release, nil
	case <-ctx.Done():
		if !urgent {
			<-s.bulk
		}
		return nil, context.Cause(ctx)
	}
}

// SendMany hands over letters in a place, at the pace that the server bears.
func (s *SMTP) SendMany(ctx context.Context, letters []Letter, done func(n int, r Result)) {
	s.handOver(ctx, letters, done, true)
}

// unsent is the result of a letter that was not begun when the context ended.
func unsent(ctx context.Context) Result {
	return Result{Outcome: Deferred, Ours: true, Err: context.Cause(ctx)}
}

// parcel is a letter ready to travel, with its number among the others.
type parcel struct {
	n        int
	from, to string
	data     []byte
}

// handOver speaks to the server until each letter has its result. A connection
// that breaks before a letter was handed over is replaced; when a new one breaks
// at its first letter, that may be this letter's fault, and the next is tried;
// when that breaks too, the server is in trouble and the rest is left.
func (s *SMTP) handOver(ctx context.Context, letters []Letter, done func(int, Result), paced bool) {
	rest := make([]parcel, 0, len(letters))
	for n, l := range letters {
		data, err := l.Bytes(s.options.Signer)
		if err != nil {
			done(n, Result{Outcome: Refused, Err: err})
			continue
		}
		to, _ := Path(l.To.Addr) // Bytes has checked it
		rest = append(rest, parcel{n, l.envelope(), to, data})
	}
	give := func(r Result) {
		for _, p := range rest {
			done(p.n, r)
		}
	}
	var pacer *pace
	if paced {
		pacer = s.pace
	}
	for fresh, broken := false, false; len(rest) > 0; {
		if ctx.Err() != nil {
			give(unsent(ctx))
			return
		}
		c, reused, err := s.take(ctx, fresh)
		if err != nil {
			r := failedDial(err)
			if r.Busy {
				s.pace.slower(time.Now())
			}
			give(r)
			return
		}
		settled, trouble := s.talk(ctx, c, rest, done, pacer)
		rest = rest[settled:]
		if trouble == nil {
			s.keep(c)
			fresh = false
			continue // the connection has carried what it may
		}
		c.close()
		if trouble.Busy {
			s.pace.slower(time.Now())
			give(*trouble)
			return
		}
		switch {
		case len(rest) == 0:
		case settled > 0 || reused:
			broken = broken && settled == 0
		case broken || len(letters) == 1 || ctx.Err() != nil:
			give(*trouble)
			return
		default:
			broken = true
			first := *trouble
			first.Ours = false
			done(rest[0].n, first)
			rest = rest[1:]
		}
		fresh = true
	}
}

// failedDial is about us, whatever the number: nobody's address was judged.
func failedDial(err error) Result {
	r := Result{Outcome: Deferred, Ours: true, Err: fmt.Errorf("reach mail server: %w", err)}
	var reply *textproto.Error
	if errors.As(err, &reply) {
		r = replied(reply, "reach mail server")
		r.Outcome, r.Ours = Deferred, true
	}
	return r
}

// Close says goodbye on every kept connection.
func (s *SMTP) Close() error {
	s.mu.Lock()
	idle := s.idle
	s.idle, s.closed = nil, true
	s.mu.Unlock()
	var all sync.WaitGroup
	for _, c := range idle {
		all.Go(c.quit)
	}
	all.Wait()
	return nil
}

// Check connects, signs in and leaves: for doctor and readiness.
func (s *SMTP) Check(ctx context.Context) error {
	c, err := s.dial(ctx)
	if err != nil {
		return fmt.Errorf("reach mail server: %w", err)
	}
	c.quit()
	return nil
}

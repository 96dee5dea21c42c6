package fetch

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Options say how far a client may go. The zero value is safe for any peer of
// the Internet.
type Options struct {
	AllowPrivate  []netip.Prefix // private networks an administrator configured as exceptions
	AllowLoopback bool           // this machine too: demo and tests only
	UserAgent     string         // sent when the request has none; "" means "Arengo"
	Timeout       time.Duration  // one exchange, answer and redirects included, waiting for a turn and sending the body not; 0 means 30 s
	Connect       time.Duration  // name, connection and TLS; 0 means 25 s
	Headers       time.Duration  // from the last byte sent to the beginning of the answer; twice that after a large body; 0 means 30 s
	Stall         time.Duration  // longest time in which nothing of a body moves, either way; 0 means 30 s
	MaxBody       int64          // bytes of an answer, after decompression; 0 means 10 MiB
	PerHost       Pace
	TLS           *tls.Config // nil means the system's authorities
}

const (
	defaultTimeout = 30 * time.Second
	connectTimeout = 25 * time.Second
	defaultMaxBody = 10 << 20
	largeBody      = 1 << 20 // bytes sent, after which the peer has something to chew
	maxRedirects   = 5
	maxHeaderBytes = 256 << 10
)

// Client sends requests within its options. It is safe for concurrent use and
// keeps connections open, so make one and share it.
type Client struct {
	http *http.Client
}

// New makes a client. Proxies of the environment are not used: behind one, the
// address really reached could not be judged.
func New(o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Connect <= 0 {
		o.Connect = connectTimeout
	}
	if o.Headers <= 0 {
		o.Headers = defaultTimeout
	}
	if o.Stall <= 0 {
		o.Stall = defaultTimeout
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.UserAgent == "" {
		o.UserAgent = "Arengo"
	}
	dialer := Dialer(o)
	t := &exchange{
		options: o,
		hosts:   newHosts(o.PerHost),
		base: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        o.TLS,
			TLSHandshakeTimeout:    10 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           200,
			MaxIdleConnsPerHost:    o.PerHost.filled().Concurrent,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
	}
	return &Client{http: &http.Client{Transport: t, CheckRedirect: checkRedirect}}
}

// Dialer dials within the options, for protocols other than HTTP.
func Dialer(o Options) *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: newJudge(o).control}
}

// control is called for every connection with the address the name resolved to,
// just before the system dials it: no later answer of the name server can
// change what was judged.
func (j judge) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !j.allows(ap.Addr()) {
		return fmt.Errorf("dial %s: %w", address, ErrPrivate)
	}
	return nil
}

// checkRedirect follows a few redirects of requests that only read. A request
// that may change something is never repeated elsewhere: its caller gets the
// redirect as the answer.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	if own, ok := first.Context().Value(limitKey{}).(Limits); ok && own.Once {
		return &exchangeError{ErrRedirects, true}
	}
	if first.Method != http.MethodGet && first.Method != http.MethodHead {
		return http.ErrUseLastResponse
	}
	if len(via) > maxRedirects {
		return &exchangeError{ErrRedirects, true}
	}
	if last.URL.Scheme == "https" && req.URL.Scheme != "https" {
		return &exchangeError{fmt.Errorf("%s: %w", req.URL.Host, ErrDowngrade), true}
	}
	return nil
}

// Do sends the request under ctx and returns the answer, whose body the caller
// closes. It fails with ErrPrivate, ErrScheme, ErrRedirects, ErrDowngrade,
// ErrBusy, ErrTimeout or an error of the network; [Sent] tells whether the peer
// may have received it. Reading the body fails with ErrTooLarge or ErrTimeout
// beyond the limits. An HTTP status is never an error here.
func (c *Client) Do(ctx context.Context, req *http.Request) (*http.Response, error) {
	return c.http.Do(req.WithContext(ctx))
}

// HTTPClient is the same client in the form that libraries ask for.
func (c *Client) HTTPClient() *http.Client {
	h := *c.http
	return &h
}

type crowdKey struct{}

// Apart returns a context whose requests share no places at a host with those of
// other crowds: what listens must not stand in front of what sends.
func Apart(ctx context.Context, crowd string) context.Context {
	return context.WithValue(ctx, crowdKey{}, crowd)
}

type limitKey struct{}

// Limits change the bounds of single requests.
type Limits struct {
	Timeout time.Duration // 0 keeps the client's
	MaxBody int64         // 0 keeps the client's
	Once    bool          // one request: a redirect is an error, for who calls on behalf of a stranger
}

// WithLimits returns a context whose requests have their own limits.
func WithLimits(ctx context.Context, l Limits) context.Context {
	return context.WithValue(ctx, limitKey{}, l)
}

// exchange is the transport that applies the options to each hop.
type exchange struct {
	options Options
	hosts   *hosts
	base    http.RoundTripper
}

func (x *exchange) limits(req *http.Request) Limits {
	l := Limits{Timeout: x.options.Timeout, MaxBody: x.options.MaxBody}
	if own, ok := req.Context().Value(limitKey{}).(Limits); ok {
		if own.Timeout > 0 {
			l.Timeout = own.Timeout
		}
		if own.MaxBody > 0 {
			l.MaxBody = own.MaxBody
		}
	}
	// A redirect continues the exchange that caused it: it has what is left of
	// its time, so that a chain of slow hops is not a way around the limit.
	if req.Response != nil {
		if b, ok := req.Response.Body.(*body); ok {
			l.Timeout = b.left()
		}
	}
	return l
}

// RoundTrip sends one hop.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	refuse := func(err error) (*http.Response, error) {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, &exchangeError{err, false}
	}
	if s := req.URL.Scheme; s != "http" && s != "https" {
		return refuse(fmt.Errorf("%q: %w", s, ErrScheme))
	}
	limits := x.limits(req)
	crowd, _ := req.Context().Value(crowdKey{}).(string)
	release, err := x.hosts.turn(req.Context(), crowd+"@"+strings.ToLower(req.URL.Host))
	if err != nil {
		return refuse(fmt.Errorf("%s: %w", req.URL.Host, err))
	}
	ctx, cancelCause := context.WithCancelCause(req.Context())
	cancel := func() { cancelCause(nil) }
	dog := watchOver(x.options, limits.Timeout, req.ContentLength, func() { cancelCause(ErrTimeout) })
	seen := trace{dog: dog}
	out := req.Clone(httptrace.WithClientTrace(ctx, seen.hooks()))
	dog.feed(out)
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", x.options.UserAgent)
	}
	resp, err := x.base.RoundTrip(out)
	dog.answered()
	if err != nil {
		dog.stop()
		err = &exchangeError{because(ctx, err), seen.maySent(ctx)}
		cancel()
		release()
		return nil, err
	}
	if resp.Body == http.NoBody { // nothing left to wait for
		dog.stop()
		cancel()
		release()
		return resp, nil
	}
	resp.Body = newBody(ctx, resp, limits.MaxBody, dog, func() { dog.stop(); cancel(); release() })
	return resp, nil
}

// because names our own time limit instead of the bare context error.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); ctx.Err() != nil && cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// trace watches how far a request got.
type trace struct {
	dog       *watchdog
	connected atomic.Bool
	wrote     atomic.Bool
}

func (t *trace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { t.connected.Store(true); t.dog.connected() },
		WroteHeaders: func() { t.wrote.Store(true) },
		WroteRequest: func(i httptrace.WroteRequestInfo) {
			if i.Err == nil {
				t.wrote.Store(true)
				t.dog.sent()
			}
		},
	}
}

// maySent reports whether headers were written. A cancelled request returns
// while its writer may still be at work, so there an open connection is enough
// to lose the certainty.
func (t *trace) maySent(ctx context.Context) bool {
	return t.wrote.Load() || (t.connected.Load() && ctx.Err() != nil)
}

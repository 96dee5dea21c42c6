package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"codeberg.org/arengo/arengo/internal/fault"
)

// What fetch itself refuses. All of them are found with errors.Is.
var (
	ErrPrivate   = errors.New("the address is not on the public Internet")
	ErrTooLarge  = errors.New("the answer is larger than allowed")
	ErrRedirects = errors.New("too many redirects")
	ErrDowngrade = errors.New("redirect from https to http")
	ErrBusy      = errors.New("too many requests are waiting for this host")
	ErrScheme    = errors.New("only http and https addresses")
	ErrTimeout   = errors.New("the peer took longer than allowed")
	ErrNotJSON   = errors.New("the answer is not JSON")
)

// exchangeError is a failure that knows whether the request left this machine.
type exchangeError struct {
	err  error
	sent bool
}

func (e *exchangeError) Error() string {
	if e.sent {
		return fmt.Sprintf("%v (the request may have reached the peer)", e.err)
	}
	return fmt.Sprintf("%v (nothing was sent)", e.err)
}

func (e *exchangeError) Unwrap() error { return e.err }

// Timeout makes url.Error and net callers see a time-out as one.
func (e *exchangeError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.Is(e.err, ErrTimeout) || (errors.As(e.err, &t) && t.Timeout())
}

// Sent reports whether the peer may have received the request that failed with
// err. False is a proof: no header of the request was written (the name did not
// resolve, the address was refused, the connection or TLS failed, the turn
// never came), so the request may be sent again. True is not a proof of the
// contrary: the outcome is unknown, and only reading the peer can tell. An
// error that fetch did not make counts as sent, because nobody knows.
func Sent(err error) bool {
	var e *exchangeError
	if errors.As(err, &e) {
		return e.sent
	}
	return true
}

// Explain turns an error of this package into a fault with a text that may be
// shown: Invalid for an address that can never work, Unavailable otherwise.
func Explain(err error) *fault.Error {
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var t interface{ Timeout() bool }
	kind, key := fault.Unavailable, "fetch.unreachable"
	switch {
	case errors.Is(err, ErrPrivate):
		kind, key = fault.Invalid, "fetch.private"
	case errors.Is(err, ErrScheme):
		kind, key = fault.Invalid, "fetch.scheme"
	case errors.Is(err, ErrDowngrade), errors.Is(err, ErrRedirects):
		key = "fetch.redirect"
	case errors.Is(err, ErrTooLarge):
		key = "fetch.too_large"
	case errors.Is(err, ErrNotJSON):
		key = "fetch.not_json"
	case errors.Is(err, ErrBusy):
		key = "fetch.busy"
	case errors.As(err, &cert):
		key = "fetch.certificate"
	case errors.As(err, &dns) && dns.IsNotFound:
		key = "fetch.name"
	case errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded), errors.As(err, &t) && t.Timeout():
		key = "fetch.timeout"
	}
	return fault.New(kind, key).Because(err)
}

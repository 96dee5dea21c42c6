package sig

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"
)

// Bounds on what a stranger may make us read and believe.
const (
	// MaxAge is how old a signature may be, and how far ahead the Date header of
	// the older scheme may be: many servers' clocks are wrong, few by an hour.
	MaxAge = time.Hour

	// MaxAhead is how far in the future the signature's own time may be.
	MaxAhead = 5 * time.Minute

	maxHeader  = 8 << 10 // bytes of all signature headers
	maxCovered = 32      // signed components
	maxLabels  = 4       // signatures of RFC 9421 in one request
	maxKeyID   = 2048    // bytes
)

// Keys finds a public key by its id. Its error makes the request an UnknownKey and
// can be unwrapped from it. It is asked only for signatures that are complete and
// fresh, with a matching digest, so that a search on the network is worth it.
type Keys func(ctx context.Context, keyID string) (crypto.PublicKey, error)

// Signed is a proven signature.
type Signed struct {
	KeyID  string
	Scheme Scheme
	At     time.Time // when it was made, by the sender's clock

	// Fingerprint is the same whenever the same signed request comes again: the
	// hexadecimal SHA-256 of the key's id and the text that was signed. A signature
	// lives no longer than MaxAge+MaxAhead, or twice MaxAge in the older scheme.
	Fingerprint string
}

// Verify proves that a key signed the request with this body. Signed are at least
// the method, the address and, with a body, its digest. The address is r.Host and
// r.URL as they were sent: behind a proxy, r.Host must be what the sender called.
// The error is an *Error of any kind.
func Verify(r *http.Request, body []byte, keys Keys, now time.Time) (Signed, error) {
	var size int
	for _, h := range []string{"Signature", "Signature-Input", "Authorization"} {
		for _, v := range r.Header.Values(h) {
			size += len(v)
		}
	}
	if size > maxHeader {
		return Signed{}, refuse(Malformed, "%d bytes of signature", size)
	}
	if len(r.Header.Values("Signature-Input")) > 0 {
		return verifyMessage(r, body, keys, now)
	}
	return verifyCavage(r, body, keys, now)
}

// candidate is a signature that was read and found complete, before its key is
// known.
type candidate struct {
	keyID     string
	scheme    Scheme
	at        time.Time
	texts     [][]byte // what may have been signed; more than one when the scheme of the address is not known
	signature []byte
	allowed   []proof
}

func (c candidate) prove(ctx context.Context, keys Keys) (Signed, error) {
	key, err := keys(ctx, c.keyID)
	if err != nil {
		return Signed{}, &Error{Kind: UnknownKey, Detail: c.keyID, Err: err}
	}
	if err := usable(key); err != nil {
		return Signed{}, &Error{Kind: UnknownKey, Detail: c.keyID, Err: err}
	}
	for _, text := range c.texts {
		if !proves(key, text, c.signature, c.allowed...) {
			continue
		}
		sum := sha256.New()
		sum.Write([]byte(c.keyID))
		sum.Write([]byte{0})
		sum.Write(text)
		return Signed{KeyID: c.keyID, Scheme: c.scheme, At: c.at, Fingerprint: hex.EncodeToString(sum.Sum(nil))}, nil
	}
	return Signed{}, refuse(BadSignature, "%s did not make it", c.keyID)
}

// checkTimes refuses what is stale or from the future. Zero times were not given.
func checkTimes(created, expires, now time.Time, ahead time.Duration) error {
	switch {
	case created.After(now.Add(ahead)):
		return refuse(Expired, "made %v in the future", created.Sub(now).Round(time.Second))
	case created.Before(now.Add(-MaxAge)):
		return refuse(Expired, "made %v ago", now.Sub(created).Round(time.Second))
	case !expires.IsZero() && !expires.After(now):
		return refuse(Expired, "ended %v ago", now.Sub(expires).Round(time.Second))
	}
	return nil
}

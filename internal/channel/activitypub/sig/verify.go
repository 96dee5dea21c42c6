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
// fresh, with a matching digest.
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

// Claim is what a request says of its signatures: read, complete and fresh, but not
// proven. To read it needs neither the body nor a key.
type Claim struct {
	all []candidate // in the order in which they are tried
}

// KeyID is the key that is said to have signed.
func (c Claim) KeyID() string { return c.all[0].keyID }

// Verify is Read and Prove in one.
func Verify(r *http.Request, body []byte, keys Keys, now time.Time) (Signed, error) {
	c, err := Read(r, now)
	if err != nil {
		return Signed{}, err
	}
	return c.Prove(r.Context(), body, keys)
}

// Prove proves that a key signed the request with this body. The error is an *Error
// of any kind.
func (c Claim) Prove(ctx context.Context, body []byte, keys Keys) (Signed, error) {
	var first error
	for _, one := range c.all {
		err := one.digest(body)
		if err == nil {
			var s Signed
			if s, err = one.prove(ctx, keys); err == nil {
				return s, nil
			}
		}
		if first == nil {
			first = err
		}
	}
	return Signed{}, first
}

// Read reads a request's signatures. Signed are at least the method, the address
// and, of what changes something, the digest of its body. The address is r.Host and
// r.URL as they were sent: behind a proxy, r.Host must be what the sender called.
// The error is an *Error; nothing of it needed a key.
func Read(r *http.Request, now time.Time) (Claim, error) {
	var size int
	for _, h := range []string{"Signature", "Signature-Input", "Authorization"} {
		for _, v := range r.Header.Values(h) {
			size += len(v)
		}
	}
	if size > maxHeader {
		return Claim{}, refuse(Malformed, "%d bytes of signature", size)
	}
	if len(r.Header.Values("Signature-Input")) > 0 {
		return readMessage(r, now)
	}
	return readCavage(r, now)
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
	digest    func(body []byte) error // compares the body with what was signed of it
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

package sig

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"
)

// Scheme is a way of signing.
type Scheme string

// The schemes. A server that refuses one with 400, 401 or 403 may take the other:
// send Cavage first, since few servers know RFC9421 only, and remember per host
// what it took.
const (
	Cavage  Scheme = "cavage"   // draft-cavage-http-signatures-12
	RFC9421 Scheme = "rfc-9421" // HTTP Message Signatures
)

// Signer signs as one key.
type Signer struct {
	KeyID string // where the public key is found: the actor's id with "#main-key" as a rule
	Key   *rsa.PrivateKey
}

// Sign signs a request that is about to be sent, whose body is body (nil for GET).
// It sets Date, the digest and the signature, in place of any of before. The
// address must be final: a redirect needs a new signature.
func (s Signer) Sign(r *http.Request, body []byte, scheme Scheme, now time.Time) error {
	if s.Key == nil || s.KeyID == "" {
		return errors.New("sign request: no key")
	}
	for _, h := range []string{"Signature", "Signature-Input", "Digest", "Content-Digest"} {
		r.Header.Del(h)
	}
	r.Header.Set("Date", now.UTC().Format(http.TimeFormat))
	switch scheme {
	case Cavage:
		return s.cavage(r, body)
	case RFC9421:
		return s.message(r, body, now)
	}
	return fmt.Errorf("sign request: unknown scheme %q", scheme)
}

func (s Signer) cavage(r *http.Request, body []byte) error {
	names := []string{"(request-target)", "host", "date"}
	if carriesBody(r.Method, body) {
		r.Header.Set("Digest", legacyDigest(body))
		names = append(names, "digest")
	}
	c := cavageSignature{Headers: names}
	text, err := c.text(r)
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	signature, err := s.make(text)
	if err != nil {
		return err
	}
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s",algorithm="rsa-sha256",headers="%s",signature="%s"`,
		s.KeyID, strings.Join(names, " "), base64.StdEncoding.EncodeToString(signature)))
	return nil
}

func (s Signer) message(r *http.Request, body []byte, now time.Time) error {
	covered := []string{"@method", "@target-uri"}
	if carriesBody(r.Method, body) {
		digest, err := contentDigest(body)
		if err != nil {
			return fmt.Errorf("sign request: %w", err)
		}
		r.Header.Set("Content-Digest", digest)
		covered = append(covered, "content-digest")
	}
	list := httpsfv.InnerList{Params: httpsfv.NewParams()}
	for _, name := range covered {
		list.Items = append(list.Items, httpsfv.NewItem(name))
	}
	list.Params.Add("created", now.Unix())
	list.Params.Add("keyid", s.KeyID)
	list.Params.Add("alg", "rsa-v1_5-sha256")
	text, err := messageSignature{list: list}.text(r, r.URL.Scheme)
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	signature, err := s.make(text)
	if err != nil {
		return err
	}
	return setMessageHeaders(r.Header, list, signature)
}

func setMessageHeaders(h http.Header, list httpsfv.InnerList, signature []byte) error {
	const label = "sig1"
	input, value := httpsfv.NewDictionary(), httpsfv.NewDictionary()
	input.Add(label, list)
	value.Add(label, httpsfv.NewItem(signature))
	in, err := httpsfv.Marshal(input)
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	out, err := httpsfv.Marshal(value)
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	h.Set("Signature-Input", in)
	h.Set("Signature", out)
	return nil
}

// make signs with RSASSA-PKCS1-v1_5 and SHA-256, which every server knows.
func (s Signer) make(text []byte) ([]byte, error) {
	sum := sha256.Sum256(text)
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.Key, crypto.SHA256, sum[:])
	if err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}
	return signature, nil
}

// carriesBody tells whether a request's digest must be signed: always when it
// changes something, even with nothing in it.
func carriesBody(method string, body []byte) bool {
	return len(body) > 0 || method != http.MethodGet && method != http.MethodHead
}

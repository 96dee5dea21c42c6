package sig

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// KeyBits is the length of the RSA keys we make: what every server accepts.
const KeyBits = 2048

// Keys of others outside these bounds are refused: a shorter one can be forged, a
// longer one makes each check cost too much.
const (
	minKeyBits = 2048
	maxKeyBits = 8192
)

// maxPEM bounds a key's text, in bytes.
const maxPEM = 16 << 10

// NewKey makes an RSA key.
func NewKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, KeyBits) }

// MarshalPrivate writes a private key as PKCS #8 in PEM.
func MarshalPrivate(k *rsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("marshal private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ParsePrivate reads what MarshalPrivate wrote.
func ParsePrivate(text []byte) (*rsa.PrivateKey, error) {
	b, _ := pem.Decode(text)
	if b == nil {
		return nil, errors.New("parse private key: no PEM")
	}
	k, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse private key: %w", err)
	}
	r, ok := k.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("parse private key: %T is no RSA key", k)
	}
	return r, nil
}

// MarshalPublic writes a public key as an actor's publicKeyPem shows it.
func MarshalPublic(k crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		return "", fmt.Errorf("marshal public key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// ParsePublic reads an actor's publicKeyPem: an RSA key of 2048 to 8192 bits or an
// Ed25519 key.
func ParsePublic(text string) (crypto.PublicKey, error) {
	if len(text) > maxPEM {
		return nil, errors.New("parse public key: too long")
	}
	b, _ := pem.Decode([]byte(text))
	if b == nil {
		return nil, errors.New("parse public key: no PEM")
	}
	k, err := x509.ParsePKIXPublicKey(b.Bytes)
	if err != nil {
		// Some servers write the older form, whatever the PEM's label.
		r, err1 := x509.ParsePKCS1PublicKey(b.Bytes)
		if err1 != nil {
			return nil, fmt.Errorf("parse public key: %w", err)
		}
		k = r
	}
	return k, usable(k)
}

// usable tells whether a signature by this key is worth anything.
func usable(k crypto.PublicKey) error {
	switch k := k.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minKeyBits || n > maxKeyBits {
			return fmt.Errorf("public key of %d bits: want %d to %d", n, minKeyBits, maxKeyBits)
		}
		return nil
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return errors.New("public key: broken Ed25519 key")
		}
		return nil
	}
	return fmt.Errorf("public key of type %T: want RSA or Ed25519", k)
}

// proof is a way to make a signature from a text.
type proof string

const (
	rsaSHA256 proof = "rsa-sha256" // RSASSA-PKCS1-v1_5
	rsaSHA512 proof = "rsa-sha512"
	ed        proof = "ed25519"
)

// proves tells whether the key made the signature of the text in one of the ways
// that are allowed.
func proves(k crypto.PublicKey, text, signature []byte, allowed ...proof) bool {
	for _, p := range allowed {
		switch key := k.(type) {
		case *rsa.PublicKey:
			switch p {
			case rsaSHA256:
				sum := sha256.Sum256(text)
				if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil {
					return true
				}
			case rsaSHA512:
				sum := sha512.Sum512(text)
				if rsa.VerifyPKCS1v15(key, crypto.SHA512, sum[:], signature) == nil {
					return true
				}
			}
		case ed25519.PublicKey:
			if p == ed && ed25519.Verify(key, text, signature) {
				return true
			}
		}
	}
	return false
}

package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrUnknownKey reports that the text was sealed with a key that the key file
// no longer holds, or with that of another installation.
var ErrUnknownKey = errors.New("sealed with a master key that is not in the key file")

// ErrForged reports that the text was changed, or belongs to another purpose.
var ErrForged = errors.New("sealed text was changed or belongs elsewhere")

// Box seals and opens. Safe for concurrent use.
type Box struct {
	current string
	oldest  string // of all keys, retired ones too
	keys    map[string]derived
}

// derived are the working keys of one master key: one key, one use (NIST SP
// 800-108; made with HKDF, RFC 5869).
type derived struct {
	seal cipher.AEAD // nil for a retired key: it opens nothing
	mac  []byte
}

// Fresh is a box with a random key that is stored nowhere: for tests.
func Fresh() *Box {
	b, err := newBox([]key{freshKey()})
	if err != nil {
		panic("secret: a random key is a valid key: " + err.Error())
	}
	return b
}

func newBox(keys []key) (*Box, error) {
	if keys[0].retired {
		return nil, errors.New("the first key is a retired one")
	}
	b := &Box{current: keys[0].id, oldest: keys[len(keys)-1].id, keys: map[string]derived{}}
	for _, k := range keys {
		if k.retired {
			b.keys[k.id] = derived{mac: k.bytes}
			continue
		}
		sealKey, err := hkdf.Key(sha256.New, k.bytes, nil, "arengo seal v1", keySize)
		if err != nil {
			return nil, fmt.Errorf("derive key: %w", err)
		}
		mac, err := macKey(k)
		if err != nil {
			return nil, err
		}
		block, err := aes.NewCipher(sealKey)
		if err != nil {
			return nil, fmt.Errorf("derive key: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("derive key: %w", err)
		}
		b.keys[k.id] = derived{aead, mac}
	}
	return b, nil
}

// macKey is the key that makes a master key's look-up values. The master key
// cannot be told from it.
func macKey(k key) ([]byte, error) {
	mac, err := hkdf.Key(sha256.New, k.bytes, nil, "arengo mac v1", keySize)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return mac, nil
}

// Current is the name of the key that seals.
func (b *Box) Current() string { return b.current }

// Has reports whether the box opens what the named key sealed.
func (b *Box) Has(id string) bool { return b.keys[id].seal != nil }

// Rotating reports whether an older key still opens: a rotation that was begun and
// not ended.
func (b *Box) Rotating() bool {
	for id := range b.keys {
		if id != b.current && b.Has(id) {
			return true
		}
	}
	return false
}

// version starts every sealed text, so that another scheme may follow.
const version = "s1"

// Seal encrypts a text. The purpose names what it is and the row it belongs to,
// such as "channel.token/" + id; Open needs the same.
func (b *Box) Seal(purpose, plaintext string) string {
	sealed := b.keys[b.current].seal.Seal(nil, nil, []byte(plaintext), bind(b.current, purpose))
	return version + "." + b.current + "." + base64.RawURLEncoding.EncodeToString(sealed)
}

// Open decrypts what Seal made for the purpose. Errors: ErrUnknownKey, ErrForged.
func (b *Box) Open(purpose, sealed string) (string, error) {
	id, body, err := split(sealed)
	if err != nil {
		return "", err
	}
	k, known := b.keys[id]
	if !known || k.seal == nil {
		return "", ErrUnknownKey
	}
	plain, err := k.seal.Open(nil, nil, body, bind(id, purpose))
	if err != nil {
		return "", ErrForged
	}
	return string(plain), nil
}

// Stale reports whether a text should be sealed again because a newer key is in
// use, or because it is no sealed text at all.
func (b *Box) Stale(sealed string) bool {
	id, _, err := split(sealed)
	return err != nil || id != b.current
}

// Reseal seals a text that was sealed for the purpose with the current key.
// Errors: as Open.
func (b *Box) Reseal(purpose, sealed string) (string, error) {
	if !b.Stale(sealed) {
		return sealed, nil
	}
	plain, err := b.Open(purpose, sealed)
	if err != nil {
		return "", err
	}
	return b.Seal(purpose, plain), nil
}

func split(sealed string) (id string, body []byte, err error) {
	parts := strings.Split(sealed, ".")
	if len(parts) != 3 || parts[0] != version {
		return "", nil, ErrForged
	}
	if body, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return "", nil, ErrForged
	}
	return parts[1], body, nil
}

// bind is the associated data: a text sealed for one purpose opens for no other.
func bind(id, purpose string) []byte { return []byte(version + "\x00" + id + "\x00" + purpose) }

// MAC is a keyed hash of data for a purpose: equal data give equal values, and
// nobody without the key can test a guess against a leaked table. It begins with
// the key's name, so that values made before a rotation can still be checked.
func (b *Box) MAC(purpose, data string) string { return b.mac(b.current, purpose, data) }

// Pseudonym is a MAC that stays the same when the master key changes: by it a
// person whom we know under no other name is recognised, and stays blocked.
func (b *Box) Pseudonym(purpose, data string) string { return b.mac(b.oldest, purpose, data) }

// OldMAC reports whether a MAC was made with a key that is not the current one.
func (b *Box) OldMAC(mac string) bool {
	id, _, _ := strings.Cut(mac, ".")
	return id != b.current
}

// SameNow is Same for keys that are not retired: what must not be forged by
// whoever found an old key.
func (b *Box) SameNow(purpose, data, mac string) bool {
	id, _, _ := strings.Cut(mac, ".")
	return b.Has(id) && b.Same(purpose, data, mac)
}

func (b *Box) mac(id, purpose, data string) string {
	h := hmac.New(sha256.New, b.keys[id].mac)
	// The length keeps "ab"+"c" and "a"+"bc" apart.
	fmt.Fprintf(h, "%d.%s%s", len(purpose), purpose, data)
	return id + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Same reports, in constant time, whether mac was made from data for a purpose,
// with any key of the file.
func (b *Box) Same(purpose, data, mac string) bool {
	id, _, _ := strings.Cut(mac, ".")
	if _, known := b.keys[id]; !known {
		return false
	}
	return hmac.Equal([]byte(b.mac(id, purpose, data)), []byte(mac))
}

package sig

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/dunglas/httpsfv"
)

// sumOf returns the digest of body by an algorithm's name in lower case, or false
// for an algorithm that we do not know.
func sumOf(algorithm string, body []byte) ([]byte, bool) {
	switch algorithm {
	case "sha-256":
		sum := sha256.Sum256(body)
		return sum[:], true
	case "sha-512":
		sum := sha512.Sum512(body)
		return sum[:], true
	}
	return nil, false
}

// legacyDigest is the Digest header of RFC 3230, which the older scheme signs.
func legacyDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])
}

// checkLegacyDigest compares the body with every digest that we can compute; at
// least one there must be.
func checkLegacyDigest(h http.Header, body []byte) error {
	var known bool
	for part := range strings.SplitSeq(strings.Join(h.Values("Digest"), ","), ",") {
		algorithm, text, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return refuse(BadDigest, "cannot read %q", part)
		}
		want, ok := sumOf(strings.ToLower(algorithm), body)
		if !ok {
			continue
		}
		got, err := base64.StdEncoding.DecodeString(text)
		if err != nil || subtle.ConstantTimeCompare(got, want) != 1 {
			return refuse(BadDigest, "%s differs", algorithm)
		}
		known = true
	}
	if !known {
		return refuse(BadDigest, "no SHA-256 or SHA-512")
	}
	return nil
}

// hasDigest tells, without the body, whether there is a digest to compare it with.
func hasDigest(h http.Header) error {
	for part := range strings.SplitSeq(strings.Join(h.Values("Digest"), ","), ",") {
		algorithm, _, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return refuse(BadDigest, "cannot read %q", part)
		}
		if _, known := sumOf(strings.ToLower(algorithm), nil); known {
			return nil
		}
	}
	return refuse(BadDigest, "no SHA-256 or SHA-512")
}

// contentDigest is the Content-Digest header of RFC 9530, which RFC 9421 signs.
func contentDigest(body []byte) (string, error) {
	sum := sha256.Sum256(body)
	d := httpsfv.NewDictionary()
	d.Add("sha-256", httpsfv.NewItem(sum[:]))
	return httpsfv.Marshal(d)
}

// checkContentDigest is checkLegacyDigest for the newer header.
func checkContentDigest(h http.Header, body []byte) error {
	d, err := httpsfv.UnmarshalDictionary(h.Values("Content-Digest"))
	if err != nil {
		return refuse(BadDigest, "Content-Digest: %v", err)
	}
	var known bool
	for _, algorithm := range d.Names() {
		want, ok := sumOf(algorithm, body)
		if !ok {
			continue
		}
		m, _ := d.Get(algorithm)
		item, _ := m.(httpsfv.Item)
		got, _ := item.Value.([]byte)
		if subtle.ConstantTimeCompare(got, want) != 1 {
			return refuse(BadDigest, "%s differs", algorithm)
		}
		known = true
	}
	if !known {
		return refuse(BadDigest, "no sha-256 or sha-512")
	}
	return nil
}

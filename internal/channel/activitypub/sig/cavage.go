package sig

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// cavageSignature is the Signature header of draft-cavage-http-signatures-12.
type cavageSignature struct {
	KeyID, Algorithm string
	Headers          []string // in lower case
	Signature        []byte
	Created, Expires time.Time // zero when not given
}

// parseCavage reads the header's value. Parameters that nobody knows are passed
// over, one that comes twice is refused: two readers might take different ones.
func parseCavage(value string) (cavageSignature, error) {
	params, err := parseParams(value)
	if err != nil {
		return cavageSignature{}, err
	}
	c := cavageSignature{KeyID: params["keyid"], Algorithm: strings.ToLower(params["algorithm"])}
	if c.KeyID == "" || len(c.KeyID) > maxKeyID {
		return cavageSignature{}, refuse(Malformed, "keyId of %d bytes", len(c.KeyID))
	}
	// The default of an absent list is the date alone, which proves nothing.
	c.Headers = strings.Fields(strings.ToLower(params["headers"]))
	if len(c.Headers) > maxCovered {
		return cavageSignature{}, refuse(Malformed, "%d signed headers", len(c.Headers))
	}
	for i, h := range c.Headers {
		if slices.Contains(c.Headers[:i], h) {
			return cavageSignature{}, refuse(Malformed, "header %q signed twice", h)
		}
	}
	if c.Signature, err = base64.StdEncoding.DecodeString(params["signature"]); err != nil || len(c.Signature) == 0 {
		return cavageSignature{}, refuse(Malformed, "signature is no base64")
	}
	if c.Created, err = unix(params["created"]); err != nil {
		return cavageSignature{}, err
	}
	c.Expires, err = unix(params["expires"])
	return c, err
}

// parseParams reads name="value" pairs parted by commas; names come out in lower
// case. Numbers may stand without quotation marks.
func parseParams(s string) (map[string]string, error) {
	params := map[string]string{}
	for rest := strings.TrimSpace(s); rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" || strings.ContainsAny(name, "\", ") {
			return nil, refuse(Malformed, "cannot read the parameter at %.40q", rest)
		}
		var value string
		if quoted, isQuoted := strings.CutPrefix(strings.TrimSpace(after), `"`); isQuoted {
			if value, after, ok = strings.Cut(quoted, `"`); !ok {
				return nil, refuse(Malformed, "unclosed quotation mark")
			}
			between, next, more := strings.Cut(after, ",")
			if strings.TrimSpace(between) != "" {
				return nil, refuse(Malformed, "%.40q after a value", between)
			}
			if rest = strings.TrimSpace(next); more && rest == "" {
				return nil, refuse(Malformed, "nothing after the last comma")
			}
		} else {
			value, rest, _ = strings.Cut(after, ",")
			value, rest = strings.TrimSpace(value), strings.TrimSpace(rest)
		}
		if _, twice := params[name]; twice {
			return nil, refuse(Malformed, "parameter %q twice", name)
		}
		params[name] = value
	}
	return params, nil
}

// unix reads a time in seconds; an empty text is no time.
func unix(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}, refuse(Malformed, "time %.40q", s)
	}
	return time.Unix(n, 0), nil
}

// text is what is signed: a line for each of the headers (section 2.3).
func (c cavageSignature) text(r *http.Request) ([]byte, error) {
	var b bytes.Buffer
	for i, name := range c.Headers {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(name + ": ")
		switch name {
		case "(request-target)":
			b.WriteString(strings.ToLower(r.Method) + " " + requestURI(r))
		case "(created)", "(expires)":
			// Section 2.3: only for algorithms that are not named after a key's type.
			at := c.Created
			if name == "(expires)" {
				at = c.Expires
			}
			if at.IsZero() || c.Algorithm != "" && c.Algorithm != "hs2019" {
				return nil, refuse(Malformed, "%s with algorithm %q", name, c.Algorithm)
			}
			b.WriteString(strconv.FormatInt(at.Unix(), 10))
		case "host":
			b.WriteString(hostOf(r))
		default:
			value, err := header(r, name)
			if err != nil {
				return nil, err
			}
			b.WriteString(value)
		}
	}
	return b.Bytes(), nil
}

// header is the value of a signed header.
func header(r *http.Request, name string) (string, error) {
	values := r.Header.Values(name)
	switch {
	case len(values) > 0:
		return joined(values), nil
	case name == "content-length" && r.ContentLength >= 0:
		return strconv.FormatInt(r.ContentLength, 10), nil // it is not always left among the headers
	}
	return "", refuse(Malformed, "header %.40q is signed and not there", name)
}

// joined puts the lines of one header together, as both schemes do.
func joined(values []string) string {
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.TrimSpace(v)
	}
	return strings.Join(trimmed, ", ")
}

// hostOf is the host that was called, on either side of the wire, as it stands in
// the Host header.
func hostOf(r *http.Request) string {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	// net/http writes a name with accents so when it sends the request.
	if ascii, err := httpguts.PunycodeHostPort(host); err == nil {
		return ascii
	}
	return host
}

// requestURI is the path and query as they stand on the request's first line.
func requestURI(r *http.Request) string {
	if r.RequestURI != "" && r.RequestURI[0] == '/' {
		return r.RequestURI // as the sender wrote it: parsing may lose its escapes
	}
	return r.URL.RequestURI()
}

func readCavage(r *http.Request, now time.Time) (Claim, error) {
	value, err := cavageHeader(r.Header)
	if err != nil {
		return Claim{}, err
	}
	c, err := parseCavage(value)
	if err != nil {
		return Claim{}, err
	}
	at, err := c.fresh(r, now)
	if err != nil {
		return Claim{}, err
	}
	for _, h := range []string{"(request-target)", "host"} {
		if !slices.Contains(c.Headers, h) {
			return Claim{}, refuse(Uncovered, "%s is not signed", h)
		}
	}
	signed := slices.Contains(c.Headers, "digest")
	if !signed && carriesBody(r.Method, nil) {
		return Claim{}, refuse(Uncovered, "digest is not signed")
	}
	if signed {
		if err := hasDigest(r.Header); err != nil {
			return Claim{}, err
		}
	}
	allowed, err := c.allowed()
	if err != nil {
		return Claim{}, err
	}
	text, err := c.text(r)
	if err != nil {
		return Claim{}, err
	}
	digest := func(body []byte) error {
		switch {
		case signed:
			return checkLegacyDigest(r.Header, body)
		case len(body) > 0:
			return refuse(Uncovered, "digest is not signed")
		}
		return nil
	}
	return Claim{[]candidate{{c.KeyID, Cavage, at, [][]byte{text}, c.Signature, allowed, digest}}}, nil
}

// cavageHeader finds the one signature of the older scheme.
func cavageHeader(h http.Header) (string, error) {
	values := h.Values("Signature")
	for _, a := range h.Values("Authorization") {
		if scheme, rest, ok := strings.Cut(a, " "); ok && strings.EqualFold(scheme, "Signature") {
			values = append(slices.Clip(values), rest)
		}
	}
	switch len(values) {
	case 0:
		return "", refuse(Unsigned, "no Signature header")
	case 1:
		return values[0], nil
	}
	return "", refuse(Malformed, "%d signatures", len(values))
}

// fresh returns when the signature was made: by its own time where that is
// signed, else by the Date header, which must be signed then.
func (c cavageSignature) fresh(r *http.Request, now time.Time) (time.Time, error) {
	expires := c.Expires
	if !slices.Contains(c.Headers, "(expires)") {
		expires = time.Time{}
	}
	if slices.Contains(c.Headers, "(created)") {
		return c.Created, checkTimes(c.Created, expires, now, MaxAhead)
	}
	if !slices.Contains(c.Headers, "date") {
		return time.Time{}, refuse(Uncovered, "neither date nor (created) is signed")
	}
	date, err := http.ParseTime(joined(r.Header.Values("Date")))
	if err != nil {
		return time.Time{}, refuse(Malformed, "date: %v", err)
	}
	return date, checkTimes(date, expires, now, MaxAge)
}

// allowed are the ways in which the signature may have been made. hs2019 says "by
// the key's own": servers that send it mean RSA with SHA-256 nearly always.
func (c cavageSignature) allowed() ([]proof, error) {
	switch c.Algorithm {
	case "", "hs2019":
		return []proof{rsaSHA256, rsaSHA512, ed}, nil
	case "rsa-sha256":
		return []proof{rsaSHA256}, nil
	case "rsa-sha512":
		return []proof{rsaSHA512}, nil
	case "ed25519", "ed25519-sha512":
		return []proof{ed}, nil
	}
	return nil, refuse(Malformed, "algorithm %.40q", c.Algorithm)
}

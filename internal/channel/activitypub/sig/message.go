package sig

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"
)

// messageSignature is one signature of RFC 9421: the covered components and their
// parameters (section 2), as they were sent.
type messageSignature struct {
	list      httpsfv.InnerList
	signature []byte

	covered          []string
	keyID, algorithm string
	created, expires time.Time // expires is zero when not given
}

// parseMessage reads the signatures of a request, in the order of Signature-Input.
// An input without its signature is refused: somebody took it away.
func parseMessage(h http.Header) ([]messageSignature, error) {
	inputs, err := httpsfv.UnmarshalDictionary(h.Values("Signature-Input"))
	if err != nil {
		return nil, refuse(Malformed, "Signature-Input: %v", err)
	}
	values, err := httpsfv.UnmarshalDictionary(h.Values("Signature"))
	if err != nil {
		return nil, refuse(Malformed, "Signature: %v", err)
	}
	labels := inputs.Names()
	if len(labels) == 0 {
		return nil, refuse(Unsigned, "no signature in Signature-Input")
	}
	if len(labels) > maxLabels {
		return nil, refuse(Malformed, "%d signatures", len(labels))
	}
	all := make([]messageSignature, 0, len(labels))
	for _, label := range labels {
		in, _ := inputs.Get(label)
		list, ok := in.(httpsfv.InnerList)
		if !ok {
			return nil, refuse(Malformed, "Signature-Input %.40q is no list", label)
		}
		value, _ := values.Get(label)
		item, _ := value.(httpsfv.Item)
		signature, _ := item.Value.([]byte)
		if len(signature) == 0 {
			return nil, refuse(Malformed, "Signature has no %.40q", label)
		}
		m := messageSignature{list: list, signature: signature}
		if err := m.readParams(); err != nil {
			return nil, err
		}
		if err := m.readCovered(); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func (m *messageSignature) readParams() error {
	m.keyID, _ = param[string](m.list.Params, "keyid")
	m.algorithm, _ = param[string](m.list.Params, "alg")
	if m.keyID == "" || len(m.keyID) > maxKeyID {
		return refuse(Malformed, "keyid of %d bytes", len(m.keyID))
	}
	created, ok := param[int64](m.list.Params, "created")
	if !ok || created < 0 || created > 1<<40 {
		return refuse(Uncovered, "no time of making")
	}
	m.created = time.Unix(created, 0)
	if expires, ok := param[int64](m.list.Params, "expires"); ok && expires >= 0 && expires <= 1<<40 {
		m.expires = time.Unix(expires, 0)
	}
	return nil
}

func param[T any](p *httpsfv.Params, name string) (value T, ok bool) {
	if p == nil {
		return value, false
	}
	v, _ := p.Get(name)
	value, ok = v.(T)
	return value, ok
}

// readCovered takes the plain components only: those with parameters (a part of a
// dictionary, a header of another message) are in no use on the Fediverse.
func (m *messageSignature) readCovered() error {
	if len(m.list.Items) > maxCovered {
		return refuse(Malformed, "%d covered components", len(m.list.Items))
	}
	for _, item := range m.list.Items {
		name, ok := item.Value.(string)
		switch {
		case !ok || name != strings.ToLower(name) || name == "@signature-params":
			return refuse(Malformed, "covered component %.40q", name)
		case item.Params != nil && len(item.Params.Names()) > 0:
			return refuse(Malformed, "covered component %.40q has parameters", name)
		case slices.Contains(m.covered, name):
			return refuse(Malformed, "covered component %.40q twice", name)
		}
		m.covered = append(m.covered, name)
	}
	return nil
}

// complete tells whether all is covered that must be, the body aside.
func (m messageSignature) complete(r *http.Request) error {
	has := func(name string) bool { return slices.Contains(m.covered, name) }
	whole := has("@target-uri")
	switch {
	case !has("@method"):
		return refuse(Uncovered, "@method is not signed")
	case !whole && !has("@authority") && !has("host"):
		return refuse(Uncovered, "@authority is not signed")
	case !whole && !has("@path") && !has("@request-target"):
		return refuse(Uncovered, "@path is not signed")
	case !whole && r.URL.RawQuery != "" && !has("@query") && !has("@request-target"):
		return refuse(Uncovered, "@query is not signed")
	case carriesBody(r.Method, nil) && !has("content-digest"):
		return refuse(Uncovered, "content-digest is not signed")
	}
	return nil
}

// digest compares the body with what was signed of it.
func (m messageSignature) digest(h http.Header, body []byte) error {
	switch {
	case slices.Contains(m.covered, "content-digest"):
		return checkContentDigest(h, body)
	case len(body) > 0:
		return refuse(Uncovered, "content-digest is not signed")
	}
	return nil
}

// text is the signature base (section 2.5) for an address of the given URL scheme.
func (m messageSignature) text(r *http.Request, scheme string) ([]byte, error) {
	var b bytes.Buffer
	for _, item := range m.list.Items {
		name, _ := item.Value.(string)
		value, err := component(r, name, scheme)
		if err != nil {
			return nil, err
		}
		b.WriteString(`"` + name + `": ` + value + "\n")
	}
	params, err := httpsfv.Marshal(m.list)
	if err != nil {
		return nil, refuse(Malformed, "%v", err)
	}
	b.WriteString(`"@signature-params": ` + params)
	return b.Bytes(), nil
}

// component is the value of one component (sections 2.1 and 2.2).
func component(r *http.Request, name, scheme string) (string, error) {
	path, query, hasQuery := strings.Cut(requestURI(r), "?")
	switch name {
	case "@method":
		return r.Method, nil
	case "@target-uri":
		return scheme + "://" + authority(r, scheme) + requestURI(r), nil
	case "@authority":
		return authority(r, scheme), nil
	case "@scheme":
		return scheme, nil
	case "@request-target":
		return requestURI(r), nil
	case "@path":
		return path, nil
	case "@query":
		if !hasQuery {
			return "?", nil
		}
		return "?" + query, nil
	case "host":
		return hostOf(r), nil
	}
	if strings.HasPrefix(name, "@") {
		return "", refuse(Malformed, "covered component %.40q", name)
	}
	return header(r, name)
}

// authority is the host in lower case, without the scheme's own port (2.2.3).
func authority(r *http.Request, scheme string) string {
	host := strings.ToLower(hostOf(r))
	port := ":80"
	if scheme == "https" {
		port = ":443"
	}
	return strings.TrimSuffix(host, port)
}

// schemes are the URL schemes that the sender may have called. Behind a proxy that
// ends TLS a server does not know; what was signed for one does no harm as the
// other, host and path being the same.
func schemes(r *http.Request) []string {
	switch {
	case r.TLS != nil:
		return []string{"https"}
	case r.URL.Scheme != "":
		return []string{r.URL.Scheme}
	}
	return []string{"https", "http"}
}

// readMessage takes all signatures that may be proven: a request may carry one of a
// proxy beside its sender's.
func readMessage(r *http.Request, now time.Time) (Claim, error) {
	all, err := parseMessage(r.Header)
	if err != nil {
		return Claim{}, err
	}
	var claim Claim
	var first error
	for _, m := range all {
		c, err := m.candidate(r, now)
		switch {
		case err == nil:
			claim.all = append(claim.all, c)
		case first == nil:
			first = err
		}
	}
	if len(claim.all) == 0 {
		return Claim{}, first
	}
	return claim, nil
}

func (m messageSignature) candidate(r *http.Request, now time.Time) (candidate, error) {
	if err := checkTimes(m.created, m.expires, now, MaxAhead); err != nil {
		return candidate{}, err
	}
	if err := m.complete(r); err != nil {
		return candidate{}, err
	}
	var allowed []proof
	switch m.algorithm {
	case "":
		allowed = []proof{rsaSHA256, ed} // by the key's type
	case "rsa-v1_5-sha256":
		allowed = []proof{rsaSHA256}
	case "ed25519":
		allowed = []proof{ed}
	default:
		return candidate{}, refuse(Malformed, "algorithm %.40q", m.algorithm)
	}
	c := candidate{keyID: m.keyID, scheme: RFC9421, at: m.created, signature: m.signature, allowed: allowed,
		digest: func(body []byte) error { return m.digest(r.Header, body) }}
	for _, s := range schemes(r) {
		text, err := m.text(r, s)
		if err != nil {
			return candidate{}, err
		}
		if len(c.texts) == 0 || !bytes.Equal(c.texts[0], text) {
			c.texts = append(c.texts, text)
		}
	}
	return c, nil
}

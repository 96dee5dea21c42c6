package vocab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// Why a document of somebody else is refused.
var (
	ErrTooLarge  = errors.New("document too large")
	ErrMalformed = errors.New("malformed document")
)

// Limits bound what a stranger may make us read. Beyond the first three a document
// is refused, beyond the others the rest of a list is left out.
type Limits struct {
	Bytes  int // of the whole document
	Depth  int // of objects and lists in each other
	Values int // texts, numbers, objects, lists in all

	Tags        int
	Attachments int
	Addressees  int // of To and of CC each
}

// DefaultLimits are far above what any server sends in earnest.
func DefaultLimits() Limits {
	return Limits{Bytes: 1 << 20, Depth: 32, Values: 20_000, Tags: 200, Attachments: 32, Addressees: 1000}
}

const (
	maxID   = 2048 // bytes of an address
	maxName = 500  // bytes of a name
)

// node is an object of a document.
type node map[string]any

// read decodes a document within limits.
func read(body []byte, l Limits) (node, error) {
	if err := measure(body, l); err != nil {
		return nil, err
	}
	var n node
	if err := json.Unmarshal(body, &n); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if n == nil {
		return nil, fmt.Errorf("%w: null", ErrMalformed)
	}
	return n, nil
}

// measure counts without decoding, so that a bomb costs one pass over its bytes
// and no memory. What is not JSON may be counted wrongly: decoding refuses it.
func measure(body []byte, l Limits) error {
	if len(body) > l.Bytes {
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(body))
	}
	depth, values := 0, 1
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			values++
		case '}', ']':
			depth--
		case ',':
			values++
		}
		if depth > l.Depth || values > l.Values {
			return fmt.Errorf("%w: more than %d levels or %d values", ErrTooLarge, l.Depth, l.Values)
		}
	}
	return nil
}

// list is a property's values, in the order in which they were sent.
func (n node) list(key string) []any {
	switch v := n[key].(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// text is a property's first text, with what no text may hold taken out.
func (n node) text(key string) string {
	for _, v := range n.list(key) {
		if s, ok := v.(string); ok {
			return clean(s)
		}
	}
	return ""
}

func clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ReplaceAll(s, "\x00", "")
}

// kind is the object's type: the first, when there are several.
func (n node) kind() string {
	if t := n.text("type"); t != "" {
		return cut(t, maxName)
	}
	return cut(n.text("@type"), maxName)
}

// id is the object's own address.
func (n node) id() string {
	if s := address(n.text("id")); s != "" {
		return s
	}
	return address(n.text("@id"))
}

// ids are the addresses of a property's values, whether it names them or holds
// them; at most limit.
func (n node) ids(key string, limit int) []string {
	var ids []string
	for _, v := range n.list(key) {
		if len(ids) == limit {
			break
		}
		var id string
		switch v := v.(type) {
		case string:
			if id = v; id == "as:Public" || id == "Public" {
				id = Public
			}
			id = address(id)
		case map[string]any:
			id = node(v).id()
		}
		if id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// first is the first of ids.
func (n node) first(key string) string {
	if ids := n.ids(key, 1); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// object is a property's first value that is an object.
func (n node) object(key string) node {
	for _, v := range n.list(key) {
		if m, ok := v.(map[string]any); ok {
			return m
		}
	}
	return nil
}

func (n node) flag(key string) bool {
	b, _ := n[key].(bool)
	return b
}

func (n node) number(key string) int {
	if f, ok := n[key].(float64); ok && f > 0 && f < 1<<20 {
		return int(f)
	}
	return 0
}

// time is a moment, or zero when it is none or outside of what a year of four
// digits can say.
func (n node) time(key string) time.Time {
	t, err := time.Parse(time.RFC3339, n.text(key))
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.UTC()
}

// page is the address of the page that a person reads: a link to HTML before
// others.
func (n node) page(key string) string {
	var other string
	for _, v := range n.list(key) {
		switch v := v.(type) {
		case string:
			if other == "" {
				other = address(v)
			}
		case map[string]any:
			link := node(v)
			href := address(link.text("href"))
			if href != "" && strings.HasPrefix(link.text("mediaType"), "text/html") {
				return href
			}
			if other == "" {
				other = href
			}
		}
	}
	return other
}

// address returns s if it is an http or https address that may be kept and
// followed, else nothing.
func address(s string) string {
	if s == "" || len(s) > maxID || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '<' || r == '>' }) {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Opaque != "" {
		return ""
	}
	return s
}

// Host is the host of an address, in lower case, with its port if it is not the
// scheme's own; "" of what is no address. Two actors or objects of one host
// vouch for each other.
func Host(id string) string {
	if address(id) == "" {
		return ""
	}
	u, err := url.Parse(id)
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// SameHost tells whether one server answers for both addresses.
func SameHost(a, b string) bool {
	h := Host(a)
	return h != "" && h == Host(b)
}

// cut shortens a text to at most limit bytes.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// isObject tells whether bytes may be a document at all, before anything is read.
func isObject(body []byte) bool {
	body = bytes.TrimSpace(body)
	return len(body) > 1 && body[0] == '{'
}

package loose

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

const (
	maxHeader = 256 << 10 // bytes of a header
	maxFields = 1000
)

// Header is the fields of a letter, in order, unfolded, in the bytes they came in.
type Header []Field

// Field is one line of a header.
type Field struct {
	Name  string // as it was written
	Value string
}

// Get is the bytes of the first field of a name; "" when there is none.
func (h Header) Get(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Has reports whether there is a field of a name.
func (h Header) Has(name string) bool {
	return slices.ContainsFunc(h, func(f Field) bool { return strings.EqualFold(f.Name, name) })
}

// Text is a field in UTF-8, its encoded words read.
func (h Header) Text(name string) string { return Words(h.Get(name)) }

var (
	fieldLine = regexp.MustCompile(`^([!-9;-~]{1,200})[ \t]*:`)
	// knownField names what stands in headers and hardly begins a sentence.
	knownField = regexp.MustCompile(`(?i)^(mime-version|content-[a-z-]+|message-id|date|to|from|subject|reply-to|cc|bcc|sender|return-path|received(-[a-z]+)?|` +
		`in-reply-to|references|delivered-to|envelope-to|auto-submitted|precedence|importance|priority|user-agent|organization|thread-[a-z]+|list-[a-z-]+|` +
		`dkim-[a-z-]+|arc-[a-z-]+|authentication-results|disposition-notification-to|errors-to|status|lines|x-[a-z0-9_-]+)[ \t]*:`)
)

// readHeader parts a header from the body below it. A line that is no field and no
// continuation of one is passed over when fields go on below it; else the body
// begins with it.
func readHeader(raw []byte) (h Header, body []byte) {
	rest := raw
	for len(rest) > 0 && len(h) < maxFields && len(raw)-len(rest) < maxHeader {
		line, after := nextLine(rest)
		text := string(bytes.TrimRight(line, "\r"))
		switch m := fieldLine.FindStringSubmatch(text); {
		case text == "":
			return h, after
		case len(h) > 0 && (text[0] == ' ' || text[0] == '\t'):
			if strings.TrimSpace(text) == "" && !continues(after) {
				return h, after // an empty line with a space in it
			}
			h[len(h)-1].Value += "\n" + text
		case m != nil && (len(h) > 0 || knownField.MatchString(text) || continues(after)):
			h = append(h, Field{m[1], strings.TrimLeft(text[len(m[0]):], " \t")})
		case len(h) == 0 && (strings.HasPrefix(text, "From ") || strings.HasPrefix(text, ">From ")):
			// the line that parts letters in a file of them
		case continues(after):
			// no field, but the header goes on
		default:
			return h, rest
		}
		rest = after
	}
	return h, rest
}

func nextLine(b []byte) (line, after []byte) {
	if n := bytes.IndexByte(b, '\n'); n >= 0 {
		return b[:n], b[n+1:]
	}
	return b, nil
}

// continues reports whether a header goes on: the next line is a field that is known.
func continues(b []byte) bool {
	line, _ := nextLine(b[:min(len(b), 4096)])
	return knownField.Match(line)
}

// mediaType reads "kind; name=value; …" as it is written by whoever breaks RFC 2045
// and 2231: the names in lower case, the values whole and in UTF-8.
func mediaType(s string) (kind string, params map[string]string) {
	pieces := fields(s, ';')
	params = map[string]string{}
	if len(pieces) == 0 {
		return "", params
	}
	kind = strings.ToLower(strings.Trim(strings.Join(strings.Fields(comment.ReplaceAllString(pieces[0], "")), ""), `"',`))
	switch kind {
	case "text", "text/", "plain":
		kind = "text/plain"
	case "html":
		kind = "text/html"
	case "multipart", "multipart/":
		kind = "multipart/mixed"
	case "message", "message/":
		kind = "message/rfc822"
	}
	longer := map[string][]piece{}
	for _, p := range pieces[1:] {
		name, value, ok := strings.Cut(p, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if !ok || name == "" {
			continue
		}
		base, mark, split := strings.Cut(name, "*")
		if split {
			longer[base] = append(longer[base], newPiece(mark, unquote(value)))
			continue
		}
		if _, twice := params[name]; !twice {
			params[name] = Words(unquote(value))
		}
	}
	for name, pieces := range longer {
		if value := joined(pieces); value != "" {
			params[name] = value
		}
	}
	return kind, params
}

var comment = regexp.MustCompile(`\([^()]*\)`)

// fields parts a text at a sign, where it does not stand in quotation marks.
func fields(s string, sign byte) (list []string) {
	quoted, begin := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sign && !quoted:
			list = append(list, s[begin:i])
			begin = i + 1
		}
	}
	if rest := s[begin:]; strings.TrimSpace(rest) != "" {
		list = append(list, rest)
	}
	return list
}

// unquote takes a value out of its quotation marks, of which one may be missing. A
// backslash before anything but a quotation mark or another one is of a path.
func unquote(s string) string {
	if !strings.HasPrefix(s, `"`) {
		return strings.Trim(s, `'`)
	}
	s = strings.TrimSuffix(strings.TrimSpace(s[1:]), `"`)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(s)
}

// piece is a part of a long value (RFC 2231, 3 and 4).
type piece struct {
	n       int
	encoded bool
	value   string
}

func newPiece(mark, value string) piece {
	number, encoded := strings.CutSuffix(mark, "*")
	p := piece{encoded: encoded || mark == "", value: value}
	for _, d := range number {
		if d < '0' || d > '9' || p.n > 1000 {
			break
		}
		p.n = 10*p.n + int(d-'0')
	}
	return p
}

// joined puts a long value together. The first piece names the character set.
func joined(pieces []piece) string {
	slices.SortStableFunc(pieces, func(a, b piece) int { return a.n - b.n })
	charset := ""
	var b []byte
	for i, p := range pieces {
		value := p.value
		if i == 0 && p.encoded {
			if set, rest, ok := strings.Cut(value, "'"); ok {
				if _, text, ok := strings.Cut(rest, "'"); ok {
					charset, value = set, text
				}
			}
		}
		if p.encoded {
			b = append(b, percent(value)...)
		} else {
			b = append(b, value...)
		}
	}
	return Words(Decode(b, charset, false))
}

// percent undoes "%C3%A0"; a sign that is followed by no number stays.
func percent(s string) []byte {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, ok := hexByte(s[i+1], s[i+2]); ok {
				b = append(b, v)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return b
}

// Fields reads lines of fields that are no letter's header: a delivery status, say.
// Lines that are none are passed over.
func Fields(b []byte) (h Header) {
	for line := range strings.Lines(string(b[:min(len(b), maxHeader)])) {
		text := strings.TrimRight(line, "\r\n")
		if m := fieldLine.FindString(text); m != "" && len(h) < maxFields {
			h = append(h, Field{strings.TrimRight(m, ": \t"), strings.TrimSpace(text[len(m):])})
		} else if len(h) > 0 && text != "" && (text[0] == ' ' || text[0] == '\t') {
			h[len(h)-1].Value += " " + strings.TrimSpace(text)
		}
	}
	return h
}

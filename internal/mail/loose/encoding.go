package loose

import (
	"encoding/base64"
	"regexp"
	"strings"
)

// quotedPrintable undoes the encoding of RFC 2045, 6.7; a sign that breaks it stays.
func quotedPrintable(b []byte) ([]byte, bool) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '=' {
			out = append(out, b[i])
			continue
		}
		if end, ok := softBreak(b, i+1); ok {
			i = end
			continue
		}
		if i+2 < len(b) {
			if v, ok := hexByte(b[i+1], b[i+2]); ok {
				out = append(out, v)
				i += 2
				continue
			}
		}
		out = append(out, '=')
	}
	return out, true
}

// softBreak reports whether only white space and a line end follow, and where they
// end.
func softBreak(b []byte, at int) (end int, ok bool) {
	for ; at < len(b); at++ {
		switch b[at] {
		case ' ', '\t', '\r':
		case '\n':
			return at, true
		default:
			return 0, false
		}
	}
	return len(b), true
}

func hexByte(a, b byte) (byte, bool) {
	x, okX := hexDigit(a)
	y, okY := hexDigit(b)
	return x<<4 | y, okX && okY
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// base64Bytes undoes the encoding of RFC 2045, 6.8. Signs that do not belong to it
// are passed over, as that RFC wants; where there are many it is no base64, and the
// bytes stay as they are. Several encodings after one another are read one by one.
func base64Bytes(b []byte) ([]byte, bool) {
	clean := make([]byte, 0, len(b))
	strange := 0
	out := make([]byte, 0, len(b)*3/4)
	flush := func() {
		n := len(clean) - len(clean)%4
		if rest := len(clean) % 4; rest >= 2 { // the last group may lack its end
			n = len(clean)
		}
		part := make([]byte, base64.RawStdEncoding.DecodedLen(n))
		k, _ := base64.RawStdEncoding.Decode(part, clean[:n])
		out = append(out, part[:k]...)
		clean = clean[:0]
	}
	for _, c := range b {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			clean = append(clean, c)
		case c == '=':
			flush()
		case c == ' ', c == '\t', c == '\r', c == '\n':
		default:
			strange++
		}
	}
	flush()
	if strange > 0 && 20*strange > len(b) {
		return b, false
	}
	return out, true
}

// encodedWord is one of RFC 2047, with the spaces that some programs leave in it.
var encodedWord = regexp.MustCompile(`=\?([^?*\s]{1,60})(?:\*[^?]*)?\?([bBqQ])\?([^?]*)\?=`)

// Words reads a header's text in UTF-8: encoded words (RFC 2047) and bytes of any
// character set. Words that follow each other are read together: some programs part
// them within a letter.
func Words(s string) string {
	s = strings.NewReplacer("\r", "", "\n", "").Replace(s)
	found := encodedWord.FindAllStringSubmatchIndex(s, -1)
	if found == nil {
		return Decode([]byte(s), "", false)
	}
	var out strings.Builder
	var pending []byte
	charset, end := "", 0
	flush := func() {
		out.WriteString(Decode(pending, charset, false))
		pending = pending[:0]
	}
	for i, m := range found {
		between := s[end:m[0]]
		set := strings.ToLower(s[m[2]:m[3]])
		if i == 0 || strings.TrimSpace(between) != "" {
			flush()
			out.WriteString(Decode([]byte(between), "", false))
		} else if set != charset {
			flush()
		}
		charset, end = set, m[1]
		text := []byte(s[m[6]:m[7]])
		if s[m[4]] == 'b' || s[m[4]] == 'B' {
			text, _ = base64Bytes(text)
		} else {
			text, _ = quotedPrintable([]byte(strings.ReplaceAll(string(text), "_", " ")))
		}
		pending = append(pending, text...)
	}
	flush()
	out.WriteString(Decode([]byte(s[end:]), "", false))
	return out.String()
}

package loose

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
)

// Decode is a text in UTF-8. A declared character set is believed unless the bytes
// contradict it; where none is declared, or only US-ASCII, a text that is valid
// UTF-8 is UTF-8, else what a page of HTML says of itself, else windows-1252, as
// every mail program and browser assumes. Latin 1 is read as windows-1252 too: its
// control characters are written by nobody, and its apostrophes by Outlook.
func Decode(b []byte, declared string, isHTML bool) string {
	if bom, rest := byteOrder(b); bom != nil {
		return convert(rest, bom)
	}
	label := normal(declared)
	switch label {
	case "", "us-ascii", "ascii", "ansi_x3.4-1968", "unknown", "unknown-8bit", "x-unknown", "default", "8bit", "7bit", "binary", "none", "x-user-defined", "iso646-us", "ansi":
		return guess(b, isHTML)
	case "utf-8", "utf8", "utf8mb4", "unicode-1-1-utf-8", "x-utf-8":
		return mostlyUTF8(b)
	case "utf-7", "utf7", "unicode-1-1-utf-7", "x-unicode-2-0-utf-7":
		return fromUTF7(b)
	case "utf-16", "utf16", "utf-16be", "utf-16le", "ucs-2", "iso-10646-ucs-2", "unicode":
		return convert(b, unicode.UTF16(endian(b, label), unicode.UseBOM))
	}
	e := named(label)
	switch {
	case e == nil:
		return guess(b, isHTML)
	case e == charmap.Windows1252 && utf8.Valid(b):
		// Accented letters of Latin 1 are hardly ever valid UTF-8 by chance.
		return string(b)
	}
	return convert(b, e)
}

// Known reports whether a character set can be read at all.
func Known(declared string) bool {
	label := normal(declared)
	return label == "" || strings.HasPrefix(label, "utf") || strings.HasSuffix(label, "ascii") || strings.HasPrefix(label, "unknown") || named(label) != nil
}

func normal(label string) string {
	label = strings.ToLower(strings.TrimSpace(label))
	label = strings.TrimPrefix(label, "charset=")
	if at := strings.IndexAny(label, "; \t,"); at >= 0 {
		label = label[:at]
	}
	return strings.Trim(label, `"'<>`)
}

// named finds a character set by its name, as browsers (WHATWG) and as IANA know it;
// nil when nobody does.
func named(label string) encoding.Encoding {
	label = strings.NewReplacer("_", "-").Replace(label)
	for _, name := range []string{label, strings.TrimPrefix(label, "x-"), "windows-" + strings.TrimPrefix(strings.TrimPrefix(label, "cp"), "windows"), "iso-" + strings.TrimPrefix(strings.TrimPrefix(label, "iso"), "-"), "ibm" + strings.TrimPrefix(label, "cp")} {
		if e, err := htmlindex.Get(name); err == nil && e != encoding.Replacement {
			return e
		}
		if e, err := ianaindex.MIME.Encoding(name); err == nil && e != nil {
			if e == charmap.ISO8859_1 {
				return charmap.Windows1252
			}
			return e
		}
	}
	return nil
}

func convert(b []byte, e encoding.Encoding) string {
	out, err := e.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}

// guess reads a text that does not say what it is.
func guess(b []byte, isHTML bool) string {
	if b = cutShort(b); utf8.Valid(b) {
		return string(b)
	}
	if isHTML {
		if m := meta.FindSubmatch(b[:min(len(b), 4096)]); m != nil {
			if e := named(normal(string(m[1]))); e != nil && e != encoding.Replacement && e != unicode.UTF8 {
				return convert(b, e)
			}
		}
	}
	return convert(b, charmap.Windows1252)
}

var meta = regexp.MustCompile(`(?is)<meta[^>]{0,300}?charset\s*=\s*["']?\s*([a-z0-9_:.-]{2,40})`)

// long is from how many bytes on a text may have been cut in the middle of a
// character; a short one that ends in such a byte is of another character set.
const long = 16 << 10

// cutShort is a long text without the beginning of a character at its end.
func cutShort(b []byte) []byte {
	if len(b) < long {
		return b
	}
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if c >= 0xC0 && !utf8.FullRune(b[len(b)-n:]) {
				return b[:len(b)-n]
			}
			return b
		}
	}
	return b
}

// mostlyUTF8 reads what says that it is UTF-8. Bytes that are none come from text
// that was put in without being converted: a footer, a quotation.
func mostlyUTF8(b []byte) string {
	b = cutShort(b)
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			r = charmap.Windows1252.DecodeByte(b[0])
		}
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}

// byteOrder reads the mark at the beginning of a text.
func byteOrder(b []byte) (e encoding.Encoding, rest []byte) {
	switch {
	case bytes.HasPrefix(b, []byte("\xEF\xBB\xBF")) && utf8.Valid(b):
		return unicode.UTF8, b[3:]
	case bytes.HasPrefix(b, []byte("\xFE\xFF")) && len(b)%2 == 0 && bytes.IndexByte(b, 0) >= 0:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), b[2:]
	case bytes.HasPrefix(b, []byte("\xFF\xFE")) && len(b)%2 == 0 && bytes.IndexByte(b, 0) >= 0:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), b[2:]
	}
	return nil, b
}

// endian tells which half of a letter comes first: the one that is zero in ours.
func endian(b []byte, label string) unicode.Endianness {
	switch label {
	case "utf-16be":
		return unicode.BigEndian
	case "utf-16le":
		return unicode.LittleEndian
	}
	first, second := 0, 0
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] == 0 {
			first++
		}
		if b[i+1] == 0 {
			second++
		}
	}
	if second > first {
		return unicode.LittleEndian
	}
	return unicode.BigEndian
}

// fromUTF7 reads RFC 2152, which old programs write and no library here reads.
func fromUTF7(b []byte) string {
	var out strings.Builder
	for i := 0; i < len(b); i++ {
		if b[i] != '+' {
			out.WriteByte(b[i])
			continue
		}
		end := i + 1
		for end < len(b) && (b[end] == '+' || b[end] == '/' || b[end] >= '0' && b[end] <= '9' || b[end] >= 'A' && b[end] <= 'Z' || b[end] >= 'a' && b[end] <= 'z') {
			end++
		}
		if end == i+1 {
			out.WriteByte('+')
		} else if raw, err := base64.RawStdEncoding.DecodeString(string(b[i+1 : end])); err == nil || len(raw) > 1 {
			var units []uint16
			for j := 0; j+1 < len(raw); j += 2 {
				units = append(units, binary.BigEndian.Uint16(raw[j:]))
			}
			out.WriteString(string(utf16.Decode(units)))
		}
		if i = end; i < len(b) && b[i] != '-' {
			i--
		}
	}
	return strings.ToValidUTF8(out.String(), "\uFFFD")
}

package loose

import (
	"regexp"
	"strings"
)

// Address is who is named in a header.
type Address struct {
	Name string // in UTF-8; may be empty
	Addr string // as it was written
}

var (
	// inAngles is an address in its brackets; bare one without.
	inAngles = regexp.MustCompile(`<\s*(?:mailto:)?((?:"[^"\n]{1,64}"|[^\s<>"(),:;\[\]\\]+)@[^\s<>"(),:;\\@]+)\s*>?`)
	bare     = regexp.MustCompile(`((?:"[^"\n]{1,64}"|[^\s<>"'(),:;\[\]\\]+)@[^\s<>"'(),:;\\@\[\]]+)`)
)

// FirstAddress reads the first address that a header names, however the name before
// it is written; Addr is empty when there is none.
func FirstAddress(header string) Address {
	header = strings.NewReplacer("\r", "", "\n", "").Replace(header)
	one := ""
	for _, piece := range fields(header, ',') {
		// A name with a comma may have no quotation marks: "Rossi, Anna <anna@e.it>".
		if one = strings.TrimPrefix(one+","+piece, ","); strings.Contains(piece, "@") {
			break
		}
	}
	// A quotation mark may be missing; or all of it may be encoded, the address too.
	for _, text := range []string{one, header, Words(header)} {
		if m := inAngles.FindStringSubmatchIndex(text); m != nil {
			return Address{nameOf(text[:m[0]]), text[m[2]:m[3]]}
		}
		if m := bare.FindStringSubmatchIndex(text); m != nil {
			name := text[:m[0]]
			if after := text[m[1]:]; strings.TrimSpace(name) == "" && strings.Contains(after, "(") {
				name = strings.Trim(after, " ()") // "anna@e.it (Anna)", the old way
			}
			return Address{nameOf(name), strings.TrimRight(text[m[2]:m[3]], ".")}
		}
	}
	return Address{}
}

// nameOf is the name before an address: out of its quotation marks, decoded.
func nameOf(s string) string {
	s = strings.TrimSpace(s)
	if group, rest, ok := strings.Cut(s, ":"); ok && !strings.ContainsAny(group, `"=?`) && strings.TrimSpace(rest) != "" {
		s = strings.TrimSpace(rest) // a group of addresses has a name too
	}
	s = strings.Trim(s, "<[( ")
	return strings.TrimSpace(strings.Trim(Words(unquote(s)), `"' `))
}

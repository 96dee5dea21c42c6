// Package hostname knows the two forms of a name with accents.
//
// People read and type cantù.example; DNS, letters, signatures, cookies and other
// servers know xn--cant-ora.example only (IDNA, RFC 5891; mapped as browsers do,
// UTS #46). Names are kept and sent in ASCII; Readable is for pages and messages.
package hostname

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ErrForm reports that a text is no host name.
var ErrForm = errors.New("no host name")

// ASCII is the form of a host name that leaves the house: lower case, without a
// final dot. A name without a dot and an address in numbers are names too.
// Error: ErrForm.
func ASCII(name string) (string, error) {
	name = strings.TrimSuffix(strings.TrimSpace(name), ".")
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.String(), nil
	}
	if isASCII(name) {
		// Names of machines may hold what names of sites may not, as an underscore.
		name = strings.ToLower(name)
	} else {
		var err error
		if name, err = idna.Lookup.ToASCII(name); err != nil {
			return "", ErrForm
		}
	}
	if len(name) > 253 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return "", ErrForm
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return "", ErrForm
		}
	}
	return name, nil
}

// HostPort is ASCII for a name that may be followed by a port.
func HostPort(s string) (string, error) {
	host, port := split(s)
	host, err := ASCII(host)
	if err != nil {
		return "", err
	}
	if strings.Trim(port, "0123456789") != "" {
		return "", ErrForm
	}
	if port != "" {
		return net.JoinHostPort(host, port), nil
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]", nil
	}
	return host, nil
}

func split(s string) (host, port string) {
	if host, port, err := net.SplitHostPort(s); err == nil {
		return host, port
	}
	return strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), ""
}

// URL is an address with its host in ASCII. What is no address with a host comes
// back as it is: whoever needs one checks that.
func URL(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address, nil
	}
	if u.Host, err = HostPort(u.Host); err != nil {
		return "", err
	}
	return u.String(), nil
}

// Mail is a mail address with its domain in ASCII. What stands before the @ is
// the receiver's business and stays as it is.
func Mail(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return "", ErrForm
	}
	domain, err := ASCII(address[at+1:])
	if err != nil {
		return "", err
	}
	return address[:at+1] + domain, nil
}

// Readable is a text that holds a host name (a name, an address, a handle) as
// people read it. It is for eyes only: never for a link or a comparison.
func Readable(text string) string {
	if !strings.Contains(text, "xn--") {
		return text
	}
	var out strings.Builder
	for text != "" {
		n := strings.IndexFunc(text, inName)
		if n < 0 {
			n = len(text)
		}
		out.WriteString(text[:n])
		text = text[n:]
		n = strings.IndexFunc(text, func(r rune) bool { return !inName(r) })
		if n < 0 {
			n = len(text)
		}
		name := text[:n]
		if u, err := idna.Display.ToUnicode(name); err == nil {
			if back, err := ASCII(u); err == nil && back == name { // else it is no name, or hides another
				name = u
			}
		}
		out.WriteString(name)
		text = text[n:]
	}
	return out.String()
}

func inName(r rune) bool {
	return r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

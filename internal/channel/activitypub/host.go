package activitypub

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// maxHost bounds a host with its port: no name is longer (RFC 1035, 2.3.4).
const maxHost = 255 + len(":65535")

// hostOf is the host, with its port, of an address of another server, however the
// address writes it (see plainHost); "" when it is none that we would call. Without
// secure, plain http is one, too.
func hostOf(address string, secure bool) string {
	if len(address) > 2048 {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return ""
	}
	if len(u.Host) > maxHost || u.Scheme != "https" && (secure || u.Scheme != "http") {
		return ""
	}
	return plainHost(u.Scheme, u.Host)
}

// plainHost is the one form of a host that is written in many: without the scheme's
// own port and a final dot, a name in lower case and in the form that DNS takes, an
// address as its numbers. "" when it cannot be one.
func plainHost(scheme, host string) string {
	h := (&url.URL{Host: host}).Hostname()
	port := (&url.URL{Host: host}).Port()
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		port = ""
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return ""
		}
		port = ":" + strconv.FormatUint(n, 10)
	}
	if a, err := netip.ParseAddr(h); err == nil {
		a = a.WithZone("").Unmap()
		if a.Is6() {
			return "[" + a.String() + "]" + port
		}
		return a.String() + port
	}
	h = strings.ToLower(h)
	if ascii, err := idna.Lookup.ToASCII(h); err == nil {
		h = ascii
	}
	h = strings.TrimRight(h, ".")
	if h == "" || strings.ContainsAny(h, "%/?#@\\ ") {
		return ""
	}
	if a, ok := numbers(h); ok {
		return a.String() + port
	}
	return h + port
}

// numbers reads an IPv4 address as old programs do: of one to four parts, decimal,
// octal or hexadecimal.
func numbers(h string) (netip.Addr, bool) {
	parts := strings.Split(h, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var all uint64
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		n, err := strconv.ParseUint(part, 0, 64)
		if err != nil || part == "" || n>>bits != 0 || strings.Contains(part, "_") {
			return netip.Addr{}, false
		}
		all = all<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(all >> 24), byte(all >> 16), byte(all >> 8), byte(all)}), true
}

// maxDomains is how many names a block of a host may stand under.
const maxDomains = 8

// domains are the names under which a host may be blocked: its own, with its port and
// without, and those above it.
func domains(host string) [maxDomains]string {
	var all [maxDomains]string
	all[0] = host
	name := (&url.URL{Host: host}).Hostname()
	if name != host {
		all[1] = strings.TrimSuffix(host, ":"+(&url.URL{Host: host}).Port())
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return all
	}
	var above []string
	for rest := name; ; {
		_, next, ok := strings.Cut(rest, ".")
		if !ok {
			break
		}
		above, rest = append(above, next), next
	}
	// Of a name of many parts those near the top decide.
	copy(all[2:], above[max(0, len(above)-(maxDomains-2)):])
	return all
}

// under reports whether a blocked domain covers a host.
func under(host, domain string) bool {
	for _, d := range domains(host) {
		if d == domain {
			return true
		}
	}
	return false
}

// site is the name that somebody registered, above a host: whoever has one can make
// as many hosts below it as he likes.
func site(host string) string {
	name := (&url.URL{Host: host}).Hostname()
	if s, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return s
	}
	return host
}

package fetch

import (
	"net/netip"
	"strings"

	"codeberg.org/arengo/arengo/internal/hostname"
)

// HostName is the one form of the name of a host on the public Internet that a
// stranger typed. A port, a bare address in whichever notation, or a name without a
// dot is none.
func HostName(typed string) (name string, ok bool) {
	name, err := hostname.ASCII(typed)
	if err != nil || !strings.Contains(name, ".") || strings.ContainsAny(name, "_:") {
		return "", false
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return "", false
	}
	// The last label of an address is a number, decimal or not (WHATWG URL, 3.5).
	last := name[strings.LastIndexByte(name, '.')+1:]
	return name, strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x")
}

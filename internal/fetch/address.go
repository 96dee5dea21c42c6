package fetch

import (
	"encoding/binary"
	"net/netip"
)

// reserved lists what is not the public Internet, from the IANA special-purpose
// registries of IPv4 and IPv6 addresses (RFC 6890 and its updates).
func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),       // this host
		netip.MustParsePrefix("10.0.0.0/8"),      // private
		netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT
		netip.MustParsePrefix("127.0.0.0/8"),     // loopback
		netip.MustParsePrefix("169.254.0.0/16"),  // link-local, cloud metadata
		netip.MustParsePrefix("172.16.0.0/12"),   // private
		netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
		netip.MustParsePrefix("192.0.2.0/24"),    // documentation
		netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relay, withdrawn
		netip.MustParsePrefix("192.168.0.0/16"),  // private
		netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"), // documentation
		netip.MustParsePrefix("203.0.113.0/24"),  // documentation
		netip.MustParsePrefix("224.0.0.0/4"),     // multicast
		netip.MustParsePrefix("240.0.0.0/4"),     // reserved, broadcast
		netip.MustParsePrefix("::/96"),           // unspecified, loopback, IPv4-compatible
		netip.MustParsePrefix("64:ff9b:1::/48"),  // local translation
		netip.MustParsePrefix("100::/64"),        // discard
		netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo
		netip.MustParsePrefix("2001:db8::/32"),   // documentation
		netip.MustParsePrefix("2002::/16"),       // 6to4 hides an IPv4 address
		netip.MustParsePrefix("3fff::/20"),       // documentation
		netip.MustParsePrefix("5f00::/16"),       // segment routing
		netip.MustParsePrefix("fc00::/7"),        // unique local
		netip.MustParsePrefix("fe80::/10"),       // link-local
		netip.MustParsePrefix("fec0::/10"),       // site-local, withdrawn
		netip.MustParsePrefix("ff00::/8"),        // multicast
	}
}

// judge decides which addresses may be dialled.
type judge struct {
	refused  []netip.Prefix
	allowed  []netip.Prefix
	loopback bool
}

func newJudge(o Options) judge {
	return judge{refused: reserved(), allowed: o.AllowPrivate, loopback: o.AllowLoopback}
}

// allows reports whether a may be dialled. An IPv4 address inside an IPv6 one
// (mapped, or translated by NAT64) is judged as the IPv4 address it reaches.
func (j judge) allows(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	a = plain(a)
	for _, p := range j.allowed {
		if p.Contains(a) {
			return true
		}
	}
	if j.loopback && a.IsLoopback() {
		return true
	}
	for _, p := range j.refused {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// plain takes off the zone and the IPv6 clothes of an IPv4 address.
func plain(a netip.Addr) netip.Addr {
	a = a.WithZone("").Unmap()
	b := a.As16()
	// RFC 6052: 64:ff9b::/96 carries the IPv4 address in its last 32 bits.
	if a.Is6() && binary.BigEndian.Uint64(b[:8]) == 0x0064ff9b_00000000 && binary.BigEndian.Uint32(b[8:12]) == 0 {
		return netip.AddrFrom4([4]byte(b[12:16]))
	}
	return a
}

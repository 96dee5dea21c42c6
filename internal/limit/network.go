package limit

import (
	"encoding/binary"
	"net/netip"
)

// Network is where a request comes from, as far as limits are concerned. It is the
// only notion of that in the program:
//
//   - an IPv4 address is one network (/32). Behind it there may be a school; limits
//     are made so that a school has room.
//   - an IPv6 address belongs to three networks, which are counted together: its /64,
//     which any single host has whole, its /56 and its /48, which a customer has. The
//     wider ones may do more (see levels), since they may also be many people, yet
//     whoever owns one does not get 65,536 times what others get.
//   - an address that only wraps an IPv4 one is that one: IPv4-mapped, NAT64
//     (64:ff9b::/96), 6to4 (2002::/16), Teredo (2001::/32). Nobody gets twice as much
//     by coming over another road.
//
// The zero Network is a stranger without an address; all of them are one network.
type Network struct{ addr netip.Addr }

// levels are the networks of an IPv6 address: the bits of the prefix, and how many
// times as much as one network it may do. Narrow ones come first, so that what a
// narrow one refuses costs the wide one nothing.
var levels = [...]struct{ bits, times int }{{64, 1}, {56, 2}, {48, 4}}

// Of is the network of an address.
func Of(a netip.Addr) Network { return Network{Plain(a)} }

// Plain is an address without what only wraps it: its zone, and the forms of IPv6
// that stand for one address of IPv4.
func Plain(a netip.Addr) netip.Addr {
	a = a.WithZone("").Unmap()
	if !a.Is6() {
		return a
	}
	b := a.As16()
	v4 := func(at int) netip.Addr { return netip.AddrFrom4([4]byte(b[at : at+4])) }
	switch head := binary.BigEndian.Uint64(b[:8]); {
	case head == 0x0064_ff9b_0000_0000 && binary.BigEndian.Uint32(b[8:12]) == 0: // RFC 6052
		return v4(12)
	case head>>48 == 0x2002: // RFC 3056
		return v4(2)
	case head>>32 == 0x2001_0000: // RFC 4380: the client's address, inverted
		for i := 12; i < 16; i++ {
			b[i] = ^b[i]
		}
		return v4(12)
	}
	return a
}

// share is one of the networks that an attempt counts against.
type share struct {
	name  string
	times int
}

// shares are the networks of the stranger, the narrowest first.
func (n Network) shares() []share {
	if !n.addr.Is6() {
		return []share{{n.addr.String(), 1}}
	}
	all := make([]share, len(levels))
	for i, l := range levels {
		p, _ := n.addr.Prefix(l.bits) // an address of IPv6 has each of these prefixes
		all[i] = share{p.String(), l.times}
	}
	return all
}

// String is the narrowest network: "203.0.113.7", "2001:db8::/64".
func (n Network) String() string { return n.shares()[0].name }

// Addr is the address itself, for whoever must judge it and not count it.
func (n Network) Addr() netip.Addr { return n.addr }

// Coarse is as much of it as a person needs to recognise where a session of theirs
// comes from, and no more: /24, or /48 of IPv6. Nothing is counted by it.
func (n Network) Coarse() string {
	bits := 48
	if n.addr.Is4() {
		bits = 24
	}
	p, err := n.addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

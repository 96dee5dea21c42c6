package fetch

import (
	"net/netip"
	"testing"
)

func TestPublicAddressesAreAllowed(t *testing.T) {
	j := newJudge(Options{})
	for _, s := range []string{"8.8.8.8", "1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450:4002::1", "::ffff:8.8.8.8", "64:ff9b::808:808"} {
		if !j.allows(netip.MustParseAddr(s)) {
			t.Errorf("%s is refused", s)
		}
	}
}

func TestLoopbackPermissionOpensOnlyLoopback(t *testing.T) {
	j := newJudge(Options{AllowLoopback: true})
	for s, want := range map[string]bool{"127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true, "10.0.0.1": false, "0.0.0.0": false, "::": false, "169.254.169.254": false} {
		if j.allows(netip.MustParseAddr(s)) != want {
			t.Errorf("%s: want %v", s, want)
		}
	}
}

// Whatever clothes an address wears, it is judged as what the standard library
// itself calls private, loopback, link-local, multicast or unspecified.
func FuzzNoClothesHideAPrivateAddress(f *testing.F) {
	for _, s := range []string{"10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "64:ff9b::a00:1"} {
		f.Add(s)
	}
	j := newJudge(Options{})
	f.Fuzz(func(t *testing.T, s string) {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return
		}
		u := a.WithZone("").Unmap()
		if (u.IsPrivate() || u.IsLoopback() || u.IsLinkLocalUnicast() || u.IsMulticast() || u.IsUnspecified()) && j.allows(a) {
			t.Fatalf("%s is allowed", s)
		}
		if u.Is4() {
			b := u.As4()
			nat := netip.AddrFrom16([16]byte{0, 0x64, 0xff, 0x9b, 12: b[0], b[1], b[2], b[3]})
			if j.allows(nat) != j.allows(u) {
				t.Fatalf("%s and %s are judged differently", nat, u)
			}
		}
	})
}

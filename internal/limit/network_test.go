package limit

import (
	"net/netip"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func from(s string) Network { return Of(netip.MustParseAddr(s)) }

func TestAnAddressBelongsToOneNetworkHoweverItIsWritten(t *testing.T) {
	for written, want := range map[string]string{
		"203.0.113.7":                          "203.0.113.7",
		"::ffff:203.0.113.7":                   "203.0.113.7",
		"64:ff9b::203.0.113.7":                 "203.0.113.7",
		"2002:cb00:7107::1":                    "203.0.113.7",
		"2002:cb00:7107:ffff::1":               "203.0.113.7",
		"2001:0:4136:e378:8000:63bf:34ff:8ef8": "203.0.113.7",
		"2001:db8:1:2:3:4:5:6":                 "2001:db8:1:2::/64",
		"2001:db8:1:2::%eth0":                  "2001:db8:1:2::/64",
		"64:ff9b:1::203.0.113.7":               "64:ff9b:1::/64",
	} {
		if got := from(written).String(); got != want {
			t.Errorf("%s is in network %s, want %s", written, got, want)
		}
	}
	if a, b := (Network{}), Of(netip.Addr{}); a.String() != b.String() {
		t.Errorf("strangers without an address are of several networks: %s and %s", a, b)
	}
}

// attempts counts how many of n attempts pass, each from the address that next gives.
func attempts(t *testing.T, d *db.DB, b Book, r Rule, n int, next func(i int) Network) (passed int) {
	t.Helper()
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	if err := d.InTx(t.Context(), func(tx *db.Tx) error {
		passed = 0
		for i := range n {
			wait, err := b.Take(t.Context(), tx, now, r.From(next(i)))
			if err != nil {
				return err
			}
			if wait == 0 {
				passed++
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return passed
}

// Whoever owns a /48 has 65,536 networks of /64: four times the limit is what it gets.
func TestWiderNetworksAreCountedTogetherWithRisingAllowances(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		burst := Comments.Line().Burst
		for name, c := range map[string]struct {
			next func(i int) Network
			want int
		}{
			"one IPv4 address": {func(int) Network { return from("203.0.113.7") }, burst},
			"one /64": {func(i int) Network {
				return Of(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 1, 15: byte(i), 14: byte(i >> 8)}))
			}, burst},
			"one /56": {func(i int) Network { return Of(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 2, 7: byte(i)})) }, 2 * burst},
			"one /48": {func(i int) Network {
				return Of(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 3, 6: byte(i), 7: byte(i >> 8)}))
			}, 4 * burst},
			"as many IPv4": {func(i int) Network { return Of(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})) }, 600},
		} {
			if got := attempts(t, d, NewBook(secret.Fresh()), Comments, 600, c.next); got != c.want {
				t.Errorf("%s: %d of 600 attempts pass, want %d", name, got, c.want)
			}
		}
	})
}

func TestWhatIsGivenBackCanBeTakenAgain(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		b, now, me := NewBook(secret.Fresh()), time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC), from("2001:db8::1")
		for range 10 * Comments.Line().Burst {
			if err := d.InTx(t.Context(), func(tx *db.Tx) error {
				if wait, err := b.Take(t.Context(), tx, now, Comments.From(me)); err != nil || wait > 0 {
					t.Fatalf("refused for %v: %v", wait, err)
				}
				return b.GiveBack(t.Context(), tx, Comments.From(me))
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestGateLetsOutWhoeverItLetIn(t *testing.T) {
	g := NewGate(2, 5)
	one, ok1 := g.Enter(from("192.0.2.1"), 1)
	two, ok2 := g.Enter(from("::ffff:192.0.2.1"), 1)
	if _, ok := g.Enter(from("192.0.2.1"), 1); !ok1 || !ok2 || ok {
		t.Fatalf("one network: %v %v, and a third %v", ok1, ok2, ok)
	}
	if _, ok := g.Enter(from("192.0.2.2"), 3); ok {
		t.Fatal("more than a network's share at once")
	}
	for i := range 3 {
		if _, ok := g.Enter(Of(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})), 1); !ok {
			t.Fatalf("the %d. of others is refused", i+1)
		}
	}
	if _, ok := g.Enter(from("198.51.100.9"), 1); ok || g.Inside() != 5 {
		t.Fatalf("beyond what is bearable in all: %v, %d inside", ok, g.Inside())
	}
	one()
	one() // twice is once
	two()
	if _, ok := g.Enter(from("192.0.2.1"), 2); !ok || g.Inside() != 5 {
		t.Fatalf("a place that was left stays taken, or is given twice: %v, %d inside", ok, g.Inside())
	}
}

func TestRulesHaveEachANameOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for n, l := range Rules() {
		if l.Name == "" || seen[l.Name] || l.Burst < 1 || l.Every <= 0 || l.By == "" {
			t.Errorf("rule %d: %+v", n, l)
		}
		seen[l.Name] = true
	}
}

package auth

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/limit"
)

func hasher(t testing.TB, a Argon) *Hasher {
	t.Helper()
	h, err := NewHasher(a)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func least() Argon { return Argon{MemoryKiB: leastMemory, Passes: leastPasses, Lanes: 1, AtOnce: 2} }

func TestHashChecksOnlyItsPassword(t *testing.T) {
	ctx, h := t.Context(), hasher(t, least())
	stored, err := h.Hash(ctx, "quattro gatti")
	if err != nil || !strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(stored, err)
	}
	again, _ := h.Hash(ctx, "quattro gatti")
	if again == stored {
		t.Error("two hashes of one password are equal: the salt repeats")
	}
	for password, want := range map[string]bool{"quattro gatti": true, "Quattro gatti": false, "quattro gatti ": false, "": false} {
		if ok, weak, err := h.Check(ctx, password, stored, stranger); ok != want || weak || err != nil {
			t.Errorf("Check(%q) = %v, %v, %v", password, ok, weak, err)
		}
	}
	if ok, _, err := h.Check(ctx, "", "", stranger); ok || err != nil {
		t.Errorf("without a stored hash: %v, %v", ok, err)
	}
	if _, weak, _ := hasher(t, DefaultArgon()).Check(ctx, "quattro gatti", stored, stranger); !weak {
		t.Error("a hash with less than today's costs is not weak")
	}
}

func TestCostsBelowTheLeastAreRefused(t *testing.T) {
	for _, a := range []Argon{{}, {MemoryKiB: 1024, Passes: 3, Lanes: 1, AtOnce: 1}, {MemoryKiB: leastMemory, Passes: 1, Lanes: 1, AtOnce: 1}, {MemoryKiB: leastMemory, Passes: 2, Lanes: 1}} {
		if _, err := NewHasher(a); err == nil {
			t.Errorf("%+v accepted", a)
		}
	}
}

func TestHashingIsBounded(t *testing.T) {
	a := least()
	a.AtOnce = 1
	h := hasher(t, a)
	leave, err := h.enter(t.Context(), familiar)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, _, err := h.Check(ctx, "x", "", stranger); err == nil {
			t.Error("a second hash began while the only place was taken")
		}
	})
	cancel()
	wg.Wait()
	leave()
	if _, _, err := h.Check(t.Context(), "x", "", stranger); err != nil {
		t.Errorf("after the place was free: %v", err)
	}
}

// However many strangers come, somebody in a known browser waits for nobody, and the
// strangers beyond the queue are refused at once.
func TestStrangersLeaveRoomForPeopleInTheirBrowser(t *testing.T) {
	for _, atOnce := range []int{2, 4} {
		a := least()
		a.AtOnce = atOnce
		h := hasher(t, a)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range atOnce / 2 {
			if _, err := h.enter(ctx, stranger); err != nil {
				t.Fatal(err)
			}
		}
		for range limit.HashesWaiting.N() - atOnce/2 {
			wg.Go(func() {
				if _, err := h.enter(ctx, stranger); err == nil {
					t.Error("a stranger has a place that is kept for others")
				}
			})
		}
		for len(h.queue) < limit.HashesWaiting.N() {
			runtime.Gosched()
		}
		if _, err := h.enter(ctx, stranger); !fault.Is(err, fault.Unavailable) {
			t.Errorf("beyond the queue: %v", err)
		}
		for n := range atOnce / 2 {
			if _, err := h.enter(ctx, familiar); err != nil {
				t.Errorf("%d. of %d places kept: %v", n+1, atOnce/2, err)
			}
		}
		cancel()
		wg.Wait()
		if len(h.queue) != atOnce/2 || len(h.strangers) != atOnce/2 {
			t.Errorf("who left still has a place: %d in the queue, %d inside", len(h.queue), len(h.strangers))
		}
	}
}

func TestPasswordRules(t *testing.T) {
	for password, want := range map[string]string{
		"quattro gatti sul tetto":    "",
		"cavallo batteria graffetta": "",
		"Xk9#mQ2v!pLz":               "",
		"è più facile così":          "",
		"corta":                      "auth.password.short",
		strings.Repeat("lunga ", 50): "auth.password.long",
		"aaaaaaaaaaaa":               "auth.password.common",
		"123456789012":               "auth.password.common",
		"abcdefghijklm":              "auth.password.common",
		"abcabcabcabcabc":            "auth.password.common",
		"password1234":               "auth.password.common",
		"P4ssw0rd2026!":              "auth.password.common",
		"Comune2026!!":               "auth.password.common",
		"benvenuto2026":              "auth.password.common",
		"qwertyuiop123":              "auth.password.common",
		"viva Giovannetti!":          "auth.password.personal",
		"giovannetti.maria1":         "auth.password.personal",
		"la MARIA del terzo":         "auth.password.personal",
	} {
		err := CheckPassword(password, "maria.giovannetti@comune.example", "Maria Giovannetti")
		got := ""
		if err != nil {
			got = fault.Of(err).Fields[0].Key
		}
		if got != want {
			t.Errorf("%q: %q, want %q", password, got, want)
		}
	}
}

func TestAgentIsFamilyAndSystemOnly(t *testing.T) {
	for text, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0": "Edge, Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile/15E148 Safari/604.1":       "Safari, iPhone",
		"Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36":         "Chrome, Android",
		"curl/8": "",
		"":       "",
	} {
		if got := agent(text); got != want {
			t.Errorf("agent(%.40q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzStoredHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=32768,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$$")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseHash(text)
		if err == nil && (p.memory > mostMemory || p.passes > mostPasses || len(p.hash) == 0) {
			t.Errorf("accepted costs that would stop the server: %+v", p)
		}
	})
}

func FuzzPassword(f *testing.F) {
	f.Add("quattro gatti sul tetto", "a@b.it", "Anna")
	f.Add("\xff\x00", "", "")
	f.Fuzz(func(t *testing.T, password, email, name string) {
		if err := CheckPassword(password, email, name); err != nil && !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
}

// BenchmarkSignIn states what one password check costs: see DefaultArgon.
func BenchmarkSignIn(b *testing.B) {
	h := hasher(b, DefaultArgon())
	stored, err := h.Hash(b.Context(), "quattro gatti sul tetto")
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	for b.Loop() {
		if ok, _, err := h.Check(b.Context(), "quattro gatti sul tetto", stored, stranger); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
	b.ReportMetric(float64(time.Since(start).Milliseconds())/float64(b.N), "ms/check")
}

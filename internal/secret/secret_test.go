package secret

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func TestSealedTextOpensOnlyForItsPurpose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Fresh()
		purpose, text := rapid.String().Draw(t, "purpose"), rapid.String().Draw(t, "text")
		sealed := b.Seal(purpose, text)
		if got, err := b.Open(purpose, sealed); err != nil || got != text {
			t.Fatalf("Open = %q, %v; want %q", got, err, text)
		}
		if _, err := b.Open(purpose+"x", sealed); !errors.Is(err, ErrForged) {
			t.Errorf("Open for another purpose: %v, want ErrForged", err)
		}
		if again := b.Seal(purpose, text); again == sealed {
			t.Error("sealing twice gives the same text: the nonce repeats")
		}
	})
}

func TestChangedTextIsRefused(t *testing.T) {
	b := Fresh()
	sealed := b.Seal("p", "il testo")
	for i := range len(sealed) {
		changed := []byte(sealed)
		if changed[i]++; changed[i] == '.' || sealed[i] == '.' {
			changed[i] = '!'
		}
		got, err := b.Open("p", string(changed))
		// The last letter of base64 holds unused bits, which decode to the same bytes.
		if err == nil && i != len(sealed)-1 {
			t.Errorf("changed byte %d: opened as %q", i, got)
		}
	}
	for _, bad := range []string{"", ".", "..", "s1..", "s2.a.b", "s1.a", "s1.a.b.c", "testo in chiaro"} {
		if _, err := b.Open("p", bad); err == nil {
			t.Errorf("Open(%q) succeeded", bad)
		}
	}
}

func TestRotatedKeyStillOpensAndSaysStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret.key")
	before := load(t, path)
	sealed, mac := before.Seal("p", "testo"), before.MAC("m", "dato")
	pseudonym := before.Pseudonym("m", "persona")
	ring, err := OpenRing(path)
	if err != nil {
		t.Fatal(err)
	}
	if resumed, _, err := ring.Begin(); err != nil || resumed {
		t.Fatalf("begin: %v, %v", resumed, err)
	}
	after := load(t, path)
	if got, err := after.Open("p", sealed); err != nil || got != "testo" {
		t.Errorf("after rotation Open = %q, %v", got, err)
	}
	if !after.Same("m", "dato", mac) || after.MAC("m", "dato") == mac {
		t.Error("after rotation the old MAC must still be recognised and no longer made")
	}
	if !after.Stale(sealed) || after.Stale(after.Seal("p", "testo")) || !after.Stale("") {
		t.Error("Stale must be true for the old key's text and false for the new one's")
	}
	if _, err := before.Open("p", after.Seal("p", "x")); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("box without the new key: %v, want ErrUnknownKey", err)
	}
	fresh, err := after.Reseal("p", sealed)
	if err != nil || !after.Rotating() {
		t.Fatalf("while it is replaced: %v", err)
	}
	// Killed here and called again, it goes on with the same key.
	if ring, err = OpenRing(path); err != nil {
		t.Fatal(err)
	}
	if resumed, kept, err := ring.Begin(); err != nil || !resumed || load(t, kept).Current() != before.Current() {
		t.Fatalf("begin again: %v, %q, %v", resumed, kept, err)
	}
	if err := ring.Retire(); err != nil {
		t.Fatal(err)
	}
	end := load(t, path)
	if end.Current() != after.Current() || end.Rotating() {
		t.Errorf("at the end %q is current, want %q alone", end.Current(), after.Current())
	}
	if _, err := end.Open("p", sealed); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("the old key still opens: %v", err)
	}
	if got, err := end.Open("p", fresh); err != nil || got != "testo" {
		t.Errorf("what was sealed anew opens as %q, %v", got, err)
	}
	if !end.Same("m", "dato", mac) || end.SameNow("m", "dato", mac) || end.Pseudonym("m", "persona") != pseudonym {
		t.Error("a link of before must go on to work, must not count where it could be forged, and a person stays the same")
	}
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), secretOf(t, path+".before-"+before.Current())) {
		t.Errorf("the old key is still in the file, %v", err)
	}
}

// secretOf is the current key of a file as it stands there.
func secretOf(t *testing.T, path string) string {
	t.Helper()
	keys, err := readFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(format(keys[:1])[len(fileHead):])[1]
}

func TestMACKeepsPurposesAndDataApart(t *testing.T) {
	b := Fresh()
	seen := map[string]string{}
	for _, c := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"abc", ""}, {"", "abc"}, {"1", "1.a"}} {
		m := b.MAC(c[0], c[1])
		if other, twice := seen[m]; twice {
			t.Errorf("%q and %q give one MAC", c, other)
		}
		seen[m] = c[0] + "|" + c[1]
		if !b.Same(c[0], c[1], m) || b.Same(c[0], c[1]+"x", m) || Fresh().Same(c[0], c[1], m) {
			t.Errorf("Same is wrong for %q", c)
		}
	}
}

func TestKeyFileIsCreatedOnceAndPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "secret.key")
	var wg sync.WaitGroup
	sealed := make([]string, 8)
	boxes := make([]*Box, 8)
	for i := range boxes {
		wg.Go(func() { boxes[i] = load(t, path); sealed[i] = boxes[i].Seal("p", "x") })
	}
	wg.Wait()
	for _, s := range sealed {
		if got, err := boxes[0].Open("p", s); err != nil || got != "x" {
			t.Errorf("processes that started together have different keys: %v", err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".secret-*")); len(left) > 0 {
		t.Errorf("temporary files stay behind: %v", left)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "secret.open") {
		t.Errorf("a key file that all may read: %v, want what to do about it", err)
	}
}

func TestFolderInThePlaceOfTheKeyIsNamed(t *testing.T) {
	dir := t.TempDir() // its mode is not 0600, but no mode would make it a key
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "secret.folder") {
		t.Errorf("%v, want that it is a folder", err)
	}
}

func TestBrokenKeyFileIsRefusedWithoutRepeatingIt(t *testing.T) {
	good := freshKey()
	for name, text := range map[string]string{
		"empty":     "",
		"comment":   "# niente\n",
		"short":     "a c2hvcnQ=\n",
		"no base64": "a !!!chiave!!!\n",
		"one field": "abc\n",
		"dot in id": "a.b " + strings.Fields(format([]key{good})[len(fileHead):])[1],
		"twice":     format([]key{good, good}),
	} {
		path := filepath.Join(t.TempDir(), "k")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "chiave") || strings.Contains(err.Error(), "c2hvcnQ") {
			t.Errorf("%s: the error repeats the key: %v", name, err)
		}
	}
}

func load(t *testing.T, path string) *Box {
	t.Helper()
	b, err := Load(path)
	if err != nil {
		t.Error(err)
	}
	return b
}

func FuzzKeyFile(f *testing.F) {
	f.Add(format([]key{freshKey()}))
	f.Add("# a\n\nx y z\n")
	f.Fuzz(func(t *testing.T, text string) {
		keys, _, err := parse(text)
		if err != nil {
			return
		}
		again, _, err := parse(format(keys))
		if err != nil || len(again) != len(keys) {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	b := Fresh()
	f.Add(b.Seal("p", "x"))
	f.Add("s1.a.b")
	f.Fuzz(func(t *testing.T, sealed string) {
		if got, err := b.Open("q", sealed); err == nil {
			t.Fatalf("opened %q as %q for a purpose nothing was sealed for", sealed, got)
		}
		b.Stale(sealed)
		b.Same("p", "x", sealed)
	})
}

package hostname_test

import (
	"testing"

	"codeberg.org/arengo/arengo/internal/hostname"
)

func TestNameLeavesInASCIIAndIsReadWithItsAccents(t *testing.T) {
	for typed, want := range map[string]string{
		"cantù.example": "xn--cant-ora.example", "CANTÙ.Example.": "xn--cant-ora.example", "cantu\u0300.example": "xn--cant-ora.example",
		"xn--cant-ora.example": "xn--cant-ora.example", "comune.example": "comune.example", "localhost": "localhost",
		"mail_1.intra": "mail_1.intra", "192.0.2.1": "192.0.2.1", "2001:DB8::1": "2001:db8::1",
		"": "", "a..b": "", "-a.example": "", "a b.example": "", "a/b": "", "https://a.example": "", "cantù .example": "", "a:80": "",
	} {
		got, err := hostname.ASCII(typed)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("ASCII(%q) = %q, %v; want %q", typed, got, err, want)
		}
	}
	for ascii, want := range map[string]string{
		"xn--cant-ora.example":                       "cantù.example",
		"@urp@xn--cant-ora.example":                  "@urp@cantù.example",
		"https://xn--cant-ora.example:8443/xn--cant": "https://cantù.example:8443/xn--cant",
		"urp@xn--cant-ora.example, xn--!":            "urp@cantù.example, xn--!",
		"comune.example":                             "comune.example",
	} {
		if got := hostname.Readable(ascii); got != want {
			t.Errorf("Readable(%q) = %q, want %q", ascii, got, want)
		}
	}
}

func TestAddressesKeepAllButTheHost(t *testing.T) {
	for typed, want := range map[string]string{
		"http://cantù.example": "http://xn--cant-ora.example", "https://cantù.example:8443/a?b=c": "https://xn--cant-ora.example:8443/a?b=c",
		"http://[::1]:80": "http://[::1]:80", "http://[::1]": "http://[::1]", "/m/regole": "/m/regole", "": "",
	} {
		if got, err := hostname.URL(typed); err != nil || got != want {
			t.Errorf("URL(%q) = %q, %v; want %q", typed, got, err, want)
		}
	}
	if _, err := hostname.URL("https://can tù.example"); err == nil {
		if got, _ := hostname.URL("https://can tù.example"); got != "https://can tù.example" {
			t.Errorf("a host with a space became %q", got)
		}
	}
	for typed, want := range map[string]string{"Cantù.example:8443": "xn--cant-ora.example:8443", "[2001:db8::1]:80": "[2001:db8::1]:80", "::1": "[::1]", "https://x.example/": "", "x.example:": "x.example"} {
		if got, err := hostname.HostPort(typed); got != want || (err != nil) != (want == "") {
			t.Errorf("HostPort(%q) = %q, %v; want %q", typed, got, err, want)
		}
	}
	for typed, want := range map[string]string{"Urp@Cantù.example": "Urp@xn--cant-ora.example", "a@b": "a@b", "@b": "", "a": "", "a@b..c": ""} {
		if got, err := hostname.Mail(typed); got != want || (err != nil) != (want == "") {
			t.Errorf("Mail(%q) = %q, %v; want %q", typed, got, err, want)
		}
	}
}

func FuzzASCII(f *testing.F) {
	f.Add("cantù.example")
	f.Add("xn--a")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := hostname.ASCII(s)
		if err != nil {
			return
		}
		for _, r := range a {
			if r <= ' ' || r > '~' {
				t.Fatalf("%q became %q", s, a)
			}
		}
		if again, err := hostname.ASCII(a); err != nil || again != a {
			t.Fatalf("%q became %q, then %q (%v)", s, a, again, err)
		}
		hostname.Readable(a)
	})
}

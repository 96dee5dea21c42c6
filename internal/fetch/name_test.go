package fetch

import "testing"

func TestHostNameHasOneForm(t *testing.T) {
	for typed, want := range map[string]string{
		"Piazza.Example.":   "piazza.example",
		" piazza.example ":  "piazza.example",
		"cantù.example":     "xn--cant-ora.example",
		"CANTÙ.example":     "xn--cant-ora.example",
		"piazza。example":    "piazza.example",
		"piazza.example:80": "",
		"127.0.0.1":         "",
		"127.1":             "",
		"0x7f.0x1":          "",
		"[::1]":             "",
		"::1":               "",
		"localhost":         "",
		"a_b.example":       "",
		"a b.example":       "",
		"":                  "",
		".":                 "",
	} {
		if got, ok := HostName(typed); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q %v, want %q", typed, got, ok, want)
		}
	}
}

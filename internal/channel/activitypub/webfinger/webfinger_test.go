package webfinger

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/fetch"
)

func TestHandlesAreReadInEveryForm(t *testing.T) {
	for typed, want := range map[string]string{
		"@anna@example.org":        "@anna@example.org",
		"anna@example.org":         "@anna@example.org",
		" acct:Anna@Example.ORG ":  "@Anna@example.org",
		"@anna@example.org:8443":   "@anna@example.org:8443",
		"@uff.ici-o_1@città.it":    "@uff.ici-o_1@xn--citt-3na.it",
		"@anna@127.0.0.1:8080":     "@anna@127.0.0.1:8080",
		"@anna@localhost":          "@anna@localhost",
		"@anna":                    "",
		"anna":                     "",
		"":                         "",
		"@@example.org":            "",
		"@anna@":                   "",
		"@anna@example.org/x":      "",
		"@anna@example.org@b.org":  "",
		"@anna@u:p@example.org":    "",
		"@an na@example.org":       "",
		"@a/../b@example.org":      "",
		"https://example.org/anna": "",
		"@anna@exa mple.org":       "",
	} {
		got, err := ParseHandle(typed)
		switch {
		case want == "" && !errors.Is(err, ErrHandle):
			t.Errorf("%q was read as %v (%v)", typed, got, err)
		case want != "" && (err != nil || got.String() != want):
			t.Errorf("%q was read as %v (%v), want %s", typed, got, err, want)
		}
	}
}

func TestResolve(t *testing.T) {
	var answer string
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/webfinger" || r.URL.Query().Get("resource") != "acct:anna@"+r.Host {
			t.Errorf("asked for %s", r.URL)
		}
		w.Header().Set("Content-Type", "application/jrd+json")
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(s.Close)
	c := Client{Do: fetch.New(fetch.Options{AllowLoopback: true}).Do, PlainHTTP: true}
	name := "@anna@" + strings.TrimPrefix(s.URL, "http://")

	cases := []struct {
		name, answer string
		status       int
		want         Found
		err          error
	}{
		{"usual", `{"subject":"acct:anna@x","links":[
			{"rel":"http://webfinger.net/rel/profile-page","type":"text/html","href":"https://x.example/@anna"},
			{"rel":"self","type":"text/html","href":"https://x.example/no"},
			{"rel":"self","type":"application/activity+json","href":"https://x.example/users/anna"}]}`,
			200, Found{"https://x.example/users/anna", "https://x.example/@anna"}, nil},
		{"JSON-LD with its profile", `{"links":[{"rel":"self","type":"application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"","href":"https://x.example/u/1"}]}`,
			200, Found{Actor: "https://x.example/u/1"}, nil},
		{"no actor", `{"links":[{"rel":"self","type":"text/html","href":"https://x.example/"}]}`, 200, Found{}, ErrNotFound},
		{"an address that is none", `{"links":[{"rel":"self","type":"application/activity+json","href":"javascript:alert(1)"}]}`, 200, Found{}, ErrNotFound},
		{"unknown name", ``, 404, Found{}, ErrNotFound},
		{"gone", ``, 410, Found{}, ErrNotFound},
		{"out of order", ``, 500, Found{}, ErrAnswer},
		{"no JSON", `<html>`, 200, Found{}, ErrAnswer},
		{"too long", `{"links":[` + strings.Repeat(" ", maxAnswer) + `]}`, 200, Found{}, ErrAnswer},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			answer, status = tc.answer, tc.status
			got, err := c.Resolve(t.Context(), name)
			if got != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("%+v, %v; want %+v, %v", got, err, tc.want, tc.err)
			}
		})
	}
}

func TestPrivateAddressIsNotAsked(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	t.Cleanup(s.Close)
	c := Client{Do: fetch.New(fetch.Options{}).Do, PlainHTTP: true}
	if _, err := c.Resolve(t.Context(), "@anna@"+strings.TrimPrefix(s.URL, "http://")); !errors.Is(err, fetch.ErrPrivate) {
		t.Errorf("error %v", err)
	}
}

func FuzzParseHandle(f *testing.F) {
	f.Add("@anna@example.org:80")
	f.Add("acct:a@[::1]:8080")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHandle(s)
		if err != nil {
			return
		}
		again, err := ParseHandle(h.String())
		if err != nil || again != h {
			t.Errorf("%q is %v, and that is %v (%v)", s, h, again, err)
		}
	})
}

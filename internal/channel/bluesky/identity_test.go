package bluesky

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/fetch"
)

const aDID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"

func documentOf(did, service string) string {
	return `{"@context":["https://www.w3.org/ns/did/v1"],"id":"` + did + `","alsoKnownAs":["https://other.example","at://Comune.example","at://not a handle"],"service":[` + service + `]}`
}

func TestDIDDocument(t *testing.T) {
	service := func(id, kind, endpoint string) string {
		return `{"id":"` + id + `","type":"` + kind + `","serviceEndpoint":` + endpoint + `}`
	}
	const kind = "AtprotoPersonalDataServer"
	for _, c := range []struct {
		name, data, pds string
		err             error
	}{
		{"short identifier", documentOf(aDID, service("#atproto_pds", kind, `"https://pds.example"`)), "https://pds.example", nil},
		{"full identifier and slash", documentOf(aDID, service(aDID+"#atproto_pds", kind, `"https://pds.example:8443/"`)), "https://pds.example:8443", nil},
		{"among others", documentOf(aDID, service("#chat", "Chat", `{"a":1}`)+","+service("#atproto_pds", kind, `"https://pds.example"`)), "https://pds.example", nil},
		{"none", documentOf(aDID, ""), "", errNoPDS},
		{"other type", documentOf(aDID, service("#atproto_pds", "Other", `"https://pds.example"`)), "", errNoPDS},
		{"other scheme", documentOf(aDID, service("#atproto_pds", kind, `"file:///etc/passwd"`)), "", errNoPDS},
		{"without TLS", documentOf(aDID, service("#atproto_pds", kind, `"http://pds.example"`)), "", errNoPDS},
		{"without TLS on this machine", documentOf(aDID, service("#atproto_pds", kind, `"http://127.0.0.1:2583"`)), "http://127.0.0.1:2583", nil},
		{"with a path", documentOf(aDID, service("#atproto_pds", kind, `"https://pds.example/a/b"`)), "", errNoPDS},
		{"with a user", documentOf(aDID, service("#atproto_pds", kind, `"https://a:b@pds.example"`)), "", errNoPDS},
		{"endpoint is no text", documentOf(aDID, service("#atproto_pds", kind, `["https://pds.example"]`)), "", errNoPDS},
		{"of another", documentOf("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", ""), "", errDocument},
		{"page", "<!doctype html>", "", errDocument},
		{"empty", "", "", errDocument},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := parseDocument([]byte(c.data), aDID)
			if !errors.Is(err, c.err) || d.PDS != c.pds {
				t.Errorf("PDS %q, error %v; want %q, %v", d.PDS, err, c.pds, c.err)
			}
			if err == nil && (!d.owns("comune.example") || d.owns("other.example") || len(d.Handles) != 1) {
				t.Errorf("handles %q", d.Handles)
			}
		})
	}
}

func FuzzDIDDocument(f *testing.F) {
	f.Add([]byte(documentOf(aDID, `{"id":"#atproto_pds","type":"AtprotoPersonalDataServer","serviceEndpoint":"https://pds.example/"}`)))
	f.Add([]byte(`{"id":"` + aDID + `","service":[{"id":"#atproto_pds","type":"AtprotoPersonalDataServer","serviceEndpoint":"http://[::1]:80"}]}`))
	f.Add([]byte(`{"id":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := parseDocument(data, aDID)
		if err != nil {
			return
		}
		u, err := url.Parse(d.PDS)
		if err != nil || !safe(u) || u.Path != "" || u.User != nil || d.DID != aDID {
			t.Fatalf("accepted %+v", d)
		}
		for _, h := range d.Handles {
			if !validHandle(h) || strings.ToLower(h) != h {
				t.Fatalf("handle %q", h)
			}
		}
	})
}

func TestWhereDIDDocumentsAre(t *testing.T) {
	for did, want := range map[string]string{
		aDID:                               "https://plc.directory/" + aDID,
		"did:web:comune.example":           "https://comune.example/.well-known/did.json",
		"did:web:localhost%3A2583":         "http://localhost:2583/.well-known/did.json",
		"did:web:localhost%3A25/../x":      "",
		"did:web:comune.example%3A8080":    "", // atproto allows a port on localhost only
		"did:web:comune.example:path":      "", // nor a path
		"did:web:comune.example/../secret": "",
		"did:web:":                         "",
		"did:key:zQ3sh":                    "",
	} {
		if got := documentAddress("https://plc.directory", did); got != want {
			t.Errorf("%s: %q, want %q", did, got, want)
		}
	}
}

func TestAccountOfDIDWebIsLocated(t *testing.T) {
	var did string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/did.json" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(documentOf(did, `{"id":"#atproto_pds","type":"AtprotoPersonalDataServer","serviceEndpoint":"https://pds.example"}`)))
	}))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	did = "did:web:localhost%3A" + u.Port()
	a := New(fetch.New(fetch.Options{AllowLoopback: true}), Options{})
	d, cerr := a.locate(t.Context(), did)
	if cerr != nil || d.PDS != "https://pds.example" {
		t.Fatalf("%+v, %v", d, cerr)
	}
	if _, cerr := a.locate(t.Context(), "did:key:zQ3sh"); cerr == nil || cerr.Class != channel.Refused {
		t.Errorf("an unknown method: %v", cerr)
	}
}

func TestHandlesAsPeopleTypeThem(t *testing.T) {
	for typed, want := range map[string]string{
		"comune.bsky.social":                       "comune.bsky.social",
		" @Comune.bsky.social ":                    "comune.bsky.social",
		"https://bsky.app/profile/comune.it":       "comune.it",
		"https://bsky.app/profile/comune.it/media": "comune.it",
		"comunecesate":                             "comunecesate.bsky.social",
		"comune.cesate.mi.it":                      "comune.cesate.mi.it",
	} {
		if got, ok := typedHandle(typed, DefaultServer); !ok || got != want {
			t.Errorf("%q is %q (%v), want %q", typed, got, ok, want)
		}
	}
	for _, typed := range []string{"", "@", "il comune", "-a.it", "a-.it", "a..it", "a.1it", "a.it/", "città.it", strings.Repeat("a", 64) + ".it", strings.Repeat("a.", 130) + "it"} {
		if got, ok := typedHandle(typed, "https://pds.example"); ok {
			t.Errorf("%q was read as %q", typed, got)
		}
	}
}

func TestAppPasswordsAreRecognised(t *testing.T) {
	if !LooksLikeAppPassword(" mttt-tmqv-w6er-ys33 ") || LooksLikeAppPassword("Cesate2026!") || LooksLikeAppPassword("mttt-tmqv-w6er-ys31") {
		t.Error("an app password was mistaken for another, or another for one")
	}
	a := New(fetch.New(fetch.Options{}), Options{})
	if field, key := a.Advise(map[string]string{fieldPassword: "Cesate2026!"}); field != fieldPassword || key == "" {
		t.Errorf("the account's own password: field %q, text %q", field, key)
	}
	for _, fine := range []string{"mttt-tmqv-w6er-ys33", ""} {
		if field, key := a.Advise(map[string]string{fieldPassword: fine}); field != "" || key != "" {
			t.Errorf("%q: field %q, text %q", fine, field, key)
		}
	}
}

func FuzzTokenEnd(f *testing.F) {
	f.Add("eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3OTUzNDkxNDd9.x")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if end := tokenEnd(token); !end.IsZero() {
			if _, err := json.Marshal(end); err != nil && end.Year() < 10_000 {
				t.Fatal(err)
			}
		}
	})
}

func FuzzParseURI(f *testing.F) {
	f.Add("at://" + aDID + "/app.bsky.feed.post/3jzfcijpj2z2a")
	f.Add("at:////")
	f.Fuzz(func(t *testing.T, s string) {
		if did, rkey, ok := parseURI(s); ok && atURI(did, rkey) != s {
			t.Fatalf("%q was read as %q and %q", s, did, rkey)
		}
	})
}

package sig

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const keyID = "https://comune.example.it/ap/u/comune#main-key"

var (
	now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

	testKey  = sync.OnceValue(func() *rsa.PrivateKey { return mustKey() })
	otherKey = sync.OnceValue(func() *rsa.PrivateKey { return mustKey() })
)

func mustKey() *rsa.PrivateKey {
	k, err := NewKey()
	if err != nil {
		panic(err)
	}
	return k
}

// keysOf knows one key.
func keysOf(public crypto.PublicKey) Keys {
	return func(_ context.Context, id string) (crypto.PublicKey, error) {
		if id != keyID {
			return nil, fmt.Errorf("no key %s", id)
		}
		return public, nil
	}
}

// arrive is a request as the server sees it, after it went out signed.
func arrive(t testing.TB, method, address, body string, scheme Scheme) *http.Request {
	t.Helper()
	out, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := (Signer{KeyID: keyID, Key: testKey()}).Sign(out, []byte(body), scheme, now); err != nil {
		t.Fatal(err)
	}
	in := httptest.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	in.URL.Scheme, in.URL.Host, in.TLS = "", "", nil // a server behind a proxy sees neither
	in.Header = out.Header
	return in
}

func TestSignedRequestIsProven(t *testing.T) {
	for _, scheme := range []Scheme{Cavage, RFC9421} {
		for _, c := range []struct{ method, address, body string }{
			{http.MethodPost, "https://comune.example.it/ap/inbox", `{"type":"Like"}`},
			{http.MethodPost, "http://127.0.0.1:8080/ap/inbox", `{}`},
			{http.MethodPost, "https://comune.example.it/ap/inbox", ""},
			{http.MethodGet, "https://comune.example.it/ap/u/comune?page=2&x=%C3%A8%2F", ""},
			{http.MethodGet, "https://comune.example.it", ""},
		} {
			r := arrive(t, c.method, c.address, c.body, scheme)
			got, err := Verify(r, []byte(c.body), keysOf(&testKey().PublicKey), now.Add(time.Minute))
			if err != nil {
				t.Errorf("%s %s %s: %v", scheme, c.method, c.address, err)
				continue
			}
			if got.KeyID != keyID || got.Scheme != scheme || !got.At.Equal(now) {
				t.Errorf("%s: %+v", scheme, got)
			}
		}
	}
}

func TestSignatureGoesOverTheWire(t *testing.T) {
	for _, scheme := range []Scheme{Cavage, RFC9421} {
		var failed error
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, failed = Verify(r, body, keysOf(&testKey().PublicKey), now)
		}))
		defer s.Close()
		body := []byte(`{"content":"è una prova"}`)
		out, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/ap/u/a%20b/inbox", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := (Signer{KeyID: keyID, Key: testKey()}).Sign(out, body, scheme, now); err != nil {
			t.Fatal(err)
		}
		resp, err := s.Client().Do(out)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if failed != nil {
			t.Errorf("%s: %v", scheme, failed)
		}
	}
}

func TestRefusal(t *testing.T) {
	const body = `{"type":"Like"}`
	post := func(scheme Scheme) *http.Request {
		return arrive(t, http.MethodPost, "https://comune.example.it/ap/inbox?a=1", body, scheme)
	}
	replace := func(r *http.Request, header, old, with string) {
		v := r.Header.Get(header)
		if !strings.Contains(v, old) {
			t.Fatalf("%s %q has no %q", header, v, old)
		}
		r.Header.Set(header, strings.ReplaceAll(v, old, with))
	}
	cases := []struct {
		name   string
		want   Kind
		scheme Scheme
		change func(*http.Request)
		body   string // "" leaves it
		now    time.Duration
		keys   Keys
	}{
		{"no signature", Unsigned, Cavage, func(r *http.Request) { r.Header.Del("Signature") }, "", 0, nil},
		{"another body, older scheme", BadDigest, Cavage, nil, `{"type":"Delete"}`, 0, nil},
		{"another body", BadDigest, RFC9421, nil, `{"type":"Delete"}`, 0, nil},
		{"another body with its digest, older scheme", BadSignature, Cavage, func(r *http.Request) {
			r.Header.Set("Digest", legacyDigest([]byte("x")))
		}, "x", 0, nil},
		{"another body with its digest", BadSignature, RFC9421, func(r *http.Request) {
			d, _ := contentDigest([]byte("x"))
			r.Header.Set("Content-Digest", d)
		}, "x", 0, nil},
		{"two digests that differ", BadDigest, Cavage, func(r *http.Request) {
			r.Header.Add("Digest", legacyDigest([]byte("x")))
		}, "", 0, nil},
		{"a digest that nobody computes", BadDigest, Cavage, func(r *http.Request) { r.Header.Set("Digest", "MD5=abc") }, "", 0, nil},
		{"another method, older scheme", BadSignature, Cavage, func(r *http.Request) { r.Method = http.MethodPut }, "", 0, nil},
		{"another method", BadSignature, RFC9421, func(r *http.Request) { r.Method = http.MethodPut }, "", 0, nil},
		{"another host, older scheme", BadSignature, Cavage, func(r *http.Request) { r.Host = "altro.example.it" }, "", 0, nil},
		{"another host", BadSignature, RFC9421, func(r *http.Request) { r.Host = "altro.example.it" }, "", 0, nil},
		{"another path", BadSignature, RFC9421, func(r *http.Request) { r.RequestURI = "/ap/u/x/inbox?a=1" }, "", 0, nil},
		{"another query", BadSignature, Cavage, func(r *http.Request) { r.RequestURI = "/ap/inbox?a=2" }, "", 0, nil},
		{"another date", BadSignature, Cavage, func(r *http.Request) {
			r.Header.Set("Date", now.Add(time.Second).Format(http.TimeFormat))
		}, "", 0, nil},
		{"an hour and a minute later", Expired, Cavage, nil, "", 61 * time.Minute, nil},
		{"an hour and a minute later", Expired, RFC9421, nil, "", 61 * time.Minute, nil},
		{"made in more than an hour", Expired, Cavage, nil, "", -61 * time.Minute, nil},
		{"made in six minutes", Expired, RFC9421, nil, "", -6 * time.Minute, nil},
		{"another time of making", BadSignature, RFC9421, func(r *http.Request) {
			replace(r, "Signature-Input", fmt.Sprint(now.Unix()), fmt.Sprint(now.Unix()+1))
		}, "", 0, nil},
		{"digest not signed", Uncovered, Cavage, func(r *http.Request) { replace(r, "Signature", "date digest", "date") }, "", 0, nil},
		{"host not signed", Uncovered, Cavage, func(r *http.Request) { replace(r, "Signature", " host", "") }, "", 0, nil},
		{"address not signed", Uncovered, Cavage, func(r *http.Request) { replace(r, "Signature", "(request-target) ", "") }, "", 0, nil},
		{"date not signed", Uncovered, Cavage, func(r *http.Request) { replace(r, "Signature", " date", "") }, "", 0, nil},
		{"list of headers left out", Uncovered, Cavage, func(r *http.Request) {
			replace(r, "Signature", `headers="(request-target) host date digest",`, "")
		}, "", 0, nil},
		{"(created) with an old algorithm's name", Malformed, Cavage, func(r *http.Request) {
			replace(r, "Signature", " date", " (created)")
			replace(r, "Signature", "algorithm=", fmt.Sprintf("created=%d,algorithm=", now.Unix()))
		}, "", 0, nil},
		{"content-digest not signed", Uncovered, RFC9421, func(r *http.Request) { replace(r, "Signature-Input", ` "content-digest"`, "") }, "", 0, nil},
		{"method not signed", Uncovered, RFC9421, func(r *http.Request) { replace(r, "Signature-Input", `"@method" `, "") }, "", 0, nil},
		{"target not signed", Uncovered, RFC9421, func(r *http.Request) { replace(r, "Signature-Input", ` "@target-uri"`, "") }, "", 0, nil},
		{"query not signed", Uncovered, RFC9421, func(r *http.Request) {
			replace(r, "Signature-Input", `"@target-uri"`, `"@authority" "@path"`)
		}, "", 0, nil},
		{"no time of making", Uncovered, RFC9421, func(r *http.Request) {
			replace(r, "Signature-Input", fmt.Sprintf("created=%d;", now.Unix()), "")
		}, "", 0, nil},
		{"component with parameters", Malformed, RFC9421, func(r *http.Request) { replace(r, "Signature-Input", `"@method"`, `"@method";req`) }, "", 0, nil},
		{"input without signature", Malformed, RFC9421, func(r *http.Request) { r.Header.Set("Signature", "other=:AAAA:") }, "", 0, nil},
		{"signed header taken away", Malformed, Cavage, func(r *http.Request) { replace(r, "Signature", "date digest", "date digest x-a") }, "", 0, nil},
		{"unknown algorithm", Malformed, Cavage, func(r *http.Request) { replace(r, "Signature", "rsa-sha256", "hmac-sha256") }, "", 0, nil},
		{"algorithm of another key", BadSignature, RFC9421, func(r *http.Request) { replace(r, "Signature-Input", "rsa-v1_5-sha256", "ed25519") }, "", 0, nil},
		{"a symmetric algorithm", Malformed, RFC9421, func(r *http.Request) { replace(r, "Signature-Input", "rsa-v1_5-sha256", "hmac-sha256") }, "", 0, nil},
		{"two signatures", Malformed, Cavage, func(r *http.Request) { r.Header.Add("Signature", r.Header.Get("Signature")) }, "", 0, nil},
		{"a parameter twice", Malformed, Cavage, func(r *http.Request) { replace(r, "Signature", "algorithm=", `keyId="x",algorithm=`) }, "", 0, nil},
		{"a huge header", Malformed, Cavage, func(r *http.Request) { r.Header.Set("Signature", strings.Repeat("x", 9000)) }, "", 0, nil},
		{"rubbish", Malformed, Cavage, func(r *http.Request) { r.Header.Set("Signature", "=,,\"") }, "", 0, nil},
		{"rubbish", Malformed, RFC9421, func(r *http.Request) { r.Header.Set("Signature-Input", "((((") }, "", 0, nil},
		{"another key, older scheme", BadSignature, Cavage, nil, "", 0, keysOf(&otherKey().PublicKey)},
		{"another key", BadSignature, RFC9421, nil, "", 0, keysOf(&otherKey().PublicKey)},
		{"no such key", UnknownKey, Cavage, func(r *http.Request) { replace(r, "Signature", "#main-key", "#x") }, "", 0, nil},
		{"no key at all", UnknownKey, RFC9421, nil, "", 0, keysOf(nil)},
	}
	for _, c := range cases {
		t.Run(string(c.scheme)+" "+c.name, func(t *testing.T) {
			r := post(c.scheme)
			if c.change != nil {
				c.change(r)
			}
			sent := body
			if c.body != "" {
				sent = c.body
			}
			keys := keysOf(&testKey().PublicKey)
			if c.keys != nil {
				keys = c.keys
			}
			_, err := Verify(r, []byte(sent), keys, now.Add(c.now))
			if got := KindOf(err); got != c.want {
				t.Errorf("kind %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

func TestKeyIsNotSearchedForAStaleOrIncompleteSignature(t *testing.T) {
	asked := func(context.Context, string) (crypto.PublicKey, error) {
		t.Error("the key was searched")
		return nil, errors.New("none")
	}
	for _, scheme := range []Scheme{Cavage, RFC9421} {
		r := arrive(t, http.MethodPost, "https://comune.example.it/ap/inbox", "{}", scheme)
		Verify(r, []byte("{}"), asked, now.Add(2*time.Hour))
		Verify(r, []byte("other"), asked, now)
	}
}

func TestSearchErrorCanBeUnwrapped(t *testing.T) {
	gone := errors.New("the server is down")
	r := arrive(t, http.MethodPost, "https://comune.example.it/ap/inbox", "{}", Cavage)
	_, err := Verify(r, []byte("{}"), func(context.Context, string) (crypto.PublicKey, error) { return nil, gone }, now)
	if KindOf(err) != UnknownKey || !errors.Is(err, gone) {
		t.Errorf("error %v", err)
	}
}

func TestFingerprintTellsAReplay(t *testing.T) {
	for _, scheme := range []Scheme{Cavage, RFC9421} {
		prove := func(body string) string {
			r := arrive(t, http.MethodPost, "https://comune.example.it/ap/inbox", body, scheme)
			s, err := Verify(r, []byte(body), keysOf(&testKey().PublicKey), now)
			if err != nil {
				t.Fatal(err)
			}
			return s.Fingerprint
		}
		first, again, other := prove("a"), prove("a"), prove("b")
		if first != again || first == other {
			t.Errorf("%s: the same request has one fingerprint, another has another", scheme)
		}
	}
}

// Labels and times that other servers send.
func TestCavageDialects(t *testing.T) {
	sign := func(t *testing.T, c cavageSignature, r *http.Request) {
		text, err := c.text(r)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := (Signer{KeyID: keyID, Key: testKey()}).make(text)
		if err != nil {
			t.Fatal(err)
		}
		c.Signature = signature
		r.Header.Set("Authorization", fmt.Sprintf(`Signature keyId=%q, headers=%q , algorithm=%q,created=%d,expires="%d",signature=%q, other="x"`,
			keyID, strings.Join(c.Headers, " "), c.Algorithm, c.Created.Unix(), c.Expires.Unix(), base64.StdEncoding.EncodeToString(signature)))
	}
	fresh := func() *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://comune.example.it/ap/inbox", nil)
		r.Header.Set("Digest", strings.Replace(legacyDigest([]byte("x")), "SHA-256", "sha-256", 1))
		return r
	}
	c := cavageSignature{Algorithm: "hs2019", Created: now, Expires: now.Add(time.Minute),
		Headers: []string{"(request-target)", "(created)", "(expires)", "host", "digest"}}
	r := fresh()
	sign(t, c, r)
	if _, err := Verify(r, []byte("x"), keysOf(&testKey().PublicKey), now); err != nil {
		t.Errorf("hs2019 with its own times in Authorization: %v", err)
	}
	if _, err := Verify(r, []byte("x"), keysOf(&testKey().PublicKey), now.Add(2*time.Minute)); KindOf(err) != Expired {
		t.Errorf("after its end: %v", err)
	}
}

// Some servers sign whatever headers they send.
func TestOtherSignedHeadersAreProvenOverTheWire(t *testing.T) {
	var failed error
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, failed = Verify(r, body, keysOf(&testKey().PublicKey), now)
	}))
	t.Cleanup(s.Close)
	for _, chunked := range []bool{false, true} {
		body := []byte(`{"type":"Like"}`)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/ap/inbox", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if chunked {
			r.ContentLength = -1
		}
		names := []string{"content-length", "(request-target)", "user-agent", "content-type", "date", "digest", "host"}
		r.Header = http.Header{"Date": {now.Format(http.TimeFormat)}, "Digest": {legacyDigest(body)}, "Content-Type": {"application/activity+json"}, "User-Agent": {"Akkoma"}, "Content-Length": {"15"}}
		text, err := cavageSignature{Headers: names}.text(r)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := (Signer{KeyID: keyID, Key: testKey()}).make(text)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Signature", fmt.Sprintf(`keyId=%q,algorithm="rsa-sha256",headers=%q,signature=%q`, keyID, strings.Join(names, " "), base64.StdEncoding.EncodeToString(signature)))
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		want := Kind("")
		if chunked {
			want = Malformed // the length that was signed did not arrive
		}
		if KindOf(failed) != want || want == "" && failed != nil {
			t.Errorf("chunked %v: %v", chunked, failed)
		}
	}
}

func TestHostWithAccentsIsSignedAsItIsSent(t *testing.T) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://citt\u00e0.example/ap/u/comune", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []Scheme{Cavage, RFC9421} {
		if err := (Signer{KeyID: keyID, Key: testKey()}).Sign(r, nil, scheme, now); err != nil {
			t.Fatal(err)
		}
		in := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://xn--citt-3na.example/ap/u/comune", nil)
		in.Header = r.Header
		if _, err := Verify(in, nil, keysOf(&testKey().PublicKey), now); err != nil {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func TestEd25519IsProven(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := arrive(t, http.MethodGet, "https://comune.example.it/ap/u/comune", "", RFC9421)
	r.Header.Set("Signature-Input", strings.Replace(r.Header.Get("Signature-Input"), "rsa-v1_5-sha256", "ed25519", 1))
	all, err := parseMessage(r.Header)
	if err != nil {
		t.Fatal(err)
	}
	text, err := all[0].text(r, "https")
	if err != nil {
		t.Fatal(err)
	}
	if err := setMessageHeaders(r.Header, all[0].list, ed25519.Sign(private, text)); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(r, nil, keysOf(public), now); err != nil {
		t.Error(err)
	}
}

// The example of RFC 9421, appendix B.2.6, whose signature was made by others.
func TestRFC9421Example(t *testing.T) {
	public, err := ParsePublic("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n")
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://example.com/foo?param=Value&Pet=dog", nil)
	r.Header = http.Header{
		"Date":            {"Tue, 20 Apr 2021 02:07:55 GMT"},
		"Content-Type":    {"application/json"},
		"Content-Length":  {"18"},
		"Signature-Input": {`sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`},
		"Signature":       {"sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:"},
	}
	all, err := parseMessage(r.Header)
	if err != nil {
		t.Fatal(err)
	}
	text, err := all[0].text(r, "http")
	if err != nil {
		t.Fatal(err)
	}
	if !proves(public, text, all[0].signature, ed) {
		t.Errorf("not proven; the base is\n%s", text)
	}
	// Our rule is stricter than the example: it signs no query and no digest.
	if _, err := Verify(r, []byte(`{"hello": "world"}`), keysOf(public), time.Unix(1618884473, 0)); KindOf(err) != Uncovered {
		t.Errorf("error %v", err)
	}
}

func TestKeysAreReadBack(t *testing.T) {
	text, err := MarshalPrivate(testKey())
	if err != nil {
		t.Fatal(err)
	}
	if k, err := ParsePrivate(text); err != nil || !k.Equal(testKey()) {
		t.Errorf("private key: %v", err)
	}
	public, err := MarshalPublic(&testKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := ParsePublic(public); err != nil || !testKey().PublicKey.Equal(k) {
		t.Errorf("public key: %v", err)
	}
	for name, bad := range map[string]string{
		"nothing": "", "no PEM": "ssh-rsa AAAA", "too long": strings.Repeat("a", maxPEM+1),
		"another kind": "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf\nw0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==\n-----END PUBLIC KEY-----\n",
	} {
		if _, err := ParsePublic(bad); err == nil {
			t.Errorf("%s was taken as a key", name)
		}
	}
}

func FuzzVerify(f *testing.F) {
	for _, scheme := range []Scheme{Cavage, RFC9421} {
		r := arrive(f, http.MethodPost, "https://comune.example.it/ap/inbox", "{}", scheme)
		f.Add(r.Header.Get("Signature-Input"), r.Header.Get("Signature"), r.Header.Get("Digest"), r.Header.Get("Content-Digest"), "{}")
	}
	f.Add(`a=("@query";name="x" "@signature-params" 1);created=-1;keyid=x`, `a=:AA==:`, ",,=", "sha-256=1", "")
	f.Add("", `keyId="a",headers="",signature="====",created=99999999999999999999`, "", "", "")
	public := &otherKey().PublicKey
	f.Fuzz(func(t *testing.T, input, signature, digest, contentDigest, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://comune.example.it/ap/inbox", nil)
		r.Header = http.Header{"Date": {now.Format(http.TimeFormat)}}
		for name, v := range map[string]string{"Signature-Input": input, "Signature": signature, "Digest": digest, "Content-Digest": contentDigest} {
			if v != "" {
				r.Header.Set(name, v)
			}
		}
		// Nobody has the private half of this key: nothing can be proven.
		_, err := Verify(r, []byte(body), func(context.Context, string) (crypto.PublicKey, error) { return public, nil }, now)
		if KindOf(err) == "" {
			t.Fatalf("not refused: %v", err)
		}
	})
}

func FuzzParsePublic(f *testing.F) {
	text, err := MarshalPublic(&testKey().PublicKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("-----BEGIN RSA PUBLIC KEY-----\n-----END RSA PUBLIC KEY-----")
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := ParsePublic(s); err == nil && usable(k) != nil {
			t.Error("a key that may not be used was taken")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, scheme := range []Scheme{Cavage, RFC9421} {
		b.Run(string(scheme), func(b *testing.B) {
			body := strings.Repeat("x", 2000)
			r := arrive(b, http.MethodPost, "https://comune.example.it/ap/inbox", body, scheme)
			keys := keysOf(&testKey().PublicKey)
			for b.Loop() {
				if _, err := Verify(r, []byte(body), keys, now); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "verified/s")
		})
	}
}

func BenchmarkSign(b *testing.B) {
	s := Signer{KeyID: keyID, Key: testKey()}
	body := []byte(strings.Repeat("x", 2000))
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "https://comune.example.it/ap/inbox", nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.Sign(r, body, Cavage, now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signed/s")
}

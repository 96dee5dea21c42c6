package mail_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"regexp"
	"slices"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/mail"
)

// relaxedHeader is RFC 6376, 3.4.2, for one field without its final CRLF.
func relaxedHeader(field string) string {
	name, value, _ := strings.Cut(field, ":")
	value = strings.ReplaceAll(value, "\r\n", "")
	value = regexp.MustCompile(`[ \t]+`).ReplaceAllString(value, " ")
	return strings.ToLower(strings.TrimSpace(name)) + ":" + strings.TrimSpace(value)
}

// relaxedBody is RFC 6376, 3.4.4.
func relaxedBody(body string) string {
	body = regexp.MustCompile(`[ \t]+`).ReplaceAllString(body, " ")
	body = strings.ReplaceAll(body, " \r\n", "\r\n")
	return strings.TrimRight(body, "\r\n") + "\r\n"
}

// The rule of RFC 6376, section 6.1.3, written down here once more, so that the
// library that signs does not judge itself.
func TestSignatureFollowsTheRule(t *testing.T) {
	key, err := rsa.GenerateKey(nil, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der := x509.MarshalPKCS1PrivateKey(key)
	signer, err := mail.NewSigner("comune.example", "arengo", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	data, err := letter(1).Bytes(signer)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	fields := strings.Split(regexp.MustCompile(`\r\n([^ \t])`).ReplaceAllString(string(head), "\x00$1"), "\x00")
	if !strings.HasPrefix(fields[0], "DKIM-Signature:") {
		t.Fatalf("begins with %q", fields[0])
	}
	tags := map[string]string{}
	for tag := range strings.SplitSeq(strings.TrimPrefix(fields[0], "DKIM-Signature:"), ";") {
		name, value, _ := strings.Cut(tag, "=")
		tags[strings.TrimSpace(name)] = regexp.MustCompile(`\s`).ReplaceAllString(value, "")
	}
	for name, want := range map[string]string{"v": "1", "a": "rsa-sha256", "c": "relaxed/relaxed", "d": "comune.example", "s": "arengo"} {
		if tags[name] != want {
			t.Errorf("%s is %q, want %q", name, tags[name], want)
		}
	}
	if sum := sha256.Sum256([]byte(relaxedBody(string(body)))); tags["bh"] != base64.StdEncoding.EncodeToString(sum[:]) {
		t.Error("the body has another hash")
	}
	var text strings.Builder
	covered := strings.Split(strings.ToLower(tags["h"]), ":")
	rest := slices.Clone(fields[1:])
	for _, name := range covered {
		for i := len(rest) - 1; i >= 0; i-- { // the lowest of several first
			if f := relaxedHeader(rest[i]); strings.HasPrefix(f, name+":") {
				text.WriteString(f + "\r\n")
				rest = slices.Delete(rest, i, i+1)
				break
			}
		}
	}
	text.WriteString(relaxedHeader(regexp.MustCompile(`(;\s*b=)[^;]*`).ReplaceAllString(fields[0], "$1")))
	sum := sha256.Sum256([]byte(text.String()))
	signature, err := base64.StdEncoding.DecodeString(tags["b"])
	if err != nil {
		t.Fatal(err)
	}
	if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"from", "subject", "list-unsubscribe", "list-unsubscribe-post", "message-id"} {
		if !slices.Contains(covered, name) {
			t.Errorf("%s is not under the signature", name)
		}
	}
}

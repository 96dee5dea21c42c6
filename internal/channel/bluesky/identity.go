package bluesky

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

// document is what we read of a DID document (https://atproto.com/specs/did).
type document struct {
	DID     string
	Handles []string // alsoKnownAs, without at://
	PDS     string   // base address, without a final slash
}

// The faults of a DID document.
var (
	errDocument = errors.New("the DID document is of another account or unreadable")
	errNoPDS    = errors.New("the DID document names no PDS")
)

// parseDocument reads the DID document of did. It fails when the document is of
// another one, or names no PDS with an address that passwords may be sent to.
func parseDocument(data []byte, did string) (document, error) {
	var raw struct {
		ID          string   `json:"id"`
		AlsoKnownAs []string `json:"alsoKnownAs"`
		Service     []struct {
			ID       string          `json:"id"`
			Type     string          `json:"type"`
			Endpoint json.RawMessage `json:"serviceEndpoint"`
		} `json:"service"`
	}
	if err := json.Unmarshal(data, &raw); err != nil || raw.ID != did || !validDID(did) {
		return document{}, errDocument
	}
	d := document{DID: did}
	for _, name := range raw.AlsoKnownAs {
		if handle, ok := strings.CutPrefix(name, "at://"); ok && validHandle(handle) {
			d.Handles = append(d.Handles, strings.ToLower(handle))
		}
	}
	for _, s := range raw.Service {
		// The identifier may be written in full. The first of the type counts.
		if s.Type != "AtprotoPersonalDataServer" || (s.ID != "#atproto_pds" && s.ID != did+"#atproto_pds") {
			continue
		}
		var endpoint string
		if json.Unmarshal(s.Endpoint, &endpoint) != nil {
			return document{}, errNoPDS
		}
		u, err := url.Parse(endpoint)
		if err != nil || !safe(u) || u.User != nil || strings.Trim(u.Path, "/") != "" {
			return document{}, errNoPDS
		}
		d.PDS = u.Scheme + "://" + u.Host
		return d, nil
	}
	return document{}, errNoPDS
}

// safe reports whether passwords may be sent there: over TLS, or without leaving
// this machine.
func safe(u *url.URL) bool {
	switch u.Scheme {
	case "https":
		return u.Hostname() != ""
	case "http":
		ip, err := netip.ParseAddr(u.Hostname())
		return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	}
	return false
}

// documentAddress is where the DID document of did is (did:plc in the directory,
// did:web on its host), or "" for any other method.
func documentAddress(directory, did string) string {
	if strings.HasPrefix(did, "did:plc:") {
		return directory + "/" + did
	}
	host, ok := strings.CutPrefix(did, "did:web:")
	if !ok || strings.Contains(host, ":") { // a path is not allowed in atproto
		return ""
	}
	host, port, hasPort := strings.Cut(strings.ToLower(host), "%3a")
	switch {
	case hasPort && host == "localhost" && onlyDigits(port): // the only port allowed, for development
		return "http://localhost:" + port + "/.well-known/did.json"
	case hasPort || !validHandle(host):
		return ""
	}
	return "https://" + host + "/.well-known/did.json"
}

func onlyDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// validHandle follows https://atproto.com/specs/handle: a domain name of ASCII
// labels, at least two, whose last does not begin with a digit.
func validHandle(s string) bool {
	labels := strings.Split(s, ".")
	if len(s) > 253 || len(labels) < 2 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for i := range len(l) {
			c := l[i]
			if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				return false
			}
		}
	}
	return labels[len(labels)-1][0] > '9'
}

// validDID follows https://atproto.com/specs/did for the methods it knows.
func validDID(s string) bool {
	if len(s) > 2048 {
		return false
	}
	if id, ok := strings.CutPrefix(s, "did:plc:"); ok {
		return len(id) == 24 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") == ""
	}
	return strings.HasPrefix(s, "did:web:") && documentAddress("", s) != ""
}

// typedHandle reads a handle as people write it: with @, as the address of a
// profile, or, on bsky.social, only its first part.
func typedHandle(s, server string) (string, bool) {
	if _, after, ok := strings.Cut(s, "/profile/"); ok {
		s, _, _ = strings.Cut(after, "/")
	}
	s = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(s), "@"))
	if s != "" && !strings.Contains(s, ".") && server == DefaultServer {
		s += ".bsky.social"
	}
	return s, validHandle(s)
}

// appPassword is how the settings page of an account writes an app password.
func appPassword() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}$`)
}

// LooksLikeAppPassword reports whether s has the form of an app password, rather
// than being the account's own, which a program should never hold. It is a reason
// to warn, not to refuse: other servers may write theirs differently.
func LooksLikeAppPassword(s string) bool { return appPassword().MatchString(strings.TrimSpace(s)) }

// resolve finds the DID of a handle, asking a server that resolves handles.
func (a *Adapter) resolve(ctx context.Context, server, handle string) (string, *channel.Error) {
	var got struct{ DID string }
	q := url.Values{"handle": {handle}}
	if err := a.call(ctx, server, request{method: "com.atproto.identity.resolveHandle", query: q}, &got); err != nil {
		return "", err
	}
	if !validDID(got.DID) {
		return "", &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Detail: "resolveHandle gave no DID"}
	}
	return got.DID, nil
}

// locate reads the DID document of an account.
func (a *Adapter) locate(ctx context.Context, did string) (document, *channel.Error) {
	address := documentAddress(a.o.Directory, did)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil || address == "" {
		return document{}, &channel.Error{Class: channel.Refused, Code: channel.CodeNotFound, Err: errDocument}
	}
	resp, err := a.fetch.Do(ctx, req)
	if err != nil {
		return document{}, wire.Lost(err, wire.Repeatable)
	}
	var raw json.RawMessage
	if err := wire.Answer(resp, &raw, nil, wire.Repeatable); err != nil {
		return document{}, err
	}
	d, err := parseDocument(raw, did)
	if err != nil {
		return document{}, &channel.Error{Class: channel.Refused, Code: channel.CodeNotFound, Detail: did, Err: err}
	}
	return d, nil
}

// owns reports whether the document confirms the handle: a name server alone
// could point anybody's domain at this account.
func (d document) owns(handle string) bool { return slices.Contains(d.Handles, handle) }

// Package webfinger finds the actor behind a name: what "@anna@example.org" means
// is told by example.org itself (RFC 7033).
package webfinger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/hostname"
)

// Why a name leads to no actor. Other errors are of the network (package fetch).
var (
	ErrHandle   = errors.New("not a name of the Fediverse")
	ErrNotFound = errors.New("nobody has this name")
	ErrAnswer   = errors.New("the server's answer cannot be read")
)

// maxAnswer bounds what a server says of a name, in bytes.
const maxAnswer = 64 << 10

// Client asks other servers. Its zero value cannot: Do is required.
type Client struct {
	Do func(context.Context, *http.Request) (*http.Response, error)

	// PlainHTTP asks without TLS: tests on the loopback only.
	PlainHTTP bool
}

// Found is who has a name.
type Found struct {
	Actor string // id of the actor: where its document is
	Page  string // what a person reads; may be empty
}

// Handle is a name, taken apart.
type Handle struct {
	User, Host string // Host in the form that DNS takes, with a port if one was given
}

func (h Handle) String() string { return "@" + h.User + "@" + h.Host }

// ParseHandle reads "@user@host", "user@host" or "acct:user@host". Its error is
// ErrHandle.
func ParseHandle(s string) (Handle, error) {
	s = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "acct:"), "@")
	user, host, ok := strings.Cut(s, "@")
	if !ok || user == "" || len(s) > 500 || strings.ContainsFunc(user, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`/?#:"<>\@`, r) }) {
		return Handle{}, fmt.Errorf("%w: %.100q", ErrHandle, s)
	}
	u, err := url.Parse("https://" + host)
	if err != nil || u.Host != host || u.Hostname() == "" {
		return Handle{}, fmt.Errorf("%w: host %.100q", ErrHandle, host)
	}
	name, err := hostname.HostPort(host)
	if err != nil {
		return Handle{}, fmt.Errorf("%w: host %.100q", ErrHandle, host)
	}
	return Handle{user, name}, nil
}

// Resolve asks the host of a name for its actor. Whether the actor's own document
// agrees is for the caller to check. Errors: ErrHandle, ErrNotFound, ErrAnswer, or
// those of fetch.
func (c Client) Resolve(ctx context.Context, name string) (Found, error) {
	h, err := ParseHandle(name)
	if err != nil {
		return Found{}, err
	}
	ask := url.URL{Scheme: "https", Host: h.Host, Path: "/.well-known/webfinger",
		RawQuery: url.Values{"resource": {"acct:" + h.User + "@" + h.Host}}.Encode()}
	if c.PlainHTTP {
		ask.Scheme = "http"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ask.String(), nil)
	if err != nil {
		return Found{}, fmt.Errorf("%w: %v", ErrHandle, err)
	}
	req.Header.Set("Accept", "application/jrd+json, application/json")
	resp, err := c.Do(ctx, req)
	if err != nil {
		return Found{}, fmt.Errorf("webfinger %s: %w", h, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone || resp.StatusCode == http.StatusBadRequest:
		return Found{}, fmt.Errorf("webfinger %s: %w", h, ErrNotFound)
	case resp.StatusCode != http.StatusOK:
		return Found{}, fmt.Errorf("webfinger %s: %w: status %d", h, ErrAnswer, resp.StatusCode)
	}
	var answer jrd
	if err := fetch.DecodeJSON(resp, &answer, maxAnswer); err != nil {
		return Found{}, fmt.Errorf("webfinger %s: %w: %v", h, ErrAnswer, err)
	}
	return answer.found(h)
}

// jrd is a JSON Resource Descriptor (RFC 7033, section 4.4).
type jrd struct {
	Subject string `json:"subject"`
	Links   []struct {
		Rel  string `json:"rel"`
		Type string `json:"type"`
		Href string `json:"href"`
	} `json:"links"`
}

func (j jrd) found(h Handle) (Found, error) {
	var f Found
	for _, l := range j.Links {
		kind := strings.ReplaceAll(strings.ToLower(l.Type), " ", "")
		switch {
		case !isAddress(l.Href):
		case l.Rel == "self" && f.Actor == "" && (strings.HasPrefix(kind, "application/activity+json") ||
			strings.HasPrefix(kind, "application/ld+json") && strings.Contains(kind, "activitystreams")):
			f.Actor = l.Href
		case l.Rel == "http://webfinger.net/rel/profile-page" && f.Page == "":
			f.Page = l.Href
		}
	}
	if f.Actor == "" {
		return Found{}, fmt.Errorf("webfinger %s: %w: no actor", h, ErrNotFound)
	}
	return f, nil
}

func isAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 2048 && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil
}

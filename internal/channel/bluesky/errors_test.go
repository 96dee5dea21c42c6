package bluesky

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/fetch"
)

// The refusals that a test account on a loopback PDS cannot provoke, in the words
// of the lexicons, and what each of them means for the delivery.
func TestRefusalsAreReadByName(t *testing.T) {
	for _, c := range []struct {
		status      int
		name        string
		class       channel.Class
		code        string
		everRefused bool // a repeatable request is judged the same
	}{
		{400, "ExpiredToken", channel.Revoked, channel.CodeSignIn, true},
		{400, "InvalidToken", channel.Revoked, channel.CodeSignIn, true},
		{401, "AuthMissing", channel.Revoked, channel.CodeSignIn, true},
		{401, "AuthenticationRequired", channel.Revoked, channel.CodeSignIn, true},
		{401, "AuthFactorTokenRequired", channel.Revoked, CodeAppPassword, true},
		{401, "AccountTakedown", channel.Revoked, CodeSuspended, true},
		{400, "AccountDeactivated", channel.Revoked, CodeSuspended, true},
		{400, "RepoTakendown", channel.Revoked, CodeSuspended, true},
		{403, "Forbidden", channel.Revoked, channel.CodeForbidden, true},
		{429, "RateLimitExceeded", channel.Transient, channel.CodeTooMany, true},
		{400, "BlobTooLarge", channel.Refused, channel.CodeMedia, true},
		{413, "PayloadTooLarge", channel.Refused, channel.CodeMedia, true},
		{400, "InvalidMimeType", channel.Refused, channel.CodeMedia, true},
		{400, "InvalidRequest", channel.Refused, channel.CodeRefused, true},
		{400, "RecordNotFound", channel.Refused, channel.CodeNotFound, true},
		{404, "", channel.Refused, channel.CodeNotFound, true},
		{500, "InternalServerError", channel.Unknown, channel.CodeServer, false},
		{502, "UpstreamFailure", channel.Unknown, channel.CodeServer, false},
		{503, "NotEnoughResources", channel.Unknown, channel.CodeServer, false},
		{504, "UpstreamTimeout", channel.Unknown, channel.CodeServer, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				// The message lies on purpose: only the name counts.
				io.WriteString(w, `{"error":"`+c.name+`","message":"Token has expired, rate limit, not found"}`)
			}))
			defer server.Close()
			a := New(fetch.New(fetch.Options{AllowLoopback: true}), Options{})
			for _, kind := range []wire.Kind{wire.Repeatable, wire.Irreversible} {
				err := a.call(context.Background(), server.URL, request{method: "x.y.z", post: true, kind: kind}, nil)
				class := c.class
				if kind == wire.Repeatable && !c.everRefused {
					class = channel.Transient
				}
				if err == nil || err.Class != class || err.Code != c.code {
					t.Errorf("irreversible %v: %v, want %s %s", kind, err, class, c.code)
				}
			}
		})
	}
}

// A session that was not understood must not tell its tokens to the log.
func TestBrokenSessionGivesNoTokenAway(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"accessJwt":"very-secret","refreshJwt":"very-secret","did":7`)
	}))
	defer server.Close()
	a := New(fetch.New(fetch.Options{AllowLoopback: true}), Options{})
	_, err := a.signIn(t.Context(), server.URL, aDID, "mttt-tmqv-w6er-ys33")
	if err == nil || err.Code != channel.CodeNotAPI {
		t.Fatalf("error %v, want %s", err, channel.CodeNotAPI)
	}
	if s := err.Error(); containsAny(s, "very-secret", "mttt") {
		t.Errorf("the error gives a secret away: %s", s)
	}
}

func TestEmptyTokensNeverReplaceTokens(t *testing.T) {
	for name, answer := range map[string]string{
		"no tokens":       `{"did":"` + aDID + `"}`,
		"empty tokens":    `{"accessJwt":"","refreshJwt":"","did":"` + aDID + `"}`,
		"another account": `{"accessJwt":"a","refreshJwt":"b","did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, answer)
		}))
		a := New(fetch.New(fetch.Options{AllowLoopback: true}), Options{})
		account := channel.Account{Server: server.URL, Secret: []byte(`{"did":"` + aDID + `","password":"p","access":"old","refresh":"old"}`)}
		fresh, err := a.Refresh(t.Context(), account)
		server.Close()
		if err == nil || channel.AsError(err).Class != channel.Transient || string(fresh.Secret) != string(account.Secret) {
			t.Errorf("%s: %v, secret %s", name, err, fresh.Secret)
		}
	}
}

func TestUnreadableSecretAsksForAPerson(t *testing.T) {
	a := New(fetch.New(fetch.Options{}), Options{})
	for _, raw := range []string{"", "null", "{}", `{"did":"x"}`, "["} {
		_, err := a.Test(t.Context(), channel.Account{Server: "https://pds.example", Secret: []byte(raw)})
		if e := channel.AsError(err); err == nil || e.Class != channel.Revoked || e.Code != channel.CodeSignIn {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

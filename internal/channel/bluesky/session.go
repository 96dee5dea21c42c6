package bluesky

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
)

// secret is what Account.Secret holds.
type secret struct {
	DID      string `json:"did"`
	Password string `json:"password"` // the app password
	Access   string `json:"access"`   // ends after about two hours
	Refresh  string `json:"refresh"`  // ends after about two months, replaced at each use
}

// session is what createSession and refreshSession answer.
type session struct {
	AccessJWT  string `json:"accessJwt"`
	RefreshJWT string `json:"refreshJwt"`
	DID        string `json:"did"`
	Handle     string `json:"handle"`
	Active     *bool  `json:"active"`
	Status     string `json:"status"`
}

// usable fails when the answer lacks a token, so that an empty one never
// replaces one, or when the account cannot publish.
func (s session) usable(did string) *channel.Error {
	switch {
	case s.Active != nil && !*s.Active:
		return &channel.Error{Class: channel.Revoked, Code: CodeSuspended, Detail: s.Status}
	case s.AccessJWT == "" || s.RefreshJWT == "" || s.DID != did:
		return &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Detail: "a session without tokens, or of another account"}
	}
	return nil
}

// worker speaks for one account during one call of the adapter.
type worker struct {
	*Adapter
	account channel.Account
	secret  secret
}

func (a *Adapter) worker(account channel.Account) (*worker, *channel.Error) {
	w := &worker{Adapter: a, account: account}
	if err := json.Unmarshal(account.Secret, &w.secret); err != nil || !validDID(w.secret.DID) {
		return nil, &channel.Error{Class: channel.Revoked, Code: channel.CodeSignIn, Detail: "the stored secret is unreadable"}
	}
	return w, nil
}

// call sends a request with the session, and renews the session once when the
// server says that it has ended: such an answer proves that nothing was done.
func (w *worker) call(ctx context.Context, r request, out any) *channel.Error {
	r.token = w.secret.Access
	err := w.Adapter.call(ctx, w.account.Server, r, out)
	if !ended(err) {
		return err
	}
	if err := w.renew(ctx); err != nil {
		return err
	}
	if w.account.Keep != nil {
		raw, err := json.Marshal(w.secret)
		if err == nil {
			err = w.account.Keep(ctx, raw)
		}
		if err != nil {
			return &channel.Error{Class: channel.Transient, Code: CodeStore, Err: err}
		}
	}
	r.token = w.secret.Access
	return w.Adapter.call(ctx, w.account.Server, r, out)
}

// ended reports whether a token is no longer, or was never, taken.
func ended(err *channel.Error) bool {
	return err != nil && err.Class == channel.Revoked && err.Code == channel.CodeSignIn
}

// renew gets a new session: with the refresh token, else with the app password.
// An old refresh token is taken for some time after its use, so two nodes that
// renew at once do not lock each other out.
func (w *worker) renew(ctx context.Context) *channel.Error {
	var s session
	err := w.Adapter.call(ctx, w.account.Server, request{method: "com.atproto.server.refreshSession", post: true, token: w.secret.Refresh}, &s)
	if ended(err) && w.secret.Password != "" {
		s, err = w.signIn(ctx, w.account.Server, w.secret.DID, w.secret.Password)
	}
	if err != nil {
		return err
	}
	if err := s.usable(w.secret.DID); err != nil {
		return err
	}
	w.secret.Access, w.secret.Refresh = s.AccessJWT, s.RefreshJWT
	return nil
}

// signIn opens a new session. It costs one of the few that an account may have.
func (a *Adapter) signIn(ctx context.Context, server, did, password string) (session, *channel.Error) {
	var s session
	err := a.call(ctx, server, request{
		method: "com.atproto.server.createSession",
		body:   map[string]string{"identifier": did, "password": password},
	}, &s)
	return s, err
}

// tokenEnd is when a token says that it ends; zero when it does not say. The
// token is opaque to us: this is a hint for when to renew, never trusted more.
func tokenEnd(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Exp int64 `json:"exp"`
	}
	if json.Unmarshal(raw, &claims) != nil || claims.Exp <= 0 || claims.Exp > 1<<40 {
		return time.Time{}
	}
	return time.Unix(claims.Exp, 0).UTC()
}

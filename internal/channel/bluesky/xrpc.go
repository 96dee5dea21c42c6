package bluesky

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

// Codes of errors that only this adapter has.
const (
	// CodeSuspended: the account is taken down or deactivated; a new password
	// does not help, its owner must speak with the provider.
	CodeSuspended = "suspended"
	// CodeAppPassword: the account's own password needs a second factor, which a
	// program cannot give: an app password is needed.
	CodeAppPassword = "app_password"
	// CodeStore: a renewed session could not be stored on our side.
	CodeStore = "store"
)

// The names that an XRPC server gives to refusals (https://atproto.com/specs/xrpc
// and the lexicons of each method). Their text is never read.
const (
	nameBlobNotFound   = "BlobNotFound"
	nameInvalidSwap    = "InvalidSwap"
	nameRecordNotFound = "RecordNotFound"
)

// request is one XRPC call: a procedure when it has a body or says post, else a
// query.
type request struct {
	method string // NSID
	query  url.Values
	post   bool // a procedure without input
	body   any  // sent as JSON
	file   *channel.Media
	token  string
	proxy  string // the service that the PDS is to ask (https://atproto.com/specs/xrpc#service-proxying)
	kind   wire.Kind
}

// refusal is a channel.Error that remembers the name the server gave it.
type refusal struct{ name string }

func (r *refusal) Error() string { return r.name }

// named reports whether err is the server's refusal of this name.
func named(err *channel.Error, name string) bool {
	if err == nil {
		return false
	}
	r, ok := err.Err.(*refusal)
	return ok && r.name == name
}

// call sends a request to a server and decodes its answer into out.
func (a *Adapter) call(ctx context.Context, server string, r request, out any) *channel.Error {
	req, cerr := r.build(ctx, server)
	if cerr != nil {
		return cerr
	}
	resp, err := a.fetch.Do(ctx, req)
	if err != nil {
		return wire.Lost(err, r.kind)
	}
	var said struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	success := resp.StatusCode >= 200 && resp.StatusCode <= 299
	cerr = wire.Answer(resp, out, &said, r.kind)
	if cerr == nil {
		return nil
	}
	if success {
		// The beginning of a good answer that was not understood may hold a token.
		cerr.Detail = resp.Status
		return cerr
	}
	if said.Error != "" {
		classify(cerr, said.Error, resp.StatusCode)
		cerr.Detail = said.Error + ": " + said.Message
	}
	return cerr
}

// build makes the HTTP request. A file streams from its store.
func (r request) build(ctx context.Context, server string) (*http.Request, *channel.Error) {
	address := server + "/xrpc/" + r.method
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	method, contentType := http.MethodGet, ""
	var body io.Reader
	var length int64
	switch {
	case r.post:
		method = http.MethodPost
	case r.file != nil:
		file, err := r.file.Open(ctx)
		if err != nil {
			return nil, &channel.Error{Class: channel.Transient, Code: wire.CodeFile, Detail: r.file.Name, Err: err}
		}
		method, contentType, body, length = http.MethodPost, r.file.ContentType, file, r.file.Size
	case r.body != nil:
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Err: err}
		}
		method, contentType, body, length = http.MethodPost, "application/json", bytes.NewReader(b), int64(len(b))
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		if file, ok := body.(io.Closer); ok {
			file.Close()
		}
		return nil, &channel.Error{Class: channel.Refused, Code: wire.CodeAddress, Err: err}
	}
	req.ContentLength = length
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if r.proxy != "" {
		req.Header.Set("Atproto-Proxy", r.proxy)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	return req, nil
}

// classify corrects what the HTTP status said by the name of the refusal.
func classify(e *channel.Error, name string, status int) {
	e.Err = &refusal{name}
	switch name {
	case "ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired", "AccountNotFound":
		e.Class, e.Code = channel.Revoked, channel.CodeSignIn
	case "AuthFactorTokenRequired":
		e.Class, e.Code = channel.Revoked, CodeAppPassword
	case "AccountTakedown", "AccountSuspended", "AccountDeactivated", "RepoTakendown", "RepoSuspended", "RepoDeactivated":
		e.Class, e.Code = channel.Revoked, CodeSuspended
	case "RateLimitExceeded":
		e.Class, e.Code = channel.Transient, channel.CodeTooMany
	case "BlobTooLarge", "PayloadTooLarge", "InvalidMimeType":
		e.Class, e.Code = channel.Refused, channel.CodeMedia
	case nameRecordNotFound:
		e.Class, e.Code = channel.Refused, channel.CodeNotFound
	}
	if status == http.StatusRequestEntityTooLarge {
		e.Class, e.Code = channel.Refused, channel.CodeMedia
	}
}

package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/fetch"
)

// Codes of errors that arise on our side of the wire.
const (
	CodeAddress = "address" // what was typed as a server is no address
	CodeMissing = "missing" // a required entry was left empty
	CodeFile    = "file"    // a file of the message could not be read
)

// Kind says whether a request may be sent again without harm.
type Kind bool

const (
	// Repeatable requests read, or change nothing that a repetition would change again.
	Repeatable Kind = false
	// Irreversible requests show something to citizens.
	Irreversible Kind = true
)

// Lost classifies a request that failed with err, an error of fetch, and has no
// answer: Transient when nothing was sent or it may be repeated, else Unknown.
// The address, in which some platforms carry a token, is left out.
func Lost(err error, k Kind) *channel.Error {
	e := &channel.Error{Class: channel.Transient, Code: channel.CodeUnreachable, Err: bare(err)}
	if fetch.Sent(err) {
		e.Code = channel.CodeTimeout
		if k == Irreversible {
			e.Class = channel.Unknown
		}
	}
	return e
}

// bare takes the method and the address off an error of net/http.
func bare(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}

// Status classifies an answer by its HTTP status code, which is not 2xx.
func Status(status int, k Kind) *channel.Error {
	e := &channel.Error{Class: channel.Refused, Code: channel.CodeRefused}
	switch {
	case status == http.StatusTooManyRequests:
		e.Class, e.Code = channel.Transient, channel.CodeTooMany
	case status == http.StatusUnauthorized:
		e.Class, e.Code = channel.Revoked, channel.CodeSignIn
	case status == http.StatusForbidden:
		e.Class, e.Code = channel.Revoked, channel.CodeForbidden
	case status == http.StatusNotFound:
		e.Code = channel.CodeNotFound
	case status == http.StatusGone:
		e.Code = channel.CodeGone
	case status >= 500 || status == http.StatusRequestTimeout:
		// A gateway's 502 or 504 says nothing about what the server behind it did.
		e.Code, e.Class = channel.CodeServer, lostClass(k)
	case status < 400:
		e.Code, e.Class = channel.CodeNotAPI, channel.Transient
	}
	return e
}

func lostClass(k Kind) channel.Class {
	if k == Irreversible {
		return channel.Unknown
	}
	return channel.Transient
}

// maxAnswer is the longest answer read, in bytes: a page of 40 statuses with
// everything that a server may attach stays well below.
const maxAnswer = 4 << 20

// Answer reads the answer to a request and closes it. The JSON of a 2xx answer
// goes into out, the JSON of any other into refusal; either may be nil. What is
// no JSON is CodeNotAPI: of class Unknown when the request was irreversible and
// the status says success, for then it may have happened.
func Answer(resp *http.Response, out, refusal any, k Kind) *channel.Error {
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		if e := Status(resp.StatusCode, k); resp.StatusCode >= 400 {
			e.Err = bare(err)
			return e
		}
		return Lost(err, k)
	}
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		if out == nil {
			return nil
		}
		if err := decode(resp, data, out); err != nil {
			return &channel.Error{Class: lostClass(k), Code: channel.CodeNotAPI, Detail: excerpt(resp, data), Err: err}
		}
		return nil
	}
	e := Status(resp.StatusCode, k)
	if resp.StatusCode == http.StatusTooManyRequests {
		e.RetryAfter = Wait(resp.Header)
	}
	if refusal == nil {
		refusal = new(json.RawMessage)
	}
	if err := decode(resp, data, refusal); err != nil && resp.StatusCode >= 400 && resp.StatusCode < 500 && e.Code != channel.CodeTooMany {
		// A page in front of the API refused: that says nothing of the account.
		e.Class, e.Code = channel.Transient, channel.CodeNotAPI
	}
	e.Detail = excerpt(resp, data)
	return e
}

func decode(resp *http.Response, data []byte, out any) error {
	if len(data) > maxAnswer {
		return fetch.ErrTooLarge
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && strings.HasSuffix(kind, "html") {
		return fetch.ErrNotJSON
	}
	return json.Unmarshal(data, out)
}

// excerpt is the status and the beginning of an answer, for the administrator.
func excerpt(resp *http.Response, data []byte) string {
	const limit = 200
	text := strings.ToValidUTF8(string(bytes.Join(bytes.Fields(data[:min(len(data), 4*limit)]), []byte(" "))), "")
	for len(text) > limit || !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text[:min(len(text)-1, limit)], "")
	}
	if text == "" {
		return resp.Status
	}
	return resp.Status + ": " + text
}

package mastodon

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/fetch"
)

// api makes calls with one account's token.
type api struct {
	http   *fetch.Client
	server string
	token  string
}

// refusal is the Error entity.
type refusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func (r refusal) detail() string {
	if r.Description != "" {
		return r.Error + ": " + r.Description
	}
	return r.Error
}

// call makes a repeatable request with a JSON body, if in is not nil.
func (c api) call(ctx context.Context, method, path string, in, out any) *channel.Error {
	req, err := c.request(ctx, method, path, in)
	if err != nil {
		return err
	}
	return c.send(ctx, req, out, wire.Repeatable)
}

func (c api) request(ctx context.Context, method, path string, in any) (*http.Request, *channel.Error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Err: err}
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, &channel.Error{Class: channel.Refused, Code: wire.CodeAddress, Err: err}
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// send sends req and reads the answer into out.
func (c api) send(ctx context.Context, req *http.Request, out any, k wire.Kind) *channel.Error {
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(ctx, req)
	if err != nil {
		return wire.Lost(err, k)
	}
	var said refusal
	e := wire.Answer(resp, out, &said, k)
	if e != nil && said.Error != "" {
		e.Detail = said.detail()
	}
	return e
}

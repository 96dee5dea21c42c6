package mastodon

import (
	"context"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

// attachment is the part of a MediaAttachment entity that we use.
type attachment struct {
	ID          string `json:"id"`
	Type        string `json:"type"`
	URL         string `json:"url"` // empty while the server processes it
	Description string `json:"description"`
	Meta        struct {
		Original struct {
			Width  int `json:"width"`
			Height int `json:"height"`
		} `json:"original"`
	} `json:"meta"`
}

// uploaded is a file that the server holds.
type uploaded struct {
	Hash string `json:"hash"`
	Alt  string `json:"alt"`
	ID   string `json:"id"`
}

func (u uploaded) is(m channel.Media) bool { return u.ID != "" && u.Hash == m.Hash && u.Alt == m.Alt }

// upload sends one file from its store. The server may still have to process it.
func (c api) upload(ctx context.Context, a channel.Account, m channel.Media) (attachment, error) {
	var got attachment
	if a.Take != nil {
		if err := a.Take(ctx, 1); err != nil {
			return got, err
		}
	}
	form := wire.NewForm()
	defer form.Close()
	form.Field("description", m.Alt)
	if err := form.File(ctx, "file", m); err != nil {
		return got, err
	}
	req, err := form.Request(ctx, c.server+"/api/v2/media")
	if err != nil {
		return got, &channel.Error{Class: channel.Refused, Code: wire.CodeAddress, Err: err}
	}
	if err := c.send(ctx, req, &got, wire.Repeatable); err != nil {
		if err.Class == channel.Refused {
			err.Code = channel.CodeMedia
		}
		return got, err
	}
	if got.ID == "" {
		return got, &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI}
	}
	return got, nil
}

// state is how far the server is with a file.
type state int

const (
	ready state = iota
	processing
	absent // never there, thrown away after a day, or attached to a status
)

// look asks for a file's state: 200 ready, 206 processing, 404 absent, 422 when
// the server could not process it.
func (c api) look(ctx context.Context, id string) (state, *channel.Error) {
	req, err := c.request(ctx, "GET", "/api/v1/media/"+id, nil)
	if err != nil {
		return absent, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, sendErr := c.http.Do(ctx, req)
	if sendErr != nil {
		return absent, wire.Lost(sendErr, wire.Repeatable)
	}
	status := resp.StatusCode
	var got attachment
	switch err := wire.Answer(resp, &got, nil, wire.Repeatable); {
	case status == http.StatusPartialContent:
		return processing, nil
	case err == nil:
		return ready, nil
	case err.Code == channel.CodeNotFound:
		return absent, nil
	case err.Class == channel.Refused:
		err.Code = channel.CodeMedia
		return absent, err
	default:
		return absent, err
	}
}

// A video takes the server minutes; what takes longer is asked for again later.
const (
	firstLook = 200 * time.Millisecond
	lastLook  = 10 * time.Second
)

// wait returns when the file is ready. A file that is still processing after a
// while gives a Transient error; absent says that it must be uploaded again.
func (c api) wait(ctx context.Context, id string) (state, *channel.Error) {
	for pause := firstLook; ; pause *= 2 {
		s, err := c.look(ctx, id)
		if err != nil || s != processing {
			return s, err
		}
		if pause > lastLook {
			return s, notReady()
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return s, wire.Lost(context.Cause(ctx), wire.Repeatable)
		}
	}
}

func notReady() *channel.Error {
	return &channel.Error{Class: channel.Transient, Code: channel.CodeMedia, RetryAfter: 30 * time.Second}
}

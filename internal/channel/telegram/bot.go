package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/fetch"
)

// Codes of this platform alone.
const (
	CodeToken = "token" // what was typed is no bot's token
	CodeChat  = "chat"  // there is no such chat, or the bot was never in it

	CodeListened      = "listened"       // another program, or a webhook, takes the bot's updates
	CodeMayNotDelete  = "may_not_delete" // the bot may not delete messages of others
	CodeCannotRestore = "cannot_restore" // what was deleted cannot be shown again
	CodeCannotReport  = "cannot_report"  // a bot cannot report anything
)

// bot makes calls with one bot's token. The token is part of every address, so
// no error may hold the address.
type bot struct {
	credentials
	http   *fetch.Client
	server string
	keep   func(context.Context, json.RawMessage) error
}

// envelope is around every answer.
type envelope struct {
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter int   `json:"retry_after"`
		MovedTo    int64 `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

func (b bot) method(name string) string { return b.server + "/bot" + b.Token + "/" + name }

// call makes a repeatable call with JSON parameters.
func (b bot) call(ctx context.Context, method string, in map[string]any, out any) *channel.Error {
	return b.callAs(ctx, method, in, out, wire.Repeatable)
}

func (b bot) callAs(ctx context.Context, method string, in map[string]any, out any, k wire.Kind) *channel.Error {
	body, err := json.Marshal(in)
	if err != nil {
		return &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.method(method), bytes.NewReader(body))
	if err != nil {
		return &channel.Error{Class: channel.Refused, Code: wire.CodeAddress}
	}
	req.Header.Set("Content-Type", "application/json")
	return b.send(ctx, req, out, k)
}

// send sends req and reads the result into out.
func (b bot) send(ctx context.Context, req *http.Request, out any, k wire.Kind) *channel.Error {
	resp, err := b.http.Do(ctx, req)
	if err != nil {
		return wire.Lost(err, k)
	}
	var e envelope
	refused := wire.Answer(resp, &e, &e, k)
	switch {
	case refused != nil:
		return b.explain(ctx, refused, e)
	case !e.OK:
		return unclear(k, e.Description)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(e.Result, out); err != nil {
		return unclear(k, err.Error())
	}
	return nil
}

// unclear is an answer that says success and makes no sense.
func unclear(k wire.Kind, detail string) *channel.Error {
	e := &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Detail: detail}
	if k == wire.Irreversible {
		e.Class = channel.Unknown
	}
	return e
}

// refusal is what one of the API's descriptions means.
type refusal struct {
	words string // contained in the description, in lower case
	class channel.Class
	code  string
}

// refusals are the descriptions that mean more than their status code, from the
// source of the server (tdlib/telegram-bot-api, Client.cpp) and of Telegram's
// own errors (core.telegram.org/api/errors).
func refusals() []refusal {
	return []refusal{
		{"message to be replied not found", channel.Refused, channel.CodeAnswerGone},
		{"message to reply not found", channel.Refused, channel.CodeAnswerGone},
		{"message to edit not found", channel.Refused, channel.CodeGone},
		{"message to delete not found", channel.Refused, channel.CodeGone},
		{"message_id_invalid", channel.Refused, channel.CodeGone},
		{"message can't be edited", channel.Refused, channel.CodeCannotEdit},
		{"message can't be deleted", channel.Refused, channel.CodeCannotEdit},
		{"there is no text in the message", channel.Refused, channel.CodeCannotEdit},
		{"there is no caption in the message", channel.Refused, channel.CodeCannotEdit},
		{"message is too long", channel.Refused, channel.CodeTooLong},
		{"caption is too long", channel.Refused, channel.CodeTooLong},
		{"media_caption_too_long", channel.Refused, channel.CodeTooLong},
		{"chat not found", channel.Revoked, CodeChat},
		{"chat_id is empty", channel.Revoked, CodeChat},
		{"user not found", channel.Revoked, CodeChat},
		{"administrator rights", channel.Revoked, channel.CodeForbidden},
		{"not enough rights", channel.Revoked, channel.CodeForbidden},
		{"chat_write_forbidden", channel.Revoked, channel.CodeForbidden},
		{"photo_", channel.Refused, channel.CodeMedia},
		{"image_process_failed", channel.Refused, channel.CodeMedia},
		{"media_empty", channel.Refused, channel.CodeMedia},
		{"wrong file", channel.Refused, channel.CodeMedia},
		{"file is too big", channel.Refused, channel.CodeMedia},
		{"file must be non-empty", channel.Refused, channel.CodeMedia},
		{"request entity too large", channel.Refused, channel.CodeMedia},
		{"can't be mixed", channel.Refused, channel.CodeMedia},
	}
}

// explain reads what the description adds to the status code.
func (b bot) explain(ctx context.Context, e *channel.Error, said envelope) *channel.Error {
	if said.Description != "" {
		e.Detail = said.Description
	}
	switch {
	case e.Code == channel.CodeTooMany:
		if s := said.Parameters.RetryAfter; s > 0 {
			e.RetryAfter = time.Duration(min(s, 86400)) * time.Second
		}
	case said.Parameters.MovedTo != 0:
		return b.moved(ctx, said.Parameters.MovedTo, e)
	case e.Code == channel.CodeNotFound:
		// There is no such bot: the API has no other 404 for a method that exists.
		e.Class, e.Code = channel.Revoked, channel.CodeSignIn
	case e.Class == channel.Refused:
		words := strings.ToLower(said.Description)
		for _, r := range refusals() {
			if strings.Contains(words, r.words) {
				e.Class, e.Code = r.class, r.code
				break
			}
		}
	}
	return e
}

// moved keeps the new number of a group that became a supergroup; the call did
// nothing and may be made again.
func (b bot) moved(ctx context.Context, to int64, e *channel.Error) *channel.Error {
	e.Class, e.Code = channel.Revoked, CodeChat
	if b.keep == nil {
		return e
	}
	secret, err := json.Marshal(credentials{Token: b.Token, Chat: to})
	if err == nil {
		err = b.keep(ctx, secret)
	}
	if err != nil {
		e.Err = err
		return e
	}
	e.Class = channel.Transient
	return e
}

package telegram

import (
	"context"
	"strconv"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel"
)

// place is a message in a chat.
type place struct{ chat, message int64 }

// at reads the name of a message: see ear.id.
func (b bot) at(id string) (place, *channel.Error) {
	p := place{chat: b.Chat}
	number := id
	var err error
	if chat, message, found := strings.Cut(id, "/"); found {
		number = message
		if p.chat, err = strconv.ParseInt(chat, 10, 64); err != nil {
			return p, &channel.Error{Class: channel.Refused, Code: channel.CodeNotFound, Err: err}
		}
	}
	if p.message, err = strconv.ParseInt(number, 10, 64); err != nil {
		return p, &channel.Error{Class: channel.Refused, Code: channel.CodeNotFound, Err: err}
	}
	return p, nil
}

// name is the inverse of at.
func (b bot) name(p place) string {
	if p.chat == b.Chat {
		return strconv.FormatInt(p.message, 10)
	}
	return strconv.FormatInt(p.chat, 10) + "/" + strconv.FormatInt(p.message, 10)
}

// target is where a post goes and, for an answer, what it replies to.
func (b bot) target(p channel.Post) (in map[string]any, err *channel.Error) {
	in = map[string]any{"chat_id": b.Chat}
	if p.To == nil {
		return in, nil
	}
	at, err := b.at(p.To.ID)
	if err != nil {
		return nil, err
	}
	in["chat_id"], in["reply_parameters"] = at.chat, map[string]any{"message_id": at.message}
	return in, nil
}

// unanswered says what a refused answer means: that the bot may not write in the
// discussion group, or that a citizen blocked it, is no reason to stop publishing
// in the channel.
func unanswered(e *channel.Error) *channel.Error {
	if e.Class == channel.Revoked && (e.Code == channel.CodeForbidden || e.Code == CodeChat) {
		e.Class, e.Code = channel.Refused, channel.CodeCannotAnswer
	}
	return e
}

// Hide deletes a message from the discussion group: Telegram knows no other way.
// The bot must be an administrator there who may delete messages.
func (a *Adapter) Hide(ctx context.Context, account channel.Account, r channel.Reply) error {
	b, err := a.on(account)
	if err != nil {
		return err
	}
	at, err := b.at(r.ID)
	if err != nil {
		return err
	}
	if at.chat > 0 {
		return &channel.Error{Class: channel.Refused, Code: channel.CodeCannotHide} // a private chat: nobody else sees it
	}
	err = b.call(ctx, "deleteMessage", map[string]any{"chat_id": at.chat, "message_id": at.message}, nil)
	switch {
	case err == nil || err.Code == channel.CodeGone:
		return nil
	case err.Code == channel.CodeCannotEdit, err.Class == channel.Revoked && err.Code != channel.CodeSignIn:
		err.Class, err.Code = channel.Refused, CodeMayNotDelete
	}
	return err
}

// Unhide is refused: what was deleted is gone for good.
func (*Adapter) Unhide(context.Context, channel.Account, channel.Reply) error {
	return &channel.Error{Class: channel.Refused, Code: CodeCannotRestore}
}

// Report is refused: bots have no way to.
func (*Adapter) Report(context.Context, channel.Account, channel.Reply, string) error {
	return &channel.Error{Class: channel.Refused, Code: CodeCannotReport}
}

package telegram

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

// Prepare has nothing to upload: a file is sent with its message or not at all.
// It finds out what can never be sent.
func (a *Adapter) Prepare(_ context.Context, account channel.Account, p channel.Post, prior channel.Progress, _ func(channel.Progress) error) (channel.Progress, error) {
	if _, err := a.on(account); err != nil {
		return prior, err
	}
	if len(p.Media) > maxAlbum || p.To != nil && len(p.Media) > 0 {
		return prior, &channel.Error{Class: channel.Refused, Code: channel.CodeMedia}
	}
	documents := 0
	for _, m := range p.Media {
		if kind(m) == "document" {
			documents++
		}
	}
	if documents > 0 && documents < len(p.Media) {
		return prior, &channel.Error{Class: channel.Refused, Code: channel.CodeMedia}
	}
	if count.Length(count.Telegram(), written(p)) > limit(p) {
		return prior, &channel.Error{Class: channel.Refused, Code: channel.CodeTooLong}
	}
	return prior, nil
}

// limit is the most that the text may count.
func limit(p channel.Post) int {
	if len(p.Media) > 0 {
		return maxCaption
	}
	return maxText
}

// written is the text with the warning above it.
func written(p channel.Post) string {
	if p.Warning == "" {
		return p.Text
	}
	return "⚠️ " + p.Warning + "\n\n" + p.Text
}

// joiner is a character without width at which a word does not break (U+2060).
const joiner = "\u2060"

// guarded is a text in which Telegram makes no link of what is none ("sabato.Il",
// "avviso.zip"): it finds hosts by itself in every text, and cannot be told not to;
// its hosts end at the joiner. Our own host stays a link. Where there is no room for
// the joiners, the text stays as it is.
func guarded(text string, p channel.Post) string {
	ours := ""
	if u, err := url.Parse(p.Link); err == nil {
		ours = strings.ToLower(u.Hostname())
	}
	var b strings.Builder
	last := 0
	for _, e := range count.Entities(text) {
		if e.Kind == count.URL && !e.Meant() && e.Host() != ours {
			b.WriteString(text[last:e.Start])
			b.WriteString(strings.ReplaceAll(text[e.Start:e.End], ".", "."+joiner))
			last = e.End
		}
	}
	b.WriteString(text[last:])
	if count.Length(count.Telegram(), b.String()) > limit(p) {
		return text
	}
	return b.String()
}

// shown is what goes under the files: the text, and the descriptions of the
// pictures if there is room for all of them.
func shown(p channel.Post) string {
	text := written(p)
	var alts []string
	for _, m := range p.Media {
		if m.Alt != "" {
			alts = append(alts, "🖼 "+m.Alt)
		}
	}
	if len(alts) == 0 {
		return text
	}
	if len(alts) > 1 {
		for i := range alts {
			alts[i] = strings.Replace(alts[i], "🖼 ", fmt.Sprintf("🖼 %d. ", i+1), 1)
		}
	}
	full := strings.TrimSpace(text + "\n\n" + strings.Join(alts, "\n"))
	if count.Length(count.Telegram(), full) > limit(p) {
		return text
	}
	return full
}

// kind is the word of the API for a file.
func kind(m channel.Media) string {
	switch {
	case m.IsImage():
		return "photo"
	case m.IsVideo():
		return "video"
	}
	return "document"
}

// message is the part of a Message that we use.
type message struct {
	ID   int64 `json:"message_id"`
	Chat chat  `json:"chat"`
}

// Finalize sends the message, with its files in the same request.
func (a *Adapter) Finalize(ctx context.Context, account channel.Account, p channel.Post, _ channel.Progress) (channel.Remote, error) {
	b, err := a.on(account)
	if err != nil {
		return channel.Remote{}, err
	}
	if p.To != nil {
		return b.answer(ctx, p)
	}
	var sent []message
	switch len(p.Media) {
	case 0:
		sent = make([]message, 1)
		err = b.callAs(ctx, "sendMessage", b.text(p), &sent[0], wire.Irreversible)
	case 1:
		sent = make([]message, 1)
		err = b.single(ctx, p, &sent[0])
	default:
		err = b.album(ctx, p, &sent)
	}
	if err != nil {
		return channel.Remote{}, err
	}
	return remote(sent, len(p.Media))
}

// answer replies to a message where it stands.
func (b bot) answer(ctx context.Context, p channel.Post) (channel.Remote, error) {
	in, err := b.target(p)
	if err != nil {
		return channel.Remote{}, err
	}
	in["text"] = guarded(written(p), p)
	var sent message
	if err := b.callAs(ctx, "sendMessage", in, &sent, wire.Irreversible); err != nil {
		return channel.Remote{}, unanswered(err)
	}
	if sent.ID == 0 {
		return channel.Remote{}, unclear(wire.Irreversible, "a message without number")
	}
	r := channel.Remote{ID: b.name(place{sent.Chat.ID, sent.ID})}
	if sent.Chat.Type != "private" {
		r.URL = sent.Chat.message(sent.ID)
	}
	return r, nil
}

// remote names all messages of an album, the first one first.
func remote(sent []message, files int) (channel.Remote, error) {
	var ids []string
	for _, m := range sent {
		if m.ID != 0 {
			ids = append(ids, strconv.FormatInt(m.ID, 10))
		}
	}
	if len(ids) != max(files, 1) {
		return channel.Remote{}, unclear(wire.Irreversible, fmt.Sprintf("%d messages for %d files", len(ids), files))
	}
	return channel.Remote{ID: strings.Join(ids, ","), URL: sent[0].Chat.message(sent[0].ID)}, nil
}

// text are the parameters of a text. Its preview is that of our link, whatever
// other links it has.
func (b bot) text(p channel.Post) map[string]any {
	in := map[string]any{"chat_id": b.Chat, "text": guarded(written(p), p)}
	if p.Link != "" {
		in["link_preview_options"] = map[string]any{"url": p.Link}
	}
	return in
}

// single sends one file with the text below it.
func (b bot) single(ctx context.Context, p channel.Post, out *message) *channel.Error {
	m := p.Media[0]
	form := wire.NewForm()
	defer form.Close()
	form.Field("chat_id", strconv.FormatInt(b.Chat, 10))
	form.Field("caption", guarded(shown(p), p))
	if p.Warning != "" && kind(m) != "document" {
		form.Field("has_spoiler", "true")
	}
	if m.IsVideo() {
		form.Field("supports_streaming", "true")
	}
	if err := form.File(ctx, kind(m), m); err != nil {
		return err
	}
	return b.post(ctx, "send"+strings.ToUpper(kind(m)[:1])+kind(m)[1:], form, out)
}

// part is an InputMedia.
type part struct {
	Type    string `json:"type"`
	Media   string `json:"media"`
	Caption string `json:"caption,omitempty"`
	Spoiler bool   `json:"has_spoiler,omitempty"`
}

// album sends several files. Only the first has a caption: with more than one,
// none would be shown below the album.
func (b bot) album(ctx context.Context, p channel.Post, out *[]message) *channel.Error {
	form := wire.NewForm()
	defer form.Close()
	parts := make([]part, len(p.Media))
	for i, m := range p.Media {
		parts[i] = part{Type: kind(m), Media: fmt.Sprintf("attach://file%d", i), Spoiler: p.Warning != "" && kind(m) != "document"}
	}
	parts[0].Caption = guarded(shown(p), p)
	media, err := json.Marshal(parts)
	if err != nil {
		return &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Err: err}
	}
	form.Field("chat_id", strconv.FormatInt(b.Chat, 10))
	form.Field("media", string(media))
	for i, m := range p.Media {
		if err := form.File(ctx, fmt.Sprintf("file%d", i), m); err != nil {
			return err
		}
	}
	return b.post(ctx, "sendMediaGroup", form, out)
}

// post sends a form that shows a message.
func (b bot) post(ctx context.Context, method string, form *wire.Form, out any) *channel.Error {
	req, err := form.Request(ctx, b.method(method))
	if err != nil {
		return &channel.Error{Class: channel.Refused, Code: wire.CodeAddress}
	}
	return b.send(ctx, req, out, wire.Irreversible)
}

// Find cannot read: bots are shown no history.
func (*Adapter) Find(context.Context, channel.Account, channel.Post, channel.Progress) (channel.Remote, bool, error) {
	return channel.Remote{}, false, &channel.Error{Class: channel.Unknown, Code: channel.CodeCannotRead}
}

// Edit changes the text, or the caption of the first file. Files that were added
// or taken off are left to a person: an album keeps its size for ever.
func (a *Adapter) Edit(ctx context.Context, account channel.Account, p channel.Post, r channel.Remote) (channel.Remote, error) {
	b, err := a.on(account)
	if err != nil {
		return r, err
	}
	chat, ids, err := b.numbers(r)
	if err != nil {
		return r, err
	}
	if len(ids) != max(len(p.Media), 1) {
		return r, &channel.Error{Class: channel.Refused, Code: channel.CodeCannotEdit}
	}
	method, in := "editMessageText", b.text(p)
	if len(p.Media) > 0 {
		method, in = "editMessageCaption", map[string]any{"chat_id": b.Chat, "caption": guarded(shown(p), p)}
	}
	in["chat_id"], in["message_id"] = chat, ids[0]
	err = b.call(ctx, method, in, nil)
	if err != nil && !strings.Contains(err.Detail, "message is not modified") {
		if chat != b.Chat {
			err = unanswered(err)
		}
		return r, err
	}
	return r, nil
}

// Withdraw deletes all messages of the copy. What is gone already is passed
// over; what Telegram no longer lets a bot delete (48 hours in a group) is left
// to a person.
func (a *Adapter) Withdraw(ctx context.Context, account channel.Account, r channel.Remote) error {
	b, err := a.on(account)
	if err != nil {
		return err
	}
	chat, ids, err := b.numbers(r)
	if err != nil {
		return err
	}
	err = b.call(ctx, "deleteMessages", map[string]any{"chat_id": chat, "message_ids": ids}, nil)
	switch {
	case err == nil || err.Code == channel.CodeGone:
		return nil
	case chat != b.Chat:
		return unanswered(err)
	}
	return err
}

// numbers are the messages of a copy, and the chat where they all are.
func (b bot) numbers(r channel.Remote) (chat int64, ids []int64, err *channel.Error) {
	for id := range strings.SplitSeq(r.ID, ",") {
		at, err := b.at(id)
		if err != nil {
			return 0, nil, err
		}
		chat, ids = at.chat, append(ids, at.message)
	}
	return chat, ids, nil
}

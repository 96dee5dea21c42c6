package telegram

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/fetch"
)

// Adapter publishes as a bot in a channel or a group.
type Adapter struct {
	http *fetch.Client
}

var _ channel.Adapter = (*Adapter)(nil)

// New makes the adapter; c decides which servers may be reached.
func New(c *fetch.Client) *Adapter { return &Adapter{http: c} }

// Platform is channel.Telegram.
func (*Adapter) Platform() channel.Platform { return channel.Telegram }

// cloud is Telegram's own server of the Bot API.
const cloud = "https://api.telegram.org"

// The entries of the form.
const (
	fieldToken  = "token"
	fieldChat   = "chat"
	fieldServer = "server"
)

// ConnectFields are the bot's token and the chat it writes in. The server is
// another one only where the institution runs its own.
func (*Adapter) ConnectFields() []channel.ConnectField {
	return []channel.ConnectField{
		{Name: fieldToken, Secret: true},
		{Name: fieldChat},
		{Name: fieldServer, Optional: true, Default: cloud},
	}
}

// Limits of the Bot API 9, from core.telegram.org/bots/api: sendMessage,
// sendMediaGroup, sendPhoto, and "Sending files".
const (
	maxText    = 4096
	maxCaption = 1024
	maxAlbum   = 10
	maxPhoto   = 10 << 20 // bytes
	maxUpload  = 50 << 20 // bytes, through Telegram's own server
)

// limits is what Test reads of a chat.
type limits struct {
	Broadcast bool   `json:"broadcast"`        // a channel, where only its own people write
	Linked    *int64 `json:"linked,omitempty"` // its discussion group, 0 for none; nil when nobody asked yet
}

// pace is "avoid sending more than one message per second" in any chat and "not
// more than 20 messages per minute" in a group (core.telegram.org/bots/faq). A
// chat of which nothing is known yet is taken for a group.
func pace(a channel.Account) channel.Rate {
	var l limits
	if json.Unmarshal(a.Limits, &l) == nil && l.Broadcast {
		return channel.Rate{N: 1, Per: time.Second}
	}
	return channel.Rate{N: 20, Per: time.Minute}
}

// Capabilities are the same for every bot, but for the pace of its chat.
func (*Adapter) Capabilities(a channel.Account) channel.Capabilities {
	return channel.Capabilities{
		Source: "https://core.telegram.org/bots/api", Read: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		Text: count.Telegram(), MaxText: maxText, Caption: maxCaption,
		Images: maxAlbum, ImageBytes: maxPhoto, ImageSide: 2560, ImageTypes: []string{"image/jpeg", "image/png", "image/webp"},
		Videos: maxAlbum, VideoBytes: maxUpload, VideoTypes: []string{"video/mp4"},
		Documents: maxAlbum, Mixed: true,
		Edit: true, Withdraw: true, ReadBack: false, ShowsURL: true, Answers: true,
		Pace: channel.Pace{Posts: pace(a)},
	}
}

// credentials are an account's secret.
type credentials struct {
	Token string `json:"token"`
	Chat  int64  `json:"chat"`
}

func (a *Adapter) on(account channel.Account) (bot, *channel.Error) {
	var c credentials
	if err := json.Unmarshal(account.Secret, &c); err != nil || c.Token == "" || c.Chat == 0 {
		return bot{}, &channel.Error{Class: channel.Revoked, Code: channel.CodeSignIn}
	}
	return bot{http: a.http, server: account.Server, credentials: c, keep: account.Keep}, nil
}

// Connect checks the token, finds the chat and makes sure that the bot may write
// in it.
func (a *Adapter) Connect(ctx context.Context, typed map[string]string) (channel.Account, error) {
	token, err := wire.Typed(typed, fieldToken)
	if err != nil {
		return channel.Account{}, err
	}
	if !wellFormed(token) {
		return channel.Account{}, &channel.Error{Class: channel.Refused, Code: CodeToken, Field: fieldToken}
	}
	name, err := wire.Typed(typed, fieldChat)
	if err != nil {
		return channel.Account{}, err
	}
	server := cloud
	if s := strings.TrimSpace(typed[fieldServer]); s != "" {
		if server, err = wire.Server(s, fieldServer); err != nil {
			return channel.Account{}, err
		}
	}
	b := bot{http: a.http, server: server, credentials: credentials{Token: token}}
	found, err := b.examine(ctx, chatName(name))
	if err != nil {
		err.Field = blame(err)
		return channel.Account{}, err
	}
	secret, jsonErr := json.Marshal(credentials{Token: token, Chat: found.ID})
	if jsonErr != nil {
		return channel.Account{}, &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Err: jsonErr}
	}
	b.Chat = found.ID
	return channel.Account{Server: server, Handle: found.handle(), URL: found.address(), Names: b.names(), Secret: secret, Limits: found.limits()}, nil
}

// names are the chat and the bot: what is said in a chat with two bots would go out
// and be heard twice, and of two channels with one bot each would take from the other
// what the bot is told, which Telegram tells once.
func (b bot) names() []string {
	number, _, _ := strings.Cut(b.Token, ":")
	return []string{"bot " + number, "chat " + strconv.FormatInt(b.Chat, 10)}
}

// blame names the entry that explains a failure while connecting.
func blame(e *channel.Error) string {
	switch e.Code {
	case channel.CodeSignIn:
		return fieldToken
	case CodeChat, channel.CodeForbidden:
		return fieldChat
	}
	return fieldServer
}

// wellFormed tells a token, digits, a colon and a word, from anything else
// that could be pasted: it becomes part of an address.
func wellFormed(token string) bool {
	id, key, found := strings.Cut(token, ":")
	if _, err := strconv.ParseInt(id, 10, 64); !found || err != nil || key == "" {
		return false
	}
	return !strings.ContainsFunc(key, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	})
}

// chatName is what a person types for a chat, as the API takes it: a number, or
// @name for t.me/name.
func chatName(typed string) string {
	name := strings.TrimPrefix(strings.TrimPrefix(typed, "https://"), "http://")
	for _, prefix := range []string{"t.me/", "telegram.me/", "www.t.me/"} {
		name = strings.TrimPrefix(name, prefix)
	}
	name, _, _ = strings.Cut(strings.TrimPrefix(name, "@"), "/")
	if _, err := strconv.ParseInt(name, 10, 64); err == nil {
		return name
	}
	return "@" + name
}

// Test proves that the bot may still write in the chat.
func (a *Adapter) Test(ctx context.Context, account channel.Account) (channel.Health, error) {
	b, err := a.on(account)
	if err != nil {
		return channel.Health{}, err
	}
	found, err := b.examine(ctx, strconv.FormatInt(b.Chat, 10))
	if err != nil {
		return channel.Health{}, err
	}
	return channel.Health{Handle: found.handle(), URL: found.address(), Names: b.names(), Limits: found.limits()}, nil
}

func (c chat) limits() json.RawMessage {
	l, err := json.Marshal(limits{Broadcast: c.Type == "channel", Linked: &c.Linked})
	if err != nil {
		return nil // a number and a truth value: it cannot fail
	}
	return l
}

// chat is the part of a Chat that we use.
type chat struct {
	ID       int64  `json:"id"`
	Type     string `json:"type"` // private, group, supergroup, channel
	Title    string `json:"title"`
	Username string `json:"username"`
	Invite   string `json:"invite_link"`
	Linked   int64  `json:"linked_chat_id"` // only in the answer of getChat
}

func (c chat) handle() string {
	if c.Username != "" {
		return "t.me/" + c.Username
	}
	return c.Title
}

// address is where citizens find the chat; a small group without an invitation
// has none.
func (c chat) address() string {
	switch {
	case c.Username != "":
		return "https://t.me/" + c.Username
	case c.Invite != "":
		return c.Invite
	case c.internal() != "":
		return "https://t.me/c/" + c.internal()
	}
	return ""
}

// internal is the number that stands in the links of a channel or supergroup
// without a public name, whose id is -100 followed by it.
func (c chat) internal() string {
	id, found := strings.CutPrefix(strconv.FormatInt(c.ID, 10), "-100")
	if !found {
		return ""
	}
	return id
}

// message is where a citizen sees a message; members only, without a public
// name. A small group has no links to messages, only perhaps its own.
func (c chat) message(id int64) string {
	if c.Username == "" && c.internal() == "" {
		return c.address()
	}
	base := "https://t.me/" + c.Username
	if c.Username == "" {
		base = "https://t.me/c/" + c.internal()
	}
	return base + "/" + strconv.FormatInt(id, 10)
}

// examine finds the chat and checks that the bot may write in it.
func (b bot) examine(ctx context.Context, name string) (chat, *channel.Error) {
	var me struct {
		ID int64 `json:"id"`
	}
	if err := b.call(ctx, "getMe", nil, &me); err != nil {
		return chat{}, err
	}
	var found chat
	if err := b.call(ctx, "getChat", map[string]any{"chat_id": name}, &found); err != nil {
		return chat{}, err
	}
	var member struct {
		Status  string `json:"status"`
		Post    *bool  `json:"can_post_messages"`
		Send    *bool  `json:"can_send_messages"`
		Present *bool  `json:"is_member"`
	}
	if err := b.call(ctx, "getChatMember", map[string]any{"chat_id": found.ID, "user_id": me.ID}, &member); err != nil {
		return chat{}, err
	}
	yes := func(right *bool) bool { return right != nil && *right }
	may := false
	switch member.Status {
	case "creator":
		may = true
	case "administrator":
		may = found.Type != "channel" || yes(member.Post)
	case "member":
		may = found.Type != "channel"
	case "restricted":
		may = found.Type != "channel" && yes(member.Present) && yes(member.Send)
	}
	if !may || found.ID == 0 {
		return chat{}, &channel.Error{Class: channel.Revoked, Code: channel.CodeForbidden, Detail: "status in the chat: " + member.Status}
	}
	return found, nil
}

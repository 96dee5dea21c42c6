package webmention

import (
	"context"
	"encoding/json"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
)

// Adapter is the square of pages elsewhere. It only listens: who writes a page of
// their own is answered on a page of ours, or by other means.
type Adapter struct{}

var _ channel.Adapter = Adapter{}

// Platform is channel.Webmention.
func (Adapter) Platform() channel.Platform { return channel.Webmention }

// Capabilities say that nothing goes out here.
func (Adapter) Capabilities(channel.Account) channel.Capabilities {
	return channel.Capabilities{Source: "https://www.w3.org/TR/webmention/", Read: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Text: count.Graphemes(), NoPosts: true}
}

// ConnectFields lists nothing: the channel is made when a page is first heard of.
func (Adapter) ConnectFields() []channel.ConnectField { return nil }

// Connect needs nothing to be typed.
func (Adapter) Connect(context.Context, map[string]string) (channel.Account, error) {
	return account(), nil
}

// account is where pages elsewhere speak to a profile. It has no address: a page that
// claims to be ours is not taken for us.
func account() channel.Account {
	return channel.Account{Server: "local", Handle: "Webmention", Secret: json.RawMessage(`{}`)}
}

// Test has nothing to ask: we are told.
func (Adapter) Test(_ context.Context, a channel.Account) (channel.Health, error) {
	return channel.Health{Handle: a.Handle, URL: a.URL}, nil
}

// nothing is the answer to whatever should go out.
func nothing() *channel.Error {
	return &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Detail: "pages elsewhere take no answers"}
}

// Prepare refuses.
func (Adapter) Prepare(_ context.Context, _ channel.Account, _ channel.Post, prior channel.Progress, _ func(channel.Progress) error) (channel.Progress, error) {
	return prior, nothing()
}

// Finalize refuses.
func (Adapter) Finalize(context.Context, channel.Account, channel.Post, channel.Progress) (channel.Remote, error) {
	return channel.Remote{}, nothing()
}

// Find proves absence: nothing ever goes out.
func (Adapter) Find(context.Context, channel.Account, channel.Post, channel.Progress) (channel.Remote, bool, error) {
	return channel.Remote{}, false, nil
}

// Edit refuses.
func (Adapter) Edit(_ context.Context, _ channel.Account, _ channel.Post, r channel.Remote) (channel.Remote, error) {
	return r, nothing()
}

// Withdraw has nothing to remove.
func (Adapter) Withdraw(context.Context, channel.Account, channel.Remote) error { return nil }

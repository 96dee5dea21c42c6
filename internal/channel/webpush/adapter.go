package webpush

import (
	"context"
	"encoding/json"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
)

// Adapter makes the browsers a channel. It holds no state.
type Adapter struct{ notices *Notices }

var _ channel.Adapter = (*Adapter)(nil)

// NewAdapter returns the adapter of the notices.
func NewAdapter(n *Notices) *Adapter { return &Adapter{n} }

// Platform is channel.WebPush.
func (*Adapter) Platform() channel.Platform { return channel.WebPush }

// maxText bounds a notice, in graphemes. A push service takes 4,096 bytes at least
// (RFC 8030, 7.2); what a lock screen shows is much shorter.
const maxText = 400

// Capabilities are the same for every account.
func (*Adapter) Capabilities(channel.Account) channel.Capabilities {
	return channel.Capabilities{
		Source: "https://www.rfc-editor.org/rfc/rfc8030#section-7.2", Read: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		Text: count.Graphemes(), MaxText: maxText,
		Edit: false, Withdraw: true, ReadBack: true, KeyLife: channel.ForEver, Final: true, ShowsURL: false,
	}
}

// ConnectFields lists nothing: the browsers are ours to know, and the keys are
// made here.
func (*Adapter) ConnectFields() []channel.ConnectField { return nil }

// Connect needs nothing to be typed. The secret is empty in all but name, for an
// account without one is not connected: the keys belong to the institution.
func (*Adapter) Connect(context.Context, map[string]string) (channel.Account, error) {
	return channel.Account{Server: "local", Handle: handle, Secret: json.RawMessage(`{}`)}, nil
}

// handle is the protocol's own name.
const handle = "Web Push"

// Test proves that there is a key pair that can sign.
func (a *Adapter) Test(ctx context.Context, acc channel.Account) (channel.Health, error) {
	address, err := a.notices.Describe(ctx, acc.ID)
	if err != nil {
		return channel.Health{}, channel.Classify(err, channel.Transient)
	}
	return channel.Health{Handle: handle, URL: address}, nil
}

// Prepare checks the post; there is nothing to upload.
func (a *Adapter) Prepare(_ context.Context, acc channel.Account, p channel.Post, prior channel.Progress, _ func(channel.Progress) error) (channel.Progress, error) {
	return prior, a.check(acc, p)
}

func (a *Adapter) check(acc channel.Account, p channel.Post) error {
	if caps := a.Capabilities(acc); count.Length(caps.Text, p.Text) > caps.MaxText {
		return &channel.Error{Class: channel.Refused, Code: channel.CodeTooLong}
	}
	return nil
}

// Finalize hands the post over. The transaction is keyed by the post: after a
// crash it may be repeated, and Find tells whether it happened.
func (a *Adapter) Finalize(ctx context.Context, acc channel.Account, p channel.Post, _ channel.Progress) (channel.Remote, error) {
	if err := a.check(acc, p); err != nil {
		return channel.Remote{}, err
	}
	r, err := a.notices.HandOver(ctx, acc.ID, p)
	if err != nil {
		// A commit whose answer was lost may have happened.
		return r, channel.Classify(err, channel.Unknown)
	}
	return r, nil
}

// Find reads our own ledger: what is not in it never left.
func (a *Adapter) Find(ctx context.Context, acc channel.Account, p channel.Post, _ channel.Progress) (channel.Remote, bool, error) {
	r, found, err := a.notices.Lookup(ctx, acc.ID, p.Key)
	if err != nil {
		return r, false, channel.Classify(err, channel.Transient)
	}
	return r, found, nil
}

// Edit is refused: what a lock screen has shown cannot be changed.
func (*Adapter) Edit(context.Context, channel.Account, channel.Post, channel.Remote) (channel.Remote, error) {
	return channel.Remote{}, &channel.Error{Class: channel.Refused, Code: channel.CodeCannotEdit}
}

// Withdraw stops the notices that still wait; those that were sent stay sent.
func (a *Adapter) Withdraw(ctx context.Context, acc channel.Account, r channel.Remote) error {
	if err := a.notices.Cancel(ctx, acc.ID, r.ID); err != nil {
		return channel.Classify(err, channel.Transient)
	}
	return nil
}

package email

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
)

// List is the newsletter that takes messages over; *newsletter.List is one.
type List interface {
	// HandOver is repeatable: the same key makes one sending.
	HandOver(ctx context.Context, channelID string, p channel.Post) (channel.Remote, error)
	// Lookup finds what was handed over, by the key.
	Lookup(ctx context.Context, channelID, key string) (channel.Remote, bool, error)
	// Cancel stops the letters that still wait.
	Cancel(ctx context.Context, channelID, id string) error
	// Describe says whose letters they are and how many read them.
	Describe(ctx context.Context, channelID string) (profile, address string, subscribers int, err error)
}

// Adapter makes the subscribers a channel. It holds no state.
type Adapter struct{ list List }

var _ channel.Adapter = (*Adapter)(nil)

// New returns the adapter of a newsletter.
func New(l List) *Adapter { return &Adapter{l} }

// Platform is channel.Email.
func (*Adapter) Platform() channel.Platform { return channel.Email }

// Limits of a letter. They are ours: RFC 5322 (2.1.1) bounds lines, which are
// folded when the letter is written, and no number of characters; pictures are
// shown from the site and not attached.
const (
	maxText   = 20_000 // graphemes
	maxImages = 10
)

// Capabilities are the same for every account.
func (*Adapter) Capabilities(channel.Account) channel.Capabilities {
	return channel.Capabilities{
		Source: "https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1", Read: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		Text: count.Graphemes(), MaxText: maxText, MaxAlt: 1500,
		Images: maxImages, ImageBytes: 2 << 20, ImageSide: 1200, ImageTypes: []string{"image/jpeg", "image/png", "image/gif", "image/webp"},
		Videos: 1, VideoBytes: 200 << 20, VideoTypes: []string{"video/mp4", "video/webm", "video/quicktime"},
		Edit: false, Withdraw: true, ReadBack: true, KeyLife: channel.ForEver, Final: true, ShowsURL: false,
	}
}

// ConnectFields lists nothing: the subscribers are ours, and the mail server is
// the installation's.
func (*Adapter) ConnectFields() []channel.ConnectField { return nil }

// Connect needs nothing to be typed. The secret is empty in all but name, for an
// account without one is not connected.
func (*Adapter) Connect(context.Context, map[string]string) (channel.Account, error) {
	return channel.Account{Server: "local", Handle: "Newsletter", Secret: json.RawMessage(`{}`)}, nil
}

// Test proves that the newsletter answers, and says how many subscribe.
func (a *Adapter) Test(ctx context.Context, acc channel.Account) (channel.Health, error) {
	profile, address, n, err := a.list.Describe(ctx, acc.ID)
	if err != nil {
		return channel.Health{}, channel.Classify(err, channel.Transient)
	}
	return channel.Health{Handle: profile + " (" + strconv.Itoa(n) + ")", URL: address + "/newsletter"}, nil
}

// Prepare checks the post; there is nothing to upload.
func (a *Adapter) Prepare(_ context.Context, acc channel.Account, p channel.Post, prior channel.Progress, _ func(channel.Progress) error) (channel.Progress, error) {
	return prior, a.check(acc, p)
}

func (a *Adapter) check(acc channel.Account, p channel.Post) error {
	caps := a.Capabilities(acc)
	if count.Length(caps.Text, p.Text) > caps.MaxText {
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
	r, err := a.list.HandOver(ctx, acc.ID, p)
	if err != nil {
		// A commit whose answer was lost may have happened.
		return r, channel.Classify(err, channel.Unknown)
	}
	return r, nil
}

// Find reads our own ledger: what is not in it never left.
func (a *Adapter) Find(ctx context.Context, acc channel.Account, p channel.Post, _ channel.Progress) (channel.Remote, bool, error) {
	r, found, err := a.list.Lookup(ctx, acc.ID, p.Key)
	if err != nil {
		return r, false, channel.Classify(err, channel.Transient)
	}
	return r, found, nil
}

// Edit is refused: a letter that was sent cannot be changed.
func (*Adapter) Edit(context.Context, channel.Account, channel.Post, channel.Remote) (channel.Remote, error) {
	return channel.Remote{}, &channel.Error{Class: channel.Refused, Code: channel.CodeCannotEdit}
}

// Withdraw stops the letters that still wait; those that were sent stay sent.
func (a *Adapter) Withdraw(ctx context.Context, acc channel.Account, r channel.Remote) error {
	if err := a.list.Cancel(ctx, acc.ID, r.ID); err != nil {
		return channel.Classify(err, channel.Transient)
	}
	return nil
}

package bluesky

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/fetch"
)

// DefaultServer is where most accounts are, and what finds the others.
const DefaultServer = "https://bsky.social"

// The entries of the form that connects an account.
const (
	fieldServer   = "server"
	fieldHandle   = "handle"
	fieldPassword = "password"
)

// Options say where the services around the PDS are. The zero value is the
// public network.
type Options struct {
	Directory string           // of did:plc; "" means https://plc.directory
	App       string           // where citizens read posts; "" means https://bsky.app
	AppView   string           // what shows threads and notifications; "" means did:web:api.bsky.app#bsky_appview
	Clock     func() time.Time // nil means time.Now
}

// Adapter publishes on Bluesky. It is safe for concurrent use.
type Adapter struct {
	fetch *fetch.Client
	o     Options
}

var (
	_ channel.Adapter   = (*Adapter)(nil)
	_ channel.Refresher = (*Adapter)(nil)
)

// New makes an adapter that sends its requests through c.
func New(c *fetch.Client, o Options) *Adapter {
	if o.Directory == "" {
		o.Directory = "https://plc.directory"
	}
	if o.App == "" {
		o.App = "https://bsky.app"
	}
	if o.AppView == "" {
		o.AppView = "did:web:api.bsky.app#bsky_appview"
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	o.Directory, o.App = strings.TrimRight(o.Directory, "/"), strings.TrimRight(o.App, "/")
	return &Adapter{fetch: c, o: o}
}

// Platform is Bluesky.
func (a *Adapter) Platform() channel.Platform { return channel.Bluesky }

// The limits, with where they stand. Those of a record are checked by every PDS;
// those of an upload are each PDS's own.
const (
	maxGraphemes  = 300         // lexicon app.bsky.feed.post
	maxBytes      = 3000        // the same
	maxImages     = 4           // lexicon app.bsky.embed.images
	maxImageBytes = 2_000_000   // the same
	maxThumbBytes = 1_000_000   // lexicon app.bsky.embed.external
	maxVideoBytes = 100_000_000 // the lexicon app.bsky.embed.video allows 300,000,000, but what PDS are installed with is about this
	maxAlt        = 2000        // what Bluesky's own app lets people type; the lexicon has no limit
)

func imageTypes() []string { return []string{"image/jpeg", "image/png", "image/webp"} }

// Capabilities is the same for all accounts: the limits are in the lexicons.
// Videos are uploaded to the PDS like pictures, which the network documents as
// the simple way: citizens may see the post some seconds before its video is
// ready. The video service's own upload shows when it is, but exists only on the
// public network and asks the account for a verified e-mail address.
func (a *Adapter) Capabilities(channel.Account) channel.Capabilities {
	return channel.Capabilities{
		Source: "https://github.com/bluesky-social/atproto/tree/main/lexicons/app/bsky",
		Read:   time.Date(2026, time.November, 22, 0, 0, 0, 0, time.UTC),

		Text: count.Bluesky(), MaxText: maxGraphemes, MaxBytes: maxBytes, MaxAlt: maxAlt,

		Images: maxImages, ImageBytes: maxImageBytes, ImageSide: 2000, ImageTypes: imageTypes(),
		Videos: 1, VideoBytes: maxVideoBytes, VideoTypes: []string{"video/mp4"},

		Edit: true, Withdraw: true, ReadBack: true, KeyLife: channel.ForEver, Answers: true,
		// A post holds pictures or a link card, never both: the link stands in the text.
		ShowsURL: true,

		Pace: channel.Pace{
			// 5000 points in an hour: counted as 3 for each post, the price of a
			// correction, though putRecord costs 2.
			Posts:  channel.Rate{N: 1600, Per: time.Hour},
			Upload: channel.Rate{N: 1000, Per: 24 * time.Hour},
		},
	}
}

// ConnectFields asks for the handle and an app password.
func (a *Adapter) ConnectFields() []channel.ConnectField {
	return []channel.ConnectField{
		{Name: fieldHandle},
		{Name: fieldPassword, Secret: true},
		{Name: fieldServer, Optional: true, Default: DefaultServer},
	}
}

// Connect finds the account's own PDS from its handle, whatever the server that
// was asked, and opens a session there. It refuses a handle that the account's
// DID document does not confirm.
func (a *Adapter) Connect(ctx context.Context, typed map[string]string) (channel.Account, error) {
	server := strings.TrimSpace(typed[fieldServer])
	if server == "" {
		server = DefaultServer
	}
	server, cerr := wire.Server(server, fieldServer)
	if cerr != nil {
		return channel.Account{}, cerr
	}
	if _, cerr := wire.Typed(typed, fieldHandle); cerr != nil {
		return channel.Account{}, cerr
	}
	handle, ok := typedHandle(typed[fieldHandle], server)
	if !ok {
		return channel.Account{}, &channel.Error{Class: channel.Refused, Code: channel.CodeNotFound, Field: fieldHandle}
	}
	password, cerr := wire.Typed(typed, fieldPassword)
	if cerr != nil {
		return channel.Account{}, cerr
	}
	home, cerr := a.home(ctx, server, handle)
	if cerr != nil {
		return channel.Account{}, cerr
	}
	s, cerr := a.signIn(ctx, home.PDS, home.DID, password)
	if cerr == nil {
		cerr = s.usable(home.DID)
	}
	if cerr != nil {
		if cerr.Class == channel.Revoked && cerr.Code != CodeSuspended {
			cerr.Field = fieldPassword
		}
		return channel.Account{}, cerr
	}
	return a.connected(home, handle, password, s)
}

// Advise returns an entry that may well be accepted and should still be looked
// at, with the catalogue key of the reason; both are empty as a rule.
func (a *Adapter) Advise(typed map[string]string) (field, key string) {
	if p := typed[fieldPassword]; strings.TrimSpace(p) != "" && !LooksLikeAppPassword(p) {
		return fieldPassword, "channel.error." + CodeAppPassword
	}
	return "", ""
}

// home finds where the account with a handle lives.
func (a *Adapter) home(ctx context.Context, server, handle string) (document, *channel.Error) {
	did, err := a.resolve(ctx, server, handle)
	if err != nil {
		switch {
		case err.Code == channel.CodeRefused: // 400: nobody has this handle
			err.Field, err.Code = fieldHandle, channel.CodeNotFound
		case err.Code != channel.CodeTooMany:
			err.Field = fieldServer
		}
		return document{}, err
	}
	home, err := a.locate(ctx, did)
	if err != nil {
		if err.Class == channel.Refused {
			err.Field = fieldHandle
		}
		return document{}, err
	}
	if !home.owns(handle) {
		return document{}, &channel.Error{
			Class: channel.Refused, Code: channel.CodeNotFound, Field: fieldHandle,
			Detail: "the DID document of " + did + " does not confirm this handle",
		}
	}
	return home, nil
}

func (a *Adapter) connected(home document, handle, password string, s session) (channel.Account, error) {
	raw, err := json.Marshal(secret{DID: home.DID, Password: password, Access: s.AccessJWT, Refresh: s.RefreshJWT})
	if err != nil {
		return channel.Account{}, &channel.Error{Class: channel.Refused, Code: CodeStore, Err: err}
	}
	return channel.Account{
		Server: home.PDS, Handle: "@" + handle, URL: a.profileURL(handle), Names: []string{home.DID},
		Secret: raw, Expires: tokenEnd(s.RefreshJWT),
	}, nil
}

func (a *Adapter) profileURL(handle string) string { return a.o.App + "/profile/" + handle }

// Test asks the PDS whose session this is and whether the account is active, and
// learns the handle it has today.
func (a *Adapter) Test(ctx context.Context, account channel.Account) (channel.Health, error) {
	w, cerr := a.worker(account)
	if cerr != nil {
		return channel.Health{}, cerr
	}
	var s session
	if cerr := w.call(ctx, request{method: "com.atproto.server.getSession"}, &s); cerr != nil {
		if cerr.Class == channel.Refused && cerr.Code == channel.CodeRefused {
			// The call has no input that could be wrong: the token is good, and the PDS
			// gives no account for it, as it does when the account is taken down.
			cerr.Class, cerr.Code = channel.Revoked, CodeSuspended
		}
		return channel.Health{}, cerr
	}
	h := channel.Health{Names: []string{s.DID}, Expires: tokenEnd(w.secret.Refresh)}
	switch {
	case s.Active != nil && !*s.Active:
		return channel.Health{}, &channel.Error{Class: channel.Revoked, Code: CodeSuspended, Detail: s.Status}
	case s.DID != w.secret.DID:
		return channel.Health{}, &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Detail: "the session is of another account"}
	case !validHandle(s.Handle) || s.Handle == "handle.invalid":
		// The account works, but its handle does not lead to it for the moment.
		h.Handle, h.URL = account.Handle, account.URL
		return h, nil
	}
	h.Handle, h.URL = "@"+s.Handle, a.profileURL(s.Handle)
	return h, nil
}

// Refresh gets new tokens before the old ones end. Its caller stores them.
func (a *Adapter) Refresh(ctx context.Context, account channel.Account) (channel.Account, error) {
	w, cerr := a.worker(account)
	if cerr != nil {
		return account, cerr
	}
	if cerr := w.renew(ctx); cerr != nil {
		return account, cerr
	}
	raw, err := json.Marshal(w.secret)
	if err != nil {
		return account, &channel.Error{Class: channel.Transient, Code: CodeStore, Err: err}
	}
	account.Secret, account.Expires = raw, tokenEnd(w.secret.Refresh)
	return account, nil
}

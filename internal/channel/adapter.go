package channel

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// Platform names a kind of square. The value is stored and appears in the API.
type Platform string

// The platforms that have an adapter.
const (
	Mastodon Platform = "mastodon" // any server with the Mastodon API
	Bluesky  Platform = "bluesky"
	Telegram Platform = "telegram"
	Email    Platform = "email" // the profile's subscribers

	ActivityPub Platform = "activitypub" // the profile's own actor on the Fediverse
	WebPush     Platform = "webpush"     // browsers that asked to be told
	Mailbox     Platform = "mailbox"     // letters to the profile's address, and answers to them
	OnSite      Platform = "site"        // comments on the institution's own site
	Webmention  Platform = "webmention"  // pages elsewhere that link to ours
)

// Adapter speaks to one platform. It holds no state about deliveries: all it
// must remember between two calls travels in Progress and Account.
// Every error it returns is an *Error, so that the ledger knows what to do next.
type Adapter interface {
	Platform() Platform

	// Capabilities says what this account's platform can do. It makes no
	// request: limits that the instance states come from Account.Limits, which
	// Test reads.
	Capabilities(Account) Capabilities

	// ConnectFields lists what a person must type to connect an account.
	ConnectFields() []ConnectField

	// Connect checks what was typed against the platform and returns the account
	// with its secret, or an Error whose Field names the wrong entry.
	Connect(ctx context.Context, typed map[string]string) (Account, error)

	// Test proves that the account can still publish, without publishing, and
	// reads the instance's limits. It runs daily and after a failure.
	Test(context.Context, Account) (Health, error)

	// Prepare uploads media and does whatever else is invisible and repeatable.
	// It calls save after each finished step and starts from prior, so that a
	// crash costs one step. prior is nil at first.
	Prepare(ctx context.Context, a Account, p Post, prior Progress, save func(Progress) error) (Progress, error)

	// Finalize makes the post visible: the one irreversible call. An error of
	// class Unknown means that it may have happened.
	Finalize(ctx context.Context, a Account, p Post, done Progress) (Remote, error)

	// Find looks for the post on the platform by its key, or by what Finalize sent.
	// found is false only when nothing that is there now can be the post: what might
	// be is an error of class Unknown with code CodeCannotRead and its address as
	// Detail, as is all of a platform that cannot be read. Whether nothing now means
	// nothing ever, the ledger decides: an attempt may still succeed while it lasts.
	Find(ctx context.Context, a Account, p Post, done Progress) (r Remote, found bool, err error)

	// Edit makes the copy say what p says. It is repeatable.
	Edit(ctx context.Context, a Account, p Post, r Remote) (Remote, error)

	// Withdraw removes the copy. Removing what is gone already is success.
	Withdraw(ctx context.Context, a Account, r Remote) error
}

// Authorizer is an adapter whose platform can be connected by signing in there
// (OAuth), besides typing a token.
type Authorizer interface {
	// Authorize returns the address to send the person to, and what Redeem will
	// need; pending holds secrets and is stored encrypted.
	Authorize(ctx context.Context, typed map[string]string, redirect, state string) (address string, pending []byte, err error)
	// Redeem turns the code that came back into an account.
	Redeem(ctx context.Context, pending []byte, redirect, code string) (Account, error)
}

// Resident is an adapter whose platform is this installation itself: to connect it
// makes the account of a profile, so it must know which. ConnectFor is called
// instead of Connect.
type Resident interface {
	ConnectFor(ctx context.Context, w Wish, typed map[string]string) (Account, error)
}

// Refresher is an adapter whose tokens expire. Refresh is called at two thirds
// of their life; an empty token never replaces one.
type Refresher interface {
	Refresh(context.Context, Account) (Account, error)
}

// ConnectField is one entry of the form that connects an account. Label and
// hint are the catalogue's channel.PLATFORM.NAME.label and .hint.
type ConnectField struct {
	Name     string // "server", "handle", "token", …
	Secret   bool   // typed hidden, never shown again
	Optional bool
	Default  string
}

// Account is one connected account as an adapter sees it.
type Account struct {
	ID     string // of our channel row; empty while connecting
	Server string // base URL of the platform's API, without a final slash
	Handle string // how citizens see it: "@comune@example.org", "t.me/comune"
	URL    string // where citizens find it

	// Names are what the platform calls the account, unlike any other on it and never
	// changed: two channels with one of them in common would say or hear everything
	// twice. They are set by Connect and Redeem; Test tells them again.
	Names []string

	Secret  json.RawMessage // the adapter's own; encrypted at rest
	Limits  json.RawMessage // what Test read from the instance; the adapter's own
	Options Options
	Expires time.Time // when the secret ends; zero when it does not

	// Keep stores a changed secret (a refreshed session). It is nil only while
	// connecting.
	Keep func(ctx context.Context, secret json.RawMessage) error

	// Take asks for the right to upload n files now, within Capabilities.Pace and
	// shared by all nodes. Its error is a Transient one that says how long to
	// wait: return it as it is. It is nil only while connecting.
	Take func(ctx context.Context, n int) error

	// Others tells which copies on the platform belong to other posts of ours: Find
	// need not wonder about them. It is nil while connecting and listening.
	Others func(ctx context.Context, ids []string) (map[string]bool, error)
}

// Options are an officer's choices for a channel.
type Options struct {
	Visibility string `json:"visibility,omitempty"` // Mastodon API: public, unlisted
	Thread     bool   `json:"thread,omitempty"`
}

// Health is what a self-test found.
type Health struct {
	Limits  json.RawMessage // to be kept in Account.Limits
	Handle  string
	URL     string
	Names   []string // see Account.Names
	Expires time.Time
}

// Progress is what Prepare has done so far, in the adapter's own words.
type Progress = json.RawMessage

// Remote is a copy on the platform.
type Remote struct {
	ID  string // the platform's own identifier; for an album the first, then the others, separated by commas
	URL string // where a citizen sees it
}

// Post is one variant ready to go: all that an adapter needs, as it must appear.
type Post struct {
	Key     string // the delivery's own, the same over every retry, unlike any other
	Title   string
	Text    string   // plain text, the link and hashtags already in it; counted by Capabilities.Text
	Link    string   // permanent address on the institution's site
	Lang    string   // BCP 47
	Warning string   // content warning, empty as a rule
	Tags    []string // without #
	Media   []Media  // no more than the channel takes
	Card    *Card    // link preview for platforms that do not make their own
	Due     time.Time
	Urgent  bool // belongs to an emergency: what is done for it later has the lane jobs.Urgent

	To   *Reply // what it answers; nil for a message of our own
	Rich *Rich  // the whole message; nil for an answer
}

// Rich is the whole message, for squares that carry more than a short text.
type Rich struct {
	Kind      string // publication.kind: what the message is on the site
	Summary   string
	HTML      string // the body, sanitised
	Written   bool   // somebody wrote Post.Text for this channel: it stands instead of HTML
	Event     *Event
	Published time.Time
	Updated   time.Time // zero while never corrected
}

// Event is when and where something takes place.
type Event struct {
	Start, End time.Time // End is zero when it is not known
	Days       bool      // it takes whole days; End is the midnight after the last
	Zone       string    // IANA
	Where      string
	Lat, Lon   *float64
}

// Card is the preview of a link.
type Card struct {
	URL, Title, Description string
	Image                   *Media
}

// Media is one photograph, video or document of a post, already in a format and
// size that Capabilities allows.
type Media struct {
	Hash          string // SHA-256 of the content, hexadecimal
	ContentType   string
	Name          string
	Alt           string
	Width, Height int
	Size          int64 // bytes
	Open          func(ctx context.Context) (io.ReadSeekCloser, error)
}

// IsVideo tells a video from a picture or a document.
func (m Media) IsVideo() bool { return len(m.ContentType) > 6 && m.ContentType[:6] == "video/" }

// IsImage tells a picture from a video or a document.
func (m Media) IsImage() bool { return len(m.ContentType) > 6 && m.ContentType[:6] == "image/" }

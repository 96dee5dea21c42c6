package channel

import (
	"context"
	"encoding/json"
	"time"

	"codeberg.org/arengo/arengo/internal/mail"
)

// Listener is an adapter whose platform lets the account read what people say to
// it. Platforms that tell us by themselves (ActivityPub, a form on the site) hand
// over the same Said without being asked.
type Listener interface {
	// Listen reads what came since cursor, oldest first. A nil cursor asks for the
	// newest page, so that a fresh connection shows what is waiting. The same thing
	// told twice is harmless. Errors are *Error, of any class but Unknown.
	Listen(ctx context.Context, a Account, cursor json.RawMessage) (Heard, error)
}

// Heard is one page of what people said.
type Heard struct {
	Said   []Said
	Cursor json.RawMessage // where to go on; stored with what was said, in one transaction
	More   bool            // ask again at once
}

// Rechecker is a Listener that can look again at what was said, where the
// platform does not tell of edits and deletions by itself.
type Rechecker interface {
	// Recheck returns an Edited or Deleted for each of the ids that changed.
	Recheck(ctx context.Context, a Account, ids []string) ([]Said, error)
}

// Act is what somebody outside did.
type Act string

// The acts.
const (
	Comments Act = "comment"  // said something: a reply, a mention, a letter
	Edited   Act = "edited"   // changed what was said under the same ID
	Deleted  Act = "deleted"  // took it back: only ID matters
	Reacts   Act = "react"    // Reaction to Parent
	Unreacts Act = "unreact"  // takes the Reaction back
	Vanished Act = "vanished" // the author and all that it said are gone: only Author.ID matters
	Reports  Act = "report"   // a server tells what became of letters of ours: Report, Reaction is their Fate, Text why
)

// Fates are what a mail server tells of a letter of ours: in Said.Reaction of Reports.
const (
	FateAccepted = "accepted" // taken for delivery (certified mail)
	FateArrived  = "arrived"  // in the box of who was to have it
	FateDelayed  = "delayed"  // tried again by itself
	FateFailed   = "failed"   // it did not arrive, and nobody tries again
)

// Reactions that several platforms share. Any other Said.Reaction is an emoji.
const (
	Like  = "like"
	Boost = "boost"
)

// Said is one thing that somebody outside said or did, as a platform tells it.
type Said struct {
	Act Act

	// ID is the platform's own, the same each time it is told: the form of Remote.ID
	// of what we say there. A reaction without an ID of its own leaves it empty: one
	// author, one target and one Reaction are one reaction.
	ID  string
	URL string // where a citizen sees it; empty when there is no such place

	// Parent is the ID of what it answers or reacts to, ours or somebody's; empty
	// when it speaks to us out of itself.
	Parent string

	Author   Author
	Ours     bool // said by the account itself, perhaps with another program
	Reaction string

	Text    string // plain text, paragraphs parted by an empty line, at most MaxSaid bytes
	Whole   string // of a letter: all of its text, where Text leaves out what it quotes; at most MaxWhole bytes
	Subject string // of a letter
	Files   []SaidFile
	Doubt   Doubt        // of a letter: why no person may have written it
	Report  *mail.Report `json:",omitempty"` // of Reports
	Lang    string       // BCP 47, empty when unknown
	Media   []SaidMedia
	Private bool // for us only: a direct message, a letter
	Quotes  bool // a post of its own that shows ours
	Held    bool // must be approved by us before anybody else may see it (a comment on the site)
	At      time.Time

	// Refs is what the adapter needs in order to answer (a CID, a chat); it is kept
	// and handed back in Reply.Refs.
	Refs json.RawMessage
}

// MaxSaid bounds the text of one thing said, in bytes: more is cut, with an ellipsis.
const MaxSaid = 20_000

// MaxSaidMedia bounds the files of one thing said.
const MaxSaidMedia = 10

// Doubt is why no person may have written a letter. What is surely automatic is left
// out of the inbox, what is doubtful waits for a person to look at it; neither is
// gone unseen. Rules that pass letters on, groups and forms of web sites set the same
// marks on what citizens write as programs do on what they send.
type Doubt string

// The doubts.
const (
	DoubtAutoReply Doubt = "auto_reply" // an absence, a confirmation of receipt
	DoubtReport    Doubt = "report"     // of a mail server
	DoubtGenerated Doubt = "generated"  // says that a program made it (RFC 3834)
	DoubtList      Doubt = "list"       // of a mailing list or a newsletter
	DoubtBulk      Doubt = "bulk"       // sent to many, or without a sender to return to
	DoubtNoReply   Doubt = "no_reply"   // of an address that nobody reads
)

// Sure reports whether no person wrote it, beyond doubt.
func (d Doubt) Sure() bool { return d == DoubtAutoReply || d == DoubtReport }

// Author is who said something, as the platform names them.
type Author struct {
	ID     string // the platform's own, which survives a change of handle
	Handle string // "@anna@example.org"; what an answer must name, where it must
	Name   string
	URL    string
	Avatar string // address of a picture
}

// SaidMedia is a file beside what was said. It stays where it is; nobody's browser
// fetches it without a click.
type SaidMedia struct {
	URL         string `json:"url"`
	ContentType string `json:"content_type,omitempty"`
	Alt         string `json:"alt,omitempty"`
}

// Bounds of a letter.
const (
	MaxWhole     = 60_000 // bytes of Said.Whole
	MaxSaidFiles = 20
)

// SaidFile is a file that came with a letter. Content is there until it is kept; then
// Hash names it in the media store. It is kept as it came, byte for byte: it is what
// the citizen sent, and proof of it. It is never shown, only handed out.
type SaidFile struct {
	Name        string `json:"name"`
	ContentType string `json:"content_type,omitempty"` // what the content is, once it is kept; "" when that is not known
	Size        int64  `json:"size"`                   // bytes
	Hash        string `json:"hash,omitempty"`         // "" when it could not be kept
	Content     []byte `json:"-"`
}

// Reply is what a post answers.
type Reply struct {
	ID, URL string // of what is answered, as Said had them
	Root    string // ID of the thread's first post, when another one than ID
	Author  Author
	Private bool   // the answer is for the author only
	Subject string // of the letter that is answered
	Refs    json.RawMessage
}

// Moderator is an adapter that can keep others from seeing what somebody said
// under our posts, or report it to the platform. Both are repeatable.
type Moderator interface {
	Hide(ctx context.Context, a Account, r Reply) error
	Unhide(ctx context.Context, a Account, r Reply) error
	Report(ctx context.Context, a Account, r Reply, reason string) error
}

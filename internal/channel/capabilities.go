package channel

import (
	"math"
	"time"

	"codeberg.org/arengo/arengo/count"
)

// Capabilities is what a platform takes and does, as data: where it was read,
// and when. A zero number means "none allowed" for media and "no limit" for
// lengths and sizes.
type Capabilities struct {
	Source string    // address of the document or of the instance's own statement
	Read   time.Time // the day somebody, or Test, read it

	Text     count.Rule // how a text without media is counted
	MaxText  int
	Caption  int // limit of the text beside media, same rule; 0: as MaxText
	MaxBytes int // second limit in UTF-8 bytes, 0: none
	MaxAlt   int // runes

	Images     int   // pictures in one post
	ImageBytes int64 // of one picture
	ImageSide  int   // longest side in pixels the platform keeps
	ImageTypes []string
	Videos     int
	VideoBytes int64
	VideoTypes []string
	Documents  int
	Mixed      bool // pictures and videos may stand in one post

	Edit     bool // an edit on the site can reach the copy
	Withdraw bool
	ReadBack bool // Find can prove presence and absence

	// KeyLife is how long the platform remembers Post.Key: so long a repeated
	// Finalize makes no second post. 0: it knows no key, or nobody knows whether it
	// does; ForEver: it never forgets, so that nothing speaks against repeating.
	KeyLife time.Duration

	Final    bool // what went out can be changed by nobody, as a letter
	Answers  bool // Finalize takes a post with To, where it was asked
	Whispers bool // an answer to public words may be for their author only
	NoPosts  bool // takes answers only: no message goes there by itself
	Handles  bool // somebody is named with their server, "@anna@example.org": a bare "@anna" is nobody
	ShowsURL bool // the link must stand in the text (else a card or facet carries it)

	Pace Pace
}

// ForEver is the KeyLife of a platform where a post's own name is made from its key.
const ForEver = time.Duration(math.MaxInt64)

// Pace is how fast the platform lets an account go.
type Pace struct {
	Posts  Rate
	Upload Rate
}

// Rate is at most N in Per. The zero Rate is no limit.
type Rate struct {
	N   int
	Per time.Duration
}

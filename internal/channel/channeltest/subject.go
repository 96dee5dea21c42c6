package channeltest

import (
	"net/http"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
)

// Subject is an adapter beside a peer that the suite may torment. Each case has
// a fresh one.
type Subject struct {
	Adapter channel.Adapter

	// Account is connected to the peer through the gate, with its Limits read. Its
	// Keep, Take and Others are the suite's own.
	Account channel.Account
	Gate    *Gate

	// Final tells the request that makes a post visible.
	Final func(*http.Request) bool
	// Upload tells the requests that upload a file without showing it; nil when
	// the platform has none.
	Upload func(*http.Request) bool

	// Posts is what citizens see now on the account, oldest first, read from the
	// peer itself and not through the adapter.
	Posts func(t testing.TB) []Seen
	// Revoke ends the account's token at the peer.
	Revoke func(t testing.TB)

	// People speak to the account; nil when the adapter is no channel.Listener.
	People People

	// Settle waits until the peer shows all that was said; nil when it does at once.
	Settle func(t testing.TB)

	// Typed is what a person types to connect the account through the gate, and
	// Wrong what they may type wrongly.
	Typed map[string]string
	Wrong []Wrong

	// Secrets must appear in no error.
	Secrets []string

	// Opaque says that the peer shows texts otherwise than they were sent, and to
	// nobody as they were typed: then Find may say of a post that it does not know, but
	// never that it is absent when it is there.
	Opaque bool

	// SameText tells whether a citizen reads what was sent; nil: equal.
	SameText func(sent, seen string) bool

	// Video is the content of a video that the peer takes; nil: a minimal MP4.
	Video []byte

	// Near says why there is no network between the adapter and its peer, such as a
	// peer in the same database. The cases that need one are not played: prove
	// crashes in a test of the adapter's own.
	Near string

	// Cannot names the cases that this peer cannot play, with the reason.
	Cannot map[Case]string
}

// Wrong is an entry typed wrongly while connecting.
type Wrong struct {
	Field string            // the entry that the error must name
	Typed map[string]string // replaces entries of Subject.Typed
}

// Seen is a post as a citizen finds it on the peer.
type Seen struct {
	ID     string // Remote.ID of the copy
	URL    string // Remote.URL, when the peer knows it
	Text   string
	Media  []SeenMedia
	Edited bool // the peer says that it was changed

	Private bool // nobody but its author and whom it answers may see it
}

// SeenMedia is one file of a post.
type SeenMedia struct {
	Alt   string
	Video bool
}

// Case is one thing that the suite proves.
type Case string

// The cases. A Subject may leave one out only with a reason.
const (
	Text            Case = "a text appears as it was written"
	Languages       Case = "accents, emoji and right-to-left text arrive whole"
	Picture         Case = "a picture appears with its description"
	Album           Case = "an album as large as allowed appears in order"
	Video           Case = "a video appears"
	PrepareTwice    Case = "preparing twice shows nothing and uploads nothing again"
	Resume          Case = "preparing goes on from the last saved step"
	Pace            Case = "each upload asks for the right to go, and a refusal is passed on"
	Crash           Case = "after a crash at any request the post is there once"
	LostAnswer      Case = "an accepted post whose answer was lost is found, not repeated"
	Held            Case = "a request that a slow peer carries out when its caller has gone makes one post"
	Repeat          Case = "a repeated finalize makes no second post"
	FindAbsent      Case = "a post that never left is not found"
	Edit            Case = "an edit reaches the copy and may be repeated"
	EditMedia       Case = "an edit keeps the pictures and corrects their descriptions"
	EditGone        Case = "an edit of a removed copy says that it is gone"
	Withdraw        Case = "a withdrawn copy is no longer there, and may be withdrawn again"
	TooLong         Case = "a text beyond the limit is refused"
	Unreachable     Case = "without a connection nothing was sent"
	Hung            Case = "a cut connection is an unknown outcome"
	Slow            Case = "a peer that does not answer in time is an unknown outcome"
	Broken          Case = "an answer of 500 is an unknown outcome"
	TooFast         Case = "too many requests wait as long as the platform asks"
	WebPage         Case = "a web page instead of an answer is recognised"
	Revoked         Case = "a revoked token asks for a person"
	SelfTest        Case = "the self-test publishes nothing and reads the limits"
	Connect         Case = "a person connects the account with what they know"
	ConnectWrong    Case = "a wrong entry is named while connecting"
	ConnectDown     Case = "connecting to a peer that does not answer says so"
	CapabilitySound Case = "the capabilities say where they were read"

	Hear           Case = "what a citizen answers is heard once, as it was said"
	HearMany       Case = "more than a page of answers is heard whole and in order"
	HearFirst      Case = "a fresh connection hears what is waiting"
	HearPrivate    Case = "what is said to us alone is known to be private"
	HearEdit       Case = "a change by the author is told"
	HearDelete     Case = "a deletion by the author is told"
	HearReact      Case = "a like is told"
	HearTrouble    Case = "whatever goes wrong while listening, nothing is lost"
	HearRevoked    Case = "listening with a revoked token asks for a person"
	AnswerThere    Case = "an answer stands where it was asked, once"
	AnswerOthers   Case = "the same words to two questions are two answers"
	AnswerPrivate  Case = "an answer to something private stays private"
	AnswerEdit     Case = "a corrected answer reaches its copy"
	AnswerWithdraw Case = "a withdrawn answer is no longer there"
	AnswerGone     Case = "an answer to what is gone says so"
	AnswerCrash    Case = "after a crash at any request the answer is there once"
)

// TooManyJSON writes a 429 with a Retry-After header in seconds and a JSON
// body, for NewGate.
func TooManyJSON(body string) func(http.ResponseWriter, time.Duration) {
	return func(w http.ResponseWriter, wait time.Duration) {
		w.Header().Set("Retry-After", seconds(wait))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTooManyRequests)
		w.Write([]byte(body))
	}
}

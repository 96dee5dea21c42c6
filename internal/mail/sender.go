package mail

import (
	"context"
	"fmt"
	"net/textproto"
	"regexp"
)

// Outcome is what became of a letter.
type Outcome int

const (
	// Sent: the server took responsibility for it.
	Sent Outcome = iota + 1
	// Refused for good (5xx): do not try again; count it against the address.
	Refused
	// Deferred: it was certainly not taken; try later.
	Deferred
	// Unknown: it was handed over and no answer came. It may arrive.
	Unknown
)

// String returns sent, refused, deferred or unknown.
func (o Outcome) String() string {
	return [...]string{"none", "sent", "refused", "deferred", "unknown"}[o]
}

// Result is the outcome of one letter, and why.
type Result struct {
	Outcome  Outcome
	Code     int    // of SMTP, 250, 451, 550…; 0 when the server said nothing
	Enhanced string // of RFC 3463, such as 5.1.1; may be empty
	Text     string // what the server said; not for citizens

	// Ours says that the failure is not about this recipient: no connection,
	// sign-in refused, sender not allowed. Every other letter would fail too.
	Ours bool

	// Busy says that the server asked to slow down; Ours is true too.
	Busy bool

	// Whole says that the server had the whole letter when it answered: what it
	// then refuses is as a rule the letter, and not the recipient.
	Whole bool
	Err   error // nil when sent
}

// Sender sends letters. It is safe for concurrent use.
type Sender interface {
	// Send hands over one letter and waits for the answer. A letter that is not
	// well formed is Refused, with an Invalid fault as Err.
	Send(ctx context.Context, l Letter) Result

	// Close ends what is still open.
	Close() error
}

// Bulk is a Sender that can hand over many letters without a pause between them.
type Bulk interface {
	Sender

	// Lanes is how many batches go at the same time.
	Lanes() int

	// Place waits until a batch can be handed over at once, and keeps that place
	// until release. An urgent one may take the place that is kept for single
	// letters. It fails when ctx ends.
	Place(ctx context.Context, urgent bool) (release func(), err error)

	// SendMany hands over a batch, in a place, and calls done once for each letter,
	// with its number, as soon as its result is known. When ctx ends, the letter in
	// hand is finished if it can be soon, and the rest was certainly not handed over:
	// Deferred and Ours.
	SendMany(ctx context.Context, letters []Letter, done func(n int, r Result))
}

// InBulk is s as a Bulk. One that is none sends one letter after another.
func InBulk(s Sender) Bulk {
	if b, ok := s.(Bulk); ok {
		return b
	}
	return single{s}
}

// single hands over one letter after another.
type single struct{ Sender }

func (single) Lanes() int { return 1 }

func (single) Place(ctx context.Context, _ bool) (func(), error) {
	return func() {}, context.Cause(ctx)
}

func (s single) SendMany(ctx context.Context, letters []Letter, done func(int, Result)) {
	for n, l := range letters {
		if ctx.Err() != nil {
			done(n, unsent(ctx))
			continue
		}
		done(n, s.Send(ctx, l))
	}
}

// replied gives the answer of a server its outcome.
func replied(err *textproto.Error, what string) Result {
	r := Result{Outcome: Deferred, Code: err.Code, Text: err.Msg, Enhanced: enhanced(err.Msg)}
	if err.Code >= 500 {
		r.Outcome = Refused
	}
	// X.1 and X.2 are about one mailbox, which may be the one that hears too much.
	aboutMailbox := len(r.Enhanced) > 2 && (r.Enhanced[2] == '1' || r.Enhanced[2] == '2')
	if tooFast.MatchString(err.Msg) && !aboutMailbox {
		r.Outcome, r.Ours, r.Busy = Deferred, true, true
	}
	r.Err = fmt.Errorf("%s: %w", what, err)
	return r
}

// tooFast finds the words with which servers ask to slow down. No code says it:
// 450 4.7.1 means greylisting, too, 421 follows too many refusals, and some say 550.
var tooFast = regexp.MustCompile(`(?i)\b(rate|busy|slow down|throttl\w*|too fast|too (much|many) (concurrent |simultaneous |e-?)?(mails?|messages|connections|sessions|recipients)|(sending|hourly|daily|message|connection) (limit|quota))\b`)

var statusCode = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)

// enhanced reads the status code of RFC 3463 at the beginning of an answer.
func enhanced(text string) string {
	return statusCode.FindString(text)
}

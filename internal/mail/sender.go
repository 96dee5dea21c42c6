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
	Err  error // nil when sent
}

// Sender sends letters. It is safe for concurrent use.
type Sender interface {
	// Send hands over one letter and waits for the answer. A letter that is not
	// well formed is Refused, with an Invalid fault as Err.
	Send(ctx context.Context, l Letter) Result

	// Close ends what is still open.
	Close() error
}

// replied gives the answer of a server its outcome.
func replied(err *textproto.Error, what string) Result {
	r := Result{Outcome: Deferred, Code: err.Code, Text: err.Msg, Enhanced: enhanced(err.Msg)}
	if err.Code >= 500 {
		r.Outcome = Refused
	}
	r.Err = fmt.Errorf("%s: %w", what, err)
	return r
}

// enhanced reads the status code of RFC 3463 at the beginning of an answer.
func enhanced(text string) string {
	return regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`).FindString(text)
}

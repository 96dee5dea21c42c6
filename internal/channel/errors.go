package channel

import (
	"errors"
	"fmt"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
)

// Class says what may be done after an error.
type Class string

const (
	// Transient: nothing happened, try again later.
	Transient Class = "transient"
	// Revoked: the account must be connected again by a person; nothing happened.
	Revoked Class = "revoked"
	// Refused: the platform will never take this as it is; nothing happened.
	Refused Class = "refused"
	// Unknown: it may have happened. Only Find, or a person, may say.
	Unknown Class = "unknown"
)

// Codes that several adapters share. Each has a sentence that says what to do
// in the catalogue, under channel.error.CODE.
const (
	CodeUnreachable = "unreachable" // no connection, nothing was sent
	CodeTimeout     = "timeout"     // sent, and no answer
	CodeServer      = "server"      // 5xx
	CodeTooMany     = "too_many"    // 429
	CodeSignIn      = "sign_in"     // 401, a token that ended or was revoked
	CodeForbidden   = "forbidden"   // 403, permission missing
	CodeTooLong     = "too_long"
	CodeMedia       = "media" // a file the platform will not take
	CodeDuplicate   = "duplicate"
	CodeGone        = "gone"        // the copy is no longer there
	CodeNotAPI      = "not_api"     // answered HTML or something else that is no API answer
	CodeRefused     = "refused"     // 4xx without an own code
	CodeCannotRead  = "cannot_read" // the platform lets nobody read this channel back
	CodeCannotEdit  = "cannot_edit" // no API for it: a person must
	CodeNotFound    = "not_found"

	CodeCannotAnswer = "cannot_answer" // the platform lets nobody answer this
	CodeAnswerGone   = "answer_gone"   // what was to be answered is no longer there
	CodeCannotHide   = "cannot_hide"   // the platform lets nobody hide what others said
)

// Error is a failure of a channel, classified by code and never by text.
type Error struct {
	Class      Class
	Code       string        // one of the codes above, or the adapter's own
	Field      string        // while connecting: which entry is wrong
	RetryAfter time.Duration // as the platform asked; zero when it did not
	Detail     string        // the platform's own words, for the administrator
	Err        error
}

// Error is the text for the log.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s", e.Class, e.Code)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns the Error in err's chain. An error that no adapter classified
// is of class Unknown: the safe reading is that it may have happened.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Class: Unknown, Code: CodeTimeout, Err: err}
}

// Classify gives an error of our own database its class, for a square that we run
// ourselves. A channel that is gone takes nothing; when the database said that it is
// busy or full, nothing happened; of anything else the caller says what it may mean.
func Classify(err error, otherwise Class) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case fault.Is(err, fault.NotFound):
		return &Error{Class: Refused, Code: CodeNotFound, Err: err}
	case fault.Is(err, fault.Unavailable):
		return &Error{Class: Transient, Code: CodeServer, Err: err}
	}
	return &Error{Class: otherwise, Code: CodeServer, Err: err}
}

package sig

import (
	"errors"
	"fmt"
)

// Kind says why a request's signature was refused.
type Kind string

// The kinds of refusal.
const (
	Unsigned     Kind = "unsigned"      // there is no signature at all
	Malformed    Kind = "malformed"     // the signature cannot be read, or is of a kind that nobody may use
	Uncovered    Kind = "uncovered"     // it leaves out something that must be signed
	Expired      Kind = "expired"       // it is too old, or from the future
	BadDigest    Kind = "bad-digest"    // the body is not the one that was signed
	UnknownKey   Kind = "unknown-key"   // the caller could not find the key; Unwrap says why
	BadSignature Kind = "bad-signature" // the key did not make it
)

// Error is a refused signature.
type Error struct {
	Kind   Kind
	Detail string // for the log
	Err    error  // what the search for the key met, with UnknownKey
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("http signature: %s: %s: %v", e.Kind, e.Detail, e.Err)
	}
	return fmt.Sprintf("http signature: %s: %s", e.Kind, e.Detail)
}

// Unwrap returns what the search for the key met.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of a refusal, or "" for any other error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func refuse(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Detail: fmt.Sprintf(format, args...)}
}

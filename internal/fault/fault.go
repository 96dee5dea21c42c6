// Package fault gives every failure a kind and a text that may be shown.
//
// An error has two faces: the wrapped cause, for the log, and a message key of
// the catalogue, for the person. Only the second ever reaches a browser or an
// API client, in the reader's language. An error without a fault in its chain
// is internal: the reader sees the request id and nothing else.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what went wrong in terms a caller can act on.
type Kind int

// The kinds, from most to least the caller's own business.
const (
	Internal    Kind = iota // a defect or a broken machine; text is never shown
	Invalid                 // the input breaks a rule; Fields say which
	NotFound                // no such thing, or not visible to this person
	Forbidden               // known person, not allowed
	Unsigned                // nobody is signed in
	Conflict                // somebody else changed it, or its state forbids it
	TooLarge                // beyond a size limit
	TooMany                 // beyond a rate limit; try later
	Unavailable             // a dependency is down; try again
	Unreadable              // the request could not be read at all: broken JSON, a form cut short
	WrongMethod             // the address exists, but not for this method
	WrongType               // the content type is not the one expected
)

var names = [...]string{"internal", "invalid", "not_found", "forbidden", "unsigned", "conflict", "too_large", "too_many", "unavailable", "unreadable", "wrong_method", "wrong_type"}

// String returns the stable name used in problem+json and in logs.
func (k Kind) String() string { return names[k] }

// Status is the HTTP status code for the kind.
func (k Kind) Status() int {
	return [...]int{500, 422, 404, 403, 401, 409, 413, 429, 503, 400, 405, 415}[k]
}

// Text is a message of the catalogue with its arguments.
type Text struct {
	Key  string
	Args []any
}

// Field is one fault of one form field or JSON member.
type Field struct {
	Name string // the form field or JSON member
	Text
}

// Error is a failure with a kind, a safe text and, when invalid, its fields.
type Error struct {
	Kind   Kind
	Text   Text
	Fields []Field
	Err    error // internal cause, may be nil
}

// Error is the text for the log: it may hold internals and is never shown.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind.String())
	if e.Text.Key != "" {
		fmt.Fprintf(&b, ": %s", e.Text.Key)
	}
	for _, f := range e.Fields {
		fmt.Fprintf(&b, " [%s: %s %v]", f.Name, f.Key, f.Args)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the internal cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes a fault of a kind with the catalogue key of its text.
func New(k Kind, key string, args ...any) *Error {
	return &Error{Kind: k, Text: Text{key, args}}
}

// Because attaches the internal cause, which only the log sees.
func (e *Error) Because(err error) *Error { e.Err = err; return e }

// Missing says that there is no such thing, or none this person may see.
func Missing(key string, args ...any) *Error { return New(NotFound, key, args...) }

// Refused says that the person is known and may not.
func Refused(key string, args ...any) *Error { return New(Forbidden, key, args...) }

// Clash says that the state of the thing, or somebody else's change, forbids it.
func Clash(key string, args ...any) *Error { return New(Conflict, key, args...) }

// InvalidField is an Invalid fault about one field.
func InvalidField(name, key string, args ...any) *Error {
	return &Error{Kind: Invalid, Text: Text{Key: "fault.invalid"}, Fields: []Field{{name, Text{key, args}}}}
}

// Fields gathers the faults of a whole form, so that a person sees all of them
// at once.
type Fields []Field

// Add records a fault of the named field.
func (f *Fields) Add(name, key string, args ...any) {
	*f = append(*f, Field{name, Text{key, args}})
}

// Err returns nil when nothing was added, else an Invalid fault.
func (f Fields) Err() error {
	if len(f) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Text: Text{Key: "fault.invalid"}, Fields: f}
}

// Of returns the fault in err's chain, or an Internal one around err.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Internal, Text: Text{Key: "fault.internal"}, Err: err}
}

// Is reports whether err is a fault of kind k.
func Is(err error, k Kind) bool { return err != nil && Of(err).Kind == k }

// Package problem has the errors that may be shown to users: a kind, a stable code, a message with a remedy, and a
// cause for the log only. server turns them into RFC 9457 problem details, the command line into an exit code.
package problem

import (
	"errors"
	"time"
)

// Kind is the kind of an error, by which the edge chooses a status, an exit code or a retry. A Kind is itself an error:
// errors.Is(err, problem.NotFound) tests for the kind.
type Kind string

// The kinds. An error without a kind is internal: its text is logged and never shown.
const (
	Invalid         Kind = "invalid"
	Unrecognised    Kind = "unrecognised"
	NotFound        Kind = "not_found"
	Conflict        Kind = "conflict"
	Unauthenticated Kind = "unauthenticated"
	Forbidden       Kind = "forbidden"
	TooLarge        Kind = "too_large"
	RateLimited     Kind = "rate_limited"
	Unavailable     Kind = "unavailable"
)

// Error makes a Kind usable with errors.Is.
func (k Kind) Error() string { return string(k) }

// Error is an error that may be shown. Code is stable and clients may depend on it; Message is a sentence that says
// what to do; Field names the input at fault, if there is one; RetryAfter is how long to wait before another attempt,
// where that is known; Cause is for the log only.
type Error struct {
	Kind    Kind
	Code    string
	Message string
	Field   string
	// Allowed lists all values that the field at fault may have; Suggestions those most similar to the one sent, where
	// there are too many to list.
	Allowed, Suggestions []string
	RetryAfter           time.Duration
	Cause                error
}

// New returns an Error that may be shown.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// Because adds the cause, which is logged but never shown, and returns e.
func (e *Error) Because(cause error) *Error {
	e.Cause = cause
	return e
}

// In adds the name of the field or parameter that is at fault, and returns e.
func (e *Error) In(field string) *Error {
	e.Field = field
	return e
}

// Allowing adds the list of allowed values, and returns e.
func (e *Error) Allowing(allowed ...string) *Error {
	e.Allowed = allowed
	return e
}

// Suggesting adds similar values, and returns e.
func (e *Error) Suggesting(suggestions ...string) *Error {
	e.Suggestions = suggestions
	return e
}

// After adds how long to wait before another attempt, and returns e.
func (e *Error) After(wait time.Duration) *Error {
	e.RetryAfter = wait
	return e
}

// Error returns the message and the cause: the text for a log.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.Cause.Error()
}

// Is reports whether target is the kind of e.
func (e *Error) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && kind == e.Kind
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf returns the kind of err, or "" where it has none (and for nil).
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if k, ok := errors.AsType[Kind](err); ok {
		return k
	}
	return ""
}

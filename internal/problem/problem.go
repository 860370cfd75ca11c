// Package problem is the failures that a person may be told about: a kind, a stable code, a sentence that says what to do,
// and a cause for the log only. server makes RFC 9457 problem details of them, the command line an exit code.
package problem

import (
	"errors"
	"time"
)

// Kind says what sort of failure an error is, so that the edge can choose a status, an exit code or a retry without
// knowing where it came from. A Kind is itself an error: errors.Is(err, problem.NotFound) asks for the kind.
type Kind string

// The kinds of failure. An error without a kind is an internal one: its text is for the log, never for the person.
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

// Error is a failure that a person may be told about. Code is stable and may be programmed against; Message is a
// sentence that says what to do; Field names the input at fault, if one is; RetryAfter is how long the same call would
// fail again, where that is known; Cause is for the log only.
type Error struct {
	Kind    Kind
	Code    string
	Message string
	Field   string
	// Allowed lists all that would have been accepted in place of the field at fault; Suggestions those that are most
	// like it, where there are too many to list.
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

// Allowing adds the list of what would have been accepted, and returns e.
func (e *Error) Allowing(allowed ...string) *Error {
	e.Allowed = allowed
	return e
}

// Suggesting adds what may have been meant, and returns e.
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

package query

import (
	"time"

	"github.com/health-export/health-export/internal/health"
)

// orNull returns v for JSON: nil where it is absent (NaN).
func orNull(v float64) *float64 {
	if health.IsAbsent(v) {
		return nil
	}
	return &v
}

// timeOrNull returns i for JSON: nil where it is 0, a time that was not sent.
func timeOrNull(i health.Instant, offset int32) *time.Time {
	if i == 0 {
		return nil
	}
	t := i.In(offset)
	return &t
}

// orEmpty returns s, or an empty slice, which is [] in JSON, where s is nil.
func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// objectOrNull returns a stored JSON object; nil for "".
func objectOrNull(text string) Object {
	if text == "" {
		return nil
	}
	return Object(text)
}

// refOrNull returns v itself, nil where *v is absent (NaN).
func refOrNull(v *float64) *float64 {
	if health.IsAbsent(*v) {
		return nil
	}
	return v
}

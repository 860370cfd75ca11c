package operation

import (
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
)

// value returns a parameter, or the zero value where it was not sent. Asking for a parameter by another kind than its
// row says is a mistake in the program, and panics.
func value[T any](v Values, name string) (parsed T) {
	if sent, ok := v.parsed[name]; ok {
		parsed = sent.(T)
	}
	return parsed
}

// details lists all that was sent, in an order that does not depend on how it was sent.
func (v Values) details() (all []any) {
	for _, name := range slices.Sorted(maps.Keys(v.parsed)) {
		parsed := v.parsed[name]
		switch area := parsed.(type) { // a pointer would be told apart by its address
		case *health.Box:
			parsed = *area
		case *health.Circle:
			parsed = *area
		}
		all = append(all, name, parsed)
	}
	return all
}

// Has reports whether a parameter was sent.
func (v Values) Has(name string) bool {
	_, ok := v.parsed[name]
	return ok
}

// Zone is the time zone of the subject, by which dates are read.
func (v Values) Zone() *time.Location { return v.zone }

// Text returns a Text or a Choice.
func (v Values) Text(name string) string { return value[string](v, name) }

// Flag returns a Flag.
func (v Values) Flag(name string) bool { return value[bool](v, name) }

// Time returns a Time.
func (v Values) Time(name string) time.Time { return value[time.Time](v, name) }

// Date returns a Date, and whether it was sent.
func (v Values) Date(name string) (date health.Date, sent bool) {
	return value[health.Date](v, name), v.Has(name)
}

// Duration returns a Duration.
func (v Values) Duration(name string) time.Duration { return value[time.Duration](v, name) }

// Limit returns the Limit named limit.
func (v Values) Limit() int { return value[int](v, "limit") }

// Grain returns a Grain, nil where it was not sent: 0 is a grain.
func (v Values) Grain(name string) *health.Grain {
	if !v.Has(name) {
		return nil
	}
	grain := value[health.Grain](v, name)
	return &grain
}

// Number returns a Number.
func (v Values) Number(name string) float64 { return value[float64](v, name) }

// Lags returns the first and the last of Lags.
func (v Values) Lags(name string) (first, last int) {
	lags := value[[2]int](v, name)
	return lags[0], lags[1]
}

// List returns a List.
func (v Values) List(name string) []string { return value[[]string](v, name) }

// Pairs returns Pairs. It is never nil.
func (v Values) Pairs(name string) map[string]string {
	if pairs := value[map[string]string](v, name); pairs != nil {
		return pairs
	}
	return map[string]string{}
}

// Box returns a Box, nil where it was not sent.
func (v Values) Box(name string) *health.Box { return value[*health.Box](v, name) }

// Circle returns a Circle, nil where it was not sent.
func (v Values) Circle(name string) *health.Circle { return value[*health.Circle](v, name) }

// ID returns an ID.
func (v Values) ID(name string) uuid.UUID { return value[uuid.UUID](v, name) }

// Days returns the range of calendar days from start to end, both included. One that is left out is today by the
// subject's clock; both may be.
func (v Values) Days(now time.Time) (first, last health.Date) {
	today := health.DateOf(now.In(v.zone))
	first, haveFirst := v.Date("start")
	last, haveLast := v.Date("end")
	if !haveLast {
		last = max(today, first)
	}
	if !haveFirst {
		first = last
	}
	return first, last
}

package assemble

import (
	"cmp"
	"fmt"

	"github.com/health-export/health-export/internal/health"
)

// refuse returns the rejection of an element that is at fault.
func refuse(at *health.Position, field, message, suggestion string) *health.Rejection {
	return &health.Rejection{
		Position: *at, Code: health.ValidationError, Message: message, Suggestion: suggestion,
		Details: map[string]any{"field": field},
	}
}

func outOfRange(at *health.Position, v boundedValue, unit string) *health.Rejection {
	r := refuse(at, v.field, fmt.Sprintf("The value is outside the range that is accepted for %s.", v.metric.Name),
		"Check the value and its unit; if it is right, tell us, so that the range can be widened.")
	addRange(r.Details, v, v.metric.Min, v.metric.Max, unit)
	return r
}

func suspicious(at *health.Position, v boundedValue, unit string) health.Warning {
	details := map[string]any{"field": v.field}
	addRange(details, v, v.metric.SuspiciousMin, v.metric.SuspiciousMax, unit)
	return health.Warning{
		Position: *at, Code: health.SuspiciousValue,
		Message: fmt.Sprintf("The value is unlikely for %s. It is stored.", v.metric.Name), Details: details,
	}
}

// addRange adds a value and its range to details, without a bound that there is not.
func addRange(details map[string]any, v boundedValue, low, high float64, unit string) {
	details["value"], details["unit"] = v.value, unit
	if !health.IsAbsent(low) {
		details["min"] = low
	}
	if !health.IsAbsent(high) {
		details["max"] = high
	}
}

func unknownUnit(at *health.Position, m *resolvedMetric) health.Warning {
	var accepted []string
	if metric := cmp.Or(m.half, m.metric); metric != nil {
		accepted = metric.AcceptedUnits
	}
	return health.Warning{
		Position: *at, Code: health.UnknownUnit,
		Message: fmt.Sprintf("The unit cannot be converted for %s. The values are stored as they were sent, in this unit.", m.name),
		Details: map[string]any{"unit": m.unit, "accepted": accepted},
	}
}

func databaseRefused(at health.Position, reason string) *health.Rejection {
	return &health.Rejection{
		Position: at, Code: health.DatabaseError, Message: reason,
		Suggestion: "The element is kept in the archive; replay the ingestion once the cause is gone.",
	}
}

// withoutWorkout returns the rejection of a file of a workout that is not there.
func withoutWorkout(at health.Position, reason string) *health.Rejection {
	return &health.Rejection{
		Position: at, Code: health.ValidationError, Message: reason,
		Suggestion: "Send the workout first, or in the same body, and the file under the name that the app gave it. It is kept in the archive: replay the ingestion once the workout is there.",
	}
}

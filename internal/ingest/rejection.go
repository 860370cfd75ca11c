package ingest

import (
	"fmt"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// refuse makes the rejection of an element at fault.
func refuse(at *health.Position, field, message, suggestion string) *health.Rejection {
	return &health.Rejection{
		Position: *at, Code: health.ValidationError, Message: message, Suggestion: suggestion,
		Details: map[string]any{"field": field},
	}
}

func outOfRange(at *health.Position, b bound, unit string) *health.Rejection {
	r := refuse(at, b.field, fmt.Sprintf("The value is outside the range that is accepted for %s.", b.metric.Name),
		"Check the value and its unit; if it is right, tell us, so that the range can be widened.")
	addRange(r.Details, b, b.metric.Min, b.metric.Max, unit)
	return r
}

func suspicious(at *health.Position, b bound, unit string) health.Warning {
	details := map[string]any{"field": b.field}
	addRange(details, b, b.metric.SuspiciousMin, b.metric.SuspiciousMax, unit)
	return health.Warning{
		Position: *at, Code: health.SuspiciousValue,
		Message: fmt.Sprintf("The value is unlikely for %s. It is stored.", b.metric.Name), Details: details,
	}
}

// addRange leaves out a bound that is not there.
func addRange(details map[string]any, b bound, low, high float64, unit string) {
	details["value"], details["unit"] = b.value, unit
	if !health.IsAbsent(low) {
		details["min"] = low
	}
	if !health.IsAbsent(high) {
		details["max"] = high
	}
}

func unknownUnit(at *health.Position, m *resolvedMetric) health.Warning {
	name, accepted := m.name, []string(nil)
	if metric := firstOf(m.half, m.metric); metric != nil {
		accepted = metric.AcceptedUnits
	}
	return health.Warning{
		Position: *at, Code: health.UnknownUnit,
		Message: fmt.Sprintf("The unit cannot be converted for %s. The values are stored as they were sent, in this unit.", name),
		Details: map[string]any{"unit": m.unit, "accepted": accepted},
	}
}

func firstOf(a, b *catalog.Metric) *catalog.Metric {
	if a != nil {
		return a
	}
	return b
}

package format

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// series reads the readings taken during a workout.
func (e *elementReader) series(field string, array jsontext.Value) ([]health.SeriesPoint, *pointArray) {
	return readPoints(e, field, array, e.seriesPoint, sortSeries)
}

// seriesPoint reads one reading. fault says why it cannot be read: it has no number, or a time that cannot be read.
func (e *elementReader) seriesPoint(o *object) (p health.SeriesPoint, fault string) {
	if m := o.find("date", "timestamp", "startDate", "start"); m != nil {
		var ok bool
		if p.Time, p.Offset, ok = e.times.parseValue(m.value); !ok {
			return p, unreadableTime
		}
		m.used = true
	}
	p.Value = o.number("qty", "Avg", "avg", "value")
	p.Min = o.number("Min", "min")
	p.Max = o.number("Max", "max")
	if !finite(p.Value, p.Min, p.Max) {
		return p, numberTooLarge
	}
	if m := o.find("units", "unit"); m != nil {
		p.Unit, _ = e.internText(m)
	}
	if m := o.find("source"); m != nil {
		p.Source = e.pointSource(m)
	}
	if health.IsAbsent(p.Value) && health.IsAbsent(p.Min) && health.IsAbsent(p.Max) {
		return p, noValue
	}
	if !health.InOrder(p.Min, p.Value, p.Max) {
		return p, contradiction
	}
	return p, ""
}

func (e *elementReader) pointSource(m *member) string {
	if m.value.Kind() == '{' {
		return e.objectName(m)
	}
	source, _ := e.internText(m)
	return source
}

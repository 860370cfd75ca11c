package format

import (
	"fmt"

	"github.com/health-export/health-export/internal/health"
)

// healthKit reads an object with HealthKit's names: type, sourceName, unit, value, startDate, endDate.
func (e *elementReader) healthKit(identifier string) (health.Record, error) {
	e.at.Metric = identifier
	t := newHKType(identifier)
	s := health.NewSample()
	s.Metric, s.Grain = identifier, health.GrainRaw
	s.Start, s.Offset = e.requireInstant("startDate", "start", "date")
	s.End = s.Start
	endOffset := s.Offset
	if end, offset, ok := e.instant("endDate", "end"); ok {
		s.End, endOffset = end, offset
	}
	e.checkSpan("endDate", s.Start, s.End)
	s.Source = e.source()
	switch t.kind {
	case hkUnknownKind:
		e.reject("type", fmt.Sprintf("The type %q is neither a quantity nor a category of HealthKit.", printable(identifier)),
			"Send elements whose type begins with "+hkQuantity+" or "+hkCategory+".")
	case hkSleepKind:
		return e.hkSegment(&s, endOffset)
	case hkStandHourKind:
		e.hkStandHour(&s)
	case hkDurationKind:
		setLength(&s)
	case hkEventKind:
		return e.finishEvent(t.eventKind(), health.Event{
			Name: s.Metric, Start: s.Start, End: s.End, Offset: s.Offset, Source: s.Source,
		})
	default:
		e.hkQuantity(t, &s)
	}
	s.Attributes = e.attributes()
	return e.finish(health.Record{Samples: []health.Sample{s}})
}

// hkQuantity sets the value and the unit of a quantity.
func (e *elementReader) hkQuantity(t *hkType, s *health.Sample) {
	s.Unit = e.text("unit", "units")
	v := health.Absent()
	if m := e.find("value", "qty"); m != nil {
		if sent, ok := parseNumberValue(m.value); ok {
			e.checkFinite("value", sent)
			v, m.used = sent, true
		}
	}
	if health.IsAbsent(v) {
		e.reject("value", `The field "value" is not a number.`, "Send the value of the quantity as a number.")
	}
	t.setQuantity(s, v)
}

func (e *elementReader) hkStandHour(s *health.Sample) {
	m := e.find("value")
	if m == nil {
		e.rejectMissing("value")
		return
	}
	value, isText := unquoted(m.value)
	if !isText {
		value = m.value
	}
	setStandHour(s, value)
	m.used = true
}

// hkSegment returns a sample of sleep as a segment.
func (e *elementReader) hkSegment(s *health.Sample, endOffset int32) (health.Record, error) {
	stage, _ := health.ParseStage(e.requireText("value"))
	segment := health.Segment{
		Source: s.Source, Start: s.Start, End: s.End, Offset: s.Offset, OffsetChange: endOffset - s.Offset, Stage: stage,
		Attributes: e.attributes(),
	}
	return e.finish(health.Record{Segment: &segment})
}

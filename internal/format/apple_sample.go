package format

import (
	"github.com/health-export/health-export/internal/health"
)

const exportAgain = "Export again: the file may be damaged."

// emitRecord emits a record as a sample, a segment of sleep or an event. component says that it is part of a
// Correlation.
func (a *appleDecoder) emitRecord(r *appleRecord, at health.Position, component bool) error {
	t := r.typ
	if t == nil || t.name == "" {
		return a.reject(at, "Record", "type", "The record has no type.", exportAgain)
	}
	at.Metric = t.name
	start, end, invalid := a.recordSpan(r)
	if invalid != nil {
		return a.reject(at, t.name, invalid.field, invalid.message, invalid.suggestion)
	}
	s := &a.sample[0]
	*s = health.NewSample()
	s.Metric, s.Unit, s.Source, s.Grain = t.name, r.unit, r.source, health.GrainRaw
	s.Start, s.End, s.Offset, s.Component = start, end, a.zones.offset(start, r.zone), component
	s.ZoneAssumed = a.zones.isHome(r.zone)
	number, isNumber := xmlNumber(r.value)
	switch {
	case t.kind == hkSleepKind:
		return a.emitSegment(r, at, s)
	case t.kind == hkEventKind, t.kind == hkUnknownKind && !(isNumber && r.unit != ""):
		return a.emit(health.Record{Position: at, Type: t.name, Event: &health.Event{
			Kind: t.eventKind(), Name: t.name, Start: start, End: end, Offset: s.Offset, Source: s.Source,
			Attributes: a.attributes(r, true),
		}})
	case t.kind == hkStandHourKind:
		setStandHour(s, r.value)
	case t.kind == hkDurationKind:
		setLength(s)
	case !isNumber:
		return a.reject(at, t.name, "value", `The field "value" is not a number.`, "Correct or delete the entry in the Health app and export again.")
	default:
		t.setQuantity(s, number)
	}
	s.Attributes = a.attributes(r, false)
	return a.emit(health.Record{Position: at, Type: t.name, Samples: a.sample[:], Device: r.device})
}

// recordSpan returns the start and end of a record, or why the record is rejected.
func (a *appleDecoder) recordSpan(r *appleRecord) (start, end health.Instant, invalid *invalidMember) {
	if r.tooLong || max(len(r.typ.name), len(r.source), len(r.unit)) > maxText {
		return 0, 0, &invalidMember{"", "A text of the record is too long.", exportAgain}
	}
	if !r.hasStart {
		return 0, 0, &invalidMember{"startDate", `The field "startDate" is missing.`, timeSuggestion}
	}
	start, _, ok := a.times.parse(r.start)
	if !ok {
		return 0, 0, a.invalidTime("startDate", r.start)
	}
	end = start
	if r.hasEnd {
		if end, _, ok = a.times.parse(r.end); !ok {
			return 0, 0, a.invalidTime("endDate", r.end)
		}
	}
	if end < start {
		return 0, 0, &invalidMember{"endDate", `The time in "endDate" is before the start.`, "Check the clock of the device that recorded it."}
	}
	return start, end, nil
}

// invalidTime says why the text of a field is not a time.
func (a *appleDecoder) invalidTime(field string, text []byte) *invalidMember {
	message, suggestion := a.times.explain(field, text)
	return &invalidMember{field, message, suggestion}
}

// emitSegment emits a record of sleep, of which s has the source and the times.
func (a *appleDecoder) emitSegment(r *appleRecord, at health.Position, s *health.Sample) error {
	stage := a.stage(r.value)
	if stage == "" || unstorable(r.value) != "" {
		return a.reject(at, r.typ.name, "value", "The stretch of sleep does not say its stage.", exportAgain)
	}
	a.segment = health.Segment{
		Source: s.Source, Start: s.Start, End: s.End, Offset: s.Offset, OffsetChange: a.zones.offset(s.End, r.zone) - s.Offset,
		Stage: stage, Attributes: a.attributes(r, false),
	}
	return a.emit(health.Record{Position: at, Type: r.typ.name, Segment: &a.segment, Device: r.device})
}

// stage returns the stage of sleep that a value stands for, "" for none.
func (a *appleDecoder) stage(value []byte) health.Stage {
	if stage, ok := a.stages.get(value); ok {
		return health.Stage(stage)
	}
	stage, _ := health.ParseStage(sanitize(value))
	return health.Stage(a.stages.put(value, string(stage)))
}

package format

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

func sleepField(name []byte) field {
	switch string(name) {
	case "totalSleep":
		return fieldTotalSleep
	case "asleep":
		return fieldAsleep
	case "core":
		return fieldCore
	case "deep":
		return fieldDeep
	case "awake":
		return fieldAwake
	case "inBed":
		return fieldInBed
	case "sleepStart":
		return fieldSleepStart
	case "sleepEnd":
		return fieldSleepEnd
	case "inBedStart":
		return fieldInBedStart
	case "inBedEnd":
		return fieldInBedEnd
	case "sleepSource":
		return fieldSleepSource
	}
	return fieldOther
}

var (
	durationFields  = setOf(fieldTotalSleep, fieldAsleep, fieldCore, fieldDeep, fieldREM, fieldAwake, fieldInBed)
	nightFields     = durationFields | setOf(fieldSleepStart, fieldSleepEnd, fieldInBedStart, fieldInBedEnd)
	consumedByNight = nightFields | setOf(fieldDate, fieldSource)
	// consumedBySegment includes the fields of a night, some of which the app leaves on segments, and qty, the length,
	// which some apps leave at 0 and which follows from the times.
	consumedBySegment = consumedByNight | setOf(fieldStart, fieldEnd, fieldValue, fieldQty)
)

// isSleep reports whether a metric of that name has nights and segments of sleep as points.
func isSleep(name string) bool {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "sleep_analysis", "sleepanalysis", "sleep", "hkcategorytypeidentifiersleepanalysis":
		return true
	}
	return false
}

// isSegment reports whether a point is a segment of sleep: it has a start, and a stage or no field of a night. Where
// the name of the metric has not come yet, a point with a date, or whose value is no text, is an interval of another
// metric.
func isSegment(p *metricPoint, entry *metricEntry) bool {
	if !p.present.has(fieldStart) {
		return false
	}
	if entry.sleep {
		return p.present.has(fieldValue) || p.present&nightFields == 0
	}
	return entry.Name == "" && !p.present.has(fieldDate) && p.present.has(fieldValue) && p.raw(fieldValue)[0] == '"'
}

func (d *jsonDecoder) decodeSegment(p *metricPoint) error {
	s := &d.segment
	*s = health.Segment{}
	s.Start, s.Offset, _ = p.time(fieldStart)
	end, endOffset, ended := p.time(fieldEnd)
	s.End, s.OffsetChange = end, endOffset-s.Offset
	switch {
	case !ended:
		p.reject("endDate", "The stretch of sleep has no end.", timeSuggestion)
	case s.End < s.Start:
		p.reject(p.nameOf(fieldEnd), "The stretch of sleep ends before it begins.", "Send an end that is not before the start.")
	}
	s.Stage = d.segmentStage(p)
	consumed := consumedBySegment
	s.Source = d.pointSource(p, fieldSource, &consumed)
	p.addAttributes(consumed)
	s.Attributes = d.pointAttributes(p)
	if p.rejection != nil {
		return d.reject(p.entry, p.rejection)
	}
	return d.emit(health.Record{Position: p.at, Entry: p.entry, Segment: s})
}

// segmentStage returns the stage in the value of a segment: text, or the number that HealthKit has for it.
func (d *jsonDecoder) segmentStage(p *metricPoint) health.Stage {
	raw := jsontext.Value("null")
	if p.present.has(fieldValue) {
		raw = p.raw(fieldValue)
	}
	if stage, ok := d.stages.get(raw); ok {
		return health.Stage(stage)
	}
	text, isText := unquoted(raw)
	if !isText {
		text = raw
	}
	if kind := raw.Kind(); kind != '"' && kind != '0' || unstorable(text) != "" {
		p.reject("value", "The stretch of sleep does not say its stage.",
			"Send value as one of Core, Deep, REM, Awake, Asleep, InBed.")
		return ""
	}
	stage, _ := health.ParseStage(string(text))
	return health.Stage(d.stages.put(raw, string(stage)))
}

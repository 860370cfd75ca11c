package format

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// The beginnings of HealthKit's names.
const (
	hkQuantity = "HKQuantityTypeIdentifier"
	hkCategory = "HKCategoryTypeIdentifier"
)

// hkKinds are the categories that are events of another kind than symptoms and cycle entries, which the catalogue says.
var hkKinds = map[string]string{
	"HighHeartRateEvent": "heart_rate_notification", "LowHeartRateEvent": "heart_rate_notification",
	"IrregularHeartRhythmEvent":       "heart_rate_notification",
	"HeadphoneAudioExposureEvent":     safetyEvent,
	"AudioExposureEvent":              safetyEvent, // the former name of the next
	"EnvironmentalAudioExposureEvent": safetyEvent, "LowCardioFitnessEvent": safetyEvent,
	"AppleWalkingSteadinessEvent": safetyEvent, "SleepApneaEvent": safetyEvent,
}

// healthKit reads an object with HealthKit's names: type, sourceName, unit, value, startDate, endDate.
func (e *element) healthKit(identifier string) (health.Record, error) {
	e.at.Metric = identifier
	s := health.NewSample()
	s.Metric, s.Grain = identifier, health.GrainRaw
	s.Start, s.Offset = e.requireInstant("startDate", "start", "date")
	s.End = s.Start
	if end, _, ok := e.instant("endDate", "end"); ok {
		s.End = end
	}
	e.checkSpan("endDate", s.Start, s.End)
	s.Source = e.source()
	name, isQuantity := strings.CutPrefix(identifier, hkQuantity)
	category, isCategory := strings.CutPrefix(identifier, hkCategory)
	switch {
	case isQuantity:
		e.hkQuantity(name, &s)
	case !isCategory:
		e.refuse("type", fmt.Sprintf("The type %q is neither a quantity nor a category of HealthKit.", shown([]byte(identifier))),
			"Send elements whose type begins with "+hkQuantity+" or "+hkCategory+".")
	case category == "SleepAnalysis":
		return e.hkSegment(&s)
	case category == "AppleStandHour":
		e.hkStandHour(&s)
	case fromCatalog().durations[category]:
		s.Value, s.Unit = float64(s.End-s.Start)/float64(health.Second), "s"
	default:
		return e.hkEvent(category, &s)
	}
	s.Attributes = e.attributes()
	return e.finish(health.Record{Samples: []health.Sample{s}})
}

// hkQuantity takes the value and the unit. The two blood pressures become the one metric that holds both.
func (e *element) hkQuantity(name string, s *health.Sample) {
	s.Unit = e.text("unit", "units")
	v := health.Absent()
	if m := e.find("value", "qty"); m != nil {
		if sent, ok := numberOf(m.value); ok {
			e.checkFinite("value", sent)
			v, m.used = sent, true
		}
	}
	if health.IsAbsent(v) {
		e.refuse("value", `The field "value" is not a number.`, "Send the value of the quantity as a number.")
	}
	if s.Unit == "%" && v <= 1 && fromCatalog().fractions[name] {
		v *= 100
	}
	switch name {
	case "BloodPressureSystolic":
		s.Metric, s.Systolic = "blood_pressure", v
	case "BloodPressureDiastolic":
		s.Metric, s.Diastolic = "blood_pressure", v
	default:
		s.Value = v
	}
}

// hkStandHour counts an hour in which the person stood, HKCategoryValueAppleStandHourStood or 0, as one, any other as
// none.
func (e *element) hkStandHour(s *health.Sample) {
	s.Value, s.Unit = 0, "count"
	m := e.find("value")
	if m == nil {
		e.refuseMissing("value")
		return
	}
	text, isText := unquoted(m.value)
	if isText && bytes.HasSuffix(text, []byte("Stood")) || string(bytes.Trim(m.value, `"`)) == "0" {
		s.Value = 1
	}
	m.used = true
}

// hkSegment makes a stage of sleep of a sample.
func (e *element) hkSegment(s *health.Sample) (health.Record, error) {
	stage, _ := health.ParseStage(e.requireText("value"))
	segment := health.Segment{
		Source: s.Source, Start: s.Start, End: s.End, Offset: s.Offset, Stage: stage, Attributes: e.attributes(),
	}
	return e.finish(health.Record{Segment: &segment})
}

// healthCategory is the kind of events of HealthKit's categories about which nothing is known yet.
const healthCategory = "health_category"

// hkEvent makes an event of a sample.
func (e *element) hkEvent(category string, s *health.Sample) (health.Record, error) {
	return e.happened(hkKindOf(category), health.Event{
		Name: s.Metric, Start: s.Start, End: s.End, Offset: s.Offset, Source: s.Source,
	})
}

// hkKindOf returns the kind of event that a category is.
func hkKindOf(category string) string {
	return cmp.Or(fromCatalog().kinds[category], healthCategory)
}

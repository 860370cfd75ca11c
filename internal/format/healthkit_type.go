package format

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// The prefixes of HealthKit's type identifiers.
const (
	hkQuantity = "HKQuantityTypeIdentifier"
	hkCategory = "HKCategoryTypeIdentifier"
)

// hkKinds are the kinds of the categories that are neither symptoms nor cycle entries, which the catalogue lists.
var hkKinds = map[string]string{
	"HighHeartRateEvent": "heart_rate_notification", "LowHeartRateEvent": "heart_rate_notification",
	"IrregularHeartRhythmEvent":       "heart_rate_notification",
	"HeadphoneAudioExposureEvent":     safetyEvent,
	"AudioExposureEvent":              safetyEvent, // the former name of the next
	"EnvironmentalAudioExposureEvent": safetyEvent, "LowCardioFitnessEvent": safetyEvent,
	"AppleWalkingSteadinessEvent": safetyEvent, "SleepApneaEvent": safetyEvent,
}

// healthCategory is the kind of events of all other categories.
const healthCategory = "health_category"

// hkType is a type of HealthKit.
type hkType struct {
	name     string // the identifier
	short    string // without the prefix of quantities or categories
	kind     hkKind
	fraction bool // its "%" is a fraction, see catalogTables
}

// hkKind says what a sample of a type becomes.
type hkKind uint8

const (
	hkQuantityKind hkKind = iota
	hkSystolicKind
	hkDiastolicKind
	hkSleepKind
	hkStandHourKind
	hkDurationKind
	hkEventKind
	hkUnknownKind // neither a quantity nor a category
)

func newHKType(name string) *hkType {
	if quantity, ok := strings.CutPrefix(name, hkQuantity); ok {
		t := &hkType{name: name, short: quantity, fraction: fromCatalog().fractions[quantity]}
		switch quantity {
		case "BloodPressureSystolic":
			t.kind = hkSystolicKind
		case "BloodPressureDiastolic":
			t.kind = hkDiastolicKind
		}
		return t
	}
	category, ok := strings.CutPrefix(name, hkCategory)
	t := &hkType{name: name, short: category, kind: hkEventKind}
	switch {
	case !ok:
		t.kind = hkUnknownKind
	case category == "SleepAnalysis":
		t.kind = hkSleepKind
	case category == "AppleStandHour":
		t.kind = hkStandHourKind
	case fromCatalog().durations[category]:
		t.kind = hkDurationKind
	}
	return t
}

// setQuantity sets the value of a quantity, as percent where it is a fraction with the unit "%". The two blood
// pressures become the one metric that holds both.
func (t *hkType) setQuantity(s *health.Sample, v float64) {
	if t.fraction && s.Unit == "%" && v <= 1 {
		v *= 100
	}
	switch t.kind {
	case hkSystolicKind:
		s.Metric, s.Systolic = "blood_pressure", v
	case hkDiastolicKind:
		s.Metric, s.Diastolic = "blood_pressure", v
	default:
		s.Value = v
	}
}

// setStandHour counts an hour in which the person stood as one, any other as none. value is that of the sample,
// HKCategoryValueAppleStandHourStood or 0 for one in which they did.
func setStandHour(s *health.Sample, value []byte) {
	s.Value, s.Unit = 0, "count"
	if bytes.HasSuffix(value, []byte("Stood")) || string(value) == "0" {
		s.Value = 1
	}
}

// setLength sets the value to the length of the sample.
func setLength(s *health.Sample) {
	s.Value, s.Unit = float64(s.End-s.Start)/float64(health.Second), "s"
}

// eventKind returns the kind of the events of a category.
func (t *hkType) eventKind() string {
	return cmp.Or(fromCatalog().kinds[t.short], healthCategory)
}

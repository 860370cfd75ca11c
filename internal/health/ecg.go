package health

import "slices"

// ECG is one electrocardiogram. A user has at most one that starts at a given instant; that is its identity.
type ECG struct {
	Start, End       Instant // End is 0 where it was not sent
	Offset           int32
	Source           string
	Classification   string  // as sent, in the phone's language
	Severity         string  // as sent
	AverageHeartRate float64 // beats per minute; absent (NaN) where none was measured
	// SamplingFrequency is in hertz, absent where it was not sent.
	SamplingFrequency float64
	// Unit is that of the voltages as sent, usually "mcV".
	Unit string
	// Times has one instant per voltage, or is empty where they were sent without times.
	Times    []Instant
	Voltages []float64
	// Attributes is a JSON object of what else was sent, as Sample.Attributes.
	Attributes string
	// Order is the place of the body, see Sample.Order.
	Order Instant
}

// MergeFrom merges another entry for the same recording into e, and reports whether e changed. Field by field, the one
// received later wins; voltages that it leaves out stay.
func (e *ECG) MergeFrom(other *ECG) bool {
	if other.Order < e.Order {
		base := *other
		base.merge(e)
		return e.merge(&base)
	}
	return e.merge(other)
}

func (e *ECG) merge(later *ECG) bool {
	var m merger
	m.instant(&e.End, later.End)
	m.text(&e.Source, later.Source)
	m.text(&e.Classification, later.Classification)
	m.text(&e.Severity, later.Severity)
	m.text(&e.Unit, later.Unit)
	m.value(&e.AverageHeartRate, later.AverageHeartRate)
	m.value(&e.SamplingFrequency, later.SamplingFrequency)
	switch {
	case len(later.Voltages) == 0:
	case !slices.EqualFunc(e.Voltages, later.Voltages, SameValue):
		e.Voltages, e.Times, m.changed = later.Voltages, later.Times, true
	case len(later.Times) > 0 && !slices.Equal(e.Times, later.Times):
		e.Times, m.changed = later.Times, true
	}
	m.attributes(&e.Attributes, later.Attributes)
	return m.finish(&e.Offset, later.Offset, &e.Order, later.Order)
}

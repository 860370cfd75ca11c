package format

import (
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// appleEpoch is 2001-01-01T00:00:00Z in seconds since 1970, the reference date of Apple's frameworks.
const appleEpoch = 978307200

// decodeECG decodes one electrocardiogram with its voltages.
func decodeECG(raw []byte, at health.Position, o Options) (health.Record, error) {
	e := readElement(raw, at, o)
	var ecg health.ECG
	ecg.Start, ecg.Offset = e.requireInstant("start", "startDate", "date")
	ecg.End, _, _ = e.instant(endFields...)
	e.checkSpan("end", ecg.Start, ecg.End)
	ecg.Source = e.source()
	ecg.Classification = e.text("classification")
	ecg.Severity = e.text("severity")
	ecg.AverageHeartRate = e.quantityIn("averageHeartRate", "count/min", "bpm")
	if ecg.AverageHeartRate == 0 {
		ecg.AverageHeartRate = health.Absent()
	}
	ecg.SamplingFrequency = e.quantityIn("samplingFrequency", "Hz", "hz", "hertz")
	for _, field := range []string{"voltageMeasurements", "voltages"} {
		if m := e.find(field); m != nil && m.value.Kind() == '[' && ecg.Voltages == nil {
			points := e.voltages(&ecg, field, m.value)
			m.used = true
			points.warn(e, field)
		}
	}
	ecg.Attributes = e.attributes()
	return e.finish(health.Record{ECG: &ecg})
}

// quantityIn returns the value of a quantity whose unit is one of units or was not sent. One in another unit becomes an
// attribute.
func (e *elementReader) quantityIn(field string, units ...string) float64 {
	m := e.find(field)
	if m == nil {
		return health.Absent()
	}
	q, ok := e.quantity(m)
	if !ok {
		return health.Absent()
	}
	for _, unit := range append(units, "") {
		if q.Unit == unit {
			return q.Value
		}
	}
	m.used = false
	return health.Absent()
}

// voltages reads the measurements, {"date": 1188745353.99, "voltage": -12.5, "units": "mcV"}. All must be in one unit,
// that of the first.
func (e *elementReader) voltages(ecg *health.ECG, field string, array jsontext.Value) *pointArray {
	var points pointArray
	times := voltageTimeReader{ecg: ecg, element: e}
	timed := false
	for i, o := range points.each(e, field, array) {
		if o == nil {
			points.drop(i, unreadablePoint)
			continue
		}
		voltage := o.number("voltage", "qty", "value")
		time, ok := times.read(o)
		unit := ""
		if m := o.find("units", "unit"); m != nil {
			unit, _ = e.internText(m)
		}
		if len(ecg.Voltages) == 0 {
			ecg.Unit = unit
		}
		if !ok || health.IsAbsent(voltage) || !finite(voltage) || unit != ecg.Unit {
			points.drop(i, "it has no time or no voltage, or is in another unit")
			continue
		}
		timed = timed || time != 0
		ecg.Voltages = append(ecg.Voltages, voltage)
		ecg.Times = append(ecg.Times, time)
		points.noteUnknown(o)
	}
	if !timed {
		ecg.Times = nil
	}
	return &points
}

// voltageTimeReader reads the times of voltages. Numbers are seconds since 1970 or since 2001, depending on the phone.
// The first one decides which, since it must lie within the recording.
type voltageTimeReader struct {
	ecg     *health.ECG
	element *elementReader
	decided bool
	epoch   float64
}

// read returns the time of one voltage, 0 where it was sent without; ok is false where it cannot be read.
func (r *voltageTimeReader) read(o *object) (at health.Instant, ok bool) {
	m := o.find("date", "timestamp")
	if m == nil {
		return 0, true
	}
	m.used = true
	if m.value.Kind() != '0' {
		at, _, ok = r.element.times.parseValue(m.value)
		return at, ok
	}
	v, ok := parseNumberValue(m.value)
	if !ok || !finite(v) {
		return 0, false
	}
	if !r.decided {
		r.decided = true
		if r.distance(v+appleEpoch) < r.distance(v) {
			r.epoch = appleEpoch
		}
	}
	at, ok = epochTime(v + r.epoch)
	return at, ok && inRange(at)
}

// distance returns how far, in microseconds, a time in seconds since 1970 lies from the recording.
func (r *voltageTimeReader) distance(v float64) float64 {
	at, ok := epochTime(v)
	if !ok {
		return math.Inf(1)
	}
	end := max(r.ecg.Start, r.ecg.End)
	return math.Max(0, math.Max(float64(r.ecg.Start-at), float64(at-end)))
}

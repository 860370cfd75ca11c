package export

import (
	"github.com/health-export/health-export/internal/health"
)

// fieldWriter receives the fields of a record by name, in an order that is the same for all records of a type. CSV has
// columns of these names; NDJSON omits absent fields.
type fieldWriter interface {
	text(name, value string)
	number(name string, value float64) // absent: NaN
	integer(name string, value int64)
	timestamp(name string, at health.Instant, offset int32)
	// optionalTimestamp writes an instant that is absent where it is 0.
	optionalTimestamp(name string, at health.Instant, offset int32)
	// json writes a JSON value that is absent where it is "".
	json(name, json string)
}

func sampleFields(f fieldWriter, s *health.Sample) {
	value, average := valueOrAverage(s.Value, s.Min, s.Max)
	_, end := s.Span()
	f.text("metric", s.Metric)
	f.text("unit", s.Unit)
	f.timestamp("start", s.Start, s.Offset)
	f.timestamp("end", end, s.Offset)
	f.number("value", value)
	f.number("min", s.Min)
	f.number("avg", average)
	f.number("max", s.Max)
	f.number("systolic", s.Systolic)
	f.number("diastolic", s.Diastolic)
	f.integer("grain", int64(s.Grain))
	f.text("source", s.Source)
	f.json("attributes", s.Attributes)
}

// valueOrAverage returns a value as the average where there is a minimum or a maximum, and as the value otherwise.
func valueOrAverage(v, minimum, maximum float64) (value, average float64) {
	if health.IsAbsent(minimum) && health.IsAbsent(maximum) {
		return v, health.Absent()
	}
	return health.Absent(), v
}

// sleepFields writes a night, or a segment as a night with a stage: both are rows of one table. Durations are in hours.
func sleepFields(f fieldWriter, n *health.Night, stage health.Stage) {
	start, end := n.SleepStart, n.SleepEnd
	f.text("stage", string(stage))
	f.text("date", n.Date.String())
	f.optionalTimestamp("start", start, n.StartOffset())
	f.optionalTimestamp("end", end, n.Offset)
	f.optionalTimestamp("in_bed_start", n.InBedStart, n.StartOffset())
	f.optionalTimestamp("in_bed_end", n.InBedEnd, n.Offset)
	f.number("total", n.TotalSleep())
	f.number("asleep", n.Asleep)
	f.number("core", n.Core)
	f.number("deep", n.Deep)
	f.number("rem", n.REM)
	f.number("awake", n.Awake)
	f.number("in_bed", n.InBed)
	f.text("source", n.Source)
	f.json("attributes", n.Attributes)
}

// segmentAsNight returns a segment as a row of the table of sleep: without durations, on the date of health.DateOfSleep.
func segmentAsNight(s *health.Segment) *health.Night {
	n := health.NewNight()
	n.Source, n.SleepStart, n.SleepEnd = s.Source, s.Start, s.End
	n.Offset, n.OffsetChange, n.Attributes = s.EndOffset(), s.OffsetChange, s.Attributes
	n.SetDate()
	return &n
}

func workoutFields(f fieldWriter, w *health.Workout) {
	f.text("id", w.ID.String())
	f.text("app_id", w.AppID)
	f.text("name", w.Name)
	f.timestamp("start", w.Start, w.Offset)
	f.optionalTimestamp("end", w.End, w.EndOffset())
	f.number("duration", w.Duration)
	f.text("source", w.Source)
	f.json("quantities", string(appendQuantities(nil, w.Quantities)))
	f.integer("route_points", int64(len(w.Route)))
	f.json("attributes", w.Attributes)
}

func eventFields(f fieldWriter, e *health.Event) {
	f.text("kind", e.Kind)
	f.text("app_id", e.AppID)
	f.text("name", e.Name)
	f.optionalTimestamp("start", e.Start, e.Offset)
	f.optionalTimestamp("end", e.End, e.Offset)
	f.text("source", e.Source)
	f.json("attributes", e.Attributes)
}

func ecgFields(f fieldWriter, e *health.ECG) {
	f.timestamp("start", e.Start, e.Offset)
	f.optionalTimestamp("end", e.End, e.Offset)
	f.text("classification", e.Classification)
	f.text("severity", e.Severity)
	f.number("average_heart_rate", e.AverageHeartRate)
	f.number("sampling_frequency", e.SamplingFrequency)
	f.text("unit", e.Unit)
	f.text("source", e.Source)
	f.json("attributes", e.Attributes)
}

// voltageSeconds returns the time of the i-th voltage in seconds after the start of the recording, absent where neither
// a frequency nor times were sent. The frequency takes precedence: the app's times are whole seconds.
func voltageSeconds(e *health.ECG, i int) float64 {
	switch {
	case e.SamplingFrequency > 0:
		return float64(i) / e.SamplingFrequency
	case len(e.Times) == len(e.Voltages):
		return float64(e.Times[i]-e.Start) / float64(health.Second)
	default:
		return health.Absent()
	}
}

package export

import (
	"github.com/health-export/health-export/internal/health"
)

// fields takes the members of one record by name, in an order that is the same for all records of a type. CSV makes
// columns of them, and of their names its first line; NDJSON leaves out those that are absent.
type fields interface {
	text(name, value string)
	number(name string, value float64) // absent: NaN
	integer(name string, value int64)
	moment(name string, at health.Instant, offset int32)
	// maybe takes a moment that may be absent: 0.
	maybe(name string, at health.Instant, offset int32)
	// object takes JSON; absent: "".
	object(name, json string)
}

func sampleFields(f fields, s *health.Sample) {
	value, average := valueOrAverage(s.Value, s.Min, s.Max)
	_, end := s.Span()
	f.text("metric", s.Metric)
	f.text("unit", s.Unit)
	f.moment("start", s.Start, s.Offset)
	f.moment("end", end, s.Offset)
	f.number("value", value)
	f.number("min", s.Min)
	f.number("avg", average)
	f.number("max", s.Max)
	f.number("systolic", s.Systolic)
	f.number("diastolic", s.Diastolic)
	f.integer("grain", int64(s.Grain))
	f.text("source", s.Source)
	f.object("attributes", s.Attributes)
}

// valueOrAverage returns the value of a reading as its average where it has a minimum or a maximum beside it.
func valueOrAverage(reading, least, most float64) (value, average float64) {
	if health.IsAbsent(least) && health.IsAbsent(most) {
		return reading, health.Absent()
	}
	return health.Absent(), reading
}

// sleepFields describes a night, or a segment as one that has a stage: both are rows of one table. Durations are hours.
func sleepFields(f fields, n *health.Night, stage health.Stage) {
	start, end := n.SleepStart, n.SleepEnd
	f.text("stage", string(stage))
	f.text("date", n.Date.String())
	f.maybe("start", start, n.Offset)
	f.maybe("end", end, n.Offset)
	f.maybe("in_bed_start", n.InBedStart, n.Offset)
	f.maybe("in_bed_end", n.InBedEnd, n.Offset)
	f.number("total", n.Total)
	f.number("asleep", n.Asleep)
	f.number("core", n.Core)
	f.number("deep", n.Deep)
	f.number("rem", n.REM)
	f.number("awake", n.Awake)
	f.number("in_bed", n.InBed)
	f.text("source", n.Source)
	f.object("attributes", n.Attributes)
}

// asNight returns a segment as a row of the table of sleep: a stretch without sums, on the date on which it ends.
func asNight(s *health.Segment) *health.Night {
	n := health.NewNight()
	n.Source, n.Date, n.SleepStart, n.SleepEnd = s.Source, s.End.Date(s.Offset), s.Start, s.End
	n.Offset, n.Attributes = s.Offset, s.Attributes
	return &n
}

func workoutFields(f fields, w *health.Workout) {
	f.text("id", w.ID.String())
	f.text("app_id", w.AppID)
	f.text("name", w.Name)
	f.moment("start", w.Start, w.Offset)
	f.maybe("end", w.End, w.Offset)
	f.number("duration", w.Duration)
	f.text("source", w.Source)
	f.object("quantities", string(appendQuantities(nil, w.Quantities)))
	f.integer("route_points", int64(len(w.Route)))
	f.object("attributes", w.Attributes)
}

func eventFields(f fields, e *health.Event) {
	f.text("kind", e.Kind)
	f.text("app_id", e.AppID)
	f.text("name", e.Name)
	f.maybe("start", e.Start, e.Offset)
	f.maybe("end", e.End, e.Offset)
	f.text("source", e.Source)
	f.object("attributes", e.Attributes)
}

func ecgFields(f fields, e *health.ECG) {
	f.moment("start", e.Start, e.Offset)
	f.maybe("end", e.End, e.Offset)
	f.text("classification", e.Classification)
	f.text("severity", e.Severity)
	f.number("average_heart_rate", e.AverageHeartRate)
	f.number("sampling_frequency", e.SamplingFrequency)
	f.text("unit", e.Unit)
	f.text("source", e.Source)
	f.object("attributes", e.Attributes)
}

// seconds returns how long after the start of the recording its i-th voltage was measured; absent where neither a
// frequency nor times were sent. The frequency comes first: the app's times are whole seconds.
func seconds(e *health.ECG, i int) float64 {
	switch {
	case e.SamplingFrequency > 0:
		return float64(i) / e.SamplingFrequency
	case len(e.Times) == len(e.Voltages):
		return float64(e.Times[i]-e.Start) / float64(health.Second)
	default:
		return health.Absent()
	}
}

package format

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/health-export/health-export/internal/health"
)

func FuzzElements(f *testing.F) {
	for _, element := range fixtureElements(f) {
		f.Add(element.key, element.raw)
	}
	f.Add("workouts", ecgOf(3))
	f.Fuzz(func(t *testing.T, key string, raw []byte) {
		if key == "metrics" {
			return
		}
		record, err := tryElement(key, string(raw))
		checkDecoded(t, record, err)
	})
}

func FuzzTyped(f *testing.F) {
	for _, element := range fixtureElements(f) {
		f.Add(element.raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		record, err := tryElement("metrics", string(raw))
		checkDecoded(t, record, err)
	})
}

// checkDecoded checks the invariants of any element: it is of one kind, or rejected with a reason.
func checkDecoded(t *testing.T, r health.Record, err error) {
	t.Helper()
	if err != nil {
		rejection, ok := errors.AsType[*health.Rejection](err)
		if !ok || rejection.Message == "" || rejection.Suggestion == "" || rejection.Code == "" {
			t.Fatalf("%T %+v is no rejection with a reason", err, err)
		}
		return
	}
	c := recordCheck{t: t}
	c.samples(r.Samples)
	if n := r.Night; n != nil {
		c.kinds++
		c.texts(n.Source)
		c.numbers(n.Total, n.Asleep, n.Core, n.Deep, n.REM, n.Awake, n.InBed)
		c.attributes(n.Attributes)
	}
	if s := r.Segment; s != nil {
		c.kinds++
		c.texts(s.Source, string(s.Stage))
		c.times(s.Start, s.End)
		c.attributes(s.Attributes)
	}
	if w := r.Workout; w != nil {
		c.kinds++
		c.workout(w)
	}
	if e := r.Event; e != nil {
		c.kinds++
		c.texts(e.Kind, e.AppID, e.Name, e.Source)
		c.times(e.Start, e.End)
		c.attributes(e.Attributes)
	}
	if e := r.ECG; e != nil {
		c.kinds++
		c.texts(e.Source, e.Classification, e.Severity, e.Unit)
		c.times(append(e.Times, e.Start, e.End)...)
		c.numbers(e.Voltages...)
		c.numbers(e.AverageHeartRate, e.SamplingFrequency)
		c.attributes(e.Attributes)
		if len(e.Times) != 0 && len(e.Times) != len(e.Voltages) {
			t.Errorf("%d times for %d voltages", len(e.Times), len(e.Voltages))
		}
	}
	if c.kinds != 1 {
		t.Errorf("the record is of %d kinds: %+v", c.kinds, r)
	}
}

// recordCheck checks the parts of a record and counts its kinds.
type recordCheck struct {
	t     *testing.T
	kinds int
}

func (c *recordCheck) samples(samples []health.Sample) {
	if len(samples) > 0 {
		c.kinds++
	}
	for _, s := range samples {
		c.texts(s.Metric, s.Unit, s.Source)
		c.times(s.Start, s.End)
		c.numbers(s.Value, s.Min, s.Max, s.Systolic, s.Diastolic)
		c.attributes(s.Attributes)
		if health.IsAbsent(s.Value) && health.IsAbsent(s.Min) && health.IsAbsent(s.Max) &&
			health.IsAbsent(s.Systolic) && health.IsAbsent(s.Diastolic) {
			c.t.Errorf("a sample of %s without a value", s.Metric)
		}
		if s.Metric == "" || s.Grain != health.GrainRaw && s.Grain != health.GrainDay {
			c.t.Errorf("metric %q, grain %d", s.Metric, s.Grain)
		}
	}
}

func (c *recordCheck) workout(w *health.Workout) {
	c.texts(w.AppID, w.Name, w.Source)
	c.times(w.Start, w.End)
	c.numbers(w.Duration)
	c.attributes(w.Attributes)
	for name, q := range w.Quantities {
		c.texts(name, q.Unit)
		c.numbers(q.Value)
	}
	for name, series := range w.Series {
		c.texts(name)
		for _, p := range series {
			c.texts(p.Unit, p.Source)
			c.times(p.Time)
			c.numbers(p.Value, p.Min, p.Max)
		}
	}
	for _, p := range w.Route {
		c.times(p.Time)
		c.numbers(p.Latitude, p.Longitude, p.Altitude, p.Speed, p.Course,
			p.HorizontalAccuracy, p.VerticalAccuracy, p.SpeedAccuracy, p.CourseAccuracy)
		if !(math.Abs(p.Latitude) <= 90 && math.Abs(p.Longitude) <= 180) {
			c.t.Errorf("a position off the globe: %g, %g", p.Latitude, p.Longitude)
		}
	}
}

func (c *recordCheck) texts(texts ...string) {
	for _, text := range texts {
		// snakeCase may add an underscore before each capital.
		if len(text) > 2*maxText || strings.ContainsRune(text, 0) {
			c.t.Errorf("a text that cannot be stored: %q", text)
		}
	}
}

func (c *recordCheck) times(times ...health.Instant) {
	for _, at := range times {
		if !inRange(at) {
			c.t.Errorf("a time out of range: %d", at)
		}
	}
}

func (c *recordCheck) numbers(numbers ...float64) {
	if !finite(numbers...) {
		c.t.Errorf("a number that is not finite among %v", numbers)
	}
}

func (c *recordCheck) attributes(text string) {
	if text == "" {
		return
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(text), &members); err != nil && !strings.Contains(err.Error(), "cannot unmarshal number") {
		c.t.Errorf("attributes that are no JSON object: %v: %q", err, text)
	}
}

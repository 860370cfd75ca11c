package export

import (
	"bufio"
	"maps"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// ndjsonEncoder writes one JSON object per line, whose first member is its type: sample, night, segment, workout, event
// or ecg. It is the one format without any omissions.
type ndjsonEncoder struct {
	w       *bufio.Writer
	current jsonObject
}

func newNDJSON(w *bufio.Writer) *ndjsonEncoder { return &ndjsonEncoder{w: w} }

func (n *ndjsonEncoder) sample(s *health.Sample) error {
	n.current.text("type", "sample")
	sampleFields(&n.current, s)
	return n.endLine()
}

func (n *ndjsonEncoder) night(night *health.Night) error {
	n.current.text("type", "night")
	sleepFields(&n.current, night, "")
	return n.endLine()
}

func (n *ndjsonEncoder) segment(s *health.Segment) error {
	n.current.text("type", "segment")
	sleepFields(&n.current, segmentAsNight(s), s.Stage)
	return n.endLine()
}

func (n *ndjsonEncoder) workout(w *health.Workout) error {
	n.current.text("type", "workout")
	workoutFields(&n.current, w)
	if len(w.Series) > 0 {
		n.current.key("series")
		n.current.series(w.Series)
	}
	if len(w.Route) > 0 {
		n.current.key("route")
		outliers := health.Outliers(w.Route, w.Name)
		n.current.objects(len(w.Route), func(i int) {
			routeFields(&n.current, &w.Route[i], w.Offset)
			if outliers != nil && outliers[i] {
				n.current.key("outlier")
				n.current.bytes = append(n.current.bytes, "true"...)
			}
		})
	}
	return n.endLine()
}

func (n *ndjsonEncoder) event(e *health.Event) error {
	n.current.text("type", "event")
	eventFields(&n.current, e)
	return n.endLine()
}

func (n *ndjsonEncoder) ecg(e *health.ECG) error {
	n.current.text("type", "ecg")
	ecgFields(&n.current, e)
	if len(e.Voltages) > 0 {
		n.current.key("voltages")
		n.current.numbers(e.Voltages)
	}
	if len(e.Times) > 0 {
		n.current.key("seconds")
		times := make([]float64, len(e.Times))
		for i := range e.Times {
			times[i] = float64(e.Times[i]-e.Start) / float64(health.Second)
		}
		n.current.numbers(times)
	}
	return n.endLine()
}

// endLine writes the current object.
func (n *ndjsonEncoder) endLine() error {
	line := n.current.bytes
	line[0] = '{' // in place of the first comma
	_, err := n.w.Write(append(line, '}', '\n'))
	n.current.bytes = line[:0]
	return err
}

func (n *ndjsonEncoder) close() error { return nil }

func routeFields(f fieldWriter, p *health.RoutePoint, offset int32) {
	f.optionalTimestamp("time", p.Time, offset)
	f.number("latitude", p.Latitude)
	f.number("longitude", p.Longitude)
	f.number("altitude", p.Altitude)
	f.number("speed", p.Speed)
	f.number("course", p.Course)
	f.number("horizontal_accuracy", p.HorizontalAccuracy)
	f.number("vertical_accuracy", p.VerticalAccuracy)
	f.number("speed_accuracy", p.SpeedAccuracy)
	f.number("course_accuracy", p.CourseAccuracy)
}

func seriesFields(f fieldWriter, p *health.SeriesPoint) {
	value, average := valueOrAverage(p.Value, p.Min, p.Max)
	f.optionalTimestamp("time", p.Time, p.Offset)
	f.number("value", value)
	f.number("min", p.Min)
	f.number("avg", average)
	f.number("max", p.Max)
	f.text("unit", p.Unit)
	f.text("source", p.Source)
}

// jsonObject is the current object, with a comma before each member.
type jsonObject struct {
	bytes []byte
	times timeFormatter
}

func (m *jsonObject) key(name string) {
	m.bytes = append(m.bytes, ',', '"')
	m.bytes = append(m.bytes, name...) // never has to be escaped
	m.bytes = append(m.bytes, '"', ':')
}

func (m *jsonObject) text(name, value string) {
	if value != "" {
		m.key(name)
		m.bytes = appendQuoted(m.bytes, value)
	}
}

func (m *jsonObject) number(name string, value float64) {
	if !health.IsAbsent(value) {
		m.key(name)
		m.bytes = appendNumber(m.bytes, value)
	}
}

func (m *jsonObject) integer(name string, value int64) { m.number(name, float64(value)) }

func (m *jsonObject) timestamp(name string, at health.Instant, offset int32) {
	m.key(name)
	m.bytes = append(m.bytes, '"')
	m.bytes = append(m.times.append(m.bytes, at, offset), '"')
}

func (m *jsonObject) optionalTimestamp(name string, at health.Instant, offset int32) {
	if at != 0 {
		m.timestamp(name, at, offset)
	}
}

func (m *jsonObject) json(name, json string) {
	if json != "" {
		m.key(name)
		m.bytes = append(m.bytes, json...)
	}
}

// objects appends a list of n objects, each written by write.
func (m *jsonObject) objects(n int, write func(i int)) {
	m.bytes = append(m.bytes, '[')
	for i := range n {
		begin := len(m.bytes)
		write(i)
		if begin == len(m.bytes) { // all fields are absent
			m.bytes = append(m.bytes, '{')
		}
		m.bytes[begin] = '{'
		m.bytes = append(m.bytes, '}', ',')
	}
	m.endList()
}

func (m *jsonObject) numbers(values []float64) {
	m.bytes = append(m.bytes, '[')
	for _, v := range values {
		if health.IsAbsent(v) {
			m.bytes = append(m.bytes, "null,"...)
			continue
		}
		m.bytes = append(appendNumber(m.bytes, v), ',')
	}
	m.endList()
}

// endList replaces the comma after the last entry, of which there is at least one, by the bracket.
func (m *jsonObject) endList() { m.bytes[len(m.bytes)-1] = ']' }

func (m *jsonObject) series(series map[string][]health.SeriesPoint) {
	m.bytes = append(m.bytes, '{')
	for _, name := range slices.Sorted(maps.Keys(series)) {
		m.bytes = append(appendQuoted(m.bytes, name), ':')
		points := series[name]
		if len(points) == 0 {
			m.bytes = append(m.bytes, "[],"...)
			continue
		}
		m.objects(len(points), func(i int) { seriesFields(m, &points[i]) })
		m.bytes = append(m.bytes, ',')
	}
	m.bytes[len(m.bytes)-1] = '}'
}

// appendQuantities appends the quantities of a workout as a JSON object; nothing where there are none.
func appendQuantities(b []byte, quantities map[string]health.Quantity) []byte {
	for _, name := range slices.Sorted(maps.Keys(quantities)) {
		quantity := quantities[name]
		if health.IsAbsent(quantity.Value) {
			continue
		}
		b = append(b, ',')
		b = append(appendQuoted(b, name), `:{"qty":`...)
		b = append(appendNumber(b, quantity.Value), `,"unit":`...)
		b = append(appendQuoted(b, quantity.Unit), '}')
	}
	if len(b) > 0 {
		b[0] = '{'
		b = append(b, '}')
	}
	return b
}

package export

import (
	"bufio"
	"maps"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// ndjsonEncoder writes one JSON object on each line, of which the first member, type, says what it is: sample, night,
// segment, workout, event or ecg. It is the format that leaves nothing out.
type ndjsonEncoder struct {
	w       *bufio.Writer
	members members
}

func newNDJSON(w *bufio.Writer) *ndjsonEncoder { return &ndjsonEncoder{w: w} }

func (n *ndjsonEncoder) sample(s *health.Sample) error {
	n.members.text("type", "sample")
	sampleFields(&n.members, s)
	return n.line()
}

func (n *ndjsonEncoder) night(night *health.Night) error {
	n.members.text("type", "night")
	sleepFields(&n.members, night, "")
	return n.line()
}

func (n *ndjsonEncoder) segment(s *health.Segment) error {
	n.members.text("type", "segment")
	sleepFields(&n.members, asNight(s), s.Stage)
	return n.line()
}

func (n *ndjsonEncoder) workout(w *health.Workout) error {
	n.members.text("type", "workout")
	workoutFields(&n.members, w)
	if len(w.Series) > 0 {
		n.members.name("series")
		n.members.series(w.Series)
	}
	if len(w.Route) > 0 {
		n.members.name("route")
		n.members.list(len(w.Route), func(i int) { routeFields(&n.members, &w.Route[i], w.Offset) })
	}
	return n.line()
}

func (n *ndjsonEncoder) event(e *health.Event) error {
	n.members.text("type", "event")
	eventFields(&n.members, e)
	return n.line()
}

func (n *ndjsonEncoder) ecg(e *health.ECG) error {
	n.members.text("type", "ecg")
	ecgFields(&n.members, e)
	if len(e.Voltages) > 0 {
		n.members.name("voltages")
		n.members.numbers(e.Voltages)
	}
	if len(e.Times) > 0 {
		n.members.name("seconds")
		times := make([]float64, len(e.Times))
		for i := range e.Times {
			times[i] = float64(e.Times[i]-e.Start) / float64(health.Second)
		}
		n.members.numbers(times)
	}
	return n.line()
}

// line ends the object that was described.
func (n *ndjsonEncoder) line() error {
	line := n.members.bytes
	line[0] = '{' // in place of the first comma
	_, err := n.w.Write(append(line, '}', '\n'))
	n.members.bytes = line[:0]
	return err
}

func (n *ndjsonEncoder) close() error { return nil }

func routeFields(f fields, p *health.RoutePoint, offset int32) {
	f.maybe("time", p.Time, offset)
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

func seriesFields(f fields, p *health.SeriesPoint) {
	value, average := valueOrAverage(p.Value, p.Min, p.Max)
	f.maybe("time", p.Time, p.Offset)
	f.number("value", value)
	f.number("min", p.Min)
	f.number("avg", average)
	f.number("max", p.Max)
	f.text("unit", p.Unit)
	f.text("source", p.Source)
}

// members is a JSON object in the making: each member with a comma before it.
type members struct {
	bytes []byte
	times timeFormatter
}

func (m *members) name(name string) {
	m.bytes = append(m.bytes, ',', '"')
	m.bytes = append(m.bytes, name...) // names are ours, and plain
	m.bytes = append(m.bytes, '"', ':')
}

func (m *members) text(name, value string) {
	if value != "" {
		m.name(name)
		m.bytes = appendQuoted(m.bytes, value)
	}
}

func (m *members) number(name string, value float64) {
	if !health.IsAbsent(value) {
		m.name(name)
		m.bytes = appendNumber(m.bytes, value)
	}
}

func (m *members) integer(name string, value int64) { m.number(name, float64(value)) }

func (m *members) moment(name string, at health.Instant, offset int32) {
	m.name(name)
	m.bytes = append(m.bytes, '"')
	m.bytes = append(m.times.append(m.bytes, at, offset), '"')
}

func (m *members) maybe(name string, at health.Instant, offset int32) {
	if at != 0 {
		m.moment(name, at, offset)
	}
}

func (m *members) object(name, json string) {
	if json != "" {
		m.name(name)
		m.bytes = append(m.bytes, json...)
	}
}

// list appends n objects, each described by write.
func (m *members) list(n int, write func(i int)) {
	m.bytes = append(m.bytes, '[')
	for i := range n {
		begin := len(m.bytes)
		write(i)
		if begin == len(m.bytes) { // nothing was sent of it
			m.bytes = append(m.bytes, '{')
		}
		m.bytes[begin] = '{'
		m.bytes = append(m.bytes, '}', ',')
	}
	m.endList()
}

func (m *members) numbers(values []float64) {
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

// endList puts the bracket in place of the comma behind the last entry, of which there is at least one.
func (m *members) endList() { m.bytes[len(m.bytes)-1] = ']' }

func (m *members) series(series map[string][]health.SeriesPoint) {
	m.bytes = append(m.bytes, '{')
	for _, name := range slices.Sorted(maps.Keys(series)) {
		m.bytes = append(appendQuoted(m.bytes, name), ':')
		points := series[name]
		if len(points) == 0 {
			m.bytes = append(m.bytes, "[],"...)
			continue
		}
		m.list(len(points), func(i int) { seriesFields(m, &points[i]) })
		m.bytes = append(m.bytes, ',')
	}
	m.bytes[len(m.bytes)-1] = '}'
}

// appendQuantities appends the single figures of a workout as a JSON object; nothing where it has none.
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

package export

import (
	"bufio"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// csvEncoder writes one table as CSV (RFC 4180) with a first line of names. Times are RFC 3339 in the offset they were
// recorded with; what is absent is empty; attributes are JSON.
type csvEncoder struct {
	w     *bufio.Writer
	cells cells
}

// newCSV begins the table of one type with its line of names.
func newCSV(w *bufio.Writer, t Type) *csvEncoder {
	var h header
	switch t {
	case TypeSamples:
		sampleFields(&h, &health.Sample{})
	case TypeSleep:
		sleepFields(&h, &health.Night{}, "")
	case TypeWorkouts:
		workoutFields(&h, &health.Workout{})
	case TypeEvents:
		eventFields(&h, &health.Event{})
	case TypeECG:
		ecgFields(&h, &health.ECG{})
		voltageFields(&h, 0, 0)
	}
	_, _ = w.WriteString(strings.Join(h, ",") + "\r\n") // a failure is kept by w and comes with the next line
	return &csvEncoder{w: w}
}

func (c *csvEncoder) sample(s *health.Sample) error {
	sampleFields(&c.cells, s)
	return c.line()
}

func (c *csvEncoder) night(n *health.Night) error {
	sleepFields(&c.cells, n, "")
	return c.line()
}

func (c *csvEncoder) segment(s *health.Segment) error {
	sleepFields(&c.cells, asNight(s), s.Stage)
	return c.line()
}

func (c *csvEncoder) workout(w *health.Workout) error {
	workoutFields(&c.cells, w)
	return c.line()
}

func (c *csvEncoder) event(e *health.Event) error {
	eventFields(&c.cells, e)
	return c.line()
}

// ecg writes a line for every voltage; one line without, for a recording that has none.
func (c *csvEncoder) ecg(e *health.ECG) error {
	for i, voltage := range e.Voltages {
		ecgFields(&c.cells, e)
		voltageFields(&c.cells, seconds(e, i), voltage)
		if err := c.line(); err != nil {
			return err
		}
	}
	if len(e.Voltages) > 0 {
		return nil
	}
	ecgFields(&c.cells, e)
	voltageFields(&c.cells, health.Absent(), health.Absent())
	return c.line()
}

func voltageFields(f fields, seconds, voltage float64) {
	f.number("seconds", seconds)
	f.number("voltage", voltage)
}

// line ends the line that was described.
func (c *csvEncoder) line() error {
	line := c.cells.bytes
	line[len(line)-1] = '\r' // in place of the last comma
	_, err := c.w.Write(append(line, '\n'))
	c.cells.bytes = line[:0]
	return err
}

func (c *csvEncoder) close() error { return nil }

// header collects the names of columns.
type header []string

func (h *header) text(name, _ string)                           { *h = append(*h, name) }
func (h *header) number(name string, _ float64)                 { *h = append(*h, name) }
func (h *header) integer(name string, _ int64)                  { *h = append(*h, name) }
func (h *header) moment(name string, _ health.Instant, _ int32) { *h = append(*h, name) }
func (h *header) maybe(name string, _ health.Instant, _ int32)  { *h = append(*h, name) }
func (h *header) object(name, _ string)                         { *h = append(*h, name) }

// cells is a line in the making: each cell with a comma behind it.
type cells struct {
	bytes []byte
	times timeFormatter
}

func (c *cells) text(_, value string) { c.quoted(value) }

func (c *cells) object(_, json string) { c.quoted(json) }

func (c *cells) number(_ string, value float64) {
	if !health.IsAbsent(value) {
		c.bytes = appendNumber(c.bytes, value)
	}
	c.bytes = append(c.bytes, ',')
}

func (c *cells) integer(_ string, value int64) {
	c.bytes = append(appendNumber(c.bytes, float64(value)), ',')
}

func (c *cells) moment(_ string, at health.Instant, offset int32) {
	c.bytes = append(c.times.append(c.bytes, at, offset), ',')
}

func (c *cells) maybe(name string, at health.Instant, offset int32) {
	if at == 0 {
		c.bytes = append(c.bytes, ',')
		return
	}
	c.moment(name, at, offset)
}

// quoted appends text, in quotation marks where it would else be read as several cells or lose its blanks.
func (c *cells) quoted(text string) {
	if text != "" && (strings.ContainsAny(text, "\",\r\n") || text[0] == ' ' || text[len(text)-1] == ' ') {
		c.bytes = append(c.bytes, '"')
		c.bytes = append(c.bytes, strings.ReplaceAll(text, `"`, `""`)...)
		c.bytes = append(c.bytes, '"', ',')
		return
	}
	c.bytes = append(c.bytes, text...)
	c.bytes = append(c.bytes, ',')
}

package export

import (
	"bufio"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// csvEncoder writes one table as CSV (RFC 4180) with a header. Times are RFC 3339 in the offset they were recorded
// with; absent values are empty; attributes are JSON.
type csvEncoder struct {
	w       *bufio.Writer
	current csvLine
}

// newCSV returns an encoder of the table of one type, and writes the header.
func newCSV(w *bufio.Writer, t Type) *csvEncoder {
	var h csvHeader
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
	_, _ = w.WriteString(strings.Join(h, ",") + "\r\n") // w returns an error again with the next line
	return &csvEncoder{w: w}
}

func (c *csvEncoder) sample(s *health.Sample) error {
	sampleFields(&c.current, s)
	return c.endLine()
}

func (c *csvEncoder) night(n *health.Night) error {
	sleepFields(&c.current, n, "")
	return c.endLine()
}

func (c *csvEncoder) segment(s *health.Segment) error {
	sleepFields(&c.current, segmentAsNight(s), s.Stage)
	return c.endLine()
}

func (c *csvEncoder) workout(w *health.Workout) error {
	workoutFields(&c.current, w)
	return c.endLine()
}

func (c *csvEncoder) event(e *health.Event) error {
	eventFields(&c.current, e)
	return c.endLine()
}

// ecg writes a line for each voltage; a recording without voltages is one line.
func (c *csvEncoder) ecg(e *health.ECG) error {
	for i, voltage := range e.Voltages {
		ecgFields(&c.current, e)
		voltageFields(&c.current, voltageSeconds(e, i), voltage)
		if err := c.endLine(); err != nil {
			return err
		}
	}
	if len(e.Voltages) > 0 {
		return nil
	}
	ecgFields(&c.current, e)
	voltageFields(&c.current, health.Absent(), health.Absent())
	return c.endLine()
}

func voltageFields(f fieldWriter, seconds, voltage float64) {
	f.number("seconds", seconds)
	f.number("voltage", voltage)
}

// endLine writes the current line.
func (c *csvEncoder) endLine() error {
	line := c.current.bytes
	line[len(line)-1] = '\r' // in place of the last comma
	_, err := c.w.Write(append(line, '\n'))
	c.current.bytes = line[:0]
	return err
}

func (c *csvEncoder) close() error { return nil }

// csvHeader collects the names of columns.
type csvHeader []string

func (h *csvHeader) text(name, _ string) { *h = append(*h, name) }

func (h *csvHeader) number(name string, _ float64) { *h = append(*h, name) }

func (h *csvHeader) integer(name string, _ int64) { *h = append(*h, name) }

func (h *csvHeader) timestamp(name string, _ health.Instant, _ int32) { *h = append(*h, name) }

func (h *csvHeader) optionalTimestamp(name string, _ health.Instant, _ int32) { *h = append(*h, name) }

func (h *csvHeader) json(name, _ string) { *h = append(*h, name) }

// csvLine is the current line, with a comma after each cell.
type csvLine struct {
	bytes []byte
	times timeFormatter
}

func (c *csvLine) text(_, value string) { c.cell(value) }

func (c *csvLine) json(_, json string) { c.cell(json) }

func (c *csvLine) number(_ string, value float64) {
	if !health.IsAbsent(value) {
		c.bytes = appendNumber(c.bytes, value)
	}
	c.bytes = append(c.bytes, ',')
}

func (c *csvLine) integer(_ string, value int64) {
	c.bytes = append(appendNumber(c.bytes, float64(value)), ',')
}

func (c *csvLine) timestamp(_ string, at health.Instant, offset int32) {
	c.bytes = append(c.times.append(c.bytes, at, offset), ',')
}

func (c *csvLine) optionalTimestamp(name string, at health.Instant, offset int32) {
	if at == 0 {
		c.bytes = append(c.bytes, ',')
		return
	}
	c.timestamp(name, at, offset)
}

// cell appends text, in quotation marks where it would be split into several cells or lose spaces.
func (c *csvLine) cell(text string) {
	if text != "" && (strings.ContainsAny(text, "\",\r\n") || text[0] == ' ' || text[len(text)-1] == ' ') {
		c.bytes = append(c.bytes, '"')
		c.bytes = append(c.bytes, strings.ReplaceAll(text, `"`, `""`)...)
		c.bytes = append(c.bytes, '"', ',')
		return
	}
	c.bytes = append(c.bytes, text...)
	c.bytes = append(c.bytes, ',')
}

package sqlite

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/health-export/health-export/internal/health"
)

// The points of a series, of a route and of an ECG are stored as one value each, in this format: a version byte, the number
// of points, then point after point. Times are varint differences to the point before; floats are 8 bytes, each only where
// its bit in the point's mask is set.

const pointsVersion = 1

var errPoints = errors.New("stored points are damaged")

func encodeSeries(points []health.SeriesPoint) []byte {
	e := newPointEncoder(len(points))
	texts := map[string]uint64{}
	for i := range points {
		p := &points[i]
		e.delta(int64(p.Time))
		e.data = binary.AppendVarint(e.data, int64(p.Offset))
		e.text(texts, p.Unit)
		e.text(texts, p.Source)
		e.floats(p.Value, p.Min, p.Max)
	}
	return e.data
}

func decodeSeries(data []byte) ([]health.SeriesPoint, error) {
	d, count := newPointDecoder(data)
	var points []health.SeriesPoint
	var texts []string
	for range count {
		var p health.SeriesPoint
		p.Time = health.Instant(d.delta())
		p.Offset = int32(d.varint())
		p.Unit, p.Source = d.text(&texts), d.text(&texts)
		d.floats(&p.Value, &p.Min, &p.Max)
		if d.err != nil {
			break
		}
		points = append(points, p)
	}
	return points, d.end()
}

func encodeRoute(points []health.RoutePoint) []byte {
	e := newPointEncoder(len(points))
	for i := range points {
		p := &points[i]
		e.delta(int64(p.Time))
		e.floats(p.Latitude, p.Longitude, p.Altitude, p.Speed, p.Course,
			p.HorizontalAccuracy, p.VerticalAccuracy, p.SpeedAccuracy, p.CourseAccuracy)
	}
	return e.data
}

func decodeRoute(data []byte) ([]health.RoutePoint, error) {
	d, count := newPointDecoder(data)
	var points []health.RoutePoint
	for range count {
		var p health.RoutePoint
		p.Time = health.Instant(d.delta())
		d.floats(&p.Latitude, &p.Longitude, &p.Altitude, &p.Speed, &p.Course,
			&p.HorizontalAccuracy, &p.VerticalAccuracy, &p.SpeedAccuracy, &p.CourseAccuracy)
		if d.err != nil {
			break
		}
		points = append(points, p)
	}
	return points, d.end()
}

// encodeVoltages writes times and then voltages; either may be empty.
func encodeVoltages(times []health.Instant, voltages []float64) []byte {
	e := newPointEncoder(len(times))
	for _, t := range times {
		e.delta(int64(t))
	}
	e.data = binary.AppendUvarint(e.data, uint64(len(voltages)))
	for _, v := range voltages {
		e.data = binary.LittleEndian.AppendUint64(e.data, math.Float64bits(v))
	}
	return e.data
}

func decodeVoltages(data []byte) (times []health.Instant, voltages []float64, err error) {
	d, count := newPointDecoder(data)
	for range count {
		t := health.Instant(d.delta())
		if d.err != nil {
			break
		}
		times = append(times, t)
	}
	for range d.uvarint() {
		v := d.float()
		if d.err != nil {
			break
		}
		voltages = append(voltages, v)
	}
	return times, voltages, d.end()
}

type pointEncoder struct {
	data []byte
	last int64
}

func newPointEncoder(count int) *pointEncoder {
	return &pointEncoder{data: binary.AppendUvarint([]byte{pointsVersion}, uint64(count))}
}

func (e *pointEncoder) delta(v int64) {
	e.data = binary.AppendVarint(e.data, v-e.last) // may overflow, and does so in reverse in the decoder
	e.last = v
}

// text writes a text at its first use, and its index from then on.
func (e *pointEncoder) text(known map[string]uint64, text string) {
	number, ok := known[text]
	if ok {
		e.data = binary.AppendUvarint(e.data, number)
		return
	}
	known[text] = uint64(len(known))
	e.data = binary.AppendUvarint(e.data, known[text])
	e.data = binary.AppendUvarint(e.data, uint64(len(text)))
	e.data = append(e.data, text...)
}

func (e *pointEncoder) floats(values ...float64) {
	mask := uint64(0)
	for i, v := range values {
		if !health.IsAbsent(v) {
			mask |= 1 << i
		}
	}
	e.data = binary.AppendUvarint(e.data, mask)
	for _, v := range values {
		if !health.IsAbsent(v) {
			e.data = binary.LittleEndian.AppendUint64(e.data, math.Float64bits(v))
		}
	}
}

// pointDecoder reads what pointEncoder wrote. After a failure it returns zeros, and end returns the error.
type pointDecoder struct {
	data []byte
	last int64
	err  error
}

func newPointDecoder(data []byte) (d *pointDecoder, count uint64) {
	d = &pointDecoder{data: data}
	if len(data) == 0 || data[0] != pointsVersion {
		d.err = errPoints
		return d, 0
	}
	d.data = data[1:]
	return d, d.uvarint()
}

// end returns an error unless everything was read.
func (d *pointDecoder) end() error {
	if d.err == nil && len(d.data) > 0 {
		return errPoints
	}
	return d.err
}

func (d *pointDecoder) varint() int64 {
	v, n := binary.Varint(d.data)
	return pick(d, v, n)
}

func (d *pointDecoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.data)
	return pick(d, v, n)
}

func pick[T int64 | uint64](d *pointDecoder, v T, n int) T {
	if n <= 0 || d.err != nil {
		d.err = errPoints
		return 0
	}
	d.data = d.data[n:]
	return v
}

func (d *pointDecoder) delta() int64 {
	d.last += d.varint()
	return d.last
}

func (d *pointDecoder) float() float64 {
	if len(d.data) < 8 {
		d.err = errPoints
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(d.data))
	d.data = d.data[8:]
	return v
}

func (d *pointDecoder) text(known *[]string) string {
	number := d.uvarint()
	if number < uint64(len(*known)) {
		return (*known)[number]
	}
	length := d.uvarint()
	if number > uint64(len(*known)) || length > uint64(len(d.data)) || d.err != nil {
		d.err = errPoints
		return ""
	}
	text := string(d.data[:length])
	d.data = d.data[length:]
	*known = append(*known, text)
	return text
}

func (d *pointDecoder) floats(values ...*float64) {
	mask := d.uvarint()
	for i, v := range values {
		*v = health.Absent()
		if mask&(1<<i) != 0 && d.err == nil {
			*v = d.float()
		}
	}
}

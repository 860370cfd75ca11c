// Package generator writes bodies as phones send them, of any size, for benchmarks and for tests with much data.
package generator

import (
	"bufio"
	"io"
	"math/rand/v2"
	"strconv"
	"time"
)

// Options describe a body. The first of Bytes, Points and Days that is not 0 sets its size.
type Options struct {
	// Bytes is the approximate length of the body. A twentieth of it are workouts.
	Bytes int64
	// Points is the number of points of all metrics together. There are no workouts.
	Points int
	// Days is the number of days, with a point per minute and metric. There are no workouts.
	Days int
	// Seed seeds the values; equal options write equal bodies.
	Seed uint64
	// Start is the first minute, in the zone that times are written in. The zero time stands for 2024-01-01 at +01:00.
	Start time.Time
	// Sources are the sources of points. Nil stands for a watch and a phone.
	Sources []string
}

// Write writes one body in the JSON of Health Auto Export, grouped by minutes, and returns the number of its points. It
// does not hold the body in memory. Six in ten values have 15 or more digits, as HealthKit's sums have.
func Write(w io.Writer, o Options) (points int, err error) {
	if o.Start.IsZero() {
		o.Start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600))
	}
	if o.Sources == nil {
		o.Sources = []string{"Kim’s Apple Watch", "Kim’s iPhone"}
	}
	buffered := bufio.NewWriterSize(w, 64<<10)
	b := &bodyWriter{out: buffered, options: o, random: rand.New(rand.NewPCG(o.Seed, o.Seed))}
	b.write()
	return b.points, buffered.Flush()
}

// metric describes the points of one metric.
type metric struct {
	name, unit string
	low, high  float64
	// whole is the share, in tenths, of the points whose value is an integer.
	whole int
	point func(b *bodyWriter, m *metric, minute int)
}

var metrics = []metric{
	{"step_count", "count", 1, 180, 5, (*bodyWriter).quantity},
	{"active_energy", "kcal", 0.05, 14, 1, (*bodyWriter).quantity},
	{"basal_energy_burned", "kcal", 0.9, 1.6, 1, (*bodyWriter).quantity},
	{"walking_running_distance", "km", 0.001, 0.16, 1, (*bodyWriter).quantity},
	{"heart_rate", "count/min", 45, 170, 5, (*bodyWriter).summary},
	{"heart_rate_variability", "ms", 12, 110, 1, (*bodyWriter).quantity},
	{"respiratory_rate", "count/min", 9, 24, 5, (*bodyWriter).quantity},
	{"blood_oxygen_saturation", "%", 92, 100, 8, (*bodyWriter).quantity},
	{"environmental_audio_exposure", "dBASPL", 32, 95, 1, (*bodyWriter).quantity},
	{"physical_effort", "kcal/hr·kg", 0.8, 11, 5, (*bodyWriter).quantity},
}

// bodyWriter writes one body.
type bodyWriter struct {
	out     *bufio.Writer
	options Options
	random  *rand.Rand
	written int64
	points  int
	scratch []byte
}

func (b *bodyWriter) write() {
	b.text(`{"data":{"metrics":[`)
	for i := range metrics {
		if i > 0 {
			b.text(",")
		}
		b.entry(i)
	}
	b.text("]")
	if b.options.Bytes > 0 {
		b.workouts()
	}
	b.text("}}")
}

// text writes s. An error of the writer is returned when it is flushed.
func (b *bodyWriter) text(s string) {
	n, _ := b.out.WriteString(s)
	b.written += int64(n)
}

// entry writes a metric. The order of its members alternates, since phones write them in any order.
func (b *bodyWriter) entry(i int) {
	m := &metrics[i]
	description := `"name":"` + m.name + `","units":"` + m.unit + `"`
	b.text("{")
	if i%2 == 0 {
		b.text(description + ",")
	}
	b.text(`"data":[`)
	for minute := 0; b.needsPoint(i, minute); minute++ {
		if minute > 0 {
			b.text(",")
		}
		m.point(b, m, minute)
		b.points++
	}
	b.text("]")
	if i%2 == 1 {
		b.text("," + description)
	}
	b.text("}")
}

// needsPoint reports whether metric i gets a point for the minute.
func (b *bodyWriter) needsPoint(i, minute int) bool {
	count := len(metrics)
	switch o := b.options; {
	case o.Bytes > 0:
		return b.written < o.Bytes/20*19/int64(count)*int64(i+1)
	case o.Points > 0:
		return minute < (o.Points+count-1-i)/count
	default:
		return minute < o.Days*24*60
	}
}

func (b *bodyWriter) quantity(m *metric, minute int) {
	b.scratch = append(b.scratch[:0], `{"date":"`...)
	b.date(minute)
	b.scratch = append(b.scratch, `","qty":`...)
	b.number(m, m.low, m.high)
	b.source()
}

func (b *bodyWriter) summary(m *metric, minute int) {
	b.scratch = append(b.scratch[:0], `{"Min":`...)
	middle := m.low + b.random.Float64()*(m.high-m.low)
	b.number(m, m.low, middle-1) // number rounds up
	b.scratch = append(b.scratch, `,"date":"`...)
	b.date(minute)
	b.scratch = append(b.scratch, `","Avg":`...)
	b.number(m, middle, middle)
	b.scratch = append(b.scratch, `,"Max":`...)
	b.number(m, middle+1, m.high+1)
	b.source()
}

func (b *bodyWriter) date(minute int) {
	at := b.options.Start.Add(time.Duration(minute) * time.Minute)
	b.scratch = at.AppendFormat(b.scratch, "2006-01-02 15:04:05 -0700")
}

func (b *bodyWriter) number(m *metric, low, high float64) {
	v := low + b.random.Float64()*(high-low)
	if b.random.IntN(10) < m.whole {
		b.scratch = strconv.AppendInt(b.scratch, int64(v)+1, 10)
		return
	}
	b.scratch = strconv.AppendFloat(b.scratch, v, 'g', -1, 64)
}

func (b *bodyWriter) source() {
	b.scratch = append(b.scratch, `,"source":`...)
	b.scratch = strconv.AppendQuote(b.scratch, b.options.Sources[b.random.IntN(len(b.options.Sources))])
	b.scratch = append(b.scratch, '}')
	n, _ := b.out.Write(b.scratch)
	b.written += int64(n)
}

// workouts fills the rest of the body with runs that have a heart rate and a route.
func (b *bodyWriter) workouts() {
	b.text(`,"workouts":[`)
	for day := 0; b.written < b.options.Bytes; day++ {
		if day > 0 {
			b.text(",")
		}
		b.workout(day)
	}
	b.text("]")
}

// workoutMinutes is the length of each workout; its route has a point every six seconds.
const workoutMinutes, routePoints = 30, 300

func (b *bodyWriter) workout(day int) {
	first := day*24*60 + 18*60
	b.scratch = append(b.scratch[:0], `{"id":"00000000-0000-4000-8000-`...)
	serial := strconv.Itoa(day)
	b.scratch = append(b.scratch, "000000000000"[len(serial):]+serial+`","name":"Outdoor Run","start":"`...)
	b.date(first)
	b.scratch = append(b.scratch, `","end":"`...)
	b.date(first + workoutMinutes)
	b.scratch = append(b.scratch, `","duration":1800,"distance":{"units":"km","qty":5.1},"heartRateData":[`...)
	for minute := range workoutMinutes {
		b.separate(minute)
		b.scratch = append(b.scratch, `{"units":"count/min","date":"`...)
		b.date(first + minute)
		rate := int64(120 + b.random.IntN(50))
		for _, field := range []string{`","Min":`, `,"Avg":`, `,"Max":`} {
			b.scratch = append(b.scratch, field...)
			b.scratch = strconv.AppendInt(b.scratch, rate, 10)
			rate++
		}
		b.scratch = append(b.scratch, '}')
	}
	b.scratch = append(b.scratch, `],"route":[`...)
	b.route(first)
	b.scratch = append(b.scratch, "]}"...)
	n, _ := b.out.Write(b.scratch)
	b.written += int64(n)
}

func (b *bodyWriter) route(first int) {
	latitude, longitude := 48.1+b.random.Float64(), 11.5+b.random.Float64()
	for i := range routePoints {
		b.separate(i)
		latitude += 1e-4 * b.random.Float64()
		longitude += 1e-4 * b.random.Float64()
		b.scratch = append(b.scratch, `{"latitude":`...)
		b.scratch = strconv.AppendFloat(b.scratch, latitude, 'f', -1, 64)
		b.scratch = append(b.scratch, `,"longitude":`...)
		b.scratch = strconv.AppendFloat(b.scratch, longitude, 'f', -1, 64)
		b.scratch = append(b.scratch, `,"altitude":512.5,"speed":2.8,"timestamp":"`...)
		at := b.options.Start.Add(time.Duration(first)*time.Minute + time.Duration(i)*6*time.Second)
		b.scratch = at.AppendFormat(b.scratch, "2006-01-02 15:04:05 -0700")
		b.scratch = append(b.scratch, `"}`...)
	}
}

func (b *bodyWriter) separate(i int) {
	if i > 0 {
		b.scratch = append(b.scratch, ',')
	}
}

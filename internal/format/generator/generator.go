// Package generator writes bodies such as a phone sends, of any size, for benchmarks and for tests with a lot of data.
package generator

import (
	"bufio"
	"io"
	"math/rand/v2"
	"strconv"
	"time"
)

// Options says what to write. Exactly one of Bytes, Points and Days sets the size; the first that is not 0 does.
type Options struct {
	// Bytes is about how long the body shall be. A twentieth of it are workouts.
	Bytes int64
	// Points is how many points of metrics there shall be, over all metrics. There are no workouts.
	Points int
	// Days is how many days of a point per minute and metric there shall be. There are no workouts.
	Days int
	// Seed makes the values; the same options write the same body.
	Seed uint64
	// Start is the first minute, with the zone that times are written in. The zero time is 2024-01-01 at +01:00.
	Start time.Time
	// Sources are the devices that points come from. Nil is a watch and a phone.
	Sources []string
}

// Write writes one body in the JSON of Health Auto Export, grouped by minutes, and returns how many points of metrics
// it has. It holds nothing in memory. Six of ten values have 15 or more digits, as sums of HealthKit do.
func Write(w io.Writer, o Options) (points int, err error) {
	if o.Start.IsZero() {
		o.Start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600))
	}
	if o.Sources == nil {
		o.Sources = []string{"Kim’s Apple Watch", "Kim’s iPhone"}
	}
	buffered := bufio.NewWriterSize(w, 64<<10)
	b := &body{out: buffered, options: o, random: rand.New(rand.NewPCG(o.Seed, o.Seed))}
	b.write()
	return b.points, buffered.Flush()
}

// metric is what the points of one metric look like.
type metric struct {
	name, unit string
	low, high  float64
	// whole is the share, in tenths, of the points whose value is an integer.
	whole int
	point func(b *body, m *metric, minute int)
}

var metrics = []metric{
	{"step_count", "count", 1, 180, 5, (*body).quantity},
	{"active_energy", "kcal", 0.05, 14, 1, (*body).quantity},
	{"basal_energy_burned", "kcal", 0.9, 1.6, 1, (*body).quantity},
	{"walking_running_distance", "km", 0.001, 0.16, 1, (*body).quantity},
	{"heart_rate", "count/min", 45, 170, 5, (*body).summary},
	{"heart_rate_variability", "ms", 12, 110, 1, (*body).quantity},
	{"respiratory_rate", "count/min", 9, 24, 5, (*body).quantity},
	{"blood_oxygen_saturation", "%", 92, 100, 8, (*body).quantity},
	{"environmental_audio_exposure", "dBASPL", 32, 95, 1, (*body).quantity},
	{"physical_effort", "kcal/hr·kg", 0.8, 11, 5, (*body).quantity},
}

// body is one body while it is written.
type body struct {
	out     *bufio.Writer
	options Options
	random  *rand.Rand
	written int64
	points  int
	scratch []byte
}

func (b *body) write() {
	b.text(`{"data":{"metrics":[`)
	for i := range metrics {
		if i > 0 {
			b.text(",")
		}
		b.item(i)
	}
	b.text("]")
	if b.options.Bytes > 0 {
		b.workouts()
	}
	b.text("}}")
}

// text writes s. An error of the writer stays with it, and comes out when it is flushed.
func (b *body) text(s string) {
	n, _ := b.out.WriteString(s)
	b.written += int64(n)
}

// item writes a metric. Phones write its members in any order, so every other one has the name first.
func (b *body) item(i int) {
	m := &metrics[i]
	description := `"name":"` + m.name + `","units":"` + m.unit + `"`
	b.text("{")
	if i%2 == 0 {
		b.text(description + ",")
	}
	b.text(`"data":[`)
	for minute := 0; b.wants(i, minute); minute++ {
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

// wants reports whether metric i shall have a point for the minute.
func (b *body) wants(i, minute int) bool {
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

func (b *body) quantity(m *metric, minute int) {
	b.scratch = append(b.scratch[:0], `{"date":"`...)
	b.date(minute)
	b.scratch = append(b.scratch, `","qty":`...)
	b.number(m, m.low, m.high)
	b.source()
}

func (b *body) summary(m *metric, minute int) {
	b.scratch = append(b.scratch[:0], `{"Min":`...)
	middle := m.low + b.random.Float64()*(m.high-m.low)
	b.number(m, m.low, middle)
	b.scratch = append(b.scratch, `,"date":"`...)
	b.date(minute)
	b.scratch = append(b.scratch, `","Avg":`...)
	b.number(m, middle, middle)
	b.scratch = append(b.scratch, `,"Max":`...)
	b.number(m, middle, m.high)
	b.source()
}

func (b *body) date(minute int) {
	at := b.options.Start.Add(time.Duration(minute) * time.Minute)
	b.scratch = at.AppendFormat(b.scratch, "2006-01-02 15:04:05 -0700")
}

func (b *body) number(m *metric, low, high float64) {
	v := low + b.random.Float64()*(high-low)
	if b.random.IntN(10) < m.whole {
		b.scratch = strconv.AppendInt(b.scratch, int64(v)+1, 10)
		return
	}
	b.scratch = strconv.AppendFloat(b.scratch, v, 'g', -1, 64)
}

func (b *body) source() {
	b.scratch = append(b.scratch, `,"source":`...)
	b.scratch = strconv.AppendQuote(b.scratch, b.options.Sources[b.random.IntN(len(b.options.Sources))])
	b.scratch = append(b.scratch, '}')
	n, _ := b.out.Write(b.scratch)
	b.written += int64(n)
}

// workouts fills up the body with runs that have a heart rate and a route.
func (b *body) workouts() {
	b.text(`,"workouts":[`)
	for day := 0; b.written < b.options.Bytes; day++ {
		if day > 0 {
			b.text(",")
		}
		b.workout(day)
	}
	b.text("]")
}

// workoutMinutes is how long each workout is; its route has a point every six seconds.
const workoutMinutes, routePoints = 30, 300

func (b *body) workout(day int) {
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

func (b *body) route(first int) {
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

func (b *body) separate(i int) {
	if i > 0 {
		b.scratch = append(b.scratch, ',')
	}
}

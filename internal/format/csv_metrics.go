package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// metricColumns are the columns of one metric in one unit.
type metricColumns struct {
	metric  string
	unit    string
	sleep   bool
	columns []valueColumn
}

// valueColumn is the column of one value of a metric.
type valueColumn struct {
	qualifier string // in lower case; "" for the value itself
	header    string
	index     int
}

// The qualifiers, with countNames, of columns that are values of one metric. Any other qualifier makes a metric of its
// own.
var (
	rangeQualifiers    = []string{"min", "max", "avg"}
	pressureQualifiers = []string{"systolic", "diastolic"}
	sleepQualifiers    = []string{"total", "asleep", "in bed", "core", "deep", "rem", "awake"}
)

// sourceColumns and contextColumns are the names of the columns with the source of a row and with what the person was
// doing.
var (
	sourceColumns  = []string{"source", "sources"}
	contextColumns = []string{"context"}
)

// decodeMetrics emits the metrics of each row. An empty cell is not an element.
func (d *csvDecoder) decodeMetrics(t *table) error {
	when := findColumn(t.header, timeColumns...)
	source, context := findColumn(t.header, sourceColumns...), findColumn(t.header, contextColumns...)
	groups := groupColumns(t.header, when, source, context)
	first := d.metrics
	d.metrics += len(groups)
	d.tables++
	times := localTimeParser{d.times, health.NewZone(d.times.location)}
	var previous health.Instant
	return t.eachRow(func() error {
		if t.isEmptyRow(groups) {
			return nil
		}
		at, offset, ok := times.parse([]byte(t.cell(when)), previous)
		previous = at
		sample := d.emptySample
		sample.Start, sample.End, sample.Offset = at, at, offset
		sample.Source = d.cachedSource(t.cell(source))
		if text := t.cell(context); text != "" {
			sample.Attributes, _ = canonicalObject(map[string]any{"context": text}) // left out where it is not UTF-8
		}
		for i := range groups {
			position := health.Position{Type: "metric", Entry: first + i, Metric: groups[i].metric, Point: t.rowIndex}
			if err := d.decodeMetricCells(t, &groups[i], position, sample, ok); err != nil {
				return err
			}
		}
		return nil
	})
}

// isEmptyRow reports whether the current row has no values.
func (t *table) isEmptyRow(groups []metricColumns) bool {
	for i := range groups {
		if !t.isEmptyMetric(&groups[i]) {
			return false
		}
	}
	return true
}

func (t *table) isEmptyMetric(g *metricColumns) bool {
	return !slices.ContainsFunc(g.columns, func(p valueColumn) bool { return t.cell(p.index) != "" })
}

func (d *csvDecoder) cachedSource(text string) string {
	if cached, ok := d.sources.get([]byte(text)); ok {
		return cached
	}
	return d.sources.put([]byte(text), strings.Clone(strings.ToValidUTF8(text, "\ufffd")))
}

// groupColumns groups the columns by metric and unit.
func groupColumns(header []columnHeader, except ...int) []metricColumns {
	var groups []metricColumns
	for i, h := range header {
		if h.name == "" || slices.Contains(except, i) {
			continue
		}
		g, part := columnOf(h)
		found := slices.IndexFunc(groups, func(o metricColumns) bool {
			return part != "" && o.metric == g.metric && o.unit == g.unit && o.columns[0].qualifier != "" &&
				!slices.ContainsFunc(o.columns, func(p valueColumn) bool { return p.qualifier == part })
		})
		if found < 0 {
			groups = append(groups, g)
			found = len(groups) - 1
		}
		groups[found].columns = append(groups[found].columns, valueColumn{part, h.text, i})
	}
	return groups
}

// columnOf returns the metric of a column and its qualifier. Columns named Min, Max and Avg alone are those of heart
// rates.
func columnOf(h columnHeader) (g metricColumns, part string) {
	g = metricColumns{metric: metricName(h.name), unit: h.unit}
	part = strings.ToLower(h.qualifier)
	switch {
	case h.qualifier == "" && (h.unit == "" || h.unit == "count/min" || h.unit == "bpm") && slices.Contains(rangeQualifiers, strings.ToLower(h.name)):
		return metricColumns{metric: "heart_rate", unit: "count/min"}, strings.ToLower(h.name)
	case isSleep(g.metric) && slices.Contains(sleepQualifiers, part):
		g.sleep = true
	case slices.Contains(rangeQualifiers, part), slices.Contains(pressureQualifiers, part), slices.Contains(countNames, part):
	case part != "":
		g.metric, part = metricName(h.name+" "+h.qualifier), ""
	}
	return g, part
}

// decodeMetricCells emits the values of one metric in the current row.
func (d *csvDecoder) decodeMetricCells(t *table, g *metricColumns, at health.Position, s health.Sample, timed bool) error {
	if t.isEmptyMetric(g) {
		return nil
	}
	if !timed {
		return d.rejectTime(at, t, findColumn(t.header, timeColumns...))
	}
	if len(s.Source) > maxText || strings.ContainsRune(s.Source, 0) {
		return d.reject(at, "Source", "The source is too long or holds a NUL character.", fmt.Sprintf("Send at most %d bytes of plain text.", maxText))
	}
	if unstorableText(g.metric+g.unit) != "" {
		return d.reject(at, "", "The name of the column cannot be kept.", "Send the file as the app wrote it.")
	}
	values := d.values
	clear(values)
	for _, p := range g.columns {
		text := t.cell(p.index)
		if text == "" {
			continue
		}
		v, ok := cellNumber(text)
		if !ok {
			return d.reject(at, printable(p.header), "The value is not a number.", "Send numbers with a decimal point, such as 72.5, and leave out what was not measured.")
		}
		values[p.qualifier] = v
	}
	if g.sleep {
		return d.emitNight(g, at, &s, values)
	}
	s.Metric, s.Unit = g.metric, g.unit
	s.Value, s.Min, s.Max = valueOf(values, ""), valueOf(values, "min"), valueOf(values, "max")
	s.Systolic, s.Diastolic = valueOf(values, "systolic"), valueOf(values, "diastolic")
	if avg := valueOf(values, "avg"); !health.IsAbsent(avg) {
		s.Value = avg
	}
	addCounts(&s, g, values)
	d.samples[0] = s
	return d.emit(health.Record{Position: at, Table: d.tables, Samples: d.samples[:]})
}

func valueOf(values map[string]float64, name string) float64 {
	if v, ok := values[name]; ok {
		return v
	}
	return health.Absent()
}

// addCounts sets the value to the sum of the named counts, which also become attributes.
func addCounts(s *health.Sample, g *metricColumns, values map[string]float64) {
	counts := map[string]any{}
	sum := 0.0
	for _, p := range g.columns {
		if v, ok := values[p.qualifier]; ok && slices.Contains(countNames, p.qualifier) {
			sum += v
			counts[parseColumnHeader(p.header).qualifier] = v
		}
	}
	if len(counts) > 0 {
		s.Value, s.Attributes = sum, mustCanonicalObject(counts)
	}
}

// emitNight emits a night, dated by the day of waking. The app writes 0 for what was not recorded; only for a night
// with stages an awake of 0 is a value.
func (d *csvDecoder) emitNight(g *metricColumns, at health.Position, s *health.Sample, values map[string]float64) error {
	hours, ok := hoursPer(g.unit)
	if !ok {
		return d.reject(at, "", "The unit of the sleep is not known.", "Send hours (hr) or minutes (min).")
	}
	recorded := func(name string) float64 {
		if v := valueOf(values, name); v != 0 {
			return v * hours
		}
		return health.Absent()
	}
	n := health.NewNight()
	n.Date, n.Offset, n.Source = s.LocalDate(), s.Offset, s.Source
	n.Total, n.Asleep, n.InBed = recorded("total"), recorded("asleep"), recorded("in bed")
	n.Core, n.Deep, n.REM, n.Awake = recorded("core"), recorded("deep"), recorded("rem"), recorded("awake")
	if !n.HasDurations() {
		return nil
	}
	if !health.IsAbsent(n.Core) || !health.IsAbsent(n.Deep) || !health.IsAbsent(n.REM) {
		n.Awake = valueOf(values, "awake") * hours
	}
	return d.emit(health.Record{Position: at, Night: &n})
}

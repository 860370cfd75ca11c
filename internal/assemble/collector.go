package assemble

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/health-export/health-export/internal/health"
)

// The tables of one body are bounded, so that a hostile one cannot fill the memory with names.
const (
	maxSeries  = 10_000
	maxSources = 100_000
)

// Collector takes the records of one body and yields them as batches of samples and of other elements. It is not safe for
// concurrent use, but for what Samples and Batch.Account allow.
type Collector struct {
	resolver *resolver
	received health.Instant
	order    health.Instant // see health.Sample.Order
	asOf     health.Instant // see health.Sample.AsOf
	grain    health.Grain   // of points without one; GrainUnknown: by the evidence of all points

	metrics   map[metricName]*bodyMetric // by name and unit as sent
	series    []series
	seriesIDs map[metricName]uint32 // by name and unit as stored
	sources   []string
	sourceIDs map[string]uint32
	types     []string // Record.Type, "" first
	typeIDs   map[string]uint32
	buffers   *buffers
	sorter    sorter
	sequence  uint32
	current   openEntry

	ungroupedSeries []ungroupedSeries
	ungroupedIDs    map[ungroupedKey]int32
	settled         []settledGrain // of ungroupedSeries, after Finish
	// saysZeros is set by Finish where no metric point was rejected: else a bucket that is absent may be one of those.
	saysZeros bool

	zone    *health.Zone // nil: every offset is kept
	others  otherElements
	devices devices

	accounted atomic.Int64 // samples whose outcome is known
	// mu guards what follows while several partitions are read.
	mu       sync.Mutex
	report   health.Report
	outcomes outcomeRun
	// compounds are the elements with several samples; all others are counted as their outcome is reported.
	compounds []compoundElement
	unused    []*sampleBatch // to be used again
}

type metricName struct{ name, unit string }

// series is the points of one metric in one unit, as stored.
type series struct {
	name, unit    string
	cumulative    bool
	bloodPressure bool
	sampling      sampling
}

// bodyMetric is a name and a unit as sent, resolved, with the series of this body that its points belong to.
type bodyMetric struct {
	resolvedMetric
	series uint32
	warned bool // its unknown unit is in the report
}

// outcomeRun is how many points of one type in a row had the same outcome, not yet in the report.
type outcomeRun struct {
	typ     uint32 // index into Collector.types
	outcome health.Outcome
	count   int
}

// openEntry is the metric entry whose points are being added.
type openEntry struct {
	entry      *health.MetricEntry
	index      int
	pending    pointBuffer // points that came before the name and the unit
	metric     *bodyMetric // nil until name and unit are known
	firstError int         // index into the report's errors at its beginning
}

// Close frees the memory and the temporary files.
func (c *Collector) Close() {
	c.sorter.close()
	c.current.pending.clear()
	c.others.close()
	for _, b := range c.unused {
		c.buffers.samples.put(b.Elements)
		c.buffers.refs.put(b.refs)
	}
	c.unused = nil
}

// Add takes one record, as the decoder yields it. What is wrong with the record goes into the report; an error is a failure
// of this server.
func (c *Collector) Add(r *health.Record) error {
	for _, w := range r.Warnings {
		c.report.Warn(w)
	}
	if r.Device != nil {
		c.seeDevice(r)
	}
	if r.Entry != c.current.entry {
		if err := c.endEntry(); err != nil {
			return err
		}
		c.beginEntry(r)
	}
	switch {
	case len(r.Samples) == 1 && r.Entry == nil:
		return c.addSample(r)
	case r.Samples != nil:
		return c.addSamples(r)
	case r.Night != nil, r.Segment != nil, r.Workout != nil, r.Event != nil, r.ECG != nil:
		return c.addOther(r)
	case r.Merged:
		c.report.Count(r.Kind(), r.Type, health.Merged)
		return nil
	case r.Warnings != nil:
		return nil
	}
	return fmt.Errorf("the decoder yielded an empty record at %s %d", r.Position.Type, r.Position.Entry)
}

// SetAsOf sets when the body was made, if that is earlier than its receipt: its elements do not replace what was received
// in between, so their order is as much earlier. Call it before the first record is added.
func (c *Collector) SetAsOf(at health.Instant) {
	if at >= health.MinInstant && at < c.asOf {
		c.order -= c.asOf - at
		c.asOf = at
	}
}

// Order returns the order that the elements are stored with.
func (c *Collector) Order() health.Instant { return c.order }

// Reject adds to the report an element that the decoder refused.
func (c *Collector) Reject(kind health.ElementKind, typ string, rejection *health.Rejection) {
	c.report.Reject(kind, typ, rejection)
}

// typeID returns the index of a record type. There are a few hundred; those past maxSeries share one.
func (c *Collector) typeID(typ string) uint32 {
	if id, ok := c.typeIDs[typ]; ok {
		return id
	}
	if len(c.types) == maxSeries {
		return maxSeries - 1
	}
	id := uint32(len(c.types))
	c.types = append(c.types, typ)
	c.typeIDs[typ] = id
	return id
}

// addSample takes an element that is one sample.
func (c *Collector) addSample(r *health.Record) error {
	p, rejection := c.readSample(r, &r.Samples[0])
	if rejection != nil {
		c.Reject(r.Kind(), r.Type, rejection)
		return nil
	}
	return c.sortPoint(&p, r.Table)
}

// readSample returns the normalised point of a sample that has its own metric name.
func (c *Collector) readSample(r *health.Record, s *health.Sample) (p point, rejection *health.Rejection) {
	if p, rejection = c.newPoint(&r.Position, s); rejection != nil {
		return p, rejection
	}
	metric, rejection := c.resolve(s.Metric, s.Unit, &r.Position)
	if rejection != nil {
		return p, rejection
	}
	if p.typ = c.typeID(r.Type) << 1; s.Component {
		p.typ++
	}
	return p, c.normalise(&p, metric, &r.Position)
}

func (c *Collector) addSamples(r *health.Record) error {
	if r.Entry != nil {
		return c.addEntryPoint(&r.Position, &r.Samples[0])
	}
	points := make([]point, 0, len(r.Samples))
	for i := range r.Samples {
		p, rejection := c.readSample(r, &r.Samples[i])
		if rejection != nil { // one bad value refuses the element, so all are checked before one is sorted
			c.Reject(r.Kind(), r.Type, rejection)
			return nil
		}
		points = append(points, p)
	}
	c.compounds = append(c.compounds, compoundElement{typ: c.typeID(r.Type)})
	for i := range points {
		points[i].compound = int32(len(c.compounds) - 1)
		if err := c.sortPoint(&points[i], r.Table); err != nil {
			return err
		}
	}
	return nil
}

// addEntryPoint takes a point of a metric's entry, whose name and unit may come after it.
func (c *Collector) addEntryPoint(at *health.Position, sample *health.Sample) error {
	p, rejection := c.newPoint(at, sample)
	if rejection != nil {
		c.Reject(health.Metrics, "", rejection)
		return nil
	}
	if c.current.metric == nil && c.current.entry.Name != "" && c.current.entry.Unit != "" {
		if err := c.resolveEntry(); err != nil {
			return err
		}
	}
	if c.current.metric == nil {
		return c.current.pending.add(&p)
	}
	return c.addResolvedPoint(&p)
}

func (c *Collector) beginEntry(r *health.Record) {
	c.current.entry, c.current.index = r.Entry, r.Position.Entry
	c.current.metric, c.current.firstError = nil, len(c.report.Errors)
}

// endEntry resolves the metric of the entry if its name or unit came after its points, and completes the rejections that were
// listed without the name.
func (c *Collector) endEntry() error {
	if c.current.entry == nil {
		return nil
	}
	if c.current.metric == nil {
		if err := c.resolveEntry(); err != nil {
			return err
		}
	}
	rejections := c.report.Errors[min(c.current.firstError, len(c.report.Errors)):]
	for i := range rejections {
		if r := &rejections[i]; r.Metric == "" && r.Type == "metric" && r.Entry == c.current.index {
			r.Metric = c.current.entry.Name
		}
	}
	c.current.entry = nil
	return nil
}

// Finish completes the order of the samples. Call it once, at the end of the body.
func (c *Collector) Finish() error {
	if err := c.endEntry(); err != nil {
		return err
	}
	grains := c.grains()
	if err := c.sorter.finish(grains); err != nil {
		return err
	}
	apart, err := c.findApart(grains)
	if err != nil {
		return err
	}
	c.settled = c.settle()
	c.saysZeros = c.report.Counts[health.Metrics].Rejected == 0
	if !apart {
		return nil
	}
	return c.sorter.finish(resolvedGrains(c.settled))
}

// resolveEntry resolves the name and unit of the entry, and adds the points that were pending for them. Where they cannot be
// stored, those points are refused; points that follow stay pending and are refused when the entry ends.
func (c *Collector) resolveEntry() error {
	at := health.Position{Type: "metric", Entry: c.current.index, Metric: c.current.entry.Name}
	metric, rejection := c.resolve(c.current.entry.Name, c.current.entry.Unit, &at)
	c.current.metric = metric
	defer c.current.pending.clear()
	for p, err := range c.current.pending.all() {
		if err != nil {
			return err
		}
		if rejection != nil {
			refused := *rejection
			refused.Point = int(p.index)
			c.Reject(health.Metrics, "", &refused)
			continue
		}
		if err := c.addResolvedPoint(p); err != nil {
			return err
		}
	}
	return nil
}

func (c *Collector) addResolvedPoint(p *point) error {
	at := health.Position{Type: "metric", Entry: c.current.index, Metric: c.current.entry.Name, Point: int(p.index)}
	if rejection := c.normalise(p, c.current.metric, &at); rejection != nil {
		c.Reject(health.Metrics, "", rejection)
		return nil
	}
	return c.sortPoint(p, 0)
}

// resolve resolves a metric name and a unit, as sent, and assigns them a series of this body.
func (c *Collector) resolve(name, unit string, at *health.Position) (*bodyMetric, *health.Rejection) {
	key := metricName{name, unit}
	if m, ok := c.metrics[key]; ok {
		return m, nil
	}
	if name == "" {
		return nil, refuse(at, "name", "The metric has no name.", `Give the entry a "name", such as step_count.`)
	}
	if len(c.metrics) == maxSeries {
		return nil, refuse(at, "name", "The body holds too many different metrics.", "Send it in several parts.")
	}
	m := &bodyMetric{resolvedMetric: c.resolver.resolve(name, unit)}
	stored := metricName{m.name, m.unit}
	id, ok := c.seriesIDs[stored]
	if !ok {
		id = uint32(len(c.series))
		c.series = append(c.series, series{
			name: m.name, unit: m.unit, cumulative: m.cumulative(), bloodPressure: m.metric == c.resolver.bloodPressure,
			sampling: c.resolver.sampling(&m.resolvedMetric),
		})
		c.seriesIDs[stored] = id
	}
	m.series = id
	c.metrics[key] = m
	return m, nil
}

// newPoint checks what can be checked of a sample before its metric is resolved, and packs it.
func (c *Collector) newPoint(at *health.Position, s *health.Sample) (point, *health.Rejection) {
	if s.End == 0 {
		s.End = s.Start
	}
	if rejection := c.checkTime(at, "date", s.Start); rejection != nil {
		return point{}, rejection
	}
	if s.End < s.Start {
		return point{}, refuse(at, "end", "The sample ends before it starts.", "Check the clock of the device that recorded it.")
	}
	if rejection := c.checkTime(at, "end", s.End); rejection != nil {
		return point{}, rejection
	}
	for _, v := range [...]float64{s.Value, s.Min, s.Max, s.Systolic, s.Diastolic} {
		if math.IsInf(v, 0) {
			return point{}, refuse(at, "qty", "The value is too large to be a number.", "Send a finite number.")
		}
	}
	source, ok := c.sourceIDs[s.Source]
	if !ok {
		if len(c.sources) == maxSources {
			return point{}, refuse(at, "source", "The body holds too many different sources.", "Send it in several parts.")
		}
		source = uint32(len(c.sources))
		c.sources = append(c.sources, s.Source)
		c.sourceIDs[s.Source] = source
	}
	p := pack(s)
	p.source, p.entry, p.index, p.sequence = source, uint32(at.Entry), int32(at.Point), c.sequence
	c.sequence++
	if p.grain == health.GrainUnknown {
		p.grain = c.grain
		if s.End > s.Start {
			p.grain = health.GrainRaw // it has its own length
		}
	}
	return p, nil
}

// normalise converts the values of a point and checks them against the valid range of its metric.
func (c *Collector) normalise(p *point, m *bodyMetric, at *health.Position) *health.Rejection {
	p.series = m.series
	s := p.unpack()
	m.convert(&s)
	p.values = [5]float64{s.Value, s.Min, s.Max, s.Systolic, s.Diastolic}

	values, n := c.resolver.boundedValues(&m.resolvedMetric, &s)
	for _, v := range values[:n] {
		if !v.valid(p.grain) {
			return outOfRange(at, v, m.unit)
		}
	}
	if rejection := c.checkPossible(&s, m, at); rejection != nil {
		return rejection
	}
	for _, v := range values[:n] {
		if v.suspicious(p.grain) {
			c.report.Warn(suspicious(at, v, m.unit))
			break
		}
	}
	if !m.known && !m.warned {
		m.warned = true
		c.report.Warn(unknownUnit(at, &m.resolvedMetric))
	}
	return nil
}

// sortPoint adds a normalised point of a table to the sorter.
func (c *Collector) sortPoint(p *point, table int) error {
	if p.grain == health.GrainUnknown {
		p.grain = c.ungrouped(p, table)
	}
	return c.sorter.add(p, c.grains)
}

// latest returns the latest time that is not refused.
func (c *Collector) latest() health.Instant {
	return c.received + health.MaxFuture
}

// checkTime refuses a time before 1900 or more than health.MaxFuture after the receipt.
func (c *Collector) checkTime(at *health.Position, field string, t health.Instant) *health.Rejection {
	if t >= health.MinInstant && t <= c.latest() {
		return nil
	}
	rejection := refuse(at, field, "The time is not between 1900 and two days after the body was received.",
		"Check the date and the clock of the device that recorded it.")
	rejection.Details["value"] = t.String()
	return rejection
}

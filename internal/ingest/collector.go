package ingest

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/health-export/health-export/internal/health"
)

// The tables of one body are bounded, so that a hostile one cannot fill the memory with names.
const (
	maxSeries  = 10_000
	maxSources = 100_000
)

// maxAhead is how far ahead of its receipt something may lie: clocks and zones differ.
const maxAhead = 48 * time.Hour

// Collector takes the records of one body, normalises them, and holds them, in order and with bounded memory, until
// the body has been read to its end: only then is it known that it is whole, what grain its points have and which of
// its elements are the same. Nothing is written before that.
type Collector struct {
	resolver *Resolver
	received health.Instant
	asOf     health.Instant // as of when the body speaks: when it was received, unless it says that it is older
	grain    health.Grain   // from the header; GrainUnknown: off the clock
	report   *health.Report

	metrics   map[seriesKey]*bodyMetric // by name and unit as sent
	series    []series
	seriesIDs map[seriesKey]uint32 // by name and unit as stored
	sources   []string
	sourceIDs map[string]uint32
	buffers   *buffers
	sorter    sorter
	sequence  uint32
	types     []string // Record.Type, "" first
	typeIDs   map[string]uint32
	outcomes  outcomeRun
	written   atomic.Int64 // elements whose outcome is known
	// mu guards tally, elements, summaries, summingUp and the report while several stretches are written.
	mu sync.Mutex
	// compounds has an entry for every element that carries several samples; the others are counted as they are written.
	compounds []compoundElement

	current openEntry
	others  otherElements
	// summaries is how many summaries of days were written, and summingUp how long that took.
	summaries int
	summingUp time.Duration
}

type seriesKey struct{ name, unit string }

// series is the points of one metric in one unit, as stored.
type series struct {
	name, unit    string
	cumulative    bool
	bloodPressure bool
	detector      grainDetector
}

// bodyMetric is what a name and a unit as sent mean in this body.
type bodyMetric struct {
	resolvedMetric
	series uint32
	warned bool // its unknown unit has been reported
}

// outcomeRun is how many points of one type in a row had the same outcome, not yet in the report.
type outcomeRun struct {
	typ     uint32 // index into collector.types
	outcome health.Outcome
	count   int
}

// openEntry is the metric entry whose points are arriving.
type openEntry struct {
	entry      *health.MetricEntry
	index      int
	pending    pointBuffer // points that came before the name and the unit
	metric     *bodyMetric // nil until name and unit are known
	firstError int         // index into the report's errors at its beginning
}

func newCollector(words *Resolver, ingestion *health.Ingestion, report *health.Report, b *buffers, dir string) *Collector {
	c := &Collector{
		resolver: words, received: health.InstantOf(ingestion.ReceivedAt), grain: headerGrain(ingestion.Headers),
		report: report, metrics: map[seriesKey]*bodyMetric{}, seriesIDs: map[seriesKey]uint32{},
		sourceIDs: map[string]uint32{},
		types:     []string{""}, typeIDs: map[string]uint32{"": 0},
		buffers: b, sorter: sorter{dir: dir, buffers: b}, current: openEntry{pending: pointBuffer{dir: dir}},
	}
	c.asOf = c.received
	c.others = newOtherElements(dir, report)
	return c
}

func (c *Collector) Close() {
	c.sorter.close()
	c.current.pending.clear()
	c.others.close()
}

// Add takes one record. An error is a failure of ours; what is wrong with the record goes into the report.
func (c *Collector) Add(r *health.Record) error {
	for _, w := range r.Warnings {
		c.report.Warn(w)
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

// SetAsOf takes note that the body was made at an instant: it cannot know what came later.
func (c *Collector) SetAsOf(at health.Instant) {
	if at >= health.MinInstant && at < c.received {
		c.asOf = at
	}
}

// Reject takes a refused element of a type.
func (c *Collector) Reject(kind health.ElementKind, typ string, rejection *health.Rejection) {
	c.report.Reject(kind, typ, rejection)
}

// typeID returns the index of a type of record. There are a few hundred; past maxSeries they share one.
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
	return c.sortPoint(&p)
}

// readSample makes a normalised point of a sample that says its metric itself.
func (c *Collector) readSample(r *health.Record, s *health.Sample) (p point, rejection *health.Rejection) {
	if p, rejection = c.newPoint(&r.Position, s); rejection != nil {
		return p, rejection
	}
	means, rejection := c.resolve(s.Metric, s.Unit, &r.Position)
	if rejection != nil {
		return p, rejection
	}
	if p.typ = c.typeID(r.Type) << 1; s.Component {
		p.typ++
	}
	return p, c.normalise(&p, means, &r.Position)
}

func (c *Collector) addSamples(r *health.Record) error {
	if r.Entry != nil {
		return c.addEntryPoint(&r.Position, &r.Samples[0])
	}
	points := make([]point, 0, len(r.Samples))
	for i := range r.Samples {
		p, rejection := c.readSample(r, &r.Samples[i])
		if rejection != nil { // one bad value refuses the element, so nothing of it is placed before all is checked
			c.Reject(r.Kind(), r.Type, rejection)
			return nil
		}
		points = append(points, p)
	}
	c.compounds = append(c.compounds, compoundElement{position: r.Position, typ: c.typeID(r.Type)})
	for i := range points {
		points[i].element = int32(len(c.compounds) - 1)
		if err := c.sortPoint(&points[i]); err != nil {
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

// endEntry settles what the item's late name and unit mean for its points.
func (c *Collector) endEntry() error {
	if c.current.entry == nil {
		return nil
	}
	if c.current.metric == nil {
		if err := c.resolveEntry(); err != nil {
			return err
		}
	}
	errors := c.report.Errors[min(c.current.firstError, len(c.report.Errors)):]
	for i := range errors {
		if errors[i].Metric == "" && errors[i].Type == "metric" && errors[i].Entry == c.current.index {
			errors[i].Metric = c.current.entry.Name
		}
	}
	c.current.entry = nil
	return nil
}

// Finish is called at the end of the body.
func (c *Collector) Finish() error {
	if err := c.endEntry(); err != nil {
		return err
	}
	return c.sorter.finish(c.grains())
}

// resolveEntry finds out what the item's name and unit mean, and places the points that were waiting for them. Where they
// mean nothing that can be stored, the points are refused, and so are those that follow, when the item ends.
func (c *Collector) resolveEntry() error {
	at := health.Position{Type: "metric", Entry: c.current.index, Metric: c.current.entry.Name}
	means, rejection := c.resolve(c.current.entry.Name, c.current.entry.Unit, &at)
	c.current.metric = means
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
	return c.sortPoint(p)
}

// resolve finds out what a metric name and a unit, as sent, mean, and which series of this body is theirs.
func (c *Collector) resolve(name, unit string, at *health.Position) (*bodyMetric, *health.Rejection) {
	key := seriesKey{name, unit}
	if u, ok := c.metrics[key]; ok {
		return u, nil
	}
	if name == "" {
		return nil, refuse(at, "name", "The metric has no name.", `Give the entry a "name", such as step_count.`)
	}
	if len(c.metrics) == maxSeries {
		return nil, refuse(at, "name", "The body holds too many different metrics.", "Send it in several parts.")
	}
	u := &bodyMetric{resolvedMetric: c.resolver.resolve(name, unit)}
	stored := seriesKey{u.name, u.unit}
	id, ok := c.seriesIDs[stored]
	if !ok {
		id = uint32(len(c.series))
		c.series = append(c.series, series{
			name: u.name, unit: u.unit, cumulative: u.cumulative(), bloodPressure: u.metric == c.resolver.bloodPressure,
		})
		c.seriesIDs[stored] = id
	}
	u.series = id
	c.metrics[key] = u
	return u, nil
}

// newPoint checks what can be checked of a sample without knowing its metric, and packs it.
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
			p.grain = health.GrainRaw // it says its own length
		}
	}
	return p, nil
}

// normalise converts the values of a point and holds them against the valid range of its metric.
func (c *Collector) normalise(p *point, means *bodyMetric, at *health.Position) *health.Rejection {
	m := &means.resolvedMetric
	p.series = means.series
	s := p.unpack()
	m.convert(&s)
	p.values = [5]float64{s.Value, s.Min, s.Max, s.Systolic, s.Diastolic}

	bounds, n := c.resolver.bounds(m, &s)
	for _, b := range bounds[:n] {
		if !b.valid(p.grain) {
			return outOfRange(at, b, m.unit)
		}
	}
	for _, b := range bounds[:n] {
		if b.suspicious(p.grain) {
			c.report.Warn(suspicious(at, b, m.unit))
			break
		}
	}
	if !m.known && !means.warned {
		means.warned = true
		c.report.Warn(unknownUnit(at, m))
	}
	return nil
}

// sortPoint hands a normalised point to the sorter.
func (c *Collector) sortPoint(p *point) error {
	if p.grain == health.GrainUnknown {
		c.series[p.series].detector.add(p.start, p.offset)
	}
	return c.sorter.add(p, c.grains)
}

// grains returns the grain that each series shows so far.
func (c *Collector) grains() []health.Grain {
	grains := make([]health.Grain, len(c.series))
	for i := range c.series {
		grains[i] = c.series[i].detector.grain()
	}
	return grains
}

// checkTime refuses a time before 1900 or too far ahead.
func (c *Collector) checkTime(at *health.Position, field string, t health.Instant) *health.Rejection {
	if t >= health.MinInstant && t <= c.received+health.Instant(maxAhead/time.Microsecond) {
		return nil
	}
	rejection := refuse(at, field, "The time is not between 1900 and two days after the body was received.",
		"Check the date and the clock of the device that recorded it.")
	rejection.Details["value"] = t.String()
	return rejection
}

package assemble

import (
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
)

// How many starts of buckets are evidence that the app grouped what it sent: readings fall on hours and minutes now and
// then, and hardly ever on two midnights. A table's rows are buckets anyway, by default days, so that one midnight is enough.
const (
	enoughStarts = 3
	enoughDays   = 2
	enoughRows   = 1
)

// maxUngrouped bounds the ungroupedSeries of a body; points beyond them are readings.
const maxUngrouped = 2 * maxSeries

// sampling is how the values of a metric come about, where the sender does not say it.
type sampling uint8

const (
	summarised  sampling = iota // the app makes summaries of it, all of one length
	bySeconds                   // the app makes summaries of seconds, while it makes minutes of the rest: heart rate
	userEntered                 // each value is one entry or one measurement
	unknown                     // not in the catalogue
)

// ungroupedSeries is those points of a series in one table that came without a grain, and what their times say of it. Table
// 0 is everything that is no table.
type ungroupedSeries struct {
	table    int
	sampling sampling
	times    bucketTimes
	// source is the first that was alone in a point, several whether there are others, and apart whether two points of one
	// time have different ones: then HealthKit has not merged them, and they are readings.
	source          uint32
	single, several bool
	apart           bool
}

type ungroupedKey struct {
	series uint32
	table  int
}

// settledGrain is the grain that a series without one turns out to have.
type settledGrain struct {
	grain health.Grain
	// inferred is set for readings that could be summaries of any length: there are too few of them to tell.
	inferred bool
}

// bucketTimes is what is known of the local times of some points.
type bucketTimes struct {
	offDay, offHour, offMinute bool // one is not at midnight, not on the hour, not on the minute
	// starts are the first different ones.
	starts [enoughStarts]health.Instant
	n      int
}

func (b *bucketTimes) add(local health.Instant) {
	const minute, hour = health.Second * health.Instant(health.GrainMinute), health.Second * health.Instant(health.GrainHour)
	if local%health.Day != 0 {
		b.offDay = true
		b.offHour = b.offHour || local%hour != 0
		b.offMinute = b.offMinute || local%minute != 0
	}
	if b.n < len(b.starts) && !slices.Contains(b.starts[:b.n], local) {
		b.starts[b.n] = local
		b.n++
	}
}

func (b *bucketTimes) merge(o *bucketTimes) {
	b.offDay, b.offHour, b.offMinute = b.offDay || o.offDay, b.offHour || o.offHour, b.offMinute || o.offMinute
	for _, start := range o.starts[:o.n] {
		if b.n < len(b.starts) && !slices.Contains(b.starts[:b.n], start) {
			b.starts[b.n] = start
			b.n++
		}
	}
}

// on reports whether all times are starts of buckets of a grain.
func (b *bucketTimes) on(grain health.Grain) bool {
	switch grain {
	case health.GrainDay:
		return !b.offDay
	case health.GrainHour:
		return !b.offHour
	default:
		return !b.offMinute
	}
}

// grain returns the coarsest grain for which the times are evidence, given how many midnights suffice.
func (b *bucketTimes) grain(midnights int) health.Grain {
	switch {
	case b.offMinute, b.n == 0:
		return health.GrainRaw
	case !b.offDay && b.n >= midnights:
		return health.GrainDay
	case b.n < enoughStarts:
		return health.GrainRaw
	case !b.offHour:
		return health.GrainHour
	default:
		return health.GrainMinute
	}
}

// evidence is what the points of a table, or of a body that is none, say together about how they were grouped.
type evidence struct{ rest, heartRate bucketTimes }

func (e *evidence) add(u *ungroupedSeries) {
	switch u.sampling {
	case summarised:
		e.rest.merge(&u.times)
	case bySeconds:
		e.heartRate.merge(&u.times)
	}
}

// settle returns the grain of a series. All that the app summarises has one; heart rate with seconds is a reading, and says
// nothing of the others.
func (e *evidence) settle(u *ungroupedSeries) settledGrain {
	together := e.rest
	if !e.heartRate.offMinute {
		together.merge(&e.heartRate)
	}
	midnights := enoughDays
	if u.table > 0 {
		midnights = enoughRows
	}
	grain := together.grain(midnights)
	switch {
	case u.sampling == userEntered, u.apart, !u.times.on(max(grain, health.GrainMinute)):
		return settledGrain{grain: health.GrainRaw}
	case grain == health.GrainRaw:
		return settledGrain{grain: grain, inferred: !together.offMinute}
	default:
		return settledGrain{grain: grain}
	}
}

// ungrouped returns the grain of a point that has none yet: a negative number that stands for the ungroupedSeries it is now
// one of.
func (c *Collector) ungrouped(p *point, table int) health.Grain {
	key := ungroupedKey{p.series, table}
	id, ok := c.ungroupedIDs[key]
	if !ok {
		if len(c.ungroupedSeries) == maxUngrouped {
			return health.GrainRaw
		}
		id = int32(len(c.ungroupedSeries))
		c.ungroupedSeries = append(c.ungroupedSeries, ungroupedSeries{table: table, sampling: c.samplingOf(p.series, table)})
		c.ungroupedIDs[key] = id
	}
	u := &c.ungroupedSeries[id]
	u.times.add(p.start + health.Instant(p.offset)*health.Second)
	if c.isSingle(p.source) {
		u.several = u.several || u.single && u.source != p.source
		u.single, u.source = true, p.source
	}
	return -1 - health.Grain(id)
}

// samplingOf returns how the values of a series come about. A row of a table has the values of all metrics in one bucket,
// entered ones too.
func (c *Collector) samplingOf(series uint32, table int) sampling {
	if s := c.series[series].sampling; table == 0 || s == bySeconds {
		return s
	}
	return summarised
}

// grains returns the grain that each ungroupedSeries has by the points so far.
func (c *Collector) grains() []health.Grain { return resolvedGrains(c.settle()) }

func resolvedGrains(settled []settledGrain) []health.Grain {
	grains := make([]health.Grain, len(settled))
	for i := range settled {
		grains[i] = settled[i].grain
	}
	return grains
}

func (c *Collector) settle() []settledGrain {
	tables := map[int]*evidence{}
	for i := range c.ungroupedSeries {
		u := &c.ungroupedSeries[i]
		if tables[u.table] == nil {
			tables[u.table] = &evidence{}
		}
		tables[u.table].add(u)
	}
	settled := make([]settledGrain, len(c.ungroupedSeries))
	for i := range c.ungroupedSeries {
		u := &c.ungroupedSeries[i]
		settled[i] = tables[u.table].settle(u)
	}
	return settled
}

// findApart sets apart where it holds, in the points that are sorted by the given grains. It reports whether it set one.
func (c *Collector) findApart(grains []health.Grain) (found bool, err error) {
	all, any := c.candidates(grains)
	if !any {
		return false, nil
	}
	var first point
	for p, err := range c.sorter.sorted(all, grains) {
		if err != nil {
			return false, err
		}
		if p.grain >= 0 || p.resolvedGrain(grains) == health.GrainRaw || !c.isSingle(p.source) {
			continue
		}
		grain := p.resolvedGrain(grains)
		if p.series != first.series || p.grain != first.grain || p.keyTime(grain) != first.keyTime(grain) {
			first = *p
		} else if u := &c.ungroupedSeries[-1-p.grain]; p.source != first.source {
			u.apart, found = true, true
		}
	}
	return found, nil
}

// candidates returns a partition with all series that may have two points of one time from different single sources.
func (c *Collector) candidates(grains []health.Grain) (all Partition, any bool) {
	for key, id := range c.ungroupedIDs {
		if grains[id] == health.GrainRaw || !c.ungroupedSeries[id].several {
			continue
		}
		if !any {
			all, any = Partition{first: key.series, end: key.series + 1}, true
		}
		all.first, all.end = min(all.first, key.series), max(all.end, key.series+1)
	}
	return all, any
}

// isSingle reports whether a source is exactly one.
func (c *Collector) isSingle(source uint32) bool {
	name := c.sources[source]
	return name != "" && !strings.Contains(name, "|")
}

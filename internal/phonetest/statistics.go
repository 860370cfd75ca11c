package phonetest

import (
	"math"
	"slices"
	"time"
)

// Grain is the length of a bucket.
type Grain string

// The grains by which statistics are collected.
const (
	Minute Grain = "minute"
	Hour   Grain = "hour"
	Day    Grain = "day"
)

// Hold is how long a heart rate holds where no other follows from the same source.
const Hold = 40 * time.Second

// Statistic is what HealthKit's statistics say of one bucket.
type Statistic struct {
	Start, End time.Time
	// Sum is set for cumulative metrics.
	Sum float64
	// Min, Avg and Max are set for others.
	Min, Avg, Max float64
	Count         int
	// Sources are the names of those that have samples in the bucket, in order of their priority.
	Sources []string
}

// bucketOf returns the bounds of the bucket that holds t, by the clock of a zone.
func (g Grain) bucketOf(t time.Time, zone *time.Location) (start, end time.Time) {
	switch g {
	case Minute:
		start = t.Truncate(time.Minute)
		return start, start.Add(time.Minute)
	case Hour:
		_, offset := t.In(zone).Zone()
		shift := time.Duration(offset) * time.Second
		start = t.Add(shift).Truncate(time.Hour).Add(-shift)
		return start, start.Add(time.Hour)
	default:
		y, m, d := t.In(zone).Date()
		return dayStart(y, m, d, zone), dayStart(y, m, d+1, zone)
	}
}

// dayStart returns the first instant of a day, which is 01:00 where clocks go forward at midnight.
func dayStart(y int, m time.Month, d int, zone *time.Location) time.Time {
	day := time.Date(y, m, d, 12, 0, 0, 0, zone)
	start := time.Date(y, m, d, 0, 0, 0, 0, zone)
	for start.Day() != day.Day() {
		start = start.Add(30 * time.Minute)
	}
	return start
}

// Statistics returns HealthKit's statistics of the buckets in [from, to) by the clock of a zone, in order, without those
// that have no data. The first and last bucket take only what lies in [from, to).
func (s State) Statistics(metric Metric, grain Grain, zone *time.Location, from, to time.Time) []Statistic {
	samples := s.touching(metric.Name, from, to)
	if metric.Style != Cumulative {
		return means(metric, samples, grain, zone, from, to)
	}
	c := collector{grain: grain, zone: zone}
	for _, p := range merge(metric, samples) {
		p.share(from, to, c.add)
	}
	if grain == Minute && !metric.ByHand {
		for i := range c.buckets {
			c.buckets[i].Sum *= 1 + s.kit.Inflation
		}
	}
	return c.sorted()
}

// Sum returns the sum of a cumulative metric in [from, to), merged over all sources.
func (s State) Sum(metric Metric, from, to time.Time) (sum float64) {
	for _, p := range merge(metric, s.touching(metric.Name, from, to)) {
		p.share(from, to, func(_ *Source, _, _ time.Time, value float64) { sum += value })
	}
	return sum
}

// piece is the part of a sample that counts, after sources were merged.
type piece struct {
	source     *Source
	start, end time.Time
	value      float64
}

// share yields the part of a piece that lies in [from, to).
func (p piece) share(from, to time.Time, yield func(source *Source, start, end time.Time, value float64)) {
	if !p.start.Before(p.end) {
		if !p.start.Before(from) && p.start.Before(to) {
			yield(p.source, p.start, p.end, p.value)
		}
		return
	}
	start, end := later(p.start, from), earlier(p.end, to)
	if start.Before(end) {
		yield(p.source, start, end, p.value*float64(end.Sub(start))/float64(p.end.Sub(p.start)))
	}
}

// merge returns what counts of samples: where several sources measured, the one with the highest priority.
func merge(metric Metric, samples []Sample) []piece {
	var pieces []piece
	if metric.ByHand {
		for _, s := range samples {
			end := s.End
			if metric.Category {
				end = s.Start
			}
			pieces = append(pieces, piece{s.Source, s.Start, end, s.Value})
		}
		return pieces
	}
	ranked := slices.Clone(samples)
	slices.SortStableFunc(ranked, func(a, b Sample) int { return a.Source.Priority - b.Source.Priority })
	var covered spans
	for first := 0; first < len(ranked); {
		last := first
		for last < len(ranked) && ranked[last].Source == ranked[first].Source {
			pieces = covered.uncovered(pieces, ranked[last])
			last++
		}
		covered = covered.with(ranked[first:last])
		first = last
	}
	return pieces
}

// spans are intervals in order that do not touch.
type spans []span

type span struct{ start, end time.Time }

// uncovered appends the parts of a sample that lie outside the spans, with their share of its value.
func (c spans) uncovered(pieces []piece, s Sample) []piece {
	length := s.End.Sub(s.Start)
	i, _ := slices.BinarySearchFunc(c, s.Start, func(x span, t time.Time) int {
		if x.end.After(t) {
			return 1
		}
		return -1
	})
	if length <= 0 {
		if i < len(c) && !c[i].start.After(s.Start) {
			return pieces
		}
		return append(pieces, piece{s.Source, s.Start, s.End, s.Value})
	}
	add := func(from, to time.Time) {
		if from.Before(to) {
			pieces = append(pieces, piece{s.Source, from, to, s.Value * float64(to.Sub(from)) / float64(length)})
		}
	}
	from := s.Start
	for ; i < len(c) && c[i].start.Before(s.End); i++ {
		add(from, earlier(c[i].start, s.End))
		from = c[i].end
	}
	add(from, s.End)
	return pieces
}

// with returns the spans together with the times of samples.
func (c spans) with(samples []Sample) spans {
	all := slices.Clone(c)
	for _, s := range samples {
		if s.Start.Before(s.End) {
			all = append(all, span{s.Start, s.End})
		}
	}
	slices.SortFunc(all, func(a, b span) int { return a.start.Compare(b.start) })
	joined := all[:0]
	for _, x := range all {
		if n := len(joined); n > 0 && !x.start.After(joined[n-1].end) {
			joined[n-1].end = later(joined[n-1].end, x.end)
		} else {
			joined = append(joined, x)
		}
	}
	return joined
}

// collector adds values up by buckets.
type collector struct {
	grain   Grain
	zone    *time.Location
	buckets []Statistic
	sources [][]*Source
	index   map[int64]int
}

// bucket returns the place of the bucket that holds t.
func (c *collector) bucket(t time.Time) int {
	start, end := c.grain.bucketOf(t, c.zone)
	if i, ok := c.index[start.Unix()]; ok {
		return i
	}
	if c.index == nil {
		c.index = map[int64]int{}
	}
	c.index[start.Unix()] = len(c.buckets)
	c.buckets = append(c.buckets, Statistic{Start: start, End: end})
	c.sources = append(c.sources, nil)
	return len(c.buckets) - 1
}

// add shares a value among the buckets by time.
func (c *collector) add(source *Source, start, end time.Time, value float64) {
	for t := start; ; {
		i := c.bucket(t)
		next := earlier(c.buckets[i].End, end)
		part := value
		if start.Before(end) {
			part *= float64(next.Sub(t)) / float64(end.Sub(start))
		}
		c.buckets[i].Sum += part
		c.buckets[i].Count++
		c.attribute(i, source)
		if t = next; !t.Before(end) {
			return
		}
	}
}

func (c *collector) attribute(i int, source *Source) {
	if !slices.Contains(c.sources[i], source) {
		c.sources[i] = append(c.sources[i], source)
	}
}

func (c *collector) sorted() []Statistic {
	for i, sources := range c.sources {
		slices.SortStableFunc(sources, func(a, b *Source) int { return a.Priority - b.Priority })
		for _, s := range sources {
			c.buckets[i].Sources = append(c.buckets[i].Sources, s.Name)
		}
	}
	slices.SortFunc(c.buckets, func(a, b Statistic) int { return a.Start.Compare(b.Start) })
	return c.buckets
}

// means returns the statistics of discrete samples that begin in [from, to).
func means(metric Metric, samples []Sample, grain Grain, zone *time.Location, from, to time.Time) []Statistic {
	c := collector{grain: grain, zone: zone}
	var inBucket [][]Sample
	for _, s := range samples {
		if s.Start.Before(from) || !s.Start.Before(to) {
			continue
		}
		i := c.bucket(s.Start)
		if i == len(inBucket) {
			inBucket = append(inBucket, nil)
		}
		inBucket[i] = append(inBucket[i], s)
		c.attribute(i, s.Source)
	}
	for i, list := range inBucket {
		b := &c.buckets[i]
		b.Min, b.Avg, b.Max = mean(metric, list, b.End)
		b.Count = len(list)
	}
	return c.sorted()
}

// mean returns the extremes and the mean of discrete samples, in order, in a time that ends at end.
func mean(metric Metric, samples []Sample, end time.Time) (low, avg, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	var weights float64
	for i, s := range samples {
		weight := 1.0
		if metric.Style == TimeWeighted {
			weight = holds(samples[i:], end).Seconds()
		}
		low, high = min(low, s.Value), max(high, s.Value)
		avg += weight * s.Value
		weights += weight
	}
	return low, avg / weights, high
}

// holds returns how long the first of some samples in order holds: until the next of its source, at most Hold, and not
// beyond end.
func holds(samples []Sample, end time.Time) time.Duration {
	until := earlier(samples[0].Start.Add(Hold), end)
	for _, next := range samples[1:] {
		if !next.Start.Before(until) {
			break
		}
		if next.Source == samples[0].Source {
			until = next.Start
			break
		}
	}
	return max(until.Sub(samples[0].Start), time.Millisecond)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

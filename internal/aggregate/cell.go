package aggregate

import (
	"math"

	"github.com/health-export/health-export/internal/health"
)

// cell is an hour, or a shorter bucket, of a group.
type cell struct {
	health.Interval
	extent  Extent
	counted bool
	// whole is the summary of exactly this cell that HealthKit merged over all sources; nil where there is none.
	whole *health.Sample
	// minutes are such summaries of minutes, pieces the parts of readings that count here.
	minutes, pieces []part
	// fine are the samples of both by grain, for everything but sums. weighted is their mean over time.
	fine     Aggregates
	weighted Stats
	// samples is how many of the samples of the cell begin in it.
	samples int

	// What follows is set by resolve.
	Aggregate
	// byWhole is set where the summary answers, and wholeAsOf is when that was made.
	byWhole   bool
	wholeAsOf health.Instant
}

// part is a value in an interval of a cell, as of a time.
type part struct {
	health.Interval
	value float64
	asOf  health.Instant
}

// before returns how much of the part lies before an instant: a value is shared by time.
func (p *part) before(t health.Instant) float64 {
	switch {
	case p.To <= t && p.From < t:
		return p.value
	case p.From >= t:
		return 0
	}
	return p.value * float64(t-p.From) / float64(p.To-p.From)
}

func (p *part) clip(in health.Interval) part {
	clipped := part{health.Interval{From: max(p.From, in.From), To: min(p.To, in.To)}, p.value, p.asOf}
	if p.To > p.From {
		clipped.value = p.before(clipped.To) - p.before(clipped.From)
	}
	return clipped
}

func sumOf(parts []part) (sum float64) {
	for i := range parts {
		sum += parts[i].value
	}
	return sum
}

// asOf returns when the latest of what the cell is made of was made.
func (c *cell) asOf() (latest health.Instant) {
	if c.byWhole {
		return c.wholeAsOf
	}
	for _, parts := range [][]part{c.minutes, c.pieces} {
		for i := range parts {
			latest = max(latest, parts[i].asOf)
		}
	}
	return latest
}

// tidy removes the noise of sums of shares, which would be shown as 2.0000000000000004: it keeps twelve digits.
func tidy(sum float64) float64 {
	if sum == 0 || health.IsAbsent(sum) {
		return sum
	}
	digits := 11 - int(math.Floor(math.Log10(math.Abs(sum))))
	if digits < 0 || digits > 300 {
		return sum
	}
	scale := math.Pow10(digits)
	if rounded := math.Round(sum * scale); !math.IsInf(rounded, 0) {
		return rounded / scale
	}
	return sum
}

func (c *cell) extend(e Extent) {
	if !c.counted {
		c.counted, c.extent = true, e
		return
	}
	c.extent.Join(e)
}

// bucket is what is known of a bucket of a cumulative metric: its own summary, and its parts.
type bucket struct {
	health.Interval
	grain health.Grain
	value float64 // of the summary
	asOf  health.Instant
	// settled is set where the summary was made when nothing could be added to the bucket any more.
	settled bool
	// parts make the bucket where the summary does not, readings are those of them that no summary has said.
	parts, readings []part
}

// total resolves a bucket that has a summary. The summary speaks for the time until it was made, and counts for that,
// unless what the parts say of it is later, or is made of readings and larger: a part that is finer never counts only
// because it is larger, since the app's minutes add up to more than its hours and days. What the parts say of the time
// after the summary was made is added. after is that. bySummary is false where the parts answer alone.
func (b *bucket) total(all spans) (total, after float64, bySummary bool) {
	if b.settled {
		return b.value, 0, true
	}
	speaks := health.Interval{From: b.From, To: min(b.To, b.asOf)}
	if speaks.To <= b.From { // the clock of the phone was ahead of this server's
		speaks.To = b.To
	}
	var within, readings float64
	until, later := all.later(b.grain, b.asOf, speaks)
	for i := range b.parts {
		p := &b.parts[i]
		within += p.before(speaks.To)
		later = later || p.asOf > b.asOf && p.From < speaks.To
	}
	for i := range b.readings {
		readings += b.readings[i].before(speaks.To)
	}
	after = sumOf(b.parts) - within
	switch {
	case until == speaks.To:
		return within + after, after, false
	case later && within > b.value:
		return within + after, after, false
	case readings > b.value:
		return readings + after, after, false
	}
	return b.value + after, after, true
}

// resolveSum resolves a cell of a cumulative metric.
func (c *cell) resolveSum(rule Rule, all spans, grain health.Grain) {
	parts := c.resolveMinutes(rule, all)
	c.Aggregate = c.joined(rule)
	c.Values.Sum = sumOf(parts)
	value, asOf, ok := all.statement(c.whole, grain, c.From)
	if !ok {
		return
	}
	b := bucket{c.Interval, grain, value, asOf, rule.settled(c.Interval, grain, asOf), parts, c.pieces}
	total, after, bySummary := b.total(all)
	if !bySummary {
		c.Values.Sum = total
		return
	}
	c.byWhole, c.wholeAsOf = true, asOf
	whole := New(grain)
	if c.whole != nil && value == c.whole.Value {
		whole.add(c.whole, 1)
	}
	if after > 0 {
		whole.mergeWith(&c.Aggregate, rule.Style)
		whole.Grain = grain
	}
	whole.Settled = b.settled
	whole.Values.Sum = total
	c.Aggregate = whole
}

// joined returns the aggregate of the finer samples, of all grains.
func (c *cell) joined(rule Rule) Aggregate {
	if len(c.fine) == 0 {
		return New(health.GrainRaw)
	}
	joined := c.fine[0]
	for i := range c.fine[1:] {
		joined.mergeWith(&c.fine[1+i], rule.Style)
	}
	return joined
}

// resolveMinutes returns the parts of a cell that are finer than it: each minute by the rule of bucket, where there are
// both summaries of minutes and readings.
func (c *cell) resolveMinutes(rule Rule, all spans) []part {
	switch {
	case len(c.pieces) == 0:
		return c.minutes
	case len(c.minutes) == 0 && !all.has(health.GrainMinute, c.Interval):
		return c.pieces
	}
	const minute = health.Instant(health.GrainMinute) * health.Second
	var parts []part
	next := 0
	for from := c.From; from < c.To; from += minute {
		in := health.Interval{From: from, To: from + minute}
		var readings []part
		for i := range c.pieces {
			if p := &c.pieces[i]; p.From < in.To && (in.From < p.To || p.From == p.To && in.From <= p.From) {
				readings = append(readings, p.clip(in))
			}
		}
		for next < len(c.minutes) && c.minutes[next].From < from {
			next++
		}
		var said part
		ok := next < len(c.minutes) && c.minutes[next].From == from
		if ok {
			said = c.minutes[next]
		} else if said.value, said.asOf, ok = all.statement(nil, health.GrainMinute, from); ok {
			said.Interval = in
		}
		if !ok {
			parts = append(parts, readings...)
			continue
		}
		b := bucket{in, health.GrainMinute, said.value, said.asOf, rule.settled(in, health.GrainMinute, said.asOf), readings, readings}
		if total, _, bySummary := b.total(all); bySummary {
			said.value = total
			parts = append(parts, said)
		} else {
			parts = append(parts, readings...)
		}
	}
	return parts
}

// resolveMean resolves a cell of any other metric. The mean is HealthKit's own where the summary of the cell is settled,
// else that of the finer samples; the extremes are those of the finest.
func (c *cell) resolveMean(rule Rule, all spans, grain health.Grain) {
	value, asOf, ok := all.statement(c.whole, grain, c.From)
	if len(c.fine) == 0 {
		c.Aggregate = New(grain)
		if c.whole == nil {
			return
		}
		c.Aggregate.add(c.whole, 1)
		c.Settled = rule.settled(c.Interval, grain, asOf)
		if rule.weightedByTime() && ok {
			c.Values.weigh(value, float64(c.To-c.From)/float64(health.Second))
		}
		return
	}
	c.Aggregate = c.fine.Finest()
	if rule.weightedByTime() {
		c.Values.Sum, c.Values.Weight = c.weighted.Sum, c.weighted.Weight
	}
	if ok && c.whole != nil && rule.settled(c.Interval, grain, asOf) {
		c.setMean(c.whole)
	}
}

// setMean makes the mean of an aggregate that of a summary.
func (a *Aggregate) setMean(s *health.Sample) {
	for _, set := range []struct {
		stats *Stats
		mean  float64
	}{{&a.Values, s.Value}, {&a.Systolic, s.Systolic}, {&a.Diastolic, s.Diastolic}} {
		if !health.IsAbsent(set.mean) && set.stats.Weight > 0 {
			set.stats.weigh(set.mean, set.stats.Weight)
			a.Settled = true
		}
	}
}

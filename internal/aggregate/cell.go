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
	// byHours and byMinutes compare the readings with the summaries of hours and of minutes.
	byHours, byMinutes comparison
	// entries is set where the readings are entries of a person at instants: then each bucket is compared on its own.
	entries bool
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
	// reading is what a part of a reading is a part of.
	reading reading
}

// reading is a reading as it was sent.
type reading struct {
	start health.Instant
	value float64
}

func (p part) hasLength() bool { return p.To > p.From }

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
	clipped := *p
	clipped.Interval = health.Interval{From: max(p.From, in.From), To: min(p.To, in.To)}
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

// difference returns a − b, without noise.
func difference(a, b float64) float64 {
	if health.SameValue(a, b) {
		return 0
	}
	return tidy(a - b)
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
	// settled is set where the summary was made when nothing could be added to the bucket any more, but entries of a
	// person, which entered says.
	settled, entered bool
	// parts make the bucket where the summary does not, readings are those of them that no summary has said.
	parts, readings []part
	compared        comparison
}

// comparison is whether the readings of consecutive cells are more than what summaries say of the same time. It is made for
// all of them together, because a reading may come without its length, which reaches into the next cell.
type comparison int

const (
	notCompared comparison = iota
	readingsLess
	readingsMore
)

// said is what summaries say of a time, and what its readings amount to.
type said struct{ summaries, readings float64 }

func (s said) compare() comparison {
	if s.readings > s.summaries*(1+1e-9) {
		return readingsMore
	}
	return readingsLess
}

// total resolves a bucket that has a summary. The summary speaks for the time until it was made, and counts for that,
// unless what the parts say of it is later, or is made of readings and larger: a part that is finer never counts only
// because it is larger, since the app's minutes add up to more than its hours and days. What the parts say of the time
// after the summary was made is added. after is that. bySummary is false where the parts answer alone.
func (b *bucket) total(all spans) (total, after float64, bySummary bool) {
	if b.settled {
		if later := b.laterEntries(); later > b.value*(1+1e-9) {
			return later, 0, false
		}
		return b.value, 0, true
	}
	speaks := health.Interval{From: b.From, To: min(b.To, b.asOf)}
	if speaks.To <= b.From { // the clock of the phone was ahead of this server's
		speaks.To = b.To
	}
	until, later := all.later(b.grain, b.asOf, speaks)
	within := sumUntil(b.parts, speaks.To)
	readings := sumUntil(b.readings, speaks.To)
	for i := range b.parts {
		later = later || b.parts[i].asOf > b.asOf && b.parts[i].From < speaks.To
	}
	sum := within.whole + within.after
	switch {
	case b.compared == readingsMore && len(b.readings) > 0:
		return sum, within.after, false
	case b.compared == readingsLess && until < speaks.To && !hasSummaries(b.parts, b.readings):
		return b.value + within.after, within.after, true
	case until == speaks.To, later && within.begun >= b.value:
		return sum, within.after, false
	case readings.begun > b.value && readings.begun >= within.begun:
		return sum, within.after, false
	case readings.whole > b.value:
		return readings.whole + within.after, within.after, false
	}
	return b.value + within.after, within.after, true
}

// laterEntries returns the sum of the entries that were there after the summary was made. Earlier ones may be deleted.
func (b *bucket) laterEntries() (sum float64) {
	for i := range b.readings {
		if p := &b.readings[i]; b.entered && p.asOf > b.asOf {
			sum += p.value
		}
	}
	return sum
}

// hasSummaries reports whether parts are more than the readings among them.
func hasSummaries(parts, readings []part) bool { return len(parts) != len(readings) }

// partialSum is what parts amount to at an instant: before it (whole) and after it, where those that it cuts are shared by
// time, and what has begun before it, whole.
type partialSum struct{ whole, after, begun float64 }

func sumUntil(parts []part, t health.Instant) (sum partialSum) {
	for i := range parts {
		p := &parts[i]
		before := p.before(t)
		sum.whole += before
		sum.after += p.value - before
		if p.From < t {
			sum.begun += p.value
		}
	}
	return sum
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
	b := bucket{c.Interval, grain, value, asOf, rule.settled(c.Interval, grain, asOf), c.entries, parts, c.pieces, c.byHours}
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

// minute is the length of a summary of a minute.
const minute = health.Instant(health.GrainMinute) * health.Second

// resolveMinutes returns the parts of a cell that are finer than it. Where summaries of minutes speak for a time, they are
// compared with the readings of that time together: a reading may come without the length that the minutes know.
func (c *cell) resolveMinutes(rule Rule, all spans) (parts []part) {
	switch {
	case len(c.pieces) == 0:
		return c.minutes
	case len(c.minutes) == 0 && !all.has(health.GrainMinute, c.Interval):
		return c.pieces
	}
	readings, to := c.pieces, c.To
	for from := c.From; from < c.To; {
		if c.entries {
			to = from + minute
		}
		in, minutes, asOf := c.saidByMinutes(from, to, all)
		if in.To == in.From {
			from += minute
			continue
		}
		from = in.To
		inside, outside := divide(readings, in)
		b := bucket{in, health.GrainMinute, sumOf(minutes), asOf, rule.settled(in, health.GrainMinute, asOf), c.entries, inside, inside, c.byMinutes}
		if _, _, bySummary := b.total(all); bySummary {
			parts = append(parts, minutes...)
		} else {
			parts = append(parts, inside...)
		}
		readings = outside
	}
	return append(parts, readings...)
}

// saidReadings adds to known the readings of the cell that a minute has whole. The app puts all of what a person has entered
// into the minute in which it began, however long it was.
func (c *cell) saidReadings(known map[reading]bool) {
	next := 0
	for i := range c.pieces {
		p := &c.pieces[i]
		for next < len(c.minutes) && c.minutes[next].To <= p.reading.start {
			next++
		}
		if next < len(c.minutes) && c.minutes[next].From <= p.reading.start && health.SameValue(c.minutes[next].value, p.reading.value) {
			known[p.reading] = true
		}
	}
}

// compareReadings adds up what summaries of hours and of minutes say, and the readings of the same time.
func (c *cell) compareReadings(all spans, grain health.Grain, hours, minutes *said) {
	if value, asOf, ok := all.statement(c.whole, grain, c.From); ok {
		hours.summaries += value
		hours.readings += sumUntil(c.pieces, max(asOf, c.From+1)).whole
	}
	if len(c.minutes) == 0 && !all.has(health.GrainMinute, c.Interval) {
		return
	}
	readings := c.pieces
	for from := c.From; from < c.To; {
		in, sums, _ := c.saidByMinutes(from, c.To, all)
		if in.To == in.From {
			from += minute
			continue
		}
		from = in.To
		var inside []part
		inside, readings = divide(readings, in)
		minutes.summaries += sumOf(sums)
		minutes.readings += sumOf(inside)
	}
}

// saidByMinutes returns the time between two instants, from the first on, that minutes speak for without a break, those of
// them that are not zero, and when the oldest of what they say was made. The time is empty where they do not speak for the first minute.
func (c *cell) saidByMinutes(from, to health.Instant, all spans) (in health.Interval, minutes []part, asOf health.Instant) {
	in, asOf = health.Interval{From: from, To: from}, health.MaxInstant
	next := 0
	for ; in.To < to; in.To += minute {
		for next < len(c.minutes) && c.minutes[next].From < in.To {
			next++
		}
		if next < len(c.minutes) && c.minutes[next].From == in.To {
			minutes, asOf = append(minutes, c.minutes[next]), min(asOf, c.minutes[next].asOf)
			continue
		}
		_, said, ok := all.statement(nil, health.GrainMinute, in.To)
		if !ok {
			break
		}
		asOf = min(asOf, said)
	}
	return in, minutes, asOf
}

// divide cuts parts at the ends of an interval. An instant is inside where it is not the end.
func divide(parts []part, in health.Interval) (inside, outside []part) {
	for i := range parts {
		p := &parts[i]
		switch {
		case p.From == p.To && in.From <= p.From && p.From < in.To:
			inside = append(inside, *p)
		case p.To <= in.From || in.To <= p.From:
			outside = append(outside, *p)
		default:
			inside = append(inside, p.clip(in))
			if p.From < in.From {
				outside = append(outside, p.clip(health.Interval{From: p.From, To: in.From}))
			}
			if in.To < p.To {
				outside = append(outside, p.clip(health.Interval{From: in.To, To: p.To}))
			}
		}
	}
	return inside, outside
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
	for i := range c.fine {
		c.Values.includeExtremes(c.fine[i].Values)
	}
	if c.whole != nil {
		c.Values.include(c.whole.Min)
		c.Values.include(c.whole.Max)
	}
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

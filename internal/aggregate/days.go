package aggregate

import (
	"cmp"
	"maps"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// DaySummary is the aggregate of the samples of one metric, in one unit, on one local day, by the grain that answers
// for the day. A sample belongs to the local day it begins on, by the offset it was sent with; summaries of more than a
// day are not part of it. It depends on stored samples only, never on the current time.
type DaySummary struct {
	Metric, Unit string
	Date         health.Date
	Aggregate
	Extent
	// Hours are the hours in which a sample began, in order; nil where they were not requested.
	Hours []Hour
}

// Extent is the first and the last start of the samples that count in an interval, of any grain, with their offsets.
type Extent struct {
	Earliest, Latest             health.Instant
	EarliestOffset, LatestOffset int32
}

// ExtentOf returns the extent of one sample.
func ExtentOf(s *health.Sample) Extent { return Extent{s.Start, s.Start, s.Offset, s.Offset} }

// Join extends e by another extent.
func (e *Extent) Join(o Extent) {
	if o.Earliest < e.Earliest || o.Earliest == e.Earliest && o.EarliestOffset < e.EarliestOffset {
		e.Earliest, e.EarliestOffset = o.Earliest, o.EarliestOffset
	}
	if o.Latest > e.Latest || o.Latest == e.Latest && o.LatestOffset > e.LatestOffset {
		e.Latest, e.LatestOffset = o.Latest, o.LatestOffset
	}
}

// How far from a day, in key time, samples lie that belong to it or may affect it: zones are up to 14 hours ahead of
// UTC and 12 behind it, and a sample lasts a day at most.
const (
	clocksAhead  = 14 * 3600 * health.Second
	clocksBehind = 12 * 3600 * health.Second
)

// maxHops is how often SumUpDays continues with days that a changed day affects. The second time is for summaries of
// one instant that were recorded under different dates.
const maxHops = 2

// Window is the range of key times of the samples, of GrainDay and finer, that affect some days: of raw samples Raw; of
// summaries Summaries, which the reader widens at both ends by the length of the summaries' grain. To is not included.
type Window struct {
	Raw, Summaries struct{ From, To health.Instant }
}

func (r Rule) readWindow(first, last health.Date) (w Window) {
	from, to := first.Midnight(0)-clocksAhead, (last+1).Midnight(0)+clocksBehind
	w.Raw.From, w.Raw.To = from, to
	if r.Cumulative {
		w.Raw.From, w.Raw.To = from-health.Day, to+health.Day
	}
	w.Summaries.From, w.Summaries.To = from, to
	return w
}

// SumUpDays recomputes days of one metric in one unit, with their hours: those dates, in order, and the neighbours that
// may have changed with them, because a sample of one overlaps a sample of the other. read passes the samples of a
// window to add, in the order of key time, grain and end. Samples outside the window do no harm.
//
// The summaries are in order of the dates; a date without samples has none. done are all dates that were computed.
func (r Rule) SumUpDays(dates []health.Date, read func(w Window, add func(*health.Sample)) error) (summaries []DaySummary, done []health.Date, err error) {
	finished := map[health.Date]bool{}
	for range 1 + maxHops {
		affected := map[health.Date]bool{}
		for run := range dateRuns(dates) {
			d, err := r.sumUp(run, read)
			if err != nil {
				return nil, nil, err
			}
			summaries = append(summaries, d.summaries()...)
			maps.Copy(affected, d.affected)
		}
		for _, date := range dates {
			finished[date] = true
		}
		maps.DeleteFunc(affected, func(date health.Date, _ bool) bool { return finished[date] })
		if dates = slices.Sorted(maps.Keys(affected)); len(dates) == 0 {
			break
		}
	}
	slices.SortFunc(summaries, func(a, b DaySummary) int { return cmp.Compare(a.Date, b.Date) })
	return summaries, slices.Sorted(maps.Keys(finished)), nil
}

// sumUp reads what affects a run of days; a second time, with a wider window, where summaries extend beyond their
// hours.
func (r Rule) sumUp(run []health.Date, read func(w Window, add func(*health.Sample)) error) (*dayAggregator, error) {
	window := r.readWindow(run[0], run[len(run)-1])
	d := newDayAggregator(r, run, false)
	if err := read(window, d.add); err != nil || !d.crossesHour {
		return d, err
	}
	d = newDayAggregator(r, run, true)
	return d, read(window.widened(), d.add)
}

// widened returns the window for summaries that extend beyond their hour: whether a neighbour's counts depends on what
// else there is in its time.
func (w Window) widened() Window {
	w.Raw.From, w.Raw.To = w.Summaries.From-health.Day, w.Summaries.To+health.Day
	w.Summaries = w.Raw
	return w
}

// Windows returns the windows that SumUpDays reads first for some dates, in order.
func (r Rule) Windows(dates []health.Date) (windows []Window) {
	for run := range dateRuns(dates) {
		windows = append(windows, r.readWindow(run[0], run[len(run)-1]))
	}
	return windows
}

// dateRuns splits dates, which are in order, where so many are missing that two reads are cheaper, and where a run gets
// so long that its samples would take much memory.
func dateRuns(dates []health.Date) func(yield func([]health.Date) bool) {
	const (
		maxGap   = 4
		maxDates = 31
	)
	return func(yield func([]health.Date) bool) {
		for len(dates) > 0 {
			n := 1
			for n < min(len(dates), maxDates) && dates[n]-dates[n-1] <= maxGap {
				n++
			}
			if !yield(dates[:n]) {
				return
			}
			dates = dates[n:]
		}
	}
}

// dayAggregator aggregates some local days of one metric in one unit.
type dayAggregator struct {
	rule      Rule
	dates     []health.Date // in order
	resolver  *Resolver
	byDate    map[health.Date]*dayBuilder
	current   *dayBuilder // the day of the last sample
	hoursHint int         // how many hours the day before it has
	arena     []Aggregate // for those of hours
	// affected are the dates that were not requested and have a sample which affects one that was.
	affected map[health.Date]bool

	long *LongSummaries // beyond their hour
	// hourResolver resolves the samples within an hour. It is nil where resolver does: where only summaries of a day
	// extend beyond an hour. crossesHour is set when others do.
	hourResolver *Resolver
	crossesHour  bool
}

// dayBuilder has the aggregates of one day.
type dayBuilder struct {
	summary    DaySummary
	counted    bool // whether a sample counts on the day; some count in an hour only
	aggregates Aggregates
	hours      hourBuilder
}

func newDayAggregator(rule Rule, dates []health.Date, maxGap bool) *dayAggregator {
	d := &dayAggregator{rule: rule, dates: dates, byDate: map[health.Date]*dayBuilder{}, affected: map[health.Date]bool{}}
	d.resolver = NewResolver(rule, d.addToDay)
	d.long = NewLongSummaries(rule, reachesBeyondHour, d.addToHour)
	if maxGap {
		d.hourResolver = NewResolver(rule, d.addToHour)
		d.hourResolver.onCrossDay = d.onCrossDay
	}
	d.resolver.onCrossDay, d.long.onCrossDay, d.long.resolver.onCrossDay = d.onCrossDay, d.onCrossDay, d.onCrossDay
	return d
}

func (d *dayAggregator) requested(date health.Date) bool {
	_, found := slices.BinarySearch(d.dates, date)
	return found
}

func (d *dayAggregator) onCrossDay(a, b health.Date) {
	if a == b {
		return
	}
	if requested := d.requested(a); requested != d.requested(b) {
		if requested {
			a = b
		}
		d.affected[a] = true
	}
}

func (d *dayAggregator) add(s *health.Sample) {
	if s.Grain > health.GrainDay {
		return
	}
	d.resolver.Add(s)
	isLong := d.long.Observe(s)
	switch {
	case d.hourResolver == nil:
		d.crossesHour = d.crossesHour || isLong && s.Grain < health.GrainDay
	case !isLong:
		d.hourResolver.Add(s)
	}
}

// dayOf returns the builder of a sample's day; nil where the day was not requested.
func (d *dayAggregator) dayOf(s *health.Sample) *dayBuilder {
	date := s.LocalDate()
	if d.current == nil || d.current.summary.Date != date {
		if d.current != nil {
			d.hoursHint = len(d.current.hours.hours)
		}
		if d.current = d.byDate[date]; d.current == nil && d.requested(date) {
			d.current = &dayBuilder{summary: DaySummary{Date: date}, hours: hourBuilder{hours: make([]Hour, 0, d.hoursHint)}}
			d.byDate[date] = d.current
		}
	}
	return d.current
}

// addToDay adds a sample to its day. Without an hourResolver, one shorter than a day is added to its hour, and
// mergeHours adds the hours to the day at the end.
func (d *dayAggregator) addToDay(s *health.Sample, share float64) {
	day := d.dayOf(s)
	if day == nil {
		return
	}
	if d.hourResolver == nil && s.Grain < health.GrainDay {
		day.hours.add(s, share, &d.arena)
		return
	}
	day.extend(ExtentOf(s))
	day.aggregates.Add(s, share)
}

// addToHour adds a sample to its hour only: resolver has added it to its day.
func (d *dayAggregator) addToHour(s *health.Sample, share float64) {
	if day := d.dayOf(s); day != nil {
		day.hours.add(s, share, &d.arena)
	}
}

func (d *dayAggregator) summaries() []DaySummary {
	d.resolver.Finish()
	if d.hourResolver == nil {
		for _, day := range d.byDate {
			day.mergeHours()
		}
	} else {
		d.hourResolver.Finish()
	}
	_ = d.long.Finish(health.MaxInstant, nil)
	summaries := make([]DaySummary, 0, len(d.byDate))
	for _, day := range d.byDate {
		if !day.counted {
			continue
		}
		day.summary.Aggregate = day.aggregates.Answer(d.rule.Cumulative, health.GrainDay)
		day.summary.Hours = day.hours.finish()
		summaries = append(summaries, day.summary)
	}
	return summaries
}

// mergeHours adds the samples within hours to the day.
func (d *dayBuilder) mergeHours() {
	for i := range d.hours.hours {
		hour := &d.hours.hours[i]
		for j := range hour.Aggregates {
			if agg := &hour.Aggregates[j]; agg.Grain < health.GrainDay {
				d.extend(hour.Extent)
				d.aggregates.merge(agg)
			}
		}
	}
}

func (d *dayBuilder) extend(e Extent) {
	if !d.counted {
		d.counted, d.summary.Extent = true, e
		return
	}
	d.summary.Extent.Join(e)
}

// SameDay reports whether two summaries of one metric and day are equal, with their hours, but for noise in the last
// digits.
func (d *DaySummary) SameDay(o *DaySummary) bool {
	return d.Extent == o.Extent && d.Aggregate.same(&o.Aggregate) &&
		slices.EqualFunc(d.Hours, o.Hours, func(a, b Hour) bool { return a.Same(&b) })
}

func (t *Aggregate) same(o *Aggregate) bool {
	return t.Grain == o.Grain && t.Count == o.Count && t.LastStart == o.LastStart && health.SameValue(t.Last, o.Last) &&
		t.Values.same(o.Values) && t.Systolic.same(o.Systolic) && t.Diastolic.same(o.Diastolic) &&
		slices.Equal(t.Sources, o.Sources)
}

func (s Stats) same(o Stats) bool {
	return s.Weight == o.Weight && health.SameValue(s.Sum, o.Sum) && health.SameValue(s.Min, o.Min) && health.SameValue(s.Max, o.Max)
}

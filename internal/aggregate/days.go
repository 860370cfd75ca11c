package aggregate

import (
	"cmp"
	"maps"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// DaySummary is what the samples of one metric, in one unit, that were recorded on one local day come to: the tally of
// the grain that answers for the day. A sample belongs to the local day it begins on, by the offset it was sent with;
// summaries of more than a day are no part of it. It depends on stored samples only, never on the clock.
type DaySummary struct {
	Metric, Unit string
	Date         health.Date
	Aggregate
	Extent
	// Hours are the hours in which a sample began, in order; nil where they were not asked for.
	Hours []Hour
}

// Extent is the first and the last start of a sample that counts in a stretch of time, of whatever grain, with their
// offsets: by whose clock the stretch began and ended.
type Extent struct {
	Earliest, Latest             health.Instant
	EarliestOffset, LatestOffset int32
}

// ExtentOf returns the extent of one sample.
func ExtentOf(s *health.Sample) Extent { return Extent{s.Start, s.Start, s.Offset, s.Offset} }

// Join widens the extent by another.
func (e *Extent) Join(o Extent) {
	if o.Earliest < e.Earliest || o.Earliest == e.Earliest && o.EarliestOffset < e.EarliestOffset {
		e.Earliest, e.EarliestOffset = o.Earliest, o.EarliestOffset
	}
	if o.Latest > e.Latest || o.Latest == e.Latest && o.LatestOffset > e.LatestOffset {
		e.Latest, e.LatestOffset = o.Latest, o.LatestOffset
	}
}

// How far from a day, in key time, samples lie that belong to it or may bear on it: clocks are up to 14 hours ahead of
// UTC and 12 behind it, and a sample occupies a day at most.
const (
	clocksAhead  = 14 * 3600 * health.Second
	clocksBehind = 12 * 3600 * health.Second
)

// maxHops is how often SumUpDays goes on to days that a changed day bears on. The second is for summaries of one instant
// that were recorded under different dates.
const maxHops = 2

// Window is where to look, by key time, for samples of GrainDay and finer that bear on some days: raw ones from From to
// To, summaries from From to To of a stretch that is the same but for the grain's length at both ends. To is not in it.
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

// SumUpDays works out days of one metric in one unit anew, with their hours: those dates, in order, and the neighbours
// that may have changed with them, because a sample of one covers a sample of the other. read passes the samples of a
// window to add, in the order of key time, grain and end. What is read beside the window does no harm.
//
// The result is in order of the dates; one that has no samples has none. done are all dates that were worked out.
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

// sumUp reads what bears on a run of days; once more, and more of it, where summaries reach beyond their hours.
func (r Rule) sumUp(run []health.Date, read func(w Window, add func(*health.Sample)) error) (*dayAggregator, error) {
	window := r.readWindow(run[0], run[len(run)-1])
	d := newDayAggregator(r, run, false)
	if err := read(window, d.add); err != nil || !d.crossesHour {
		return d, err
	}
	d = newDayAggregator(r, run, true)
	return d, read(window.widened(), d.add)
}

// widened is the window of those who resolve summaries that reach beyond their hour: whether a neighbour's counts depends
// on what else there is in its time.
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

// dateRuns cuts dates, which are in order, where so many are missing that it is better to look for the two parts apart, and
// where a run gets so long that what is read for it would take much memory.
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

// dayAggregator sums up some local days of one metric in one unit.
type dayAggregator struct {
	rule      Rule
	dates     []health.Date // in order
	resolver  *Resolver
	byDate    map[health.Date]*dayBuilder
	current   *dayBuilder // the day of the last sample
	hoursHint int         // how many hours the day before it has
	arena     []Aggregate // for those of hours
	// affected are the dates not asked for that have a sample which bears on one that was.
	affected map[health.Date]bool

	long *LongSummaries // beyond their hour
	// hourResolver resolves what stays in its hour. It is nil where that is what resolver does: where only summaries of a day
	// reach beyond. irregular is set when others do all the same.
	hourResolver *Resolver
	crossesHour  bool
}

// dayBuilder is one day.
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

// dayOf returns the day of a sample; nil where it was not asked for.
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

// addToDay counts a sample of the day. What stays in its hour is counted there, and added up at the end.
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

// addToHour counts a sample of an hour, of which the day hears by another way.
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

// mergeHours adds up what has stayed in its hour.
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

// SameDay reports whether two summaries of one metric and day say the same, of the day and of its hours, but for noise in
// the last digits.
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

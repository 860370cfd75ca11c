package health

import (
	"cmp"
	"maps"
	"slices"
)

// DaySummary is what the samples of one metric, in one unit, that were recorded on one local day come to: the tally of
// the grain that answers for the day. A sample belongs to the local day it begins on, by the offset it was sent with;
// summaries of more than a day are no part of it. It depends on stored samples only, never on the clock.
type DaySummary struct {
	Metric, Unit string
	Date         Date
	Tally
	// Earliest and Latest are the first and the last start of a sample that counts on the day, of whatever grain, with
	// their offsets: by whose clock the day began and ended.
	Earliest, Latest             Instant
	EarliestOffset, LatestOffset int32
}

// How far from a day, in key time, samples lie that belong to it or may bear on it: clocks are up to 14 hours ahead of
// UTC and 12 behind it, and a sample occupies a day at most.
const (
	clocksAhead  = 14 * 3600 * Second
	clocksBehind = 12 * 3600 * Second
)

// maxHops is how often SumUpDays goes on to days that a changed day bears on. The second is for summaries of one instant
// that were recorded under different dates.
const maxHops = 2

// Window is where to look, by key time, for samples of GrainDay and finer that bear on some days: raw ones from From to
// To, summaries from From to To of a stretch that is the same but for the grain's length at both ends. To is not in it.
type Window struct {
	Raw, Summaries struct{ From, To Instant }
}

func (r Rule) window(first, last Date) (w Window) {
	from, to := first.Midnight(0)-clocksAhead, (last+1).Midnight(0)+clocksBehind
	w.Raw.From, w.Raw.To = from, to
	if r.Cumulative {
		w.Raw.From, w.Raw.To = from-Day, to+Day
	}
	w.Summaries.From, w.Summaries.To = from, to
	return w
}

// SumUpDays works out days of one metric in one unit anew: those dates, in order, and the neighbours that may have
// changed with them, because a sample of one covers a sample of the other. read passes the samples of a window to add,
// in the order of key time, grain and end. What is read beside the window does no harm.
//
// The result is in order of the dates; one that has no samples has none. done are all dates that were worked out.
func (r Rule) SumUpDays(dates []Date, read func(w Window, add func(*Sample)) error) (days []DaySummary, done []Date, err error) {
	finished := map[Date]bool{}
	for range 1 + maxHops {
		beyond := map[Date]bool{}
		for run := range runs(dates) {
			d := newDays(r, run)
			if err := read(r.window(run[0], run[len(run)-1]), d.add); err != nil {
				return nil, nil, err
			}
			days = append(days, d.finish()...)
			maps.Copy(beyond, d.beyond)
		}
		for _, date := range dates {
			finished[date] = true
		}
		maps.DeleteFunc(beyond, func(date Date, _ bool) bool { return finished[date] })
		if dates = slices.Sorted(maps.Keys(beyond)); len(dates) == 0 {
			break
		}
	}
	slices.SortFunc(days, func(a, b DaySummary) int { return cmp.Compare(a.Date, b.Date) })
	return days, slices.Sorted(maps.Keys(finished)), nil
}

// Windows returns the windows that SumUpDays reads first for some dates, in order.
func (r Rule) Windows(dates []Date) (windows []Window) {
	for run := range runs(dates) {
		windows = append(windows, r.window(run[0], run[len(run)-1]))
	}
	return windows
}

// runs cuts dates, which are in order, where so many are missing that it is better to look for the two parts apart, and
// where a run gets so long that what is read for it would take much memory.
func runs(dates []Date) func(yield func([]Date) bool) {
	const (
		apart = 4
		most  = 31
	)
	return func(yield func([]Date) bool) {
		for len(dates) > 0 {
			n := 1
			for n < min(len(dates), most) && dates[n]-dates[n-1] <= apart {
				n++
			}
			if !yield(dates[:n]) {
				return
			}
			dates = dates[n:]
		}
	}
}

// days sums up some local days of one metric in one unit.
type days struct {
	rule     Rule
	dates    []Date // in order
	resolver *Resolver
	days     map[Date]*tallied
	last     *tallied // the day of the last sample
	// beyond are the dates not asked for that have a sample which bears on one that was.
	beyond map[Date]bool
}

// tallied is one day.
type tallied struct {
	summary DaySummary
	tallies Tallies
}

func newDays(rule Rule, dates []Date) *days {
	d := &days{rule: rule, dates: dates, days: map[Date]*tallied{}, beyond: map[Date]bool{}}
	d.resolver = NewResolver(rule, d.count)
	d.resolver.across = d.across
	return d
}

func (d *days) asked(date Date) bool {
	_, found := slices.BinarySearch(d.dates, date)
	return found
}

func (d *days) across(a, b Date) {
	if a == b {
		return
	}
	if asked := d.asked(a); asked != d.asked(b) {
		if asked {
			a = b
		}
		d.beyond[a] = true
	}
}

func (d *days) add(s *Sample) {
	if s.Grain <= GrainDay {
		d.resolver.Add(s)
	}
}

func (d *days) count(s *Sample, share float64) {
	date := s.LocalDate()
	if d.last == nil || d.last.summary.Date != date {
		if d.last = d.days[date]; d.last == nil {
			if !d.asked(date) {
				return
			}
			d.last = &tallied{summary: DaySummary{
				Date: date, Earliest: s.Start, Latest: s.Start, EarliestOffset: s.Offset, LatestOffset: s.Offset,
			}}
			d.days[date] = d.last
		}
	}
	d.last.summary.meet(s)
	d.last.tallies.Add(s, share)
}

// meet widens the day by a sample.
func (d *DaySummary) meet(s *Sample) {
	if s.Start < d.Earliest || s.Start == d.Earliest && s.Offset < d.EarliestOffset {
		d.Earliest, d.EarliestOffset = s.Start, s.Offset
	}
	if s.Start > d.Latest || s.Start == d.Latest && s.Offset > d.LatestOffset {
		d.Latest, d.LatestOffset = s.Start, s.Offset
	}
}

func (d *days) finish() []DaySummary {
	d.resolver.Finish()
	summaries := make([]DaySummary, 0, len(d.days))
	for _, day := range d.days {
		day.summary.Tally = day.tallies.Answer(d.rule.Cumulative, GrainDay)
		summaries = append(summaries, day.summary)
	}
	return summaries
}

// SameDay reports whether two summaries of one metric and day say the same, but for noise in the last digits.
func (d *DaySummary) SameDay(o *DaySummary) bool {
	return d.Earliest == o.Earliest && d.Latest == o.Latest &&
		d.EarliestOffset == o.EarliestOffset && d.LatestOffset == o.LatestOffset &&
		d.Grain == o.Grain && d.Count == o.Count && d.LastStart == o.LastStart && SameValue(d.Last, o.Last) &&
		d.Values.same(o.Values) && d.Systolic.same(o.Systolic) && d.Diastolic.same(o.Diastolic) &&
		slices.Equal(d.Sources, o.Sources)
}

func (s Stats) same(o Stats) bool {
	return s.Weight == o.Weight && SameValue(s.Sum, o.Sum) && SameValue(s.Min, o.Min) && SameValue(s.Max, o.Max)
}

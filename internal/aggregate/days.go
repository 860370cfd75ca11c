package aggregate

import (
	"cmp"
	"maps"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// DaySummary is what the samples of one metric, in one unit, amount to on one local day, by the offset that each was sent
// with. Summaries of more than a day are not part of it. It depends on what is stored only, never on the current time.
type DaySummary struct {
	Metric, Unit string
	Date         health.Date
	Aggregate
	Extent
	// Hours are the hours with samples, in order; nil where they were not requested.
	Hours []Hour
}

// Extent is the first and the last start of the samples that count in an interval, with their offsets.
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

// maxHops is how often SumUpDays continues with days that a changed day affects. The second time is for samples of one
// time that were recorded under different dates.
const maxHops = 2

// Window is the range of key times of the samples, of GrainDay and finer, that affect some days: of readings Raw; of
// summaries Summaries, which the reader widens at both ends by the length of the summaries' grain. To is not included.
type Window struct{ Raw, Summaries health.Interval }

func (r Rule) readWindow(first, last health.Date) (w Window) {
	w.Summaries = health.Interval{From: first.Midnight(0) - clocksAhead, To: (last + 1).Midnight(0) + clocksBehind}
	w.Raw = w.Summaries
	w.Raw.From -= placedAfter + hourLength
	if r.Cumulative() || r.weightedByTime() {
		w.Raw.From -= health.Day // a reading may begin on the day before
	}
	return w
}

// Reader reads what SumUpDays needs of one metric in one unit.
type Reader struct {
	// Spans returns the spans that overlap an interval, whatever their grain.
	Spans func(in health.Interval) ([]health.Span, error)
	// Samples passes the samples of a window to add, in the order of key time, grain and end. Others do no harm.
	Samples func(w Window, add func(*health.Sample)) error
}

// SumUpDays recomputes days of one metric in one unit, with their hours: those dates, in order, and the neighbours that
// may have changed with them, because a sample of one overlaps a sample of the other.
//
// The summaries are in order of the dates; a date without samples has none. done are all dates that were computed.
func (r Rule) SumUpDays(dates []health.Date, from Reader) (summaries []DaySummary, done []health.Date, err error) {
	finished := map[health.Date]bool{}
	for range 1 + maxHops {
		affected := map[health.Date]bool{}
		for run := range dateRuns(dates) {
			summed, err := r.sumUp(run, from, affected)
			if err != nil {
				return nil, nil, err
			}
			summaries = append(summaries, summed...)
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

// sumUp sums up a run of days, and adds to affected the dates that were not requested and have a sample which affects one
// that was.
func (r Rule) sumUp(run []health.Date, from Reader, affected map[health.Date]bool) (summaries []DaySummary, err error) {
	requested := func(date health.Date) bool {
		_, found := slices.BinarySearch(run, date)
		return found
	}
	window := r.readWindow(run[0], run[len(run)-1])
	said, err := from.Spans(window.Summaries)
	if err != nil {
		return nil, err
	}
	newTimeline := func(p *Placement) *Timeline {
		t := NewTimeline(r, localHours{}, said, func(key int64) bool {
			return requested(health.Date(key)) // #nosec G115 -- localHours made it of a date
		})
		t.Place(p)
		t.onCrossDay = func(a, b health.Date) {
			if a == b {
				return
			}
			if isRequested := requested(a); isRequested != requested(b) {
				if isRequested {
					a = b
				}
				affected[a] = true
			}
		}
		return t
	}
	t := newTimeline(nil)
	if err := from.Samples(window, t.Add); err != nil {
		return nil, err
	}
	if t.SeveralOffsets() {
		placement := NewPlacement()
		if err := from.Samples(window, placement.Add); err != nil {
			return nil, err
		}
		t = newTimeline(placement)
		if err := from.Samples(window, t.Add); err != nil {
			return nil, err
		}
	}
	for _, g := range t.Finish() {
		summaries = append(summaries, DaySummary{
			Date:      health.Date(g.Key), // #nosec G115 -- localHours made it of a date
			Aggregate: g.Aggregate, Extent: g.Extent, Hours: g.Cells,
		})
	}
	return summaries, nil
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

// SameDay reports whether two summaries of one metric and day are equal, with their hours, but for noise in the last
// digits.
func (d *DaySummary) SameDay(o *DaySummary) bool {
	return d.Extent == o.Extent && d.Aggregate.same(&o.Aggregate) &&
		slices.EqualFunc(d.Hours, o.Hours, func(a, b Hour) bool { return a.Same(&b) })
}

func (a *Aggregate) same(o *Aggregate) bool {
	return a.Grain == o.Grain && a.Count == o.Count && a.LastStart == o.LastStart && health.SameValue(a.Last, o.Last) &&
		a.Settled == o.Settled && sameSum(a.Unplaced, o.Unplaced) &&
		a.Values.same(o.Values) && a.Systolic.same(o.Systolic) && a.Diastolic.same(o.Diastolic) &&
		slices.Equal(a.Sources, o.Sources)
}

func (s Stats) same(o Stats) bool {
	return health.SameValue(s.Weight, o.Weight) && sameSum(s.Sum, o.Sum) && health.SameValue(s.Min, o.Min) && health.SameValue(s.Max, o.Max)
}

// sameSum is health.SameValue for sums, of which one that cancels out is noise around zero.
func sameSum(a, b float64) bool { return health.SameValue(a, b) || max(a, b)-min(a, b) < 1e-9 }

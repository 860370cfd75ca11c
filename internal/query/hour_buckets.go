package query

import (
	"cmp"
	"slices"
	"time"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// bucketsOfHours makes buckets from first to last of the hours of days. known is false where the hours of the
// calendar's zone are not those that were recorded.
func (c calendar) bucketsOfHours(days []aggregate.DaySummary, style catalog.Style, first, last bounds) (buckets []*bucket, known bool) {
	hours := hoursBetween(days, style, first.start, last.end)
	all, whole := make([]bucket, len(hours)), make([]day, len(hours)) // in one piece each: a year has thousands
	buckets = make([]*bucket, len(hours))
	for i := range hours {
		h := &hours[i]
		begins, ends := c.hourBounds(h.Start, h.EarliestOffset), c.hourBounds(h.Start, h.LatestOffset)
		if c.zone != nil && !c.matchesHour(h) {
			return nil, false
		}
		begins.end = ends.end
		whole[i].Aggregate = h.Aggregate
		all[i] = bucket{bounds: begins, extent: h.Extent, days: whole[i : i+1]}
		buckets[i] = &all[i]
	}
	return buckets, true
}

// hoursBetween returns the hours that begin in a range, in order. Days overlap after travel and where two clocks
// differ; then both have the same hour.
func hoursBetween(days []aggregate.DaySummary, style catalog.Style, from, to time.Time) []aggregate.Hour {
	count := 0
	for i := range days {
		count += len(days[i].Hours)
	}
	hours := make([]aggregate.Hour, 0, count)
	first, end := health.InstantOf(from), health.InstantOf(to)
	for i := range days {
		for _, h := range days[i].Hours {
			if first <= h.Start && h.Start < end {
				hours = append(hours, h)
			}
		}
	}
	inOrder := func(a, b aggregate.Hour) int { return cmp.Compare(a.Start, b.Start) }
	if !slices.IsSortedFunc(hours, inOrder) {
		slices.SortStableFunc(hours, inOrder)
	}
	return mergeEqualHours(hours, style)
}

// mergeEqualHours merges hours with the same start.
func mergeEqualHours(hours []aggregate.Hour, style catalog.Style) []aggregate.Hour {
	kept := hours[:0]
	for i := range hours {
		if n := len(kept); n > 0 && kept[n-1].Start == hours[i].Start {
			kept[n-1].Merge(&hours[i], style)
			continue
		}
		kept = append(kept, hours[i])
	}
	return kept
}

// hourBounds returns the bounds of the hour that begins at an instant.
func (c calendar) hourBounds(start health.Instant, offset int32) bounds {
	begins := c.at(start, offset)
	return bounds{key: begins.UnixMicro(), start: begins, end: begins.Add(time.Hour)}
}

// matchesHour reports whether an hour is also an hour in the calendar's zone, with the same samples in it.
func (c calendar) matchesHour(h *aggregate.Hour) bool {
	begins := h.Start.Time().In(c.zone)
	_, offset := begins.Zone()
	_, later := begins.Add(time.Hour - time.Microsecond).Zone()
	return begins.Minute() == 0 && begins.Second() == 0 && (later-offset)%3600 == 0
}

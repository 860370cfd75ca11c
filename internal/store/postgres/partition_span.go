package postgres

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

const (
	// The last 24 and the next 12 months have a partition each. Older data is sparse, and has one for each year: a batch
	// over 180 months takes twice as long as one of as many rows in 15 years.
	monthsBack  = 24
	monthsAhead = 12
	// Everything before the first year, and from the last year on, is in one partition each, so that absurd dates create no
	// more than a few hundred.
	firstYear = 1990
	lastYear  = 2100
)

// span is the range of one partition: from is in it, to is not.
type span struct {
	from, to  time.Time
	partition string // its name, of one that exists
}

// The ends of the first and the last partition. No stored time lies beyond them.
var (
	minTime = time.Date(-4000, 1, 1, 0, 0, 0, 0, time.UTC)
	maxTime = time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)
)

// spanFor returns the span of a new partition for a time, given the existing ones, which do not cover it: a month if it is
// one of the recent ones or if its year has partitions already, else the whole year. So no two ever overlap, whenever
// they are created: a year that was begun in months is completed in months.
func spanFor(t, now time.Time, existing []span) span {
	t = t.UTC()
	year := span{from: yearBegin(t.Year()), to: yearBegin(t.Year() + 1)}
	switch {
	case t.Year() < firstYear:
		return span{from: minTime, to: yearBegin(firstYear)}
	case t.Year() >= lastYear:
		return span{from: yearBegin(lastYear), to: maxTime}
	case year.to.After(monthBegin(now, -monthsBack)) && !year.from.After(monthBegin(now, monthsAhead)),
		slices.ContainsFunc(existing, year.overlaps):
		return span{from: monthBegin(t, 0), to: monthBegin(t, 1)}
	}
	return year
}

func (s span) overlaps(o span) bool { return s.from.Before(o.to) && o.from.Before(s.to) }

// name is the part of a partition's name after that of its table.
func (s span) name() string {
	switch {
	case s.from.Equal(minTime):
		return fmt.Sprintf("before_%d", s.to.Year())
	case s.to.Equal(maxTime):
		return fmt.Sprintf("from_%d", s.from.Year())
	case s.to.Equal(yearBegin(s.from.Year() + 1)):
		if s.from.Month() == time.January {
			return fmt.Sprintf("y%d", s.from.Year())
		}
	}
	return s.from.Format("m2006_01")
}

func (s span) lower() string {
	if s.from.Equal(minTime) {
		return "MINVALUE"
	}
	return "'" + s.from.Format(time.RFC3339) + "'"
}

func (s span) upper() string {
	if s.to.Equal(maxTime) {
		return "MAXVALUE"
	}
	return "'" + s.to.Format(time.RFC3339) + "'"
}

// spanAt returns the one of the spans, which are in order, that a time is in; its month where there is none.
func spanAt(spans []span, t time.Time) (s span, ok bool) {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].to.After(t) })
	if i == len(spans) || spans[i].from.After(t) {
		return span{from: monthBegin(t, 0), to: monthBegin(t, 1)}, false
	}
	return spans[i], true
}

func covers(spans []span, t time.Time) bool {
	_, ok := spanAt(spans, t)
	return ok
}

func insertSpan(spans []span, s span) []span {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].from.After(s.from) })
	return slices.Insert(slices.Clone(spans), i, s)
}

// months returns the starts of the months from the first to the last, counted from that of now.
func months(now time.Time, first, last int) (list []time.Time) {
	for i := first; i <= last; i++ {
		list = append(list, monthBegin(now, i))
	}
	return list
}

// monthBegin returns the start of the month that is so many months after that of t.
func monthBegin(t time.Time, after int) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month()+time.Month(after), 1, 0, 0, 0, 0, time.UTC)
}

func yearBegin(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }

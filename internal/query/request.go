package query

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// maxPeriod is the greatest number of days in a comparison, a correlation or a trend, maxMetrics that of metrics in a
// request.
const (
	maxPeriod  = 3660
	maxMetrics = 20
)

// rangeOf returns the range between two times; a zero time leaves that end open.
func rangeOf(start, end time.Time) (store.Range, error) {
	var r store.Range
	if !start.IsZero() {
		r.From = closedEnd(start)
	}
	if !end.IsZero() {
		r.To = closedEnd(end)
	}
	if !start.IsZero() && !end.IsZero() && !start.Before(end) {
		return r, problem.New(problem.Invalid, "invalid_range", "The end of the range must be after its start.").In("end")
	}
	return r, nil
}

// closedEnd returns t as an end of a range; for the instant 0, which stands for an open end, it is a microsecond
// earlier.
func closedEnd(t time.Time) health.Instant {
	if i := instantOf(t); i != 0 {
		return i
	}
	return -1
}

// instantOf returns t, moved into the range of instants that data can have.
func instantOf(t time.Time) health.Instant {
	switch {
	case t.Before(health.MinInstant.Time()):
		return health.MinInstant
	case t.After(health.MaxInstant.Time()):
		return health.MaxInstant
	}
	return health.InstantOf(t)
}

// pageLimit returns the greatest number of entries on a page: requested, or standard where that is 0.
func pageLimit(requested, standard, maximum int) (int, error) {
	if requested < 0 || requested > maximum {
		return 0, problem.New(problem.Invalid, "invalid_limit",
			fmt.Sprintf("The limit must be from 1 to %d; without one it is %d.", maximum, standard)).In("limit")
	}
	return cmp.Or(requested, standard), nil
}

func checkDates(first, last health.Date) error {
	if first > last {
		return problem.New(problem.Invalid, "invalid_range", "The last day must not be before the first.").In("end")
	}
	if first.Time().Before(health.MinInstant.Time()) || last.Time().After(health.MaxInstant.Time()) {
		return problem.New(problem.Invalid, "invalid_range", "Days go from 1900-01-01 to 9999-12-31.").In("start")
	}
	return nil
}

// checkPeriod refuses days in the wrong order, outside the range of data, or too many.
func checkPeriod(first, last health.Date, startField, endField string) error {
	if err := checkDates(first, last); err != nil {
		known, ok := errors.AsType[*problem.Error](err)
		if ok && known.Field == "start" {
			return known.In(startField)
		}
		if ok {
			return known.In(endField)
		}
		return err
	}
	if last-first >= maxPeriod {
		return problem.New(problem.Invalid, "range_too_large",
			fmt.Sprintf("A period has at most %d days. Ask for a shorter one.", maxPeriod)).In(endField)
	}
	return nil
}

// checkMetrics refuses a list of metrics that is empty or too long.
func checkMetrics(metrics []string) error {
	if len(metrics) == 0 || len(metrics) > maxMetrics {
		return problem.New(problem.Invalid, "invalid_metrics",
			fmt.Sprintf("Name from 1 to %d metrics, separated by commas.", maxMetrics)).In("metrics")
	}
	return nil
}

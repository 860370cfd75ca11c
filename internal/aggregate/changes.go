package aggregate

import "github.com/health-export/health-export/internal/health"

// Changes collects what a batch of samples changes of one metric, for the summaries and latest values computed from
// samples.
type Changes struct {
	// Dates are the local days with new or changed samples, in no order and possibly repeated. Summaries longer than a
	// day have none.
	Dates []health.Date
	// Latest is the latest of the new and changed samples; nil where there is none.
	Latest *health.Sample
}

// See adds a sample that is new, or as it is after a change. The caller must not change it afterwards.
func (c *Changes) See(s *health.Sample) {
	if c.Latest == nil || s.LaterThan(c.Latest) {
		c.Latest = s
	}
	c.Touch(s)
}

// maxHold is longer than any metric's catalog.Metric.Hold.
const maxHold = 300 * health.Second

// Touch adds the local days that a sample counts on, before a change.
func (c *Changes) Touch(s *health.Sample) {
	if s.Grain > health.GrainDay {
		return
	}
	from, to := countedSpan(s)
	if to == from {
		to += maxHold
	}
	for date := from.Date(s.Offset); date <= (to - 1).Date(s.Offset); date++ {
		if n := len(c.Dates); n == 0 || c.Dates[n-1] != date {
			c.Dates = append(c.Dates, date)
		}
	}
}

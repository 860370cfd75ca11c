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
	if s.Grain <= health.GrainDay {
		c.Touch(s.LocalDate())
	}
}

// Touch adds the local day of a sample before a change.
func (c *Changes) Touch(date health.Date) {
	if n := len(c.Dates); n == 0 || c.Dates[n-1] != date {
		c.Dates = append(c.Dates, date)
	}
}

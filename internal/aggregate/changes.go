package aggregate

import "github.com/health-export/health-export/internal/health"

// Changes is what a batch of samples changes of one metric, as far as what is worked out from samples has to follow.
type Changes struct {
	// Dates are the local days with samples that are new or changed, in no order and perhaps several times. What is longer
	// than a day is part of none.
	Dates []health.Date
	// Latest is the one of the new and changed samples that is later than all others; nil where there is none.
	Latest *health.Sample
}

// See takes a sample that is new, or as it is after a change. It must stay as it is.
func (c *Changes) See(s *health.Sample) {
	if c.Latest == nil || s.LaterThan(c.Latest) {
		c.Latest = s
	}
	if s.Grain <= health.GrainDay {
		c.Touch(s.LocalDate())
	}
}

// Touch takes the local day that a changed sample lay on before.
func (c *Changes) Touch(date health.Date) {
	if n := len(c.Dates); n == 0 || c.Dates[n-1] != date {
		c.Dates = append(c.Dates, date)
	}
}

package aggregate

import (
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// Rule is how the samples of one metric are resolved.
type Rule struct {
	// Style is HealthKit's; "" is catalog.StyleArithmetic.
	Style catalog.Style
	// Hold is how long a value without a length is valid at most, where the mean is weighted by time.
	Hold health.Instant
	// SettlingDay and SettlingShorter are how long after the end of a day, and of a shorter bucket, its summary may still
	// grow.
	SettlingDay, SettlingShorter health.Instant
	// UserEntered is set where each reading is an entry of a person: one that was made later was entered later, even where
	// a summary was final.
	UserEntered bool
	// Ranking orders the sources.
	Ranking Ranking
}

// RuleFor returns the rule of a metric; nil is one that is not in the catalogue, whose values are not added up.
func RuleFor(known *catalog.Metric, ranking Ranking) Rule {
	if known == nil {
		known = &catalog.Metric{Style: catalog.StyleArithmetic}
	}
	micros := func(d interface{ Microseconds() int64 }) health.Instant { return health.Instant(d.Microseconds()) }
	return Rule{
		Style: known.Style, Hold: micros(known.Hold), Ranking: ranking,
		SettlingDay: micros(known.SettlingDay), SettlingShorter: micros(known.SettlingShorter),
		UserEntered: known.UserEntered,
	}
}

// Cumulative reports whether values are added up.
func (r Rule) Cumulative() bool { return r.Style == catalog.StyleCumulative }

// weightedByTime reports whether each value of a mean counts for as long as it was valid.
func (r Rule) weightedByTime() bool {
	return r.Style == catalog.StyleTimeWeighted || r.Style == catalog.StyleEquivalentLevel
}

// settled reports whether a summary of an interval that was made at a time is final.
func (r Rule) settled(in health.Interval, grain health.Grain, asOf health.Instant) bool {
	if grain >= health.GrainDay {
		return asOf >= in.To+r.SettlingDay
	}
	return asOf >= in.To+r.SettlingShorter
}

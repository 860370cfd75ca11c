package phonetest

import (
	"time"
)

// Grouping is what an automation sends of a metric: statistics by a grain, or single samples.
type Grouping string

// The groupings that the app offers. Default is Minutes for everything but heart rates, which it sends singly.
const (
	None    Grouping = "None"
	Default Grouping = "Default"
	ByMin   Grouping = "Minutes"
	ByHour  Grouping = "Hours"
	ByDay   Grouping = "Days"
)

// grain returns the grain of a metric's statistics; false if single samples are sent.
func (g Grouping) grain(metric Metric) (Grain, bool) {
	switch {
	case g == None, g == Default && metric.Style == TimeWeighted:
		return "", false
	case g == ByHour:
		return Hour, true
	case g == ByDay:
		return Day, true
	default:
		return Minute, true
	}
}

// Period is the time that a run of an automation sends.
type Period string

// The periods that the app offers. DefaultPeriod is the whole previous day and today until now.
const (
	DefaultPeriod Period = "Default"
	SinceLastSync Period = "Since Last Sync"
	Today         Period = "Today"
	Yesterday     Period = "Yesterday"
	SevenDays     Period = "Previous 7 Days"
)

// Batch is how a run is divided into requests of one session.
type Batch string

// Ways to divide a run.
const (
	Whole     Batch = "whole"
	ByMetric  Batch = "by metric"
	ByTime    Batch = "by time"
	partHours       = 8 // of a part, where it is by time
)

// Automation is a schedule by which the app sends data.
type Automation struct {
	ID, Name string
	Metrics  []string
	Grouping Grouping
	// SwitchAt is when the person changes the grouping to SwitchTo; zero for never.
	SwitchAt time.Time
	SwitchTo Grouping
	Period   Period
	// From and Until are when it is set up and taken away, Every is how often it runs.
	From, Until time.Time
	Every       time.Duration
	Batch       Batch
	// NoHeaders leaves out the headers that describe the automation, as old versions of the app do.
	NoHeaders bool
	// MovesOnFailure says that a run which failed moves the cursor of SinceLastSync too.
	MovesOnFailure bool
}

// groupingAt returns the grouping that is set at a time.
func (a *Automation) groupingAt(t time.Time) Grouping {
	if !a.SwitchAt.IsZero() && !t.Before(a.SwitchAt) {
		return a.SwitchTo
	}
	return a.Grouping
}

// span returns the time that a run at t sends in a zone. Cursor is where the last run ended, for SinceLastSync.
func (a *Automation) span(t, cursor time.Time, zone *time.Location) (from, to time.Time) {
	y, m, d := t.In(zone).Date()
	today := dayStart(y, m, d, zone)
	switch a.Period {
	case SinceLastSync:
		return cursor, t
	case Today:
		return today, t
	case Yesterday:
		return dayStart(y, m, d-1, zone), today
	case SevenDays:
		return dayStart(y, m, d-7, zone), today
	default:
		return dayStart(y, m, d-1, zone), t
	}
}

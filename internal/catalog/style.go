package catalog

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Style is how HealthKit makes one value of the values of an interval, HKQuantityAggregationStyle.
type Style string

// The styles.
const (
	StyleCumulative Style = "cumulative" // a sum
	StyleArithmetic Style = "arithmetic" // the mean of the values
	// StyleTimeWeighted is the mean over time: each value counts for as long as it was valid.
	StyleTimeWeighted Style = "time_weighted"
	// StyleEquivalentLevel is the mean of the energy of sound levels, in decibels (Leq).
	StyleEquivalentLevel Style = "equivalent_level"
)

// The defaults of the columns hold and settling.
const (
	defaultHold            = 40 * time.Second
	defaultSettlingDay     = time.Hour
	defaultSettlingShorter = 12 * time.Hour
)

// setStyle sets the style, by the aggregation where the column is empty, and how long values hold and summaries settle.
func (m *Metric) setStyle(r row) (err error) {
	m.Style = Style(r.value("style"))
	switch {
	case m.Aggregation == AggregationSum && m.Style == "":
		m.Style = StyleCumulative
	case m.Style == "":
		m.Style = StyleArithmetic
	case m.Aggregation != AggregationAverage || m.Style != StyleTimeWeighted && m.Style != StyleEquivalentLevel:
		return fmt.Errorf("the style %q does not go with the aggregation %q", m.Style, m.Aggregation)
	}
	m.Hold, m.SettlingDay, m.SettlingShorter = defaultHold, defaultSettlingDay, defaultSettlingShorter
	if text := r.value("hold"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds <= 0 || seconds > 300 || m.Style == StyleCumulative || m.Style == StyleArithmetic {
			return fmt.Errorf("the column hold is a number of seconds up to 300, of a metric whose mean is weighted by time")
		}
		m.Hold = time.Duration(seconds) * time.Second
	}
	if text := r.value("settling"); text != "" {
		day, shorter, _ := strings.Cut(text, "|")
		var errDay, errShorter error
		m.SettlingDay, errDay = time.ParseDuration(day)
		m.SettlingShorter, errShorter = time.ParseDuration(shorter)
		if errDay != nil || errShorter != nil {
			return fmt.Errorf("the column settling is two durations, of days and of shorter summaries, such as 1h|12h")
		}
	}
	return nil
}

package phonetest

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// sentSamples returns the samples of a day that arrived, in order: of all runs, or without the summaries longer than a
// minute.
func (d *day) sentSamples(longest Grain) (sent []Sample) {
	seen := map[Sample]bool{}
	for _, r := range d.runs {
		grain, summarised := r.grain(d.metric)
		if summarised && (grain == Day && longest != Day || grain == Hour && longest == Minute) {
			continue
		}
		for _, s := range d.plan.Person.Kit.At(r.at).Samples(d.metric.Name, later(r.from, d.outer.start), earlier(r.to, d.outer.end)) {
			if !seen[s] {
				seen[s] = true
				sent = append(sent, s)
			}
		}
	}
	slices.SortStableFunc(sent, func(a, b Sample) int { return a.Start.Compare(b.Start) })
	return sent
}

// known says whether all samples are among those that were sent, and no others.
func known(truth, sent []Sample) bool {
	return len(truth) > 0 && slices.Equal(truth, sent)
}

// heartRate returns what the heart rate of the day has to be.
func (d *day) heartRate() []expectation {
	truth, all := d.now.Samples(d.metric.Name, d.inner.start, d.inner.end), d.sentSamples(Day)
	low, high, ok := d.extremes(all)
	if !ok {
		return nil
	}
	avg := expectation{name: "avg", field: meanOf, low: low, high: high, why: "the extremes of what was sent"}
	if d.settled != nil {
		avg.low, avg.high, avg.tolerance = d.summary.Avg, d.summary.Avg, 0.2
		avg.why = "a summary of the whole day says so"
	}
	if !d.clear() || !known(truth, d.sentSamples(Minute)) {
		return []expectation{avg}
	}
	least, mean, most := mean(d.metric, truth, d.inner.end)
	if d.settled == nil {
		avg.low, avg.high, avg.tolerance, avg.why = mean, mean, 3, "all readings of the day were sent"
	}
	return []expectation{
		avg,
		{name: "min", field: minOf, low: least, high: least, why: "all readings of the day were sent"},
		{name: "max", field: maxOf, low: most, high: most, why: "all readings of the day were sent"},
	}
}

// extremes returns the extremes of samples; false unless at least one is of the day by the clocks of all zones.
func (d *day) extremes(samples []Sample) (low, high float64, ok bool) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range samples {
		low, high = min(low, s.Value), max(high, s.Value)
		ok = ok || !s.Start.Before(d.inner.start) && s.Start.Before(d.inner.end)
	}
	return low, high, ok
}

// readings returns what the readings of a day, entered by hand, have to be.
func (d *day) readings() []expectation {
	truth, all := d.now.Samples(d.metric.Name, d.inner.start, d.inner.end), d.sentSamples(Day)
	low, high, ok := d.extremes(all)
	if !ok {
		return nil
	}
	if !d.clear() || !known(truth, all) || !known(truth, d.sentSamples(Hour)) {
		return []expectation{{name: "value", field: valueOf, low: low, high: high, tolerance: 1e-6 * high, why: "the extremes of what was sent"}}
	}
	_, mean, _ := mean(d.metric, truth, d.inner.end)
	last := truth[len(truth)-1].Value
	expected := []expectation{
		{name: "min", field: minOf, low: low, high: low},
		{name: "max", field: maxOf, low: high, high: high},
	}
	switch {
	case d.metric.Latest:
		expected = append(expected, expectation{name: "value", field: valueOf, low: last, high: last})
	case d.settled != nil:
		expected = append(expected, expectation{name: "avg", field: meanOf, low: min(mean, d.summary.Avg), high: max(mean, d.summary.Avg)})
	default:
		expected = append(expected, expectation{name: "avg", field: meanOf, low: mean, high: mean})
	}
	if !slices.ContainsFunc(d.runs, func(r run) bool { return r.grouping == ByDay }) {
		n := float64(len(truth))
		expected = append(expected, expectation{name: "count", field: countOf, low: n, high: n})
	}
	for i := range expected {
		expected[i].tolerance = 1e-6 * high
		expected[i].why = fmt.Sprintf("all readings of the day were sent, the last at %s", truth[len(truth)-1].Start.UTC().Format(time.RFC3339))
	}
	return expected
}

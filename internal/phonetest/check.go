package phonetest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Figure is what a server says of a metric on a day. Of a cumulative metric, Value is the sum.
type Figure struct {
	Value, Min, Avg, Max float64
	Count                int
}

// Days has the figures of some days, by date (2006-01-02) and metric.
type Days map[string]map[string]Figure

// Target is a server under test, which lives in the time that it is told.
type Target interface {
	// Receive receives an upload at its time, and processes it.
	Receive(ctx context.Context, upload Upload) error
	// Days returns the figures of the days from first to last, at a time.
	Days(ctx context.Context, at, first, last time.Time) (Days, error)
}

// Run lets a server receive the uploads of a plan in their order, asks it for the days at the plan's checks, and returns
// what it says wrongly.
func (p *Plan) Run(ctx context.Context, target Target) ([]Fault, error) {
	var faults []Fault
	next := 0
	for _, at := range p.Checks {
		for ; next < len(p.Uploads) && !p.Uploads[next].At.After(at); next++ {
			if err := target.Receive(ctx, p.Uploads[next]); err != nil {
				return faults, fmt.Errorf("upload %d, at %s: %w", next, p.Uploads[next].At, err)
			}
		}
		first, last := p.Person.Start.AddDate(0, 0, -1), p.Person.End.AddDate(0, 0, 2)
		got, err := target.Days(ctx, at, first, last)
		if err != nil {
			return faults, err
		}
		faults = append(faults, p.check(at, got)...)
	}
	return faults, nil
}

// Fault is a figure that is wrong.
type Fault struct {
	Asked  time.Time // when the server was asked
	Date   string
	Metric string
	Field  string // of Figure
	Got    float64
	// Low and High are the bounds of what would be right, Why the reason for them.
	Low, High float64
	Why       string
	// Story lists what had arrived of the day.
	Story []string
}

func (f Fault) String() string {
	return fmt.Sprintf("%s %s: %s is %.6g, and should be %.6g to %.6g: %s (asked at %s)\n\t%s", f.Date, f.Metric, f.Field, f.Got,
		f.Low, f.High, f.Why, f.Asked.Format(time.RFC3339), strings.Join(f.Story, "\n\t"))
}

// Story describes the plan in words.
func (p *Plan) Story() string {
	var out strings.Builder
	fmt.Fprintf(&out, "seed %d: %s for %d days, %s; sums by minutes %.1f %% too large", p.Seed, p.Person.Start.Format("2006-01-02 -0700"),
		p.Habits.Days, strings.Join(p.Habits.Metrics, ", "), 100*p.Habits.Inflation)
	for _, trait := range []struct {
		is   bool
		what string
	}{
		{p.Habits.SyncsLate, "the watch is sometimes late"},
		{p.Habits.Corrects, "entries are corrected"},
		{p.Habits.Condenses, "workouts are condensed"},
		{p.Habits.FreeNames, "devices have free names"},
		{p.Habits.OtherUnits, "the app writes kJ, miles and pounds"},
		{p.Habits.TwelveHours, "the clock has twelve hours"},
	} {
		if trait.is {
			out.WriteString("; " + trait.what)
		}
	}
	for _, stay := range p.Person.Stays {
		if stay.From.IsZero() {
			fmt.Fprintf(&out, "\n\tat home in %s", stay.Zone)
		} else {
			fmt.Fprintf(&out, "\n\tfrom %s in %s", stay.From.UTC().Format(time.RFC3339), stay.Zone)
		}
	}
	for _, a := range p.Automations {
		fmt.Fprintf(&out, "\n\t%s: %s, %s, every %s, batch %s", a.Name, a.Grouping, a.Period, a.Every, a.Batch)
		fmt.Fprintf(&out, ", from %s to %s", a.From.UTC().Format(time.RFC3339), a.Until.UTC().Format(time.RFC3339))
		if a.NoHeaders {
			out.WriteString(", without headers")
		}
		if !a.SwitchAt.IsZero() {
			fmt.Fprintf(&out, ", switched to %s at %s", a.SwitchTo, a.SwitchAt.UTC().Format(time.RFC3339))
		}
	}
	for _, r := range p.runs {
		if r.automation == nil {
			fmt.Fprintf(&out, "\n\tApple's export made at %s, imported at %s", r.at.UTC().Format(time.RFC3339), r.received.UTC().Format(time.RFC3339))
		}
	}
	return out.String()
}

// check compares the figures that a server gives at a time with the truth.
func (p *Plan) check(at time.Time, got Days) (faults []Fault) {
	arrived := p.arrivedBy(at)
	for _, metric := range p.Person.Metrics {
		for date := p.Person.Start.AddDate(0, 0, -1); date.Before(p.Person.End.AddDate(0, 0, 2)); date = date.AddDate(0, 0, 1) {
			d := newDay(p, metric, date, at, arrived)
			for _, expected := range d.expectations() {
				faults = expected.compare(faults, d, expected.field(got[d.date][metric.Name]))
			}
		}
		if all, ok := p.allDays(metric, at, arrived); ok {
			var sum float64
			for _, figures := range got {
				sum += figures[metric.Name].Value
			}
			faults = all.sum().compare(faults, all, sum)
		}
	}
	return faults
}

// allDays returns all the time of a plan as one day: where the person travels, it is not always clear which day something
// belongs to, but it must belong to one. It is false for what is sent by days, which overlap then.
func (p *Plan) allDays(metric Metric, at time.Time, arrived []run) (*day, bool) {
	if metric.Style != Cumulative || len(p.Person.Stays) == 1 || slices.ContainsFunc(arrived, func(r run) bool { return r.tellsDays(metric) }) {
		return nil, false
	}
	all := span{p.Person.Start.AddDate(0, 0, -2), p.Person.End.AddDate(0, 0, 3)}
	d := &day{plan: p, metric: metric, date: "all days together", now: p.Person.Kit.At(at), inner: all, outer: all}
	for _, r := range arrived {
		if r.sends(metric.Name) {
			d.runs = append(d.runs, r)
		}
	}
	return d, true
}

// arrivedBy returns the runs of which all had arrived by a time.
func (p *Plan) arrivedBy(t time.Time) (arrived []run) {
	for _, r := range p.runs {
		if !r.received.After(t) {
			arrived = append(arrived, r)
		}
	}
	return arrived
}

// expectation is what one field of a figure has to be.
type expectation struct {
	name                 string
	field                func(Figure) float64
	low, high, tolerance float64
	why                  string
}

// compare adds a fault of a day if its value is not what it has to be.
func (e expectation) compare(faults []Fault, d *day, value float64) []Fault {
	low, high := e.low-e.tolerance, e.high+e.tolerance
	if value >= low && value <= high {
		return faults
	}
	return append(faults, Fault{
		Asked: d.now.at, Date: d.date, Metric: d.metric.Name, Field: e.name, Got: value, Low: low, High: high, Why: e.why,
		Story: d.story(),
	})
}

func valueOf(f Figure) float64 { return f.Value }
func meanOf(f Figure) float64  { return f.Avg }
func minOf(f Figure) float64   { return f.Min }
func maxOf(f Figure) float64   { return f.Max }
func countOf(f Figure) float64 { return float64(f.Count) }

// day is what is known of one metric on one day, at the time of a check.
type day struct {
	plan   *Plan
	metric Metric
	date   string
	now    State
	// runs are those that arrived and are about the day; settled is the last one that told the whole day after it was over.
	runs    []run
	settled *run
	summary Statistic // that settled sent
	// newest is settled unless an export was imported long after it was made: that of the latest state.
	newest        *run
	newestSummary Statistic
	// inner and outer are the bounds of the day by the clocks of all zones in which it was sent: that which is the day by
	// all of them, and by any of them.
	inner, outer span
}

func newDay(p *Plan, metric Metric, date, at time.Time, arrived []run) *day {
	y, m, d := date.Date()
	window := func(zone *time.Location) span {
		return span{dayStart(y, m, d, zone), dayStart(y, m, d+1, zone)}
	}
	noon := date.Add(12 * time.Hour)
	day := &day{plan: p, metric: metric, date: fmt.Sprintf("%04d-%02d-%02d", y, m, d), now: p.Person.Kit.At(at)}
	day.inner = window(p.Person.ZoneAt(noon))
	day.outer = day.inner
	first := true
	for _, r := range arrived {
		w := window(r.zone)
		if !r.sends(metric.Name) || !r.from.Before(w.end.Add(24*time.Hour)) || !r.to.After(w.start.Add(-24*time.Hour)) {
			continue
		}
		if first {
			day.inner, day.outer = w, w
			first = false
		}
		day.inner = span{later(day.inner.start, w.start), earlier(day.inner.end, w.end)}
		day.outer = span{earlier(day.outer.start, w.start), later(day.outer.end, w.end)}
	}
	for _, r := range arrived {
		if r.sends(metric.Name) && day.about(r) {
			day.runs = append(day.runs, r)
		}
		day.settle(r, window(r.zone))
	}
	return day
}

// about says whether a run is about the day. One of single samples may begin with some that began before it.
func (d *day) about(r run) bool {
	from := r.from
	if r.single(d.metric) {
		from = from.Add(-d.plan.Person.Kit.longest[d.metric.Name])
	}
	return from.Before(d.outer.end) && r.to.After(d.outer.start)
}

// settle takes a run as one that settles the day if it is. The day is w by the clock of its zone.
func (d *day) settle(r run, w span) {
	if !r.tellsDays(d.metric) || !r.sends(d.metric.Name) {
		return
	}
	if r.from.After(w.start) || r.to.Before(w.end) || r.at.Before(w.end.Add(time.Hour)) {
		return
	}
	found := d.plan.Person.Kit.At(r.at).Statistics(d.metric, Day, r.zone, w.start, w.end)
	if len(found) != 1 {
		return
	}
	if d.newest == nil || !r.at.Before(d.newest.at) {
		d.newest, d.newestSummary = &r, found[0]
	}
	d.settled, d.summary = &r, found[0]
}

// clear says whether it is clear which time the day is.
func (d *day) clear() bool { return d.inner == d.outer }

// expectations returns what the figures of the day have to be.
func (d *day) expectations() []expectation {
	switch {
	case d.metric.Style == Cumulative:
		return []expectation{d.sum()}
	case d.metric.Style == TimeWeighted:
		return d.heartRate()
	default:
		return d.readings()
	}
}

// sum returns what the sum of the day has to be.
func (d *day) sum() expectation {
	truth := d.now.Sum(d.metric, d.inner.start, d.inner.end)
	e := expectation{name: "sum", field: valueOf}
	if d.settled != nil {
		e.low, e.high = min(d.newestSummary.Sum, d.summary.Sum), max(d.newestSummary.Sum, d.summary.Sum)
		if d.clear() {
			e.low, e.high = min(truth, e.low), max(truth, e.high)
		}
		e.why = "a summary of the whole day says " + fmt.Sprintf("%.6g", d.summary.Sum)
		e.tolerance = 2e-6 * e.high
		return e
	}
	c := newCells(d)
	if d.clear() && c.plain() {
		e.low, e.high, e.why = truth, truth, "all of the day was sent"
		e.tolerance = d.tolerance(truth, c.edges)
		return e
	}
	e.low, e.high = c.bounds()
	e.why = fmt.Sprintf("what was sent of the day; HealthKit has %.6g", truth)
	e.tolerance = d.tolerance(e.high, c.edges+2*c.largest)
	return e
}

// tolerance is the part of a sum by which a figure may differ from it: 1 % and something else; nothing of what was entered
// by hand.
func (d *day) tolerance(sum, other float64) float64 {
	if d.metric.ByHand {
		return 1e-6 * sum
	}
	return 0.01*sum + other
}

// story lists the runs that are about the day.
func (d *day) story() []string {
	lines := []string{fmt.Sprintf("the day is %s to %s", d.outer.start.UTC().Format(time.RFC3339), d.outer.end.UTC().Format(time.RFC3339))}
	if !d.clear() {
		lines[0] += fmt.Sprintf(", by all zones %s to %s", d.inner.start.UTC().Format(time.RFC3339), d.inner.end.UTC().Format(time.RFC3339))
	}
	for _, r := range d.runs {
		state := d.plan.Person.Kit.At(r.at)
		from, to := later(r.from, d.outer.start), earlier(r.to, d.outer.end)
		line := fmt.Sprintf("%s %s (%s): %s of %s to %s", r.received.UTC().Format("02T15:04:05"), r.name, r.grouping, d.metric.Name,
			from.UTC().Format("02T15:04"), to.UTC().Format("02T15:04"))
		if d.metric.Style == Cumulative {
			line += fmt.Sprintf(" = %.6g", state.Sum(d.metric, from, to))
			if grain, ok := r.grain(d.metric); ok && grain == Minute && !d.metric.ByHand {
				line += fmt.Sprintf(" × %.3f", 1+d.plan.Habits.Inflation)
			}
		} else if samples := state.Samples(d.metric.Name, from, to); len(samples) > 0 {
			low, avg, high := mean(d.metric, samples, d.outer.end)
			line += fmt.Sprintf(", %d samples of %.4g to %.4g, mean %.4g", len(samples), low, high, avg)
		}
		if d.settled != nil && r.at.Equal(d.settled.at) && r.name == d.settled.name {
			line += " settles the day"
		}
		lines = append(lines, line)
	}
	return lines
}

// cells is what was sent of a cumulative metric on a day, minute by minute.
type cells struct {
	*day
	truth []float64
	// sent has a row for each run: what HealthKit had in the minutes it tells, NaN in others.
	sent [][]float64
	// singles says which runs sent single samples of several devices, without their lengths.
	singles []bool
	// best is what the best device has of the minutes, if there are such runs.
	best []float64
	// edges is what single samples have on the other side of midnight, largest the largest value of a minute.
	edges, largest float64
}

func newCells(d *day) *cells {
	c := &cells{day: d, truth: d.now.minutes(d.metric, d.outer)}
	several := d.severalSources()
	for _, r := range d.runs {
		state := d.plan.Person.Kit.At(r.at)
		single := r.single(d.metric)
		var row []float64
		if single {
			row = minutesOf(d.outer, separately(d.metric, state.touching(d.metric.Name, r.from, r.to)))
			c.edges = max(c.edges, state.crossing(d.metric, d.outer))
		} else {
			row = state.minutes(d.metric, d.outer)
		}
		for i := range row {
			at := d.outer.start.Add(time.Duration(i) * time.Minute)
			if inside := !at.Before(r.from) && at.Before(r.to); !inside && (!single || row[i] == 0) {
				row[i] = math.NaN()
			} else {
				c.largest = max(c.largest, row[i])
			}
		}
		c.sent, c.singles = append(c.sent, row), append(c.singles, single && several && !d.metric.ByHand)
	}
	if slices.Contains(c.singles, true) {
		samples := d.now.touching(d.metric.Name, d.outer.start, d.outer.end)
		c.best = minutesOf(d.outer, merge(d.metric, slices.DeleteFunc(samples, func(s Sample) bool { return s.Source.Priority > 1 })))
	}
	return c
}

// severalSources says whether several devices measured the metric on the day.
func (d *day) severalSources() bool {
	samples := d.now.touching(d.metric.Name, d.outer.start, d.outer.end)
	return slices.ContainsFunc(samples, func(s Sample) bool { return s.Source != samples[0].Source })
}

// minutes returns what each minute of a day has.
func (s State) minutes(metric Metric, day span) []float64 {
	return minutesOf(day, merge(metric, s.touching(metric.Name, day.start, day.end)))
}

// separately returns samples as if each was the only one.
func separately(metric Metric, samples []Sample) (pieces []piece) {
	for i := range samples {
		pieces = append(pieces, merge(metric, samples[i:i+1])...)
	}
	return pieces
}

// minutesOf returns what the minutes of a day have of some pieces.
func minutesOf(day span, pieces []piece) []float64 {
	row := make([]float64, int(day.end.Sub(day.start)/time.Minute))
	for _, p := range pieces {
		p.share(day.start, day.end, func(_ *Source, from, to time.Time, value float64) {
			length := to.Sub(from)
			for at := from; ; {
				minute := int(at.Sub(day.start) / time.Minute)
				next := earlier(day.start.Add(time.Duration(minute+1)*time.Minute), to)
				if length == 0 {
					row[minute] += value
					return
				}
				row[minute] += value * float64(next.Sub(at)) / float64(length)
				if at = next; !at.Before(to) {
					return
				}
			}
		})
	}
	return row
}

// crossing returns what the samples over the ends of a day have on both sides.
func (s State) crossing(metric Metric, day span) (sum float64) {
	for _, sample := range s.touching(metric.Name, day.start, day.end) {
		if sample.Start.Before(day.start) || sample.End.After(day.end) {
			sum += sample.Value
		}
	}
	return sum
}

// plain says whether the day is known as a whole, and as HealthKit has it, by what was sent: there is nothing that makes
// a sum too large or that cannot be told apart, and either one automation (or export) alone told all of it, after all
// others that knew less, or all of them together did, and none knew less.
func (c *cells) plain() bool {
	if c.inflated() || slices.Contains(c.singles, true) || c.deletedEntrySent() {
		return false
	}
	all := make([]int, len(c.runs))
	for i := range all {
		all[i] = i
	}
	if c.tells(all) && !slices.ContainsFunc(all, func(i int) bool { return c.stale(i) }) {
		return true
	}
	for _, group := range c.groups() {
		first := c.earliest(group)
		others := slices.DeleteFunc(slices.Clone(all), func(i int) bool { return slices.Contains(group, i) })
		if c.tells(group) && !slices.ContainsFunc(others, func(i int) bool {
			_, summarised := c.runs[i].grain(c.metric)
			return c.stale(i) && (!summarised || !c.runs[i].at.Before(first))
		}) {
			return true
		}
	}
	return false
}

// inflated says whether a run sent sums by minutes that are too large.
func (c *cells) inflated() bool {
	return c.plan.Habits.Inflation > 0 && !c.metric.ByHand && slices.ContainsFunc(c.runs, func(r run) bool {
		grain, ok := r.grain(c.metric)
		return ok && grain == Minute
	})
}

// deletedEntrySent says whether an entry was sent that was deleted or changed later.
func (c *cells) deletedEntrySent() bool {
	if !c.metric.ByHand {
		return false
	}
	for _, r := range c.runs {
		for _, s := range c.plan.Person.Kit.At(r.at).touching(c.metric.Name, c.outer.start, c.outer.end) {
			if !s.presentAt(c.now.at) && !s.Start.Before(r.from) && s.Start.Before(r.to) {
				return true
			}
		}
	}
	return false
}

// groups returns the places of the runs of each group.
func (c *cells) groups() [][]int {
	var groups [][]int
	index := map[string]int{}
	for i, r := range c.runs {
		name := r.group()
		if _, ok := index[name]; !ok {
			index[name] = len(groups)
			groups = append(groups, nil)
		}
		groups[index[name]] = append(groups[index[name]], i)
	}
	return groups
}

// latest returns the run of a group that tells a minute last; false if none does.
func (c *cells) latest(group []int, minute int) (int, bool) {
	best := -1
	for _, i := range group {
		if !math.IsNaN(c.sent[i][minute]) && (best < 0 || c.runs[i].at.After(c.runs[best].at)) {
			best = i
		}
	}
	return best, best >= 0
}

// tells says whether a group tells the whole day as HealthKit has it.
func (c *cells) tells(group []int) bool {
	var sum, apart float64
	for minute, truth := range c.truth {
		i, ok := c.latest(group, minute)
		if !ok {
			apart += truth
		} else {
			apart += math.Abs(c.sent[i][minute] - truth)
		}
		sum += truth
	}
	return apart <= c.negligible(sum)
}

// negligible is the part of a sum that makes no difference.
func (c *cells) negligible(sum float64) float64 {
	if c.metric.ByHand {
		return 1e-9 * sum
	}
	return 0.003 * sum
}

// stale says whether a run tells less of its time, or more, than HealthKit has now.
func (c *cells) stale(i int) bool {
	var sum, apart float64
	for minute, truth := range c.truth {
		if sent := c.sent[i][minute]; !math.IsNaN(sent) {
			apart += math.Abs(sent - truth)
		}
		sum += truth
	}
	return apart > c.negligible(sum)
}

// earliest returns the time of the oldest run that is the latest of its group for a minute with anything in it.
func (c *cells) earliest(group []int) time.Time {
	first := c.now.at
	for minute, truth := range c.truth {
		if i, ok := c.latest(group, minute); ok && truth > 0 {
			first = earlier(first, c.runs[i].at)
		}
	}
	return first
}

// bounds returns between what the sum of the day has to be: at least what the best group tells, as far as it is still so,
// and no coarser summary says less; at most the largest that was ever sent of each minute.
func (c *cells) bounds() (low, high float64) {
	for _, group := range c.groups() {
		low = max(low, c.least(group))
	}
	for minute := range c.truth {
		var most float64
		for i := range c.runs {
			if sent := c.sent[i][minute]; !math.IsNaN(sent) {
				most = max(most, sent)
			}
		}
		high += most
	}
	if slices.Contains(c.singles, true) {
		high += c.cut()
	}
	if c.inflated() {
		high *= 1 + c.plan.Habits.Inflation
	}
	return low, high
}

// cut returns what the samples have over which a run began or ended that tells minutes. Sent singly, without their lengths,
// they count in full where they begin, beside what the minutes after that have of them.
func (c *cells) cut() (sum float64) {
	samples := c.now.touching(c.metric.Name, c.outer.start, c.outer.end)
	for i := range samples {
		s := &samples[i]
		if slices.ContainsFunc(c.runs, func(r run) bool {
			return !r.single(c.metric) && (s.Start.Before(r.from) && r.from.Before(s.End) || s.Start.Before(r.to) && r.to.Before(s.End))
		}) {
			sum += s.Value
		}
	}
	return sum
}

// least returns what the day has at least by a group.
func (c *cells) least(group []int) (sum float64) {
	first := c.earliest(group)
	for minute, truth := range c.truth {
		at := c.outer.start.Add(time.Duration(minute) * time.Minute)
		i, ok := c.latest(group, minute)
		if !ok || at.Before(c.inner.start) || !at.Before(c.inner.end) {
			continue
		}
		value := min(c.sent[i][minute], truth)
		if c.singles[i] {
			value = min(value, c.best[minute])
		}
		for other := range c.runs {
			if sent := c.sent[other][minute]; !math.IsNaN(sent) && c.coarse(other) && c.runs[other].at.After(first) {
				value = min(value, sent)
			}
		}
		sum += value
	}
	return sum
}

// coarse says whether a run sent summaries longer than a minute.
func (c *cells) coarse(i int) bool {
	grain, ok := c.runs[i].grain(c.metric)
	return ok && grain != Minute || c.runs[i].tellsDays(c.metric)
}

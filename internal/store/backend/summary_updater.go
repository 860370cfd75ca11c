package backend

import (
	"slices"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/health"
)

// SummaryTables reads and writes the tables that SummaryUpdater brings in step, for one user in one transaction.
type SummaryTables[M Metric] interface {
	// SourceOrder returns the order of sources that the user has set, and its version.
	SourceOrder() (order aggregate.SourceOrder, version int64, err error)

	// StoredLatest returns the stored latest values of metrics; one without a value is left out.
	StoredLatest(metrics []M) (map[M]health.Sample, error)
	// FindLatest returns the latest of the samples of metrics; a metric without samples is left out.
	FindLatest(metrics []M) (map[M]health.Sample, error)
	WriteLatest(values []LatestValue[M]) error

	// Spans returns the spans of a metric that overlap an interval.
	Spans(m M, in health.Interval) ([]health.Span, error)

	// Prefetch is told which windows ReadWindow will be called for, so that they can be read in one round trip.
	Prefetch(requests []WindowRequest[M]) error
	// ReadWindow passes on the samples of a window as aggregate.Rule.SumUpDays needs them.
	ReadWindow(of *Days[M], window aggregate.Window, add func(*health.Sample)) error

	// StoredDays returns the stored summaries between the first and the last of the dates of each.
	StoredDays(all []SummedDays[M]) (map[DayKey[M]]aggregate.DaySummary, error)
	WriteDays(changes DayChanges[M]) error
}

// LatestValue is the latest sample of a metric.
type LatestValue[M Metric] struct {
	Metric M
	Sample *health.Sample
}

// Days are days of a metric that are to be summed up.
type Days[M Metric] struct {
	Metric M
	Dates  []health.Date // in order
	// Written are, ordered by key time, grain and end, all samples that are stored from the key time WrittenFirst to
	// WrittenLast, so that they need not be read back. Where there are none, all are read.
	Written                   []*health.Sample
	WrittenFirst, WrittenLast health.Instant
}

// WindowRequest is a window of samples that some days need.
type WindowRequest[M Metric] struct {
	Of     *Days[M]
	Window aggregate.Window
}

// SummedDays are the summaries of the dates in Done, which are in order. A date of them without a summary has no samples.
type SummedDays[M Metric] struct {
	Metric M
	Days   []aggregate.DaySummary
	Done   []health.Date
}

// DayKey is the key of a summary of one user.
type DayKey[M Metric] struct {
	Metric M
	Date   health.Date
}

// DayRow is a summary to be written.
type DayRow[M Metric] struct {
	Metric M
	Day    *aggregate.DaySummary
}

// DayChanges are the summaries that differ from the stored ones.
type DayChanges[M Metric] struct {
	Added, Changed []DayRow[M]
	Removed        []DayKey[M]
}

// SummaryUpdater brings the summaries of days and the latest values of one user in step with the samples, within one
// transaction.
type SummaryUpdater[M Metric] struct {
	tables  SummaryTables[M]
	catalog *catalog.Catalog
	order   *aggregate.SourceOrder // nil until it is needed
}

// NewSummaryUpdater returns a SummaryUpdater for one transaction.
func NewSummaryUpdater[M Metric](tables SummaryTables[M], c *catalog.Catalog) *SummaryUpdater[M] {
	return &SummaryUpdater[M]{tables: tables, catalog: c}
}

// Update follows what a batch has changed, and returns how many summaries of days it has written. refused says that some
// of the changes were not made, because the database has refused a sample.
func (u *SummaryUpdater[M]) Update(changes []*Change[M], refused bool) (differed int, err error) {
	changed := slices.DeleteFunc(slices.Clone(changes), func(c *Change[M]) bool { return c.Latest == nil && !c.removed })
	if len(changed) > 0 {
		if err := u.updateLatest(changed, refused); err != nil {
			return 0, err
		}
	}
	var all []*Days[M]
	for _, c := range changes {
		if len(c.Dates) == 0 {
			continue
		}
		slices.Sort(c.Dates)
		c.Days.Dates = slices.Compact(c.Dates)
		all = append(all, &c.Days)
	}
	return u.UpdateDays(all)
}

func (u *SummaryUpdater[M]) updateLatest(changes []*Change[M], refused bool) error {
	metrics := make([]M, len(changes))
	for i, c := range changes {
		metrics[i] = c.Days.Metric
	}
	stored, err := u.tables.StoredLatest(metrics)
	if err != nil {
		return err
	}
	var write []LatestValue[M]
	var search, outdated []M // outdated: what is stored as the latest may have changed, and with its offset its start, or is gone
	for i, c := range changes {
		old, found := stored[metrics[i]]
		switch {
		case c.removed:
			outdated = append(outdated, metrics[i])
		case refused:
			search = append(search, metrics[i])
		case !found || c.Latest.LaterThan(&old):
			write = append(write, LatestValue[M]{metrics[i], c.Latest})
		case c.replacedStart >= old.Start:
			outdated = append(outdated, metrics[i])
		}
	}
	if len(outdated) > 0 {
		found, err := u.tables.FindLatest(outdated)
		if err != nil {
			return err
		}
		for _, m := range outdated {
			if sample, ok := found[m]; ok {
				write = append(write, LatestValue[M]{m, &sample})
			}
		}
	}
	if len(write) > 0 {
		if err := u.tables.WriteLatest(write); err != nil {
			return err
		}
	}
	_, err = u.RebuildLatest(search)
	return err
}

// RebuildLatest finds the latest values of metrics among the samples, writes those that differ and returns how many.
func (u *SummaryUpdater[M]) RebuildLatest(metrics []M) (differed int, err error) {
	if len(metrics) == 0 {
		return 0, nil
	}
	found, err := u.tables.FindLatest(metrics)
	if err != nil {
		return 0, err
	}
	stored, err := u.tables.StoredLatest(metrics)
	if err != nil {
		return 0, err
	}
	var write []LatestValue[M]
	for _, m := range metrics {
		sample, ok := found[m]
		if !ok {
			continue
		}
		if old, known := stored[m]; !known || !sameLatest(&sample, &old) {
			write = append(write, LatestValue[M]{m, &sample})
		}
	}
	if len(write) == 0 {
		return 0, nil
	}
	return len(write), u.tables.WriteLatest(write)
}

// sameLatest reports whether a stored value needs no change: of samples that are equally late, any will do.
func sameLatest(s, stored *health.Sample) bool {
	return !s.LaterThan(stored) && !stored.LaterThan(s) &&
		(s.Key() != stored.Key() || s.SameReading(stored) && s.Offset == stored.Offset)
}

const (
	// datesAtOnce is how many dates are summed up before they are written, which bounds what is in memory.
	datesAtOnce = 512
	// prefetchedDates is up to how many dates of a metric are prefetched.
	prefetchedDates = datesAtOnce / 8
)

// UpdateDays sums up days anew and returns how many summaries differed from the stored ones.
func (u *SummaryUpdater[M]) UpdateDays(all []*Days[M]) (differed int, err error) {
	if len(all) == 0 {
		return 0, nil
	}
	if u.order == nil {
		order, _, err := u.tables.SourceOrder()
		if err != nil {
			return 0, err
		}
		u.order = &order
	}
	for len(all) > 0 {
		n, dates := 1, len(all[0].Dates)
		for n < len(all) && dates+len(all[n].Dates) <= datesAtOnce {
			dates += len(all[n].Dates)
			n++
		}
		some, err := u.updateSome(all[:n])
		if err != nil {
			return 0, err
		}
		differed += some
		all = all[n:]
	}
	return differed, nil
}

func (u *SummaryUpdater[M]) updateSome(all []*Days[M]) (differed int, err error) {
	rules := make([]aggregate.Rule, len(all))
	var requests []WindowRequest[M]
	for i, of := range all {
		rules[i] = RuleOf(u.catalog, of.Metric.Name().Metric, *u.order)
		if len(of.Dates) <= prefetchedDates {
			for _, window := range rules[i].Windows(of.Dates) {
				requests = append(requests, WindowRequest[M]{of, window})
			}
		}
	}
	if err := u.tables.Prefetch(requests); err != nil {
		return 0, err
	}
	summed := make([]SummedDays[M], len(all))
	for i, of := range all {
		days, done, err := rules[i].SumUpDays(of.Dates, aggregate.Reader{
			Spans: func(in health.Interval) ([]health.Span, error) { return u.tables.Spans(of.Metric, in) },
			Samples: func(window aggregate.Window, add func(*health.Sample)) error {
				return u.tables.ReadWindow(of, window, add)
			},
		})
		if err != nil {
			return 0, err
		}
		summed[i] = SummedDays[M]{of.Metric, days, done}
	}
	stored, err := u.tables.StoredDays(summed)
	if err != nil {
		return 0, err
	}
	changes := compareDays(summed, stored)
	if differed = len(changes.Added) + len(changes.Changed) + len(changes.Removed); differed == 0 {
		return 0, nil
	}
	return differed, u.tables.WriteDays(changes)
}

// RuleOf returns the rule of a metric.
func RuleOf(c *catalog.Catalog, metric string, order aggregate.SourceOrder) aggregate.Rule {
	known, _ := c.Lookup(metric)
	return aggregate.RuleFor(known, order.For(metric))
}

// compareDays returns how summaries differ from the stored ones.
func compareDays[M Metric](all []SummedDays[M], stored map[DayKey[M]]aggregate.DaySummary) (changes DayChanges[M]) {
	for i := range all {
		s := &all[i]
		hasSamples := make(map[health.Date]bool, len(s.Days))
		for j := range s.Days {
			day := &s.Days[j]
			hasSamples[day.Date] = true
			switch old, found := stored[DayKey[M]{s.Metric, day.Date}]; {
			case !found:
				changes.Added = append(changes.Added, DayRow[M]{s.Metric, day})
			case !day.SameDay(&old):
				changes.Changed = append(changes.Changed, DayRow[M]{s.Metric, day})
			}
		}
		for _, date := range s.Done {
			key := DayKey[M]{s.Metric, date}
			if _, found := stored[key]; found && !hasSamples[date] {
				changes.Removed = append(changes.Removed, key)
			}
		}
	}
	return changes
}

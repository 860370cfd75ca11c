package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
)

// changedMetric is what a batch changes of one metric.
type changedMetric struct {
	metric
	aggregate.Changes
	keys        []sampleKey
	first, last health.Instant // of the times of the keys
	// rewritten is the last of the samples that were replaced, as it was.
	rewritten *health.SampleKey
	start     health.Instant // of rewritten
}

// changedMetrics cuts keys, which are in order, into the metrics they are of.
func changedMetrics(keys []sampleKey, batch []health.Sample) (all []*changedMetric) {
	for from := 0; from < len(keys); {
		first := &batch[keys[from].index]
		c := &changedMetric{
			metric: metric{keys[from].metric, metricName{first.Metric, first.Unit}, keys[from].table},
			first:  keys[from].time, last: keys[from].time,
		}
		to := from
		for ; to < len(keys) && keys[to].metric == keys[from].metric; to++ {
			c.first, c.last = min(c.first, keys[to].time), max(c.last, keys[to].time)
		}
		c.keys = keys[from:to]
		all = append(all, c)
		from = to
	}
	return all
}

func (w *sampleWriter) changedBy(key *sampleKey) *changedMetric {
	i, _ := slices.BinarySearchFunc(w.changed, key.metric, func(c *changedMetric, id int16) int { return cmp.Compare(c.id, id) })
	return w.changed[i]
}

// rewrote takes what a sample was before it was replaced.
func (c *changedMetric) rewrote(old *health.Sample) {
	if c.rewritten == nil || old.Start >= c.start {
		key := old.Key()
		c.rewritten, c.start = &key, old.Start
	}
}

// followChanges brings the summaries of days and the latest values in step with what was written.
func (w *sampleWriter) followChanges(tx pgx.Tx) (err error) {
	begun := time.Now()
	defer func() { w.written.SummingUp = time.Since(begun) }()
	w.changed = slices.DeleteFunc(w.changed, func(c *changedMetric) bool { return c.Latest == nil })
	if len(w.changed) == 0 {
		return nil
	}
	u := &summaryUpdater{ctx: w.ctx, store: w.store, tx: tx, user: w.user, names: map[int32]string{0: ""}, ids: map[string]int32{}}
	for name, id := range w.sources {
		u.names[id], u.ids[name] = name, id
	}
	refused := len(w.written.Refused) > 0
	if err := u.followLatest(w.changed, refused); err != nil {
		return err
	}
	var all []daysOf
	for _, c := range w.changed {
		if len(c.Dates) == 0 {
			continue
		}
		slices.Sort(c.Dates)
		of := daysOf{metric: c.metric, dates: slices.Compact(c.Dates)}
		of.ranges = w.rangesBefore(c)
		if !refused && !w.distrustTotals && !slices.ContainsFunc(of.ranges, func(h grainRange) bool { return h.first <= c.last && c.first <= h.last }) {
			of.written, of.writtenFirst, of.writtenLast = writtenInOrder(c.keys, w.batch), c.first, c.last
		} else {
			of.ranges = widenByKeys(of.ranges, c.keys)
		}
		all = append(all, of)
	}
	w.written.Summaries, err = u.follow(all)
	return err
}

// rangesBefore returns what there was of a metric before the batch, as far as it makes days.
func (w *sampleWriter) rangesBefore(c *changedMetric) []grainRange {
	return slices.DeleteFunc(slices.Clone(w.storedRanges[c.id]), func(h grainRange) bool { return h.grain > health.GrainDay })
}

// widenByKeys widens what was there by what was written.
func widenByKeys(ranges []grainRange, keys []sampleKey) []grainRange {
	for i := range keys {
		key := &keys[i]
		if key.grain > health.GrainDay {
			continue
		}
		at := slices.IndexFunc(ranges, func(h grainRange) bool { return h.grain == key.grain })
		if at < 0 {
			at = len(ranges)
			ranges = append(ranges, grainRange{key.grain, key.time, key.time})
		}
		ranges[at].first, ranges[at].last = min(ranges[at].first, key.time), max(ranges[at].last, key.time)
	}
	return ranges
}

// writtenInOrder returns the samples of keys in the order in which samples are read.
func writtenInOrder(keys []sampleKey, batch []health.Sample) []*health.Sample {
	samples := make([]*health.Sample, len(keys))
	for i := range keys {
		samples[i] = &batch[keys[i].index]
	}
	sortForResolving(samples)
	return samples
}

func sortForResolving(samples []*health.Sample) {
	inOrder := func(a, b *health.Sample) int {
		if at, bt := a.KeyTime(), b.KeyTime(); at != bt {
			return cmp.Compare(at, bt)
		}
		return cmp.Or(cmp.Compare(a.Grain, b.Grain), cmp.Compare(a.End, b.End))
	}
	if !slices.IsSortedFunc(samples, inOrder) {
		slices.SortStableFunc(samples, inOrder)
	}
}

// daysOf are days of a metric that are to be worked out.
type daysOf struct {
	metric
	dates  []health.Date // in order
	ranges []grainRange
	// written need not be read back: all that the tables have from the first of their key times to the last.
	written                   []*health.Sample
	writtenFirst, writtenLast health.Instant
}

// summaryUpdater works out the summaries of a user's days within a transaction, and writes those that differ.
type summaryUpdater struct {
	ctx   context.Context
	store *Store
	tx    pgx.Tx
	user  uuid.UUID

	order *aggregate.SourceOrder // nil until it is needed
	names map[int32]string
	ids   map[string]int32
}

// datesAtOnce is how many dates are worked out at once, which bounds what is in memory.
const datesAtOnce = 512

// follow works out days anew and returns how many summaries of them were not what they are now.
func (u *summaryUpdater) follow(all []daysOf) (differed int, err error) {
	if u.order == nil {
		order, _, err := readSourceOrder(u.ctx, u.raw(), u.user)
		if err != nil {
			return 0, err
		}
		u.order = &order
	}
	for len(all) > 0 {
		n, dates := 1, len(all[0].dates)
		for n < len(all) && dates+len(all[n].dates) <= datesAtOnce {
			dates += len(all[n].dates)
			n++
		}
		some, err := u.followSome(all[:n])
		if err != nil {
			return 0, err
		}
		differed += some
		all = all[n:]
	}
	return differed, nil
}

// followSome works out days of several metrics, whose samples are asked for at once.
func (u *summaryUpdater) followSome(all []daysOf) (differed int, err error) {
	rules := make([]aggregate.Rule, len(all))
	requested := &windowReader{keeper: u}
	for i := range all {
		rules[i] = u.rule(all[i].name.name)
		if len(all[i].dates) <= datesAtOnce/8 {
			for _, window := range rules[i].Windows(all[i].dates) {
				requested.request(&all[i], window)
			}
		}
	}
	if err := requested.run(); err != nil {
		return 0, err
	}
	worked := make([]workedOut, len(all))
	for i := range all {
		of := &all[i]
		days, done, err := rules[i].SumUpDays(of.dates, func(window aggregate.Window, add func(*health.Sample)) error {
			return requested.read(of, window, add)
		})
		if err != nil {
			return 0, err
		}
		worked[i] = workedOut{of.metric, days, done}
	}
	return u.replace(worked)
}

func (u *summaryUpdater) rule(metric string) aggregate.Rule {
	known, ok := u.store.catalog.Lookup(metric)
	return aggregate.Rule{Cumulative: ok && known.Cumulative(), Ranking: u.order.For(metric)}
}

func (u *summaryUpdater) raw() *pgconn.PgConn { return u.tx.Conn().PgConn() }

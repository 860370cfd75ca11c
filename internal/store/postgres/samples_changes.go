package postgres

import (
	"cmp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// metricChange is what a batch changes of one metric.
type metricChange struct {
	*backend.Change[metric]
	keys        []sampleKey
	first, last health.Instant // of the times of the keys
}

// newMetricChanges cuts keys, which are in order, into the metrics they are of.
func newMetricChanges(keys []sampleKey, batch []health.Sample) (all []*metricChange) {
	for from := 0; from < len(keys); {
		sample := &batch[keys[from].index]
		c := &metricChange{
			Change: backend.NewChange(metric{
				store.Series{Metric: sample.Metric, Unit: sample.Unit}, keys[from].metric, keys[from].table,
			}),
			first: keys[from].time, last: keys[from].time,
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

func (w *sampleWriter) changeOf(key *sampleKey) *metricChange {
	i, _ := slices.BinarySearchFunc(w.changes, key.metric, func(c *metricChange, id int16) int {
		return cmp.Compare(c.Days.Metric.id, id)
	})
	return w.changes[i]
}

// updateSummaries brings the summaries of days and the latest values in step with what was written.
func (w *sampleWriter) updateSummaries(tx pgx.Tx) (err error) {
	begun := time.Now()
	defer func() { w.written.SummingUp = time.Since(begun) }()
	t := newSummaryTables(w.ctx, w.store, tx, w.user)
	for name, id := range w.sources {
		t.names[id], t.ids[name] = name, id
	}
	if err := w.writeSpans(t); err != nil {
		return err
	}
	refused := len(w.written.Refused) > 0
	changes := make([]*backend.Change[metric], len(w.changes))
	for i, c := range w.changes {
		changes[i] = c.Change
		id := c.Days.Metric.id
		t.ranges[id] = w.rangesBefore(id)
		overlap := slices.ContainsFunc(t.ranges[id], func(g grainRange) bool { return g.first <= c.last && c.first <= g.last })
		switch {
		case len(c.Dates) == 0: // no day changes
		case !refused && !w.distrustTotals && !overlap && !c.ReadBack:
			c.Days.Written, c.Days.WrittenFirst, c.Days.WrittenLast = writtenInOrder(c.keys, w.batch), c.first, c.last
		default:
			t.ranges[id] = widenByKeys(t.ranges[id], c.keys)
		}
	}
	w.written.Summaries, err = backend.NewSummaryUpdater(t, w.store.catalog).Update(changes, refused)
	return err
}

// rangesBefore returns the key times of what was stored of a metric before the batch, by grain up to a day.
func (w *sampleWriter) rangesBefore(metric int16) []grainRange {
	return slices.DeleteFunc(slices.Clone(w.storedRanges[metric]), func(g grainRange) bool { return g.grain > health.GrainDay })
}

// widenByKeys widens the key times of what was stored by those of what was written.
func widenByKeys(ranges []grainRange, keys []sampleKey) []grainRange {
	for i := range keys {
		key := &keys[i]
		if key.grain > health.GrainDay {
			continue
		}
		at := slices.IndexFunc(ranges, func(g grainRange) bool { return g.grain == key.grain })
		if at < 0 {
			at = len(ranges)
			ranges = append(ranges, grainRange{key.grain, key.time, key.time})
		}
		ranges[at].first, ranges[at].last = min(ranges[at].first, key.time), max(ranges[at].last, key.time)
	}
	return ranges
}

// writtenInOrder returns the samples of keys in the order in which samples are summed up.
func writtenInOrder(keys []sampleKey, batch []health.Sample) []*health.Sample {
	samples := make([]*health.Sample, len(keys))
	for i := range keys {
		samples[i] = &batch[keys[i].index]
	}
	sortForSummingUp(samples)
	return samples
}

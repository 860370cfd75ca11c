package postgres

import (
	"cmp"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// mergedSource is the key_source of a summary whose source is no part of its identity.
const mergedSource = -1

// sampleKey is health.SampleKey in the numbers of the tables, with the index of the sample in its batch.
type sampleKey struct {
	table             *table
	time, end         health.Instant
	grain             health.Grain
	keySource, source int32
	metric            int16
	found             bool // whether there is a row with that key
	index             int
}

// newSampleKeys returns the keys of a batch in the order of the tables. Samples whose names were refused have none.
func newSampleKeys(batch []health.Sample, names resolvedNames) []sampleKey {
	keys := make([]sampleKey, 0, len(batch))
	last := &health.Sample{}
	var inMetric metric
	var source int32
	for i := range batch {
		sample := &batch[i]
		if i == 0 || sample.Metric != last.Metric || sample.Unit != last.Unit {
			inMetric = names.metrics[metricName{sample.Metric, sample.Unit}]
		}
		if sample.Source != last.Source {
			source = names.sources[sample.Source]
		}
		last = sample
		if _, is := names.refusal(sample); is {
			continue
		}
		key := sampleKey{
			table: inMetric.table, metric: inMetric.id, grain: sample.Grain, time: sample.KeyTime(),
			keySource: source, source: source, index: i,
		}
		key.end = key.time
		switch {
		case sample.Grain == health.GrainRaw:
			key.end = sample.End
		case !sample.PerSource:
			key.keySource = mergedSource
		}
		keys = append(keys, key)
	}
	if !slices.IsSortedFunc(keys, sampleKey.compare) {
		slices.SortFunc(keys, sampleKey.compare)
	}
	return keys
}

// compare orders keys by series, and within a series as its index does.
func (u sampleKey) compare(o sampleKey) int {
	if u.metric != o.metric {
		return cmp.Compare(u.metric, o.metric)
	}
	if u.grain != o.grain {
		return cmp.Compare(u.grain, o.grain)
	}
	return u.compareTo(o.time, o.end, o.keySource)
}

// compareTo orders the keys of one series.
func (u *sampleKey) compareTo(time, end health.Instant, keySource int32) int {
	if u.time != time {
		return cmp.Compare(u.time, time)
	}
	if u.end != end {
		return cmp.Compare(u.end, end)
	}
	return cmp.Compare(u.keySource, keySource)
}

// inSeriesOf reports whether two keys are of one series.
func (u *sampleKey) inSeriesOf(o *sampleKey) bool { return u.metric == o.metric && u.grain == o.grain }

// keySeries is a stretch of keys of one metric and grain. Where the table holds anything of it, that lies between first and
// last.
type keySeries struct {
	keys        []sampleKey
	stored      bool
	first, last health.Instant
}

// splitSeries cuts keys, which are in order, into series.
func splitSeries(keys []sampleKey) (all []keySeries) {
	for from := 0; from < len(keys); {
		to := from + 1
		for to < len(keys) && keys[to].inSeriesOf(&keys[from]) {
			to++
		}
		all = append(all, keySeries{keys: keys[from:to]})
		from = to
	}
	return all
}

// storedKeys returns the keys for which there may be a row.
func (s *keySeries) storedKeys() []sampleKey {
	if !s.stored {
		return nil
	}
	from, _ := slices.BinarySearchFunc(s.keys, s.first, func(u sampleKey, t health.Instant) int { return cmp.Compare(u.time, t) })
	to, _ := slices.BinarySearchFunc(s.keys, s.last+1, func(u sampleKey, t health.Instant) int { return cmp.Compare(u.time, t) })
	if from >= to {
		return nil
	}
	return s.keys[from:to]
}

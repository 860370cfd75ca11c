package postgres

import (
	"cmp"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// mergedSource is the key_source of a summary whose source is no part of its key.
const mergedSource = -1

// sampleKey is health.SampleKey with the ids of the tables, and the index of the sample in its batch.
type sampleKey struct {
	table             *table
	time, end         health.Instant
	grain             health.Grain
	keySource, source int32
	metric            int16
	found             bool // whether there is a row with that key
	restated          bool // a stored summary says the same as this inferred reading
	index             int
}

// newSampleKeys returns the keys of a batch in the order of the tables. Samples whose names were refused have none.
func newSampleKeys(batch []health.Sample, names *resolvedNames) []sampleKey {
	keys := make([]sampleKey, 0, len(batch))
	names.Each(batch, func(i int, sample *health.Sample, m *metric, source int32) {
		key := sampleKey{
			table: m.table, metric: m.id, grain: sample.Grain, time: sample.KeyTime(),
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
	})
	if !slices.IsSortedFunc(keys, sampleKey.compare) {
		slices.SortFunc(keys, sampleKey.compare)
	}
	return keys
}

// compare orders keys by series, and within a series as its index does.
func (k sampleKey) compare(o sampleKey) int {
	if k.metric != o.metric {
		return cmp.Compare(k.metric, o.metric)
	}
	if k.grain != o.grain {
		return cmp.Compare(k.grain, o.grain)
	}
	return k.compareTo(o.time, o.end, o.keySource)
}

// compareTo orders the keys of one series.
func (k *sampleKey) compareTo(time, end health.Instant, keySource int32) int {
	if k.time != time {
		return cmp.Compare(k.time, time)
	}
	if k.end != end {
		return cmp.Compare(k.end, end)
	}
	return cmp.Compare(k.keySource, keySource)
}

// inSeriesOf reports whether two keys are of one series.
func (k *sampleKey) inSeriesOf(o *sampleKey) bool { return k.metric == o.metric && k.grain == o.grain }

// keySeries are the keys of one metric and grain. If rows of it are stored, their key times are between first and last.
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
	from, _ := slices.BinarySearchFunc(s.keys, s.first, func(k sampleKey, t health.Instant) int { return cmp.Compare(k.time, t) })
	to, _ := slices.BinarySearchFunc(s.keys, s.last+1, func(k sampleKey, t health.Instant) int { return cmp.Compare(k.time, t) })
	if from >= to {
		return nil
	}
	return s.keys[from:to]
}

package sqlite

import (
	"cmp"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// sampleKey is health.SampleKey with the ids of the tables, and the index of the sample in its batch.
type sampleKey struct {
	table                                  *table
	metric                                 int64
	time, grain, length, source, perSource int64 // perSource is 1 for a summary that is PerSource
	mergedSource                           int64 // no part of the key: the source of a merged summary
	index                                  int
	restated                               bool // a stored summary says the same as this inferred reading
}

func newSampleKeys(batch []health.Sample, names *resolvedNames) []sampleKey {
	keys := make([]sampleKey, 0, len(batch))
	names.Each(batch, func(i int, sample *health.Sample, m *metric, source int64) {
		key := sampleKey{table: m.table, metric: m.id, time: int64(sample.KeyTime()), grain: int64(sample.Grain), index: i}
		switch {
		case sample.Grain == health.GrainRaw:
			key.length, key.source = int64(sample.End-sample.Start), source
		case sample.PerSource:
			key.source, key.perSource = source, 1
		default:
			key.mergedSource = source
		}
		keys = append(keys, key)
	})
	slices.SortFunc(keys, func(a, b sampleKey) int {
		if c := cmp.Compare(a.metric, b.metric); c != 0 {
			return c
		}
		return a.compare(&b)
	})
	return keys
}

// compare orders the keys of one metric as its table does.
func (k *sampleKey) compare(o *sampleKey) int {
	if c := cmp.Compare(k.time, o.time); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(k.grain, o.grain),
		cmp.Compare(k.length, o.length),
		cmp.Compare(k.source, o.source),
		cmp.Compare(k.perSource, o.perSource),
	)
}

// countedSource is the source that the sample is counted under.
func (k *sampleKey) countedSource() int64 { return max(k.source, k.mergedSource) }

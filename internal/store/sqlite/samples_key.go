package sqlite

import (
	"cmp"
	"slices"

	"github.com/health-export/health-export/internal/health"
)

// sampleKey is health.SampleKey in the numbers of the tables, with the index of the sample in its batch.
type sampleKey struct {
	table                                  *table
	metric                                 int64
	time, grain, length, source, perSource int64 // perSource is 1 for a summary that is PerSource
	mergedSource                           int64 // no part of the key: the source of a merged summary
	index                                  int
}

func newSampleKeys(batch []health.Sample, names resolvedNames) []sampleKey {
	keys := make([]sampleKey, len(batch))
	last := &health.Sample{}
	var lastMetric metric
	var lastSource int64
	for i := range batch {
		sample := &batch[i]
		if i == 0 || sample.Metric != last.Metric || sample.Unit != last.Unit {
			lastMetric = names.metrics[metricName{sample.Metric, sample.Unit}]
		}
		if sample.Source != last.Source {
			lastSource = names.sources[sample.Source]
		}
		last = sample
		key := sampleKey{table: lastMetric.table, metric: lastMetric.id, time: int64(sample.KeyTime()), grain: int64(sample.Grain), index: i}
		switch {
		case sample.Grain == health.GrainRaw:
			key.length, key.source = int64(sample.End-sample.Start), lastSource
		case sample.PerSource:
			key.source, key.perSource = lastSource, 1
		default:
			key.mergedSource = lastSource
		}
		keys[i] = key
	}
	slices.SortFunc(keys, func(a, b sampleKey) int {
		if c := cmp.Compare(a.metric, b.metric); c != 0 {
			return c
		}
		return a.compare(&b)
	})
	return keys
}

// compare orders the keys of one metric as its table does.
func (u *sampleKey) compare(o *sampleKey) int {
	if c := cmp.Compare(u.time, o.time); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(u.grain, o.grain),
		cmp.Compare(u.length, o.length),
		cmp.Compare(u.source, o.source),
		cmp.Compare(u.perSource, o.perSource),
	)
}

// countedSource is the source that the sample is counted under.
func (u *sampleKey) countedSource() int64 { return max(u.source, u.mergedSource) }

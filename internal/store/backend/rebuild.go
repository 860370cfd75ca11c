package backend

import (
	"context"
	"slices"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// rebuildBatch is about how many samples are read in one transaction of a rebuild: other writers wait for it.
const rebuildBatch = 20_000

// RebuildTransactions are the transactions of a rebuild for one user. Each method is one.
type RebuildTransactions[M Metric] interface {
	// StoredMetrics returns what the user has, and the version of the order of sources.
	StoredMetrics(ctx context.Context) (all []RebuiltMetric[M], version int64, err error)
	// Recount brings the totals of a metric in step with its samples, which somebody may have removed by hand.
	Recount(ctx context.Context, metric M) error
	Update(ctx context.Context, do func(u *SummaryUpdater[M]) error) error
	// Finish notes that all summaries follow a version of the order of sources.
	Finish(ctx context.Context, version int64) error
}

// RebuiltMetric is a metric with the first and the last date that it may have a summary of, and how many samples.
type RebuiltMetric[M Metric] struct {
	Metric      M
	Samples     int64
	First, Last health.Date
}

// Rebuild sums up all totals, days and latest values of a user from the samples.
func Rebuild[M Metric](ctx context.Context, in RebuildTransactions[M]) (result store.Rebuilt, err error) {
	all, version, err := in.StoredMetrics(ctx)
	if err != nil {
		return result, err
	}
	metrics := make([]M, len(all))
	for i := range all {
		metrics[i] = all[i].Metric
		if err := in.Recount(ctx, metrics[i]); err != nil {
			return result, err
		}
		for _, dates := range all[i].parts() {
			differed := 0
			err := in.Update(ctx, func(u *SummaryUpdater[M]) (err error) {
				differed, err = u.UpdateDays([]*Days[M]{{Metric: metrics[i], Dates: dates}})
				return err
			})
			if err != nil {
				return result, err
			}
			result.Days += len(dates)
			result.Differed += differed
		}
	}
	err = in.Update(ctx, func(u *SummaryUpdater[M]) (err error) {
		result.Latest, err = u.RebuildLatest(metrics)
		return err
	})
	if err != nil {
		return result, err
	}
	return result, in.Finish(ctx, version)
}

// parts cuts the days of a metric into parts that have about rebuildBatch samples if they are spread evenly.
func (m *RebuiltMetric[M]) parts() [][]health.Date {
	var dates []health.Date
	for date := m.First; date <= m.Last; date++ {
		dates = append(dates, date)
	}
	size := min(max(rebuildBatch*int64(len(dates))/max(m.Samples, 1), 4), 1000)
	return slices.Collect(slices.Chunk(dates, int(size)))
}

package backend

import (
	"context"
	"slices"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// rebuildBatch is about how many samples are read in one transaction of a rebuild: other writers wait for it.
const rebuildBatch = 20_000

// RebuildTransactions are the transactions of a rebuild for one user. Each method is one.
type RebuildTransactions[M Metric] interface {
	// StoredMetrics returns what the user has, the version of the order of sources, and the user's zone.
	StoredMetrics(ctx context.Context) (all []RebuiltMetric[M], version int64, zone *time.Location, err error)
	// Place gives the samples of a metric that are ZoneAssumed the offset of the user's zone, those whose key time is in [from,
	// to) and that are no summaries of a day or more. AnyAssumed reports whether a metric has some.
	Place(ctx context.Context, metric M, zone *time.Location, from, to health.Instant) error
	AnyAssumed(ctx context.Context, metric M) (bool, error)
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
	all, version, zone, err := in.StoredMetrics(ctx)
	if err != nil {
		return result, err
	}
	if err := placeAssumed(ctx, in, all, zone); err != nil {
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

// placeAssumed gives all samples that are ZoneAssumed the offset of the user's zone. It goes through all of them before any day
// is summed up: a sample may move to the day before or after.
func placeAssumed[M Metric](ctx context.Context, in RebuildTransactions[M], all []RebuiltMetric[M], zone *time.Location) error {
	for i := range all {
		assumed, err := in.AnyAssumed(ctx, all[i].Metric)
		if err != nil {
			return err
		}
		if !assumed {
			continue
		}
		for _, dates := range all[i].parts() {
			from, to := dates[0].Midnight(0), (dates[len(dates)-1] + 1).Midnight(0)
			if err := in.Place(ctx, all[i].Metric, zone, from, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// Offsets yields the intervals of [from, to) in which a zone has one offset, and the offset.
func Offsets(zone *time.Location, from, to health.Instant, yield func(from, to health.Instant, offset int32) error) error {
	for from < to {
		at := from.Time().In(zone)
		_, offset := at.Zone()
		until := to
		if _, end := at.ZoneBounds(); !end.IsZero() {
			until = min(to, health.InstantOf(end))
		}
		if err := yield(from, until, int32(offset)); err != nil {
			return err
		}
		from = until
	}
	return nil
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

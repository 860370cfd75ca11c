package postgres

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// rebuildBatch is how many samples are read for one transaction of rebuilding, about: others wait for it to write.
const rebuildBatch = 20_000

// Rebuild works out all totals, days and latest values of a user from the samples.
func (s *Store) Rebuild(ctx context.Context, user uuid.UUID) (result store.Rebuilt, err error) {
	var all []*storedMetric
	var version int64
	err = s.inSummaryTx(ctx, user, func(u *summaryUpdater) (err error) {
		if _, version, err = readSourceOrder(u.ctx, u.raw(), u.user); err != nil {
			return err
		}
		all, err = storedMetrics(u.ctx, u.tx, user)
		return err
	})
	if err != nil {
		return result, err
	}
	for _, h := range all {
		if err := s.inSummaryTx(ctx, user, func(u *summaryUpdater) error { return u.recount(h.metric) }); err != nil {
			return result, err
		}
		for _, dates := range h.parts() {
			var differed int
			err := s.inSummaryTx(ctx, user, func(u *summaryUpdater) (err error) {
				ranges, err := u.rangesOf(h.id)
				if err == nil {
					differed, err = u.follow([]daysOf{{metric: h.metric, dates: dates, ranges: ranges}})
				}
				return err
			})
			if err != nil {
				return result, err
			}
			result.Days += len(dates)
			result.Differed += differed
		}
	}
	err = s.inSummaryTx(ctx, user, func(u *summaryUpdater) (err error) {
		metrics := make([]metric, len(all))
		for i, h := range all {
			metrics[i] = h.metric
		}
		result.Latest, err = u.rebuildLatest(metrics)
		return err
	})
	if err != nil {
		return result, err
	}
	return result, s.writeReceived(ctx, user, 0, "end rebuilding", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE source_orders SET followed = version WHERE user_id = $1 AND version = $2`, user, version)
		return err
	})
}

// recount brings the totals of a metric in step with its samples, which somebody may have removed by hand.
func (u *summaryUpdater) recount(m metric) error {
	if _, err := u.tx.Exec(u.ctx, `DELETE FROM metric_totals WHERE user_id = $1 AND metric_id = $2`, u.user, m.id); err != nil {
		return err
	}
	_, err := u.tx.Exec(u.ctx, `
		INSERT INTO metric_totals (user_id, metric_id, grain, source_id, first_at, last_at, samples)
		SELECT user_id, metric_id, grain, source_id, min(recorded_at), max(recorded_at), count(*) FROM `+m.table.Name+`
		WHERE user_id = $1 AND metric_id = $2 GROUP BY user_id, metric_id, grain, source_id`, u.user, m.id)
	return err
}

// rangesOf returns what there is of a metric now, as far as it makes days.
func (u *summaryUpdater) rangesOf(id int16) ([]grainRange, error) {
	return list(u.ctx, u.tx, func(row pgx.Row) (g grainRange, err error) {
		err = row.Scan(&g.grain, instantInto{&g.first}, instantInto{&g.last})
		return g, err
	}, `SELECT grain, min(first_at), max(last_at) FROM metric_totals
		WHERE user_id = $1 AND metric_id = $2 AND grain <= 86400 GROUP BY grain`, u.user, id)
}

// parts cuts the days of a metric into parts that have about rebuildRows samples if they are spread evenly.
func (h *storedMetric) parts() [][]health.Date {
	first, last := h.grains[0].first, h.grains[0].last
	for _, g := range h.grains {
		first, last = min(first, g.first), max(last, g.last)
	}
	var dates []health.Date
	for date := first.Date(0) - 2; date <= last.Date(0)+2; date++ { // clocks that are ahead or behind, and rows left from them
		dates = append(dates, date)
	}
	size := min(max(rebuildBatch*int64(len(dates))/max(h.samples, 1), 4), 1000)
	return slices.Collect(slices.Chunk(dates, int(size)))
}

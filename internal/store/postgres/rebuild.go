package postgres

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// rebuildRows is how many samples are read for one transaction of rebuilding, about: others wait for it to write.
const rebuildRows = 20_000

// Rebuild works out all totals, days and latest values of a user from the samples.
func (s *Store) Rebuild(ctx context.Context, user uuid.UUID) (result store.Rebuilt, err error) {
	var all []*holding
	var version int64
	err = s.keepDays(ctx, user, func(k *dayKeeper) (err error) {
		if _, version, err = readSourceOrder(k.ctx, k.raw(), k.user); err != nil {
			return err
		}
		all, err = holdings(k.ctx, k.tx, user)
		return err
	})
	if err != nil {
		return result, err
	}
	for _, h := range all {
		if err := s.keepDays(ctx, user, func(k *dayKeeper) error { return k.recount(h.metric) }); err != nil {
			return result, err
		}
		for _, dates := range h.parts() {
			var differed int
			err := s.keepDays(ctx, user, func(k *dayKeeper) (err error) {
				held, err := k.held(h.id)
				if err == nil {
					differed, err = k.follow([]daysOf{{metric: h.metric, dates: dates, held: held}})
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
	err = s.keepDays(ctx, user, func(k *dayKeeper) (err error) {
		metrics := make([]metric, len(all))
		for i, h := range all {
			metrics[i] = h.metric
		}
		result.Latest, err = k.rebuildLatest(metrics)
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
func (k *dayKeeper) recount(m metric) error {
	if _, err := k.tx.Exec(k.ctx, `DELETE FROM metric_totals WHERE user_id = $1 AND metric_id = $2`, k.user, m.id); err != nil {
		return err
	}
	_, err := k.tx.Exec(k.ctx, `
		INSERT INTO metric_totals (user_id, metric_id, grain, source_id, first_at, last_at, samples)
		SELECT user_id, metric_id, grain, source_id, min(recorded_at), max(recorded_at), count(*) FROM `+m.table.Name+`
		WHERE user_id = $1 AND metric_id = $2 GROUP BY user_id, metric_id, grain, source_id`, k.user, m.id)
	return err
}

// held returns what there is of a metric now, as far as it makes days.
func (k *dayKeeper) held(id int16) ([]grainHolding, error) {
	return list(k.ctx, k.tx, func(row pgx.Row) (g grainHolding, err error) {
		err = row.Scan(&g.grain, instantInto{&g.first}, instantInto{&g.last})
		return g, err
	}, `SELECT grain, min(first_at), max(last_at) FROM metric_totals
		WHERE user_id = $1 AND metric_id = $2 AND grain <= 86400 GROUP BY grain`, k.user, id)
}

// parts cuts the days of a metric into parts that have about rebuildRows samples if they are spread evenly.
func (h *holding) parts() [][]health.Date {
	first, last := h.grains[0].first, h.grains[0].last
	for _, g := range h.grains {
		first, last = min(first, g.first), max(last, g.last)
	}
	var dates []health.Date
	for date := first.Date(0) - 2; date <= last.Date(0)+2; date++ { // clocks that are ahead or behind, and rows left from them
		dates = append(dates, date)
	}
	size := min(max(rebuildRows*int64(len(dates))/max(h.samples, 1), 4), 1000)
	return slices.Collect(slices.Chunk(dates, int(size)))
}

package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// rebuildBatch is how many samples are read for one transaction of rebuilding, about: others wait for it to write.
const rebuildBatch = 20_000

// Rebuild works out all totals, days and latest values of a user from the samples.
func (s *Store) Rebuild(ctx context.Context, user uuid.UUID) (result store.Rebuilt, err error) {
	var all []*rebuiltMetric
	var version int64
	err = s.readOf(ctx, user, "list metrics", func(tx *sql.Tx, number int64) (err error) {
		all, err = s.metricsToRebuild(ctx, tx, number)
		if err == nil {
			_, version, err = one(ctx, tx, scanInteger, `SELECT version FROM source_orders WHERE user_id = ?`, number)
		}
		return err
	})
	if err != nil {
		return result, err
	}
	for _, m := range all {
		if err := s.writeOf(ctx, user, "recount samples", func(tx *sql.Tx, number int64) error {
			return recount(ctx, tx, number, m.metric)
		}); err != nil {
			return result, err
		}
		for _, dates := range m.parts() {
			err := s.inSummaryTx(ctx, user, func(u *summaryUpdater) error {
				differed, err := u.follow(m.metric, dates, &writtenSamples{})
				result.Days += len(dates)
				result.Differed += differed
				return err
			})
			if err != nil {
				return result, err
			}
		}
		err := s.inSummaryTx(ctx, user, func(u *summaryUpdater) error {
			differed, err := u.rebuildLatest(m.metric)
			if differed {
				result.Latest++
			}
			return err
		})
		if err != nil {
			return result, err
		}
	}
	return result, s.writeOf(ctx, user, "end rebuilding", func(tx *sql.Tx, number int64) error {
		_, err := tx.ExecContext(ctx, `UPDATE source_orders SET followed = version WHERE user_id = ? AND version = ?`, number, version)
		return err
	})
}

// recount brings the totals of a metric in step with its samples, which somebody may have removed by hand.
func recount(ctx context.Context, tx *sql.Tx, user int64, m metric) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM metric_totals WHERE user_id = ? AND metric_id = ?`, user, m.id); err != nil {
		return err
	}
	// #nosec G202 -- the names of the tables are constants
	_, err := tx.ExecContext(ctx, `
		INSERT INTO metric_totals (user_id, metric_id, source_id, grain, samples)
		SELECT user_id, metric_id, max(source_id, merged_source_id), grain, count(*) FROM `+m.table.Name+`
		WHERE user_id = ? AND metric_id = ? GROUP BY 3, 4`, user, m.id)
	return err
}

func (s *Store) inSummaryTx(ctx context.Context, user uuid.UUID, do func(u *summaryUpdater) error) error {
	look := func(*sql.Tx) error { return nil }
	return s.writeDirectly(ctx, user, 0, "rebuild summaries of days", look, func(conn *connection, number int64) error {
		return do(newSummaryUpdater(ctx, s, conn, number))
	})
}

// rebuiltMetric is a metric with the first and the last date that it may have a day of, and how many samples.
type rebuiltMetric struct {
	metric
	samples     int64
	first, last health.Date
}

func (s *Store) metricsToRebuild(ctx context.Context, tx *sql.Tx, user int64) (all []*rebuiltMetric, err error) {
	holdings, err := s.storedMetrics(ctx, tx, user)
	if err != nil {
		return nil, err
	}
	for _, h := range holdings {
		m := &rebuiltMetric{metric: h.metric, samples: h.samples}
		var first, last sql.NullInt64 // none where the samples were removed by hand
		if err := tx.QueryRowContext(ctx, h.table.extent, user, h.id).Scan(&first, &last); err != nil {
			return nil, err
		}
		var firstDay, lastDay sql.NullInt64
		if err := tx.QueryRowContext(ctx, `SELECT min(date), max(date) FROM daily_summaries WHERE user_id = ? AND metric_id = ?`,
			user, h.id).Scan(&firstDay, &lastDay); err != nil {
			return nil, err
		}
		m.first, m.last = health.Date(firstDay.Int64), health.Date(lastDay.Int64)
		if first.Valid {
			m.first, m.last = health.Instant(first.Int64).Date(0)-1, health.Instant(last.Int64).Date(0)+1
			if firstDay.Valid {
				m.first, m.last = min(m.first, health.Date(firstDay.Int64)), max(m.last, health.Date(lastDay.Int64))
			}
		}
		all = append(all, m)
	}
	return all, nil
}

// parts cuts the days of a metric into parts that have about rebuildRows samples if they are spread evenly.
func (m *rebuiltMetric) parts() (parts [][]health.Date) {
	days := int64(m.last-m.first) + 1
	size := min(max(rebuildBatch*days/max(m.samples, 1), 4), 1000)
	var dates []health.Date
	for date := m.first; date <= m.last; date++ {
		dates = append(dates, date)
	}
	return slices.Collect(slices.Chunk(dates, int(size)))
}

package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// storedMetric is what a user has of one metric in one unit, from metric_totals: no sample is read for it.
type storedMetric struct {
	metric
	samples int64
	sources []int64
	grains  []health.Grain
}

// storedMetrics returns what a user has, ordered by name and unit.
func storedMetrics(ctx context.Context, tx *sql.Tx, user int64) (all []*storedMetric, err error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT m.id, m.name, m.unit, m.kept_in, t.source_id, t.grain, t.samples
		FROM metric_totals t JOIN metric_names m ON m.id = t.metric_id
		WHERE t.user_id = ? AND t.samples > 0
		ORDER BY m.name, m.unit, t.source_id, t.grain`, user)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var m metric
		var keptIn string
		var source, samples int64
		var grain health.Grain
		if err := rows.Scan(&m.id, &m.Metric, &m.Unit, &keptIn, &source, &grain, &samples); err != nil {
			return nil, err
		}
		if len(all) == 0 || all[len(all)-1].id != m.id {
			if m.table, err = tableNamed(keptIn); err != nil {
				return nil, err
			}
			all = append(all, &storedMetric{metric: m})
		}
		stored := all[len(all)-1]
		stored.samples += samples
		if source != 0 && !slices.Contains(stored.sources, source) {
			stored.sources = append(stored.sources, source)
		}
		if !slices.Contains(stored.grains, grain) {
			stored.grains = append(stored.grains, grain)
		}
	}
	for _, stored := range all {
		slices.Sort(stored.grains)
	}
	return all, rows.Err()
}

// Metrics returns what the user has, ordered by name and unit.
func (s *Store) Metrics(ctx context.Context, user uuid.UUID) (infos []store.MetricInfo, err error) {
	err = s.readOf(ctx, user, "list metrics", func(tx *sql.Tx, userID int64) error {
		metrics, err := storedMetrics(ctx, tx, userID)
		if err != nil {
			return err
		}
		for _, stored := range metrics {
			info := store.MetricInfo{Metric: stored.Metric, Unit: stored.Unit, Count: stored.samples, Grains: stored.grains}
			var first, last sql.NullInt64
			if err := tx.QueryRowContext(ctx, stored.table.extent, userID, stored.id).Scan(&first, &last); err != nil {
				return err
			}
			if !first.Valid || !last.Valid {
				continue // somebody has removed the samples by hand, and the totals still count them
			}
			info.First, info.Last = health.Instant(first.Int64), health.Instant(last.Int64)
			names, err := s.names.SourceNames(stored.sources, readSources(ctx, tx))
			if err != nil {
				return err
			}
			for _, id := range stored.sources {
				info.Sources = append(info.Sources, names[id])
			}
			slices.Sort(info.Sources)
			infos = append(infos, info)
		}
		return nil
	})
	return infos, err
}

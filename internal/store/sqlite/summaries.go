package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// DaySummaries returns the summaries of local days.
func (s *Store) DaySummaries(ctx context.Context, user uuid.UUID, query store.DayQuery) (found store.DaySummaries, err error) {
	err = s.readOf(ctx, user, "read summaries of days", func(tx *sql.Tx, userID int64) error {
		found = store.DaySummaries{}
		err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM source_orders WHERE user_id = ? AND version <> followed)`,
			userID).Scan(&found.Stale)
		if err != nil || found.Stale {
			return err
		}
		metrics, err := s.requestedMetrics(ctx, tx, userID, query)
		if err != nil {
			return err
		}
		for _, m := range metrics {
			if m.longer {
				found.Longer = append(found.Longer, m.Series)
			}
			if found.Days, err = s.appendSummaries(ctx, tx, userID, m.metric, query, found.Days); err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// requestedMetric is a metric that has samples; longer is true where some are longer than a day.
type requestedMetric struct {
	metric
	longer bool
}

// requestedMetrics returns the metrics of a query, ordered by name and unit.
func (s *Store) requestedMetrics(ctx context.Context, tx *sql.Tx, user int64, query store.DayQuery) ([]requestedMetric, error) {
	if query.Metric != "" && query.Unit != "" {
		series := store.Series{Metric: query.Metric, Unit: query.Unit}
		id, known, err := s.metricID(ctx, tx, series)
		if err != nil || !known {
			return nil, err
		}
		requested := requestedMetric{metric: metric{Series: series, id: id}}
		err = tx.QueryRowContext(ctx,
			`SELECT EXISTS (SELECT 1 FROM metric_totals WHERE user_id = ? AND metric_id = ? AND grain > 86400 AND samples > 0)`,
			user, id).Scan(&requested.longer)
		return []requestedMetric{requested}, err
	}
	return list(ctx, tx, func(row row) (m requestedMetric, err error) {
		err = row.Scan(&m.id, &m.Metric, &m.Unit, &m.longer)
		return m, err
	}, `SELECT m.id, m.name, m.unit, max(t.grain) > 86400 FROM metric_totals t JOIN metric_names m ON m.id = t.metric_id
		WHERE t.user_id = ?1 AND t.samples > 0 AND (?2 = '' OR m.name = ?2) AND (?3 = '' OR m.unit = ?3)
		GROUP BY m.id ORDER BY m.name, m.unit`, user, query.Metric, query.Unit)
}

func (s *Store) appendSummaries(
	ctx context.Context, tx *sql.Tx, user int64, m metric, query store.DayQuery, to []aggregate.DaySummary,
) ([]aggregate.DaySummary, error) {
	hours := `NULL`
	if query.Hours {
		hours = `hours`
	}
	var packed []packedSummary
	err := eachValues(ctx, tx, func(row []driver.Value) error {
		day, err := readSummary(row)
		day.Metric, day.Unit = m.Metric, m.Unit
		packed = append(packed, day)
		return err
	}, `SELECT `+summaryColumns+`, `+hours+` FROM daily_summaries
		WHERE user_id = ? AND metric_id = ? AND date BETWEEN ? AND ? ORDER BY date`, user, m.id, int64(query.First), int64(query.Last))
	if err != nil {
		return nil, err
	}
	days, err := backend.UnpackSummaries(packed, query.Hours, func(ids []int64) (map[int64]string, error) {
		return s.names.SourceNames(ids, readSources(ctx, tx))
	})
	return append(to, days...), err
}

// SourceOrder returns the order of sources that the user has set.
func (s *Store) SourceOrder(ctx context.Context, user uuid.UUID) (order aggregate.SourceOrder, err error) {
	err = s.readOf(ctx, user, "read order of sources", func(tx *sql.Tx, userID int64) error {
		order = aggregate.SourceOrder{}
		found, text, err := one(ctx, tx, scanText, `SELECT sources FROM source_orders WHERE user_id = ?`, userID)
		if err == nil && found {
			err = json.Unmarshal([]byte(text), &order)
		}
		if err == nil {
			order.Devices, err = list(ctx, tx, scanDevice, selectDevices, userID)
		}
		return err
	})
	return order, err
}

// SetSourceOrder replaces the user's order of sources.
func (s *Store) SetSourceOrder(ctx context.Context, user uuid.UUID, order aggregate.SourceOrder) error {
	text, err := json.Marshal(order, json.Deterministic(true))
	if err != nil {
		return err
	}
	return s.writeOf(ctx, user, "replace order of sources", func(tx *sql.Tx, userID int64) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO source_orders (user_id, sources, version, followed) VALUES (?, ?, 1, 0)
			ON CONFLICT DO UPDATE SET sources = excluded.sources, version = version + 1 WHERE sources <> excluded.sources`,
			userID, string(text))
		return err
	})
}

// makeStale makes the days of a user stale. Who has set no order gets an empty one.
const makeStale = `
INSERT INTO source_orders (user_id, sources, version, followed) VALUES (?, '{}', 1, 0)
ON CONFLICT DO UPDATE SET version = version + 1`

// SetTimeZone sets the time zone of a user.
func (s *Store) SetTimeZone(ctx context.Context, user uuid.UUID, zone string, entries ...account.AuditEntry) error {
	return s.writeOf(ctx, user, "change time zone", func(tx *sql.Tx, userID int64) error {
		result, err := tx.ExecContext(ctx, `UPDATE users SET time_zone = ? WHERE id = ? AND time_zone <> ?`, zone, userID, zone)
		if err != nil {
			return err
		}
		if changed, err := result.RowsAffected(); changed == 0 || err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, makeStale, userID)
		if err != nil {
			return err
		}
		return insertAudit(ctx, tx, entries)
	})
}

// Stale returns the users whose days are not all summed up by their present order of sources and their zone.
func (s *Store) Stale(ctx context.Context) (users []uuid.UUID, err error) {
	err = s.read(ctx, "list stale users", func(tx *sql.Tx) error {
		users, err = list(ctx, tx, func(row row) (id uuid.UUID, err error) {
			err = row.Scan(&id)
			return id, err
		}, `SELECT u.uuid FROM source_orders o JOIN users u ON u.id = o.user_id WHERE o.version <> o.followed ORDER BY u.id`)
		return err
	})
	return users, err
}

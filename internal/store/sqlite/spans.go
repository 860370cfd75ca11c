package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"math"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

const selectSpans = `SELECT to_time, from_time, grain, session, received_order, as_of, ingestion_id, gaps FROM spans
	WHERE user_id = ? AND metric_id = ? AND to_time > ? AND from_time < ?`

// Spans returns what bodies spoke for of a metric.
func (s *Store) Spans(ctx context.Context, user uuid.UUID, query store.SampleQuery) (all []health.Span, err error) {
	from, to := int64(query.From), int64(query.To)
	if query.From == 0 {
		from = math.MinInt64
	}
	if query.To == 0 {
		to = math.MaxInt64
	}
	err = s.readOf(ctx, user, "read spans", func(tx *sql.Tx, userID int64) error {
		known, m, err := one(ctx, tx, scanMetric, selectMetrics+`WHERE name = ? AND unit = ?`, query.Metric, query.Unit)
		if err != nil || !known {
			return err
		}
		all, err = list(ctx, tx, func(row row) (span health.Span, err error) {
			var gaps []byte
			var id []byte
			if err := row.Scan(&span.To, &span.From, &span.Grain, &span.Session, &span.Order, &span.AsOf, &id, &gaps); err != nil {
				return span, err
			}
			span.Metric, span.Unit, span.Ingestion = m.Name().Metric, m.Name().Unit, uuid.UUID(id)
			return span, backend.UnpackGaps(gaps, &span)
		}, selectSpans, userID, m.id, from, to)
		return err
	})
	return all, err
}

// Spans returns the spans of a metric that overlap an interval.
func (t *summaryTables) Spans(m metric, in health.Interval) (all []health.Span, err error) {
	err = t.each(func(row []driver.Value) error {
		session, _ := row[3].(string)
		id, _ := row[6].([]byte)
		span := health.Span{
			Metric: m.Name().Metric, Unit: m.Name().Unit, Session: session,
			Interval: health.Interval{From: health.Instant(integer(row[1])), To: health.Instant(integer(row[0]))},
			Grain:    health.Grain(integer(row[2])), // #nosec G115 -- as it was written
			Order:    health.Instant(integer(row[4])), AsOf: health.Instant(integer(row[5])), Ingestion: uuid.UUID(id),
		}
		gaps, _ := row[7].([]byte)
		err := backend.UnpackGaps(gaps, &span)
		all = append(all, span)
		return err
	}, selectSpans, t.user, m.id, int64(in.From), int64(in.To))
	return all, err
}

// writeSpans stores what a body spoke for of a metric, and adds the days that this changes to those of the batch.
func (w *sampleWriter) writeSpans(t *summaryTables, change *backend.Change[metric]) error {
	m := change.Days.Metric
	said := backend.SpansOf(w.said, m.Name())
	if len(said) == 0 {
		return nil
	}
	stored, err := t.Spans(m, backend.Around(said))
	if err != nil {
		return err
	}
	var failed error
	spans := backend.AddSpans(stored, said, backend.RuleOf(w.store.catalog, m.Name().Metric, aggregate.SourceOrder{}), func(grain health.Grain) bool {
		others := false
		failed = t.each(func([]driver.Value) error {
			others = true
			return nil
		}, `SELECT 1 FROM metric_totals WHERE user_id = ? AND metric_id = ? AND grain <> ? AND samples > 0 LIMIT 1`, w.user, m.id, int64(grain))
		return others
	})
	if failed != nil {
		return failed
	}
	for i := range spans.Removed {
		s := &spans.Removed[i]
		err := t.exec(`DELETE FROM spans WHERE user_id = ? AND metric_id = ? AND to_time = ? AND from_time = ? AND grain = ? AND session = ?`,
			[]driver.Value{w.user, m.id, int64(s.To), int64(s.From), int64(s.Grain), s.Session})
		if err != nil {
			return err
		}
	}
	for i := range spans.Added {
		s := &spans.Added[i]
		row := []driver.Value{
			w.user, m.id, int64(s.To), int64(s.From), int64(s.Grain), s.Session, int64(s.Order), int64(s.AsOf), s.Ingestion[:], nil,
		}
		if gaps := backend.PackGaps(s); gaps != nil {
			row[len(row)-1] = gaps
		}
		if err := t.exec(`INSERT OR REPLACE INTO spans
			(user_id, metric_id, to_time, from_time, grain, session, received_order, as_of, ingestion_id, gaps) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, row); err != nil {
			return err
		}
	}
	change.Dates = append(change.Dates, spans.Dates...)
	return nil
}

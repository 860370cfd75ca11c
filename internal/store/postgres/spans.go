package postgres

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

const spanColumns = `metric_id, to_time, from_time, received_order, as_of, ingestion_id, grain, session, gaps`

// Spans returns what bodies spoke for of a metric.
func (s *Store) Spans(ctx context.Context, user uuid.UUID, query store.SampleQuery) (all []health.Span, err error) {
	c := condition{
		text: `user_id = $1 AND metric_id = (SELECT id FROM metric_names WHERE name = $2 AND unit = $3)`,
		args: []any{user, query.Metric, query.Unit},
	}
	if query.From != 0 {
		c.and(`to_time > `, query.From.Time())
	}
	if query.To != 0 {
		c.and(`from_time < `, query.To.Time())
	}
	err = s.read(ctx, "read spans", func(ctx context.Context, conn querier) error {
		all, err = list(ctx, conn, func(row pgx.Row) (span health.Span, err error) {
			var metric int16
			var gaps []byte
			span.Metric, span.Unit = query.Metric, query.Unit
			err = row.Scan(&metric, instantInto{&span.To}, instantInto{&span.From}, instantInto{&span.Order}, instantInto{&span.AsOf},
				&span.Ingestion, &span.Grain, &span.Session, &gaps)
			return span, errors.Join(err, backend.UnpackGaps(gaps, &span))
		}, `SELECT `+spanColumns+` FROM spans WHERE `+c.text, c.args...)
		return err
	})
	return all, err
}

// knownSpans are all spans of a metric that overlap an interval.
type knownSpans struct {
	in    health.Interval
	spans []health.Span
}

// Spans returns the spans of a metric that overlap an interval.
func (t *summaryTables) Spans(m metric, in health.Interval) ([]health.Span, error) {
	if known, ok := t.spans[m.id]; ok && known.in.From <= in.From && in.To <= known.in.To {
		return known.spans, nil
	}
	byMetric, err := t.readSpans([]metric{m}, in)
	return byMetric[m.id], err
}

func (t *summaryTables) readSpans(metrics []metric, in health.Interval) (map[int16][]health.Span, error) {
	ids, names := arrayHeader(pgtype.Int2OID, len(metrics)), map[int16]store.Series{}
	for _, m := range metrics {
		ids = appendSmallint(ids, m.id)
		names[m.id] = m.Name()
	}
	found := map[int16][]health.Span{}
	rows := t.raw().ExecParams(t.ctx, `SELECT `+spanColumns+` FROM spans
		WHERE user_id = $1 AND metric_id = ANY ($2::smallint[]) AND to_time > $3 AND from_time < $4`, [][]byte{t.user[:], ids, wireInstant(in.From), wireInstant(in.To)},
		nil, binaryFormat, binaryFormat)
	err := readRows(rows, func(c [][]byte) error {
		id := int16(binary.BigEndian.Uint16(c[0]))
		span := health.Span{
			Metric: names[id].Metric, Unit: names[id].Unit, Session: string(c[7]), Grain: health.Grain(readInteger(c[6])),
			Interval: health.Interval{From: readInstant(c[2]), To: readInstant(c[1])},
			Order:    readInstant(c[3]), AsOf: readInstant(c[4]), Ingestion: uuid.UUID(c[5]),
		}
		err := backend.UnpackGaps(c[8], &span)
		found[id] = append(found[id], span)
		return err
	})
	return found, err
}

// writeSpans stores what a body spoke for, and adds the days that this changes to those of the batch.
func (w *sampleWriter) writeSpans(t *summaryTables) error {
	if len(w.said) == 0 {
		return nil
	}
	in := backend.Around(w.said)
	for _, c := range w.changes {
		in.From, in.To = min(in.From, c.first-3*health.Day), max(in.To, c.last+3*health.Day)
	}
	metrics := make([]metric, len(w.changes))
	for i, c := range w.changes {
		metrics[i] = c.Days.Metric
	}
	stored, err := t.readSpans(metrics, in)
	if err != nil {
		return err
	}
	var removed, added []spanRow
	for _, c := range w.changes {
		m := c.Days.Metric
		said := backend.SpansOf(w.said, m.Name())
		spans := backend.AddSpans(stored[m.id], said, backend.RuleOf(w.store.catalog, m.Name().Metric, aggregate.SourceOrder{}),
			func(grain health.Grain) bool { return w.hasOthers(m.id, grain) })
		c.Dates = append(c.Dates, spans.Dates...)
		t.spans[m.id] = knownSpans{in, spans.After}
		for i := range spans.Removed {
			removed = append(removed, spanRow{m.id, &spans.Removed[i]})
		}
		for i := range spans.Added {
			added = append(added, spanRow{m.id, &spans.Added[i]})
		}
	}
	if err := t.deleteSpans(removed); err != nil {
		return err
	}
	return t.insertSpans(added)
}

// hasOthers reports whether a metric has samples of another grain.
func (w *sampleWriter) hasOthers(metric int16, grain health.Grain) bool {
	for _, stored := range w.storedRanges[metric] {
		if stored.grain != grain {
			return true
		}
	}
	for i := range w.keys {
		if w.keys[i].metric == metric && w.keys[i].grain != grain {
			return true
		}
	}
	return false
}

// spanRow is a row of spans.
type spanRow struct {
	metric int16
	*health.Span
}

func (t *summaryTables) deleteSpans(rows []spanRow) error {
	if len(rows) == 0 {
		return nil
	}
	return t.raw().ExecParams(t.ctx, `DELETE FROM spans WHERE user_id = $1 AND (metric_id, to_time, from_time, grain, session) IN
		(SELECT * FROM unnest($2::smallint[], $3::timestamptz[], $4::timestamptz[], $5::integer[], $6::text[]))`,
		append([][]byte{t.user[:]}, spanKeys(rows)...), nil, binaryFormat, nil).Read().Err
}

func (t *summaryTables) insertSpans(rows []spanRow) error {
	if len(rows) == 0 {
		return nil
	}
	n := len(rows)
	orders, asOf := arrayHeader(pgtype.TimestamptzOID, n), arrayHeader(pgtype.TimestamptzOID, n)
	ids, gaps := arrayHeader(pgtype.UUIDOID, n), arrayHeader(pgtype.ByteaOID, n)
	for _, row := range rows {
		orders, asOf = appendInstant(orders, row.Order), appendInstant(asOf, row.AsOf)
		ids = append(appendLength(ids, 16), row.Ingestion[:]...)
		if packed := backend.PackGaps(row.Span); packed != nil {
			gaps = append(appendLength(gaps, len(packed)), packed...)
		} else {
			gaps = appendNull(gaps)
		}
	}
	return t.raw().ExecParams(t.ctx, `
		INSERT INTO spans (user_id, metric_id, to_time, from_time, grain, session, received_order, as_of, ingestion_id, gaps)
		SELECT $1::uuid, * FROM unnest($2::smallint[], $3::timestamptz[], $4::timestamptz[], $5::integer[], $6::text[],
			$7::timestamptz[], $8::timestamptz[], $9::uuid[], $10::bytea[])
		ON CONFLICT (user_id, metric_id, to_time, from_time, grain, session) DO UPDATE
			SET received_order = excluded.received_order, as_of = excluded.as_of, ingestion_id = excluded.ingestion_id, gaps = excluded.gaps`,
		append(append([][]byte{t.user[:]}, spanKeys(rows)...), orders, asOf, ids, gaps), nil, binaryFormat, nil).Read().Err
}

// spanKeys are the columns of the primary key as arrays.
func spanKeys(rows []spanRow) [][]byte {
	n := len(rows)
	metrics, grains := arrayHeader(pgtype.Int2OID, n), arrayHeader(pgtype.Int4OID, n)
	to, from := arrayHeader(pgtype.TimestamptzOID, n), arrayHeader(pgtype.TimestamptzOID, n)
	sessions := arrayHeader(pgtype.TextOID, n)
	for _, row := range rows {
		metrics, grains = appendSmallint(metrics, row.metric), appendInteger(grains, int32(row.Grain))
		to, from = appendInstant(to, row.To), appendInstant(from, row.From)
		sessions = append(appendLength(sessions, len(row.Session)), row.Session...)
	}
	return [][]byte{metrics, to, from, grains, sessions}
}

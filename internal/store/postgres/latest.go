package postgres

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

const selectLatest = `SELECT m.name, m.unit, coalesce(s.name, ''), l.started_at, l.ended_at, l.received_at,
	l.value, l.minimum, l.maximum, l.systolic, l.diastolic, l.grain, l.utc_offset, l.per_source, l.attributes,
	coalesce(l.as_of, l.received_at), l.zone_assumed IS TRUE
	FROM latest_values l JOIN metric_names m ON m.id = l.metric_id LEFT JOIN sources s ON s.id = l.source_id
	WHERE l.user_id = $1`

func scanLatest(row pgx.Row) (s health.Sample, err error) {
	var value, low, high, systolic, diastolic *float64
	err = row.Scan(&s.Metric, &s.Unit, &s.Source, instantInto{&s.Start}, instantInto{&s.End}, instantInto{&s.Order},
		&value, &low, &high, &systolic, &diastolic, &s.Grain, &s.Offset, &s.PerSource, &s.Attributes, instantInto{&s.AsOf}, &s.ZoneAssumed)
	s.Value, s.Min, s.Max = orAbsent(value), orAbsent(low), orAbsent(high)
	s.Systolic, s.Diastolic = orAbsent(systolic), orAbsent(diastolic)
	return s, err
}

func orAbsent(v *float64) float64 {
	if v == nil {
		return health.Absent()
	}
	return *v
}

func orNull(v float64) *float64 {
	if health.IsAbsent(v) {
		return nil
	}
	return &v
}

// Latest returns the latest sample of every metric the user has.
func (s *Store) Latest(ctx context.Context, user uuid.UUID) (samples []health.Sample, err error) {
	err = s.read(ctx, "read latest samples", func(ctx context.Context, conn querier) error {
		samples, err = list(ctx, conn, scanLatest, selectLatest+` ORDER BY m.name, m.unit`, user)
		return err
	})
	return samples, err
}

// StoredLatest returns the stored latest values of metrics.
func (t *summaryTables) StoredLatest(metrics []metric) (map[metric]health.Sample, error) {
	ids, byName := make([]int16, len(metrics)), make(map[store.Series]metric, len(metrics))
	for i, m := range metrics {
		ids[i], byName[m.Series] = m.id, m
	}
	found, err := list(t.ctx, t.tx, scanLatest, selectLatest+` AND l.metric_id = ANY ($2)`, t.user, ids)
	stored := make(map[metric]health.Sample, len(found))
	for _, s := range found {
		stored[byName[store.Series{Metric: s.Metric, Unit: s.Unit}]] = s
	}
	return stored, err
}

// WriteLatest writes latest values over those that are stored.
func (t *summaryTables) WriteLatest(rows []backend.LatestValue[metric]) error {
	n := len(rows)
	metrics, sources, grains, offsets := make([]int16, n), make([]int32, n), make([]int32, n), make([]int32, n)
	starts, ends, received := make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	var values [5][]*float64
	perSource, attributes, zoneAssumed := make([]bool, n), make([]string, n), make([]*bool, n)
	asOf := make([]pgtype.Timestamptz, n)
	for i, row := range rows {
		s := row.Sample
		metrics[i], sources[i], grains[i], offsets[i] = row.Metric.id, t.ids[s.Source], int32(s.Grain), s.Offset
		starts[i], ends[i], received[i] = s.Start.Time(), s.End.Time(), s.Order.Time()
		perSource[i], attributes[i] = s.PerSource, s.Attributes
		if at, differs := backend.AsOf(s); differs {
			asOf[i] = timestamp(at)
		}
		if s.ZoneAssumed {
			zoneAssumed[i] = &s.ZoneAssumed
		}
		for j, v := range [...]float64{s.Value, s.Min, s.Max, s.Systolic, s.Diastolic} {
			values[j] = append(values[j], orNull(v))
		}
	}
	_, err := t.tx.Exec(t.ctx, `
		INSERT INTO latest_values (user_id, metric_id, source_id, grain, utc_offset, started_at, ended_at, received_at,
			value, minimum, maximum, systolic, diastolic, per_source, attributes, as_of, zone_assumed)
		SELECT $1::uuid, * FROM unnest($2::smallint[], $3::integer[], $4::integer[], $5::integer[], $6::timestamptz[],
			$7::timestamptz[], $8::timestamptz[], $9::double precision[], $10::double precision[], $11::double precision[],
			$12::double precision[], $13::double precision[], $14::boolean[], $15::text[], $16::timestamptz[], $17::boolean[])
		ON CONFLICT (user_id, metric_id) DO UPDATE SET source_id = excluded.source_id, grain = excluded.grain,
			utc_offset = excluded.utc_offset, started_at = excluded.started_at, ended_at = excluded.ended_at,
			received_at = excluded.received_at, value = excluded.value, minimum = excluded.minimum,
			maximum = excluded.maximum, systolic = excluded.systolic, diastolic = excluded.diastolic,
			per_source = excluded.per_source, attributes = excluded.attributes, as_of = excluded.as_of,
			zone_assumed = excluded.zone_assumed`,
		t.user, metrics, sources, grains, offsets, starts, ends, received,
		values[0], values[1], values[2], values[3], values[4], perSource, attributes, asOf, zoneAssumed)
	return err
}

// FindLatest returns the latest of the samples of metrics.
func (t *summaryTables) FindLatest(metrics []metric) (map[metric]health.Sample, error) {
	stored, err := storedMetrics(t.ctx, t.tx, t.user)
	if err != nil {
		return nil, err
	}
	stored = slices.DeleteFunc(stored, func(s *storedMetric) bool { return !slices.Contains(metrics, s.metric) })
	samples, sources := make([]health.Sample, len(stored)), make([]int32, len(stored))
	edges := &edgeQuery{user: t.user}
	for i, s := range stored {
		for _, g := range s.grains {
			if g.grain >= health.GrainDay {
				edges.add(i, s.metric, g.grain, g.last-backend.StartBeforeKey-backend.StartAfterKey, g.last, math.MaxInt64)
			} else {
				edges.add(i, s.metric, g.grain, g.last, g.last, 1)
			}
		}
	}
	take := func(i int, row *storedRow) {
		best, found := &samples[i], &row.sample
		if best.Metric == "" || found.LaterThan(best) {
			*best, sources[i] = *found, row.source
			best.Metric, best.Unit = stored[i].Metric, stored[i].Unit
		}
	}
	if err := edges.run(t.ctx, t.raw(), take); err != nil {
		return nil, err
	}
	// Where the edge holds samples without a value only, which is rare, one with a value is looked for everywhere.
	everywhere := &edgeQuery{user: t.user}
	for i, s := range stored {
		for _, g := range s.grains {
			if samples[i].Metric != "" && !samples[i].HasValue() {
				everywhere.add(i, s.metric, g.grain, g.first, g.last, math.MaxInt64)
			}
		}
	}
	if err := everywhere.run(t.ctx, t.raw(), take); err != nil {
		return nil, err
	}
	names, err := t.sourceNames(sources)
	found := make(map[metric]health.Sample, len(samples))
	for i := range samples {
		if samples[i].Metric != "" { // else the samples were removed by hand
			samples[i].Source = names[sources[i]]
			found[stored[i].metric] = samples[i]
		}
	}
	return found, err
}

package postgres

import (
	"cmp"
	"context"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/health-export/health-export/internal/health"
)

const selectLatest = `SELECT m.name, m.unit, coalesce(s.name, ''), l.started_at, l.ended_at, l.received_at,
	l.value, l.minimum, l.maximum, l.systolic, l.diastolic, l.grain, l.utc_offset, l.per_source, l.attributes
	FROM latest_values l JOIN metric_names m ON m.id = l.metric_id LEFT JOIN sources s ON s.id = l.source_id
	WHERE l.user_id = $1`

func scanLatest(row pgx.Row) (s health.Sample, err error) {
	var value, low, high, systolic, diastolic *float64
	err = row.Scan(&s.Metric, &s.Unit, &s.Source, instantInto{&s.Start}, instantInto{&s.End}, instantInto{&s.Received},
		&value, &low, &high, &systolic, &diastolic, &s.Grain, &s.Offset, &s.PerSource, &s.Attributes)
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

// followLatest brings the latest values of metrics in step with what was written.
func (u *summaryUpdater) followLatest(all []*changedMetric, refused bool) error {
	ids := make([]int16, len(all))
	for i, c := range all {
		ids[i] = c.id
	}
	found, err := list(u.ctx, u.tx, scanLatest, selectLatest+` AND l.metric_id = ANY ($2)`, u.user, ids)
	if err != nil {
		return err
	}
	old := map[metricName]*health.Sample{}
	for i := range found {
		old[metricName{found[i].Metric, found[i].Unit}] = &found[i]
	}
	var write []latestRow
	var rebuild []metric
	for _, c := range all {
		have := old[c.name]
		switch {
		case refused:
			rebuild = append(rebuild, c.metric)
		case have == nil || c.Latest.LaterThan(have):
			write = append(write, latestRow{c.metric, c.Latest})
		case c.rewritten != nil && c.start >= have.Start:
			// The row that was the latest has changed, and with its offset perhaps its start.
			rebuild = append(rebuild, c.metric)
		}
	}
	if err := u.writeLatest(write); err != nil || len(rebuild) == 0 {
		return err
	}
	_, err = u.rebuildLatest(rebuild)
	return err
}

// latestRow is a row of latest_values to be written.
type latestRow struct {
	metric
	sample *health.Sample
}

func (u *summaryUpdater) writeLatest(rows []latestRow) error {
	if len(rows) == 0 {
		return nil
	}
	n := len(rows)
	metrics, sources, grains, offsets := make([]int16, n), make([]int32, n), make([]int32, n), make([]int32, n)
	starts, ends, received := make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	var values [5][]*float64
	perSource, attributes := make([]bool, n), make([]string, n)
	for i, row := range rows {
		s := row.sample
		metrics[i], sources[i], grains[i], offsets[i] = row.id, u.ids[s.Source], int32(s.Grain), s.Offset
		starts[i], ends[i], received[i] = s.Start.Time(), s.End.Time(), s.Received.Time()
		perSource[i], attributes[i] = s.PerSource, s.Attributes
		for j, v := range [...]float64{s.Value, s.Min, s.Max, s.Systolic, s.Diastolic} {
			values[j] = append(values[j], orNull(v))
		}
	}
	_, err := u.tx.Exec(u.ctx, `
		INSERT INTO latest_values (user_id, metric_id, source_id, grain, utc_offset, started_at, ended_at, received_at,
			value, minimum, maximum, systolic, diastolic, per_source, attributes)
		SELECT $1::uuid, * FROM unnest($2::smallint[], $3::integer[], $4::integer[], $5::integer[], $6::timestamptz[],
			$7::timestamptz[], $8::timestamptz[], $9::double precision[], $10::double precision[], $11::double precision[],
			$12::double precision[], $13::double precision[], $14::boolean[], $15::text[])
		ON CONFLICT (user_id, metric_id) DO UPDATE SET source_id = excluded.source_id, grain = excluded.grain,
			utc_offset = excluded.utc_offset, started_at = excluded.started_at, ended_at = excluded.ended_at,
			received_at = excluded.received_at, value = excluded.value, minimum = excluded.minimum,
			maximum = excluded.maximum, systolic = excluded.systolic, diastolic = excluded.diastolic,
			per_source = excluded.per_source, attributes = excluded.attributes`,
		u.user, metrics, sources, grains, offsets, starts, ends, received,
		values[0], values[1], values[2], values[3], values[4], perSource, attributes)
	return err
}

// rebuildLatest finds the latest values of metrics among the samples, writes those that differ and returns how many.
func (u *summaryUpdater) rebuildLatest(of []metric) (differed int, err error) {
	wanted := map[int16]bool{}
	for _, m := range of {
		wanted[m.id] = true
	}
	all, err := storedMetrics(u.ctx, u.tx, u.user)
	if err != nil {
		return 0, err
	}
	samples, sources := make([]health.Sample, len(all)), make([]int32, len(all))
	edges := &edgeQuery{user: u.user}
	for i, h := range all {
		samples[i] = health.Sample{Start: math.MinInt64}
		if !wanted[h.id] {
			continue
		}
		for _, g := range h.grains {
			if g.grain >= health.GrainDay {
				edges.add(i, h.metric, g.grain, g.last-earliest-latest, g.last, math.MaxInt64)
			} else {
				edges.add(i, h.metric, g.grain, g.last, g.last, 1)
			}
		}
	}
	err = edges.run(u.ctx, u.raw(), func(i int, row *storedRow) {
		best, found := &samples[i], &row.sample
		if cmp.Or(-cmp.Compare(best.Start, found.Start), cmp.Compare(best.Grain, found.Grain)) > 0 {
			*best, sources[i] = *found, row.source
			best.Metric, best.Unit = all[i].name.name, all[i].name.unit
		}
	})
	if err != nil {
		return 0, err
	}
	if err := u.nameSources(samples, sources); err != nil {
		return 0, err
	}
	stored, err := list(u.ctx, u.tx, scanLatest, selectLatest, u.user)
	if err != nil {
		return 0, err
	}
	var write []latestRow
	for i := range samples {
		if samples[i].Metric != "" && !isKnownLatest(&samples[i], stored) {
			write = append(write, latestRow{all[i].metric, &samples[i]})
		}
	}
	return len(write), u.writeLatest(write)
}

// isKnownLatest reports whether what is stored needs no change: of samples that are equally late, any will do.
func isKnownLatest(s *health.Sample, stored []health.Sample) bool {
	for i := range stored {
		old := &stored[i]
		if old.Metric == s.Metric && old.Unit == s.Unit {
			return !s.LaterThan(old) && !old.LaterThan(s) &&
				(s.Key() != old.Key() || s.SameReading(old) && s.Offset == old.Offset)
		}
	}
	return false
}

// inSummaryTx runs a function in a transaction under the user's lock.
func (s *Store) inSummaryTx(ctx context.Context, user uuid.UUID, do func(u *summaryUpdater) error) error {
	return s.onConnection(ctx, "rebuild summaries of days", func(ctx context.Context, conn *pgxpool.Conn) error {
		return transact(ctx, conn, s.begin+lockStatement(userLock(user)), func(ctx context.Context, tx pgx.Tx) error {
			return do(&summaryUpdater{
				ctx: ctx, store: s, tx: tx, user: user, names: map[int32]string{0: ""}, ids: map[string]int32{},
			})
		})
	})
}

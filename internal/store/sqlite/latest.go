package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

const latestColumns = `start_time, end_time, utc_offset, grain, per_source, source_id, received, value, minimum, maximum,
	systolic, diastolic, attributes, as_of, zone_assumed`

// readLatest reads a row of latestColumns without the names, and returns the id of its source.
func readLatest(row []driver.Value, s *health.Sample) (source int64) {
	*s = health.Sample{
		Start: health.Instant(integer(row[0])), End: health.Instant(integer(row[1])), Offset: int32(integer(row[2])),
		Grain: health.Grain(integer(row[3])), PerSource: integer(row[4]) != 0, Order: health.Instant(integer(row[6])),
		Value: real(row[7]), Min: real(row[8]), Max: real(row[9]), Systolic: real(row[10]), Diastolic: real(row[11]),
	}
	s.Attributes, _ = row[12].(string)
	s.AsOf, s.ZoneAssumed = s.Order, integer(row[14]) != 0
	if asOf, differs := row[13].(int64); differs {
		s.AsOf = health.Instant(asOf)
	}
	return integer(row[5])
}

// StoredLatest returns the stored latest values of metrics.
func (t *summaryTables) StoredLatest(metrics []metric) (map[metric]health.Sample, error) {
	return t.latest(metrics, func(m metric, s *health.Sample) (source int64, found bool, err error) {
		err = t.each(func(row []driver.Value) error {
			source, found = readLatest(row, s), true
			return nil
		}, `SELECT `+latestColumns+` FROM latest_values WHERE user_id = ? AND metric_id = ?`, t.user, m.id)
		return source, found, err
	})
}

// FindLatest returns the latest of the samples of metrics.
func (t *summaryTables) FindLatest(metrics []metric) (map[metric]health.Sample, error) {
	return t.latest(metrics, func(m metric, s *health.Sample) (source int64, found bool, err error) {
		read := func(row []driver.Value) error {
			key := m.table.key(row)
			source, found = key.countedSource(), true
			return m.table.sample(row, &key, s)
		}
		err = t.each(read, m.table.latest, t.user, m.id, int64(backend.StartAfterKey))
		if err == nil && found && !s.HasValue() {
			err = t.each(read, m.table.latestValue, t.user, m.id)
		}
		return source, found, err
	})
}

// latest collects what find finds for each metric: a sample without names, and the id of its source.
func (t *summaryTables) latest(
	metrics []metric, find func(m metric, s *health.Sample) (source int64, found bool, err error),
) (map[metric]health.Sample, error) {
	latest := make(map[metric]health.Sample, len(metrics))
	for _, m := range metrics {
		var s health.Sample
		source, found, err := find(m, &s)
		if err == nil && found {
			s.Metric, s.Unit = m.Metric, m.Unit
			s.Source, err = t.sourceName(source)
		}
		if err != nil {
			return nil, err
		}
		if found {
			latest[m] = s
		}
	}
	return latest, nil
}

// WriteLatest writes latest values over those that are stored.
func (t *summaryTables) WriteLatest(values []backend.LatestValue[metric]) error {
	for _, v := range values {
		s := v.Sample
		source, err := t.sourceID(s.Source)
		if err != nil {
			return err
		}
		var asOf driver.Value // NULL where it is the order
		if at, differs := backend.AsOf(s); differs {
			asOf = int64(at)
		}
		err = t.exec(`INSERT OR REPLACE INTO latest_values (user_id, metric_id, `+latestColumns+`) VALUES (`+placeholders(17)+`)`,
			[]driver.Value{
				t.user, v.Metric.id, int64(s.Start), int64(s.End), int64(s.Offset), int64(s.Grain), integerOf(s.PerSource), source, int64(s.Order),
				nullable(s.Value), nullable(s.Min), nullable(s.Max), nullable(s.Systolic), nullable(s.Diastolic), s.Attributes,
				asOf, integerOf(s.ZoneAssumed),
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// Latest returns the latest sample of every metric the user has.
func (s *Store) Latest(ctx context.Context, user uuid.UUID) (samples []health.Sample, err error) {
	err = s.readOf(ctx, user, "read latest samples", func(tx *sql.Tx, userID int64) error {
		samples = nil
		var sources []int64
		err := eachValues(ctx, tx, func(row []driver.Value) error {
			var sample health.Sample
			sources = append(sources, readLatest(row[2:], &sample))
			sample.Metric, _ = row[0].(string)
			sample.Unit, _ = row[1].(string)
			samples = append(samples, sample)
			return nil
		}, `SELECT m.name, m.unit, `+latestColumns+`
			FROM latest_values v JOIN metric_names m ON m.id = v.metric_id WHERE v.user_id = ? ORDER BY m.name, m.unit`, userID)
		if err != nil {
			return err
		}
		return s.names.SetSources(samples, sources, readSources(ctx, tx))
	})
	return samples, err
}

package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
)

const latestColumns = `start_time, end_time, utc_offset, grain, per_source, source_id, received, value, minimum, maximum,
	systolic, diastolic, attributes`

// readLatest reads a row of latestColumns but for the names, and returns the number of its source.
func readLatest(row []driver.Value, s *health.Sample) (source int64) {
	*s = health.Sample{
		Start: health.Instant(integer(row[0])), End: health.Instant(integer(row[1])), Offset: int32(integer(row[2])),
		Grain: health.Grain(integer(row[3])), PerSource: integer(row[4]) != 0, Received: health.Instant(integer(row[6])),
		Value: real(row[7]), Min: real(row[8]), Max: real(row[9]), Systolic: real(row[10]), Diastolic: real(row[11]),
	}
	s.Attributes, _ = row[12].(string)
	return integer(row[5])
}

// followLatest brings the latest value of a metric in step with what was written.
func (w *sampleWriter) followLatest(u *summaryUpdater, m metric, c *changedMetric) error {
	old, found, err := u.latest(m)
	if err != nil {
		return err
	}
	switch {
	case len(w.written.Refused) > 0:
	case !found || c.Latest.LaterThan(&old):
		return u.writeLatest(m, c.Latest)
	case !w.rewrote(m, &old):
		return nil
	}
	// The row that was the latest has changed, and with its offset perhaps its start.
	_, err = u.rebuildLatest(m)
	return err
}

// rewrote reports whether a sample was replaced.
func (w *sampleWriter) rewrote(m metric, s *health.Sample) bool {
	key := s.Key()
	for _, row := range w.replacements[m.table] {
		if row.key.metric == m.id && w.batch[row.key.index].Key() == key {
			return true
		}
	}
	return false
}

// latest returns the latest value on record.
func (u *summaryUpdater) latest(m metric) (s health.Sample, found bool, err error) {
	var source int64
	err = u.each(func(row []driver.Value) error {
		source, found = readLatest(row, &s), true
		return nil
	}, `SELECT `+latestColumns+` FROM latest_values WHERE user_id = ? AND metric_id = ?`, u.user, m.id)
	if err != nil || !found {
		return s, found, err
	}
	s.Metric, s.Unit = m.name.name, m.name.unit
	s.Source, err = u.sourceName(source)
	return s, true, err
}

func (u *summaryUpdater) writeLatest(m metric, s *health.Sample) error {
	id, known := u.ids[s.Source]
	if !known && s.Source != "" {
		err := u.each(func(row []driver.Value) error {
			id = integer(row[0])
			return nil
		}, `SELECT id FROM sources WHERE name = ?`, s.Source)
		if err != nil {
			return err
		}
	}
	perSource := int64(0)
	if s.PerSource {
		perSource = 1
	}
	return u.exec(`INSERT OR REPLACE INTO latest_values (user_id, metric_id, `+latestColumns+`) VALUES (`+placeholders(15)+`)`,
		[]driver.Value{
			u.user, m.id, int64(s.Start), int64(s.End), int64(s.Offset), int64(s.Grain), perSource, id, int64(s.Received),
			number(s.Value), number(s.Min), number(s.Max), number(s.Systolic), number(s.Diastolic), s.Attributes,
		})
}

// rebuildLatest finds the latest value among the samples and writes it if another one is on record.
func (u *summaryUpdater) rebuildLatest(m metric) (differed bool, err error) {
	var s health.Sample
	var source int64
	found := false
	err = u.each(func(row []driver.Value) error {
		key := m.table.key(row)
		source, found = key.countedSource(), true
		return m.table.sample(row, &key, &s)
	}, m.table.latest, u.user, m.id, int64(latest))
	if err != nil || !found {
		return false, err
	}
	s.Metric, s.Unit = m.name.name, m.name.unit
	if s.Source, err = u.sourceName(source); err != nil {
		return false, err
	}
	old, known, err := u.latest(m)
	if err != nil || known && !s.LaterThan(&old) && !old.LaterThan(&s) && (s.Key() != old.Key() || s.SameReading(&old) && s.Offset == old.Offset) {
		return false, err
	}
	return true, u.writeLatest(m, &s)
}

// Latest returns the latest sample of every metric the user has.
func (s *Store) Latest(ctx context.Context, user uuid.UUID) (samples []health.Sample, err error) {
	err = s.readOf(ctx, user, "read latest samples", func(tx *sql.Tx, number int64) error {
		samples = nil
		sources := []int64{}
		rows, err := tx.QueryContext(ctx, `SELECT m.name, m.unit, `+latestColumns+`
			FROM latest_values v JOIN metric_names m ON m.id = v.metric_id WHERE v.user_id = ? ORDER BY m.name, m.unit`, number)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		scan := newValueScan(15)
		for rows.Next() {
			if err := rows.Scan(scan.targets...); err != nil {
				return err
			}
			var sample health.Sample
			sources = append(sources, readLatest(scan.row[2:], &sample))
			sample.Metric, _ = scan.row[0].(string)
			sample.Unit, _ = scan.row[1].(string)
			samples = append(samples, sample)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for i, source := range sources {
			if samples[i].Source, err = s.names.sourceName(ctx, tx, source); err != nil {
				return err
			}
		}
		return nil
	})
	return samples, err
}

// valueScan takes every column as the driver gives it.
type valueScan struct {
	row     []driver.Value
	targets []any
}

func newValueScan(width int) *valueScan {
	s := &valueScan{row: make([]driver.Value, width)}
	for i := range s.row {
		s.targets = append(s.targets, (*any)(&s.row[i]))
	}
	return s
}

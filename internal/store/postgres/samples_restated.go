package postgres

import (
	"encoding/binary"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// removal is an inferred reading to be removed, as it is stored, with the id of its source.
type removal struct {
	change *metricChange
	sample health.Sample
	source int32
}

// removalKey identifies a reading.
type removalKey struct {
	metric int16
	start  health.Instant
	source int32
}

// removeLater adds to the removals. One reading may be restated by what the batch has and by what was there before.
func (w *sampleWriter) removeLater(r removal) {
	w.removals[removalKey{r.change.Days.Metric.id, r.sample.Start, r.source}] = r
}

// findRestated marks the keys of inferred readings that a stored summary restates. A metric without summaries needs no query.
func (w *sampleWriter) findRestated() error {
	byTable := map[*table][]*sampleKey{}
	for i := range w.keys {
		key := &w.keys[i]
		key.restated = false
		_, may := w.batch[key.index].RestatedAt()
		if may && slices.ContainsFunc(w.storedRanges[key.metric], func(g grainRange) bool { return g.grain > health.GrainRaw }) {
			byTable[key.table] = append(byTable[key.table], key)
		}
	}
	for t, keys := range byTable {
		if err := w.findRestatedIn(t, keys); err != nil {
			return err
		}
	}
	return nil
}

func (w *sampleWriter) findRestatedIn(t *table, keys []*sampleKey) error {
	metrics, times := arrayHeader(pgtype.Int2OID, 2*len(keys)), arrayHeader(pgtype.TimestamptzOID, 2*len(keys))
	first, last := keys[0].time, keys[0].time
	for _, key := range keys {
		at, _ := w.batch[key.index].RestatedAt()
		for _, time := range at {
			metrics, times = appendSmallint(metrics, key.metric), appendInstant(times, time)
			first, last = min(first, time), max(last, time)
		}
	}
	row := storedRow{table: t}
	args := [][]byte{w.user[:], metrics, times, wireInstant(first), wireInstant(last)}
	return readRows(w.raw().ExecParams(w.ctx, t.summaries, args, nil, binaryFormat, binaryFormat), func(columns [][]byte) error {
		key := keys[(binary.BigEndian.Uint64(columns[0])-1)/2]
		row.grain = health.Grain(readInteger(columns[1]))
		if err := row.read(columns[2:]); err != nil {
			return err
		}
		reading := &w.batch[key.index]
		row.sample.Metric, row.sample.Unit = reading.Metric, reading.Unit
		at := sampleKey{metric: key.metric, grain: row.grain, time: row.time, end: row.end, keySource: mergedSource}
		key.restated = key.restated || backend.RestatedAfter(&row.sample, w.sent(at), reading)
		return nil
	})
}

// sent returns the sample of the batch with a key; nil where there is none.
func (w *sampleWriter) sent(key sampleKey) *health.Sample {
	i, found := slices.BinarySearchFunc(w.keys, key, sampleKey.compare)
	if !found {
		return nil
	}
	return &w.batch[w.keys[i].index]
}

// removeRestated removes the inferred readings that a summary restates which the batch has, or which was there before.
func (w *sampleWriter) removeRestated(tx pgx.Tx) error {
	if err := w.findReadingsOfSummaries(); err != nil {
		return err
	}
	byTable := map[*table][]removal{}
	for _, r := range w.removals {
		byTable[r.change.Days.Metric.table] = append(byTable[r.change.Days.Metric.table], r)
	}
	for _, t := range tables {
		removals := byTable[t]
		if len(removals) == 0 {
			continue
		}
		n := len(removals)
		metrics, times, sources := arrayHeader(pgtype.Int2OID, n), arrayHeader(pgtype.TimestamptzOID, n), arrayHeader(pgtype.Int4OID, n)
		for i := range removals {
			r := &removals[i]
			metrics, times = appendSmallint(metrics, r.change.Days.Metric.id), appendInstant(times, r.sample.Start)
			sources = appendInteger(sources, r.source)
			w.add(&sampleKey{metric: r.change.Days.Metric.id, time: r.sample.Start}, r.source, -1)
			r.change.Remove(&r.sample)
		}
		if err := w.raw().ExecParams(w.ctx, t.remove, [][]byte{w.user[:], metrics, times, sources}, nil, binaryFormat, nil).Read().Err; err != nil {
			return err
		}
	}
	return nil
}

// findReadingsOfSummaries adds to the removals what the summaries restate that the batch writes.
func (w *sampleWriter) findReadingsOfSummaries() error {
	var readings []removal
	for _, t := range tables {
		metrics, first, last := w.metricsWithReadings(t)
		if len(metrics) == 0 {
			continue
		}
		ids := arrayHeader(pgtype.Int2OID, len(metrics))
		for _, id := range metrics {
			ids = appendSmallint(ids, id)
		}
		row := storedRow{table: t}
		args := [][]byte{w.user[:], ids, wireInstant(first), wireInstant(last)}
		err := readRows(w.raw().ExecParams(w.ctx, t.inferred, args, nil, binaryFormat, binaryFormat), func(columns [][]byte) error {
			change := w.changeOf(&sampleKey{metric: int16(binary.BigEndian.Uint16(columns[0]))})
			if err := row.read(columns[1:]); err != nil {
				return err
			}
			reading := row.sample
			reading.Metric, reading.Unit = change.Days.Metric.Metric, change.Days.Metric.Unit
			readings = append(readings, removal{change, reading, row.source})
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(readings) == 0 {
		return nil
	}
	summaries := w.summariesWritten()
	for _, r := range readings {
		if s := summaries[r.change.Days.Metric.id]; s != nil && s.Restate(&r.sample) {
			w.removeLater(r)
		}
	}
	return nil
}

// summariesWritten returns the summaries that the batch writes, by the id of their metric.
func (w *sampleWriter) summariesWritten() map[int16]*backend.Summaries {
	all := map[int16]*backend.Summaries{}
	for _, written := range []map[*table][]sampleRow{w.inserts, w.replacements} {
		for _, rows := range written {
			for i := range rows {
				key := rows[i].key
				if w.written.Outcomes[key.index] == health.Rejected {
					continue
				}
				if all[key.metric] == nil {
					all[key.metric] = &backend.Summaries{}
				}
				all[key.metric].Add(rows[i].sample)
			}
		}
	}
	return all
}

// metricsWithReadings returns the metrics of a table of which the batch has summaries, and that have readings, of before or of
// the batch, at a time at which those may restate them; and from when to when.
func (w *sampleWriter) metricsWithReadings(t *table) (ids []int16, first, last health.Instant) {
	for _, c := range w.changes {
		id := c.Days.Metric.id
		if c.Days.Metric.table != t || !slices.ContainsFunc(c.keys, func(k sampleKey) bool { return k.grain > health.GrainRaw }) {
			continue
		}
		from, to := c.first-backend.RestatedWithin, c.last+backend.RestatedWithin
		stored := slices.ContainsFunc(w.storedRanges[id], func(g grainRange) bool {
			return g.grain == health.GrainRaw && g.first <= to && from <= g.last
		})
		sent := slices.ContainsFunc(c.keys, func(k sampleKey) bool { return w.batch[k.index].Inferred })
		if !stored && !sent && !w.distrustTotals {
			continue
		}
		if len(ids) == 0 {
			first, last = from, to
		}
		ids, first, last = append(ids, id), min(first, from), max(last, to)
	}
	return ids, first, last
}

// narrowTotals corrects the times of the totals that readings were removed from. They would otherwise only ever become wider.
func (w *sampleWriter) narrowTotals(tx pgx.Tx) error {
	done := map[totalKey]bool{}
	for _, r := range w.removals {
		m := r.change.Days.Metric
		key := totalKey{metric: m.id, source: r.source}
		if done[key] {
			continue
		}
		done[key] = true
		_, err := tx.Exec(w.ctx, `DELETE FROM metric_totals WHERE user_id = $1 AND metric_id = $2 AND grain = 0 AND source_id = $3
			AND samples = 0`, w.user, m.id, r.source)
		if err == nil {
			_, err = tx.Exec(w.ctx, m.table.narrow, w.user, m.id, r.source)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

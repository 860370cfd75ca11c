package sqlite

import (
	"cmp"
	"database/sql/driver"
	"slices"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// findRestated marks the keys of inferred readings that a stored summary restates.
func (w *sampleWriter) findRestated() error {
	for i := range w.keys {
		key := &w.keys[i]
		reading := &w.batch[key.index]
		key.restated = false
		times, ok := reading.RestatedAt()
		if !ok {
			continue
		}
		err := w.eachStored(key.table, key.table.summaries, []driver.Value{w.user, key.metric, int64(times[0]), int64(times[1])},
			func(at *sampleKey, summary *health.Sample) error {
				summary.Metric, summary.Unit = reading.Metric, reading.Unit
				at.metric = key.metric
				key.restated = key.restated || backend.RestatedAfter(summary, w.sent(at), reading)
				return nil
			})
		if err != nil {
			return err
		}
	}
	return nil
}

// sent returns the sample of the batch with a key; nil where there is none.
func (w *sampleWriter) sent(key *sampleKey) *health.Sample {
	i, found := slices.BinarySearchFunc(w.keys, key, func(k sampleKey, key *sampleKey) int {
		return cmp.Or(cmp.Compare(k.metric, key.metric), k.compare(key))
	})
	if !found {
		return nil
	}
	return &w.batch[w.keys[i].index]
}

// removal is an inferred reading to be removed, as it is stored.
type removal struct {
	change *backend.Change[metric]
	key    sampleKey
	sample health.Sample
}

// removalKey identifies a reading.
type removalKey struct{ metric, time, source int64 }

// removeLater adds to the removals. One reading may be restated by what the batch has and by what was there before.
func (w *sampleWriter) removeLater(r removal) {
	w.removals[removalKey{r.change.Days.Metric.id, r.key.time, r.key.source}] = r
}

// removeRestated removes the inferred readings that a summary restates which the batch has, or which was there before.
func (w *sampleWriter) removeRestated() error {
	readings, err := w.inferredReadings()
	if err != nil {
		return err
	}
	if len(readings) > 0 {
		summaries := w.summariesWritten()
		for _, r := range readings {
			if summaries[r.change.Days.Metric.id].Restate(&r.sample) {
				w.removeLater(r)
			}
		}
	}
	for _, r := range w.removals {
		if err := w.remove(&r); err != nil {
			return err
		}
	}
	return nil
}

// inferredReadings returns those that the samples of the batch may restate, by their times.
func (w *sampleWriter) inferredReadings() (readings []removal, err error) {
	keys := w.keys
	for _, change := range w.changes {
		m := change.Days.Metric
		n := 0
		for n < len(keys) && keys[n].metric == m.id {
			n++
		}
		sent := keys[:n]
		keys = keys[n:]
		if !slices.ContainsFunc(sent, func(k sampleKey) bool { return k.grain > 0 && k.perSource == 0 }) {
			continue // without a summary there is nothing to restate a reading
		}
		first, last := sent[0].time-int64(backend.RestatedWithin), sent[n-1].time+int64(backend.RestatedWithin)
		err := w.eachStored(m.table, m.table.inferred, []driver.Value{w.user, m.id, first, last},
			func(key *sampleKey, reading *health.Sample) error {
				reading.Metric, reading.Unit = m.Metric, m.Unit
				readings = append(readings, removal{change, *key, *reading})
				return nil
			})
		if err != nil {
			return nil, err
		}
	}
	return readings, nil
}

// summariesWritten returns the summaries that the batch writes, by the id of their metric.
func (w *sampleWriter) summariesWritten() map[int64]*backend.Summaries {
	all := make(map[int64]*backend.Summaries, len(w.changes))
	for _, change := range w.changes {
		all[change.Days.Metric.id] = &backend.Summaries{}
	}
	for _, written := range []map[*table][]sampleRow{w.inserts, w.replacements} {
		for _, rows := range written {
			for i := range rows {
				if w.written.Outcomes[rows[i].key.index] != health.Rejected {
					all[rows[i].key.metric].Add(rows[i].sample)
				}
			}
		}
	}
	return all
}

func (w *sampleWriter) remove(r *removal) error {
	m := r.change.Days.Metric
	w.args = w.args[:0]
	for _, v := range []driver.Value{w.user, m.id, r.key.time, r.key.source} {
		w.add(v)
	}
	if err := w.exec(m.table.remove); err != nil {
		return err
	}
	w.totals[totalKey{m.id, r.key.countedSource(), r.key.grain}]--
	r.change.Remove(&r.sample)
	r.change.Days.Written = nil
	return nil
}

// eachStored calls do with the rows of a query that begins with table.read. They are without the names of their metric, unit
// and source, and valid until do returns.
func (w *sampleWriter) eachStored(t *table, query string, args []driver.Value, do func(*sampleKey, *health.Sample) error) error {
	named := make([]driver.NamedValue, len(args))
	for i, v := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return eachRow(w.ctx, w.conn, query, named, func(row []driver.Value) error {
		key := t.key(row)
		var sample health.Sample
		if err := t.sample(row, &key, &sample); err != nil {
			return err
		}
		return do(&key, &sample)
	})
}

package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// WriteSamples compares a batch with what is there, and writes what differs.
//
// Both are in the order of the primary key, so that the comparison is one walk along the table, and new rows go where
// the one before them went. Statements are run on the driver's connection: database/sql checks and converts each of the
// thousands of parameters of a batch, which would take a quarter of the time.
func (s *Store) WriteSamples(ctx context.Context, user uuid.UUID, batch []health.Sample) (store.Written, error) {
	w := sampleWriter{
		store:   s,
		batch:   batch,
		written: store.Written{Outcomes: make([]health.Outcome, len(batch))},
		totals:  map[total]int64{},
	}
	if len(batch) == 0 {
		return w.written, nil
	}
	for {
		names, err := s.names.resolve(ctx, batch)
		if err != nil {
			return store.Written{}, err
		}
		w.keys, w.sources = newSampleKeys(batch, names), names.sources
		err = s.writeDirectly(ctx, user, batch[0].Received, "write samples",
			func(tx *sql.Tx) error { return s.names.verifySources(ctx, tx, names.sources) },
			func(conn *connection, number int64) error {
				w.ctx, w.conn, w.user = ctx, conn, number
				return w.run()
			})
		if errors.Is(err, errSourceErased) {
			continue // it gets a new number
		}
		if err != nil {
			return store.Written{}, err
		}
		return w.written, nil
	}
}

// sampleWriter writes one batch.
type sampleWriter struct {
	store *Store
	ctx   context.Context
	conn  *connection
	user  int64
	batch []health.Sample
	keys  []sampleKey

	// What is to be written to each table: rows that are new, and rows that replace one.
	inserts, replacements map[*table][]sampleRow
	args                  []driver.NamedValue
	scratch               health.Sample

	totals  map[total]int64 // by how much each changes
	written store.Written

	sources map[string]int64 // of the batch
	changed []changedMetric
}

// sampleRow is a row to be written. replaced is the source that the row it replaces is counted under, inserted where
// there is none.
type sampleRow struct {
	key      *sampleKey
	sample   *health.Sample
	replaced int64
}

const inserted = -1

func (w *sampleWriter) run() error {
	w.inserts, w.replacements, w.changed = map[*table][]sampleRow{}, map[*table][]sampleRow{}, nil
	for from := 0; from < len(w.keys); {
		to := from + 1
		for to < len(w.keys) && w.keys[to].metric == w.keys[from].metric {
			to++
		}
		if err := w.compareMetric(w.keys[from:to]); err != nil {
			return err
		}
		from = to
	}
	for _, t := range tables {
		if err := w.writeRows(&t.insert, w.inserts[t]); err != nil {
			return err
		}
		if err := w.writeRows(&t.replace, w.replacements[t]); err != nil {
			return err
		}
	}
	if err := w.writeTotals(); err != nil {
		return err
	}
	return w.followChanges()
}

// compareMetric finds out what becomes of the samples of one metric.
func (w *sampleWriter) compareMetric(keys []sampleKey) error {
	t := keys[0].table
	there := newSampleScan(w, t, keys[0].metric, keys[len(keys)-1].time)
	defer there.close()
	changes := changedMetric{keys: keys}
	defer func() {
		changes.rangeWasEmpty = !there.sawRow
		w.changed = append(w.changed, changes)
	}()
	for i := range keys {
		key := &keys[i]
		found, err := there.find(key)
		if err != nil {
			return err
		}
		if !found {
			changes.See(&w.batch[key.index])
			w.written.Outcomes[key.index] = health.Inserted
			w.inserts[t] = append(w.inserts[t], sampleRow{key, &w.batch[key.index], inserted})
			continue
		}
		old, err := there.sample()
		if err != nil {
			return err
		}
		w.scratch = w.batch[key.index] // a copy: Replaces completes it, and the batch is the caller's
		replaced := there.at.countedSource()
		if w.scratch.Received < old.Received { // the old row wins, and with it the source of a merged summary
			key.mergedSource = there.at.mergedSource
		}
		outcome, rewrite := w.scratch.Replaces(old)
		w.written.Outcomes[key.index] = outcome
		if rewrite {
			completed := w.scratch
			changes.See(&completed)
			changes.Touch(old.LocalDate())
			w.replacements[t] = append(w.replacements[t], sampleRow{key, &completed, replaced})
		}
	}
	return nil
}

// total is a key of metric_totals, after user_id.
type total struct{ metric, source, grain int64 }

func (w *sampleWriter) count(rows []sampleRow) {
	for i := range rows {
		key := rows[i].key
		w.totals[total{key.metric, key.countedSource(), key.grain}]++
		if rows[i].replaced != inserted {
			w.totals[total{key.metric, rows[i].replaced, key.grain}]--
		}
	}
}

func (w *sampleWriter) writeTotals() error {
	for t, change := range w.totals {
		if change == 0 {
			continue
		}
		_, err := w.conn.ExecContext(context.WithoutCancel(w.ctx), `
			INSERT INTO metric_totals (user_id, metric_id, source_id, grain, samples) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET samples = samples + excluded.samples`, []driver.NamedValue{
			{Ordinal: 1, Value: w.user},
			{Ordinal: 2, Value: t.metric},
			{Ordinal: 3, Value: t.source},
			{Ordinal: 4, Value: t.grain},
			{Ordinal: 5, Value: change},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

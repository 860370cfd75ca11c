package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// WriteSamples compares a batch with the stored rows, and writes what differs.
//
// Both are in the order of the primary key, so that the comparison is one scan of the table, and new rows are inserted next
// to each other. Statements are run on the driver's connection: database/sql checks and converts each of the thousands of
// parameters of a batch, which would take a quarter of the time.
func (s *Store) WriteSamples(ctx context.Context, body store.Body, batch []health.Sample, said ...health.Span) (store.Written, error) {
	w := sampleWriter{
		store:   s,
		body:    body,
		batch:   batch,
		said:    said,
		written: store.Written{Outcomes: make([]health.Outcome, len(batch))},
		totals:  map[totalKey]int64{},
	}
	if len(batch) == 0 {
		return w.written, nil
	}
	for {
		names, err := s.resolveNames(ctx, batch)
		if err != nil {
			return store.Written{}, err
		}
		w.keys, w.sources = newSampleKeys(batch, names), names.Sources
		err = s.writeDirectly(ctx, body.User, body.Order, "write samples",
			func(tx *sql.Tx) error { return s.verifySources(ctx, tx, names.Sources) },
			func(conn *connection, userID int64) error {
				w.ctx, w.conn, w.user = ctx, conn, userID
				return w.run()
			})
		if errors.Is(err, errSourceErased) {
			continue // it gets a new id
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
	body  store.Body
	batch []health.Sample
	said  []health.Span
	keys  []sampleKey

	// What is to be written to each table: rows that are new, and rows that replace one.
	inserts, replacements map[*table][]sampleRow
	args                  []driver.NamedValue

	totals  map[totalKey]int64 // by how much each changes
	written store.Written

	sources  map[string]int64 // of the batch
	removals map[removalKey]removal
	changes  []*backend.Change[metric]
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
	w.inserts, w.replacements, w.changes = map[*table][]sampleRow{}, map[*table][]sampleRow{}, nil
	w.removals = map[removalKey]removal{}
	if err := w.findRestated(); err != nil {
		return err
	}
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
	if err := w.removeRestated(); err != nil {
		return err
	}
	if err := w.writeTotals(); err != nil {
		return err
	}
	return w.updateSummaries()
}

// compareMetric finds out what becomes of the samples of one metric.
func (w *sampleWriter) compareMetric(keys []sampleKey) error {
	t, first := keys[0].table, &w.batch[keys[0].index]
	stored := newSampleScan(w, t, keys[0].metric, keys[len(keys)-1].time)
	defer stored.close()
	change := backend.NewChange(metric{
		Series: store.Series{Metric: first.Metric, Unit: first.Unit}, id: keys[0].metric, table: t,
	})
	w.changes = append(w.changes, change)
	for i := range keys {
		key := &keys[i]
		sample, outcome := &w.batch[key.index], &w.written.Outcomes[key.index]
		found, err := stored.find(key)
		if err != nil {
			return err
		}
		if !found && key.restated {
			*outcome, change.ReadBack = health.Unchanged, true
			continue
		}
		if !found {
			*outcome = change.Insert(sample)
			w.inserts[t] = append(w.inserts[t], sampleRow{key, sample, inserted})
			continue
		}
		old, err := stored.sample()
		if err != nil {
			return err
		}
		if key.restated && old.Inferred && sample.Order >= old.Order {
			*outcome = health.Updated
			w.removeLater(removal{change, stored.at, *old})
			continue
		}
		var rewritten *health.Sample
		var keepSource bool
		if *outcome, rewritten, keepSource = change.Compare(w.body, sample, old); keepSource {
			key.mergedSource = stored.at.mergedSource
		}
		if rewritten != nil {
			w.replacements[t] = append(w.replacements[t], sampleRow{key, rewritten, stored.at.countedSource()})
		}
	}
	if !stored.sawRow && !change.ReadBack {
		change.Days.Written = make([]*health.Sample, len(keys))
		for i := range keys {
			change.Days.Written[i] = &w.batch[keys[i].index]
		}
		change.Days.WrittenFirst, change.Days.WrittenLast = health.Instant(keys[0].time), health.Instant(keys[len(keys)-1].time)
	}
	return nil
}

// updateSummaries brings the summaries of days and the latest values in step with what was written.
func (w *sampleWriter) updateSummaries() (err error) {
	begun := time.Now()
	defer func() { w.written.SummingUp = time.Since(begun) }()
	refused := len(w.written.Refused) > 0
	if refused {
		for _, c := range w.changes {
			c.Days.Written = nil // some of it is not stored
		}
	}
	tables := w.store.newSummaryTables(w.ctx, w.conn, w.user, w.sources)
	for _, c := range w.changes {
		if err := w.writeSpans(tables, c); err != nil {
			return err
		}
	}
	w.written.Summaries, err = backend.NewSummaryUpdater(tables, w.store.catalog).Update(w.changes, refused)
	return err
}

// totalKey is a key of metric_totals, after user_id.
type totalKey struct{ metric, source, grain int64 }

func (w *sampleWriter) count(rows []sampleRow) {
	for i := range rows {
		key := rows[i].key
		w.totals[totalKey{key.metric, key.countedSource(), key.grain}]++
		if rows[i].replaced != inserted {
			w.totals[totalKey{key.metric, rows[i].replaced, key.grain}]--
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

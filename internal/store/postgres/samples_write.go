package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// WriteSamples compares a batch with the stored rows, and writes what differs: new rows with COPY, which costs about half
// of an INSERT with ON CONFLICT, and changed ones with one statement. A batch without changes writes nothing at all, where
// an INSERT … ON CONFLICT would still lock every row.
//
// The comparison stays valid because every writer of a user's samples takes the locks of their metrics first. A row that
// appears all the same makes the COPY fail, and the batch is compared again.
func (s *Store) WriteSamples(ctx context.Context, body store.Body, batch []health.Sample, said ...health.Span) (store.Written, error) {
	const operation = "write samples"
	if len(batch) == 0 {
		return store.Written{}, nil
	}
	names, err := s.resolveNames(ctx, batch)
	if err != nil {
		return store.Written{}, err
	}
	keys := newSampleKeys(batch, names)
	if err := s.coverKeys(ctx, keys); err != nil {
		return store.Written{}, translate(ctx, operation, err)
	}
	w := &sampleWriter{store: s, user: body.User, body: body, batch: batch, said: said, keys: keys}
	for attempt := 1; ; attempt++ {
		err = s.onConnection(ctx, operation, func(ctx context.Context, conn *pgxpool.Conn) error {
			w.ctx, w.conn = ctx, conn
			return w.run(names)
		})
		if err == nil {
			return w.written, nil
		}
		if attempt == maxAttempts || !w.adjustAfter(err) {
			return store.Written{}, err
		}
		if errors.Is(err, errSourceErased) { // it gets a new id
			if names, err = s.resolveNames(ctx, batch); err != nil {
				return store.Written{}, err
			}
			w.keys = newSampleKeys(batch, names)
		}
		if isPartitionMissing(err) {
			s.partitions.invalidate(sampleTables)
			if err := s.coverKeys(ctx, keys); err != nil {
				return store.Written{}, translate(ctx, operation, err)
			}
		}
	}
}

// adjustAfter changes how the next attempt is made, and reports whether it may succeed.
func (w *sampleWriter) adjustAfter(err error) bool {
	_, isRefusal := refused(err)
	switch {
	case codeOf(err) == codeUniqueViolation && !w.distrustTotals:
		w.distrustTotals = true
		return true
	case isPartitionMissing(err), errors.Is(err, errSourceErased):
		return true
	case isRefusal && !w.isolateRows:
		w.isolateRows = true
		return true
	}
	return false
}

// coverKeys creates the partitions that a batch needs and that do not exist.
func (s *Store) coverKeys(ctx context.Context, keys []sampleKey) error {
	missing := map[string][]time.Time{}
	for from := 0; from < len(keys); {
		in := keys[from].table
		known := s.partitions.spans(in.Name)
		from += uncoveredTimes(known, keys[from:], func(at time.Time) { missing[in.Name] = append(missing[in.Name], at) })
	}
	for name, times := range missing {
		if err := s.partitions.cover(ctx, []string{name}, times...); err != nil {
			return err
		}
	}
	return nil
}

// uncoveredTimes calls missing with a time of each span that has no partition, for the first keys, which are of one table.
// It returns how many those are.
func uncoveredTimes(known []span, keys []sampleKey, missing func(at time.Time)) int {
	var from, to health.Instant // the span of the key before
	for i := range keys {
		key := &keys[i]
		if key.table != keys[0].table {
			return i
		}
		if from <= key.time && key.time < to {
			continue
		}
		here, ok := spanAt(known, key.time.Time())
		if !ok {
			missing(key.time.Time())
		}
		from, to = health.InstantOf(here.from), health.InstantOf(here.to)
	}
	return len(keys)
}

// sampleWriter writes one batch.
type sampleWriter struct {
	store *Store
	user  uuid.UUID
	body  store.Body
	batch []health.Sample
	said  []health.Span
	keys  []sampleKey
	// distrustTotals is set when there were rows outside of the key times that the totals have, isolateRows when the database
	// has refused a row, which is then found by writing halves.
	distrustTotals, isolateRows bool

	ctx     context.Context
	conn    *pgxpool.Conn
	written store.Written
	// What is to be written to each table: rows that are new, and rows that replace one.
	inserts, replacements map[*table][]sampleRow
	totals                map[totalKey]*totalChange

	sources      map[string]int32 // of the batch
	storedRanges map[int16][]grainRange
	changes      []*metricChange // in the order of the keys
	removals     map[removalKey]removal
}

func (w *sampleWriter) run(names *resolvedNames) error {
	w.written = store.Written{Outcomes: make([]health.Outcome, len(w.batch))}
	w.inserts, w.replacements, w.totals = map[*table][]sampleRow{}, map[*table][]sampleRow{}, map[totalKey]*totalChange{}
	w.sources, w.storedRanges, w.changes = names.Sources, map[int16][]grainRange{}, newMetricChanges(w.keys, w.batch)
	w.removals = map[removalKey]removal{}
	for i := range w.batch {
		if reason, is := names.Refusal(&w.batch[i]); is {
			w.written.Refuse(i, reason)
		}
	}
	begin := w.store.begin + sampleLocks(w.user, w.keys) + sharedLockStatement(sourcesLock)
	return transact(w.ctx, w.conn, begin, func(_ context.Context, tx pgx.Tx) error {
		all := splitSeries(w.keys)
		if err := w.begin(all, names.Sources); err != nil {
			return err
		}
		if err := w.findRestated(); err != nil {
			return err
		}
		if err := w.compare(all); err != nil {
			return err
		}
		for _, t := range tables {
			if err := w.writeRows(w.inserts[t], func(rows []sampleRow) error { return w.copy(t, rows) }); err != nil {
				return err
			}
			if err := w.writeRows(w.replacements[t], func(rows []sampleRow) error { return w.replace(t, rows) }); err != nil {
				return err
			}
		}
		if err := w.removeRestated(tx); err != nil {
			return err
		}
		if err := w.writeTotals(tx); err != nil {
			return err
		}
		if err := w.narrowTotals(tx); err != nil {
			return err
		}
		return w.updateSummaries(tx)
	})
}

func (w *sampleWriter) raw() *pgconn.PgConn { return w.conn.Conn().PgConn() }

// writeRows writes rows in one statement. With isolateRows, rows that the database refuses are rolled back and written in
// halves, until the one at fault is by itself.
func (w *sampleWriter) writeRows(rows []sampleRow, write func([]sampleRow) error) error {
	if len(rows) == 0 {
		return nil
	}
	if !w.isolateRows {
		err := write(rows)
		if err == nil {
			w.count(rows)
		}
		return err
	}
	if err := w.exec(`SAVEPOINT rows`); err != nil {
		return err
	}
	err := write(rows)
	if err == nil {
		w.count(rows)
		return w.exec(`RELEASE rows`)
	}
	reason, isRefusal := refused(err)
	if !isRefusal || isPartitionMissing(err) || codeOf(err) == codeUniqueViolation {
		return err
	}
	if err := w.exec(`ROLLBACK TO rows; RELEASE rows`); err != nil {
		return err
	}
	if len(rows) == 1 {
		w.written.Refuse(rows[0].key.index, reason)
		return nil
	}
	half := len(rows) / 2
	if err := w.writeRows(rows[:half], write); err != nil {
		return err
	}
	return w.writeRows(rows[half:], write)
}

func (w *sampleWriter) exec(sql string) error {
	_, err := w.raw().Exec(w.ctx, sql).ReadAll()
	return err
}

func (w *sampleWriter) copy(t *table, rows []sampleRow) error {
	if err := w.encodeOthers(t, rows); err != nil {
		return err
	}
	_, err := w.raw().CopyFrom(w.ctx, newCopyReader(t, rows), t.copy)
	return err
}

func (w *sampleWriter) replace(t *table, rows []sampleRow) error {
	if err := w.encodeOthers(t, rows); err != nil {
		return err
	}
	arrays := make([][]byte, len(t.columns))
	for i := range t.columns {
		arrays[i] = arrayOf(&t.columns[i], rows)
	}
	return w.raw().ExecParams(w.ctx, t.replace, arrays, nil, binaryFormat, nil).Read().Err
}

// encodeOthers sets the column other_values of rows.
func (w *sampleWriter) encodeOthers(t *table, rows []sampleRow) (err error) {
	for i := range rows {
		if rows[i].others, err = t.otherValues(rows[i].sample); err != nil {
			return err
		}
	}
	return nil
}

// binaryFormat says that all parameters, or all columns of a result, are in binary form.
var binaryFormat = []int16{pgtype.BinaryFormatCode}

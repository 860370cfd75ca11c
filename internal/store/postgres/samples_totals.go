package postgres

import (
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// totalKey is a key of metric_totals, after user_id.
type totalKey struct {
	metric int16
	grain  health.Grain
	source int32
}

func (t totalKey) compare(o totalKey) int {
	return cmp.Or(cmp.Compare(t.metric, o.metric), cmp.Compare(t.grain, o.grain), cmp.Compare(t.source, o.source))
}

// totalChange is how a total changes.
type totalChange struct {
	samples     int64
	first, last health.Instant
}

func (w *sampleWriter) count(rows []sampleRow) {
	for i := range rows {
		row := &rows[i]
		if row.replaces && row.replaced == row.source {
			continue
		}
		w.add(row.key, row.source, 1)
		if row.replaces {
			w.add(row.key, row.replaced, -1)
		}
	}
}

func (w *sampleWriter) add(key *sampleKey, source int32, samples int64) {
	t := totalKey{key.metric, key.grain, source}
	c := w.totals[t]
	if c == nil {
		c = &totalChange{first: key.time, last: key.time}
		w.totals[t] = c
	}
	c.samples += samples
	c.first, c.last = min(c.first, key.time), max(c.last, key.time)
}

// errSourceErased is the failure of a batch one of whose sources has lost its id since it was looked up.
var errSourceErased = errors.New("a source was erased")

// begin reads the key times between which each series has rows, and makes sure that the batch may be written: that the user
// exists, that nothing was erased since it was received, and that the ids of its sources still stand for their names.
func (w *sampleWriter) begin(all []keySeries, sources map[string]int32) error {
	ids, names := arrayHeader(pgtype.Int4OID, len(sources)), arrayHeader(pgtype.TextOID, len(sources))
	expected := uint64(0)
	for name, id := range sources { // "" has the id 0, which nothing is found under
		ids, names = appendInteger(ids, id), append(appendLength(names, len(name)), name...)
		if id != 0 {
			expected++
		}
	}
	metrics := arrayHeader(pgtype.Int2OID, len(all))
	for i := range all {
		metrics = appendSmallint(metrics, all[i].keys[0].metric)
	}
	pipeline := w.raw().StartPipeline(w.ctx)
	pipeline.SendQueryParams(`
		SELECT erased_at, (SELECT count(*) FROM sources WHERE (id, name) IN (SELECT * FROM unnest($2::integer[], $3::text[])))
		FROM users WHERE id = $1`, [][]byte{w.user[:], ids, names}, nil, binaryFormat, binaryFormat)
	pipeline.SendQueryParams(`
		SELECT metric_id, grain, min(first_at), max(last_at) FROM metric_totals
		WHERE user_id = $1 AND metric_id = ANY ($2::smallint[]) GROUP BY metric_id, grain`,
		[][]byte{w.user[:], metrics}, nil, binaryFormat, binaryFormat)
	err := pipeline.Sync()
	refusal := error(backend.NotFound("user"))
	if err == nil {
		err = eachRow(pipeline, func(columns [][]byte) error {
			refusal = nil
			if columns[0] != nil && w.body.Order != 0 && w.body.Order <= readInstant(columns[0]) {
				refusal = backend.ErrErased
			} else if binary.BigEndian.Uint64(columns[1]) != expected {
				w.store.names.InvalidateSources()
				refusal = errSourceErased
			}
			return nil
		})
	}
	if err == nil {
		err = eachRow(pipeline, func(columns [][]byte) error {
			metric, grain := int16(binary.BigEndian.Uint16(columns[0])), health.Grain(readInteger(columns[1]))
			first, last := readInstant(columns[2]), readInstant(columns[3])
			w.storedRanges[metric] = append(w.storedRanges[metric], grainRange{grain, first, last})
			i, sent := slices.BinarySearchFunc(all, sampleKey{metric: metric, grain: grain}, func(s keySeries, k sampleKey) int {
				return cmp.Or(cmp.Compare(s.keys[0].metric, k.metric), cmp.Compare(s.keys[0].grain, k.grain))
			})
			if sent {
				all[i].stored, all[i].first, all[i].last = true, first, last
			}
			return nil
		})
	}
	if closed := pipeline.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = refusal
	}
	return err
}

// eachRow reads the result of the next query of a pipeline.
func eachRow(pipeline *pgconn.Pipeline, do func(columns [][]byte) error) error {
	results, err := pipeline.GetResults()
	if err != nil {
		return err
	}
	reader, ok := results.(*pgconn.ResultReader)
	if !ok {
		return errors.New("a pipeline has no result for a query")
	}
	return readRows(reader, do)
}

// readRows reads the result of a query to its end.
func readRows(reader *pgconn.ResultReader, do func(columns [][]byte) error) error {
	var failed error
	for reader.NextRow() {
		if failed == nil {
			failed = do(reader.Values())
		}
	}
	if _, err := reader.Close(); err != nil {
		return err
	}
	return failed
}

// writeTotals adds what was written to the totals.
func (w *sampleWriter) writeTotals(tx pgx.Tx) error {
	var metrics []int16
	var grains, sources []int32
	var firsts, lasts []time.Time
	var samples []int64
	// In order, so that batches of one user that are written at the same time do not deadlock.
	for _, t := range slices.SortedFunc(maps.Keys(w.totals), totalKey.compare) {
		c := w.totals[t]
		metrics, grains, sources = append(metrics, t.metric), append(grains, int32(t.grain)), append(sources, t.source)
		firsts, lasts, samples = append(firsts, c.first.Time()), append(lasts, c.last.Time()), append(samples, c.samples)
	}
	if len(metrics) == 0 {
		return nil
	}
	_, err := tx.Exec(w.ctx, `
		INSERT INTO metric_totals AS t (user_id, metric_id, grain, source_id, first_at, last_at, samples)
		SELECT $1::uuid, * FROM unnest($2::smallint[], $3::integer[], $4::integer[], $5::timestamptz[], $6::timestamptz[], $7::bigint[])
		ON CONFLICT (user_id, metric_id, grain, source_id) DO UPDATE SET samples = t.samples + excluded.samples,
			first_at = least(t.first_at, excluded.first_at), last_at = greatest(t.last_at, excluded.last_at)`,
		w.user, metrics, grains, sources, firsts, lasts, samples)
	return err
}

package postgres

import (
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/health"
)

// The rows that are read for a series at once are limited to maxScanPerKey for each of its keys, and minScan. The keys of a
// batch that is thinly spread over very many rows are looked up one by one from there on.
const (
	maxScanPerKey = 4
	minScan       = 200
)

// compare finds out what becomes of each sample: where the digest of a range of rows does not show that it is unchanged, the
// rows are read in the order of the keys and matched with them. All series are read in one round trip.
func (w *sampleWriter) compare(all []keySeries) error {
	w.reset(all)
	var known [][]sampleKey
	for i := range all {
		if keys := all[i].storedKeys(); len(keys) > 0 {
			known = append(known, keys)
		}
	}
	known, err := w.leaveOutUnchanged(known)
	if err != nil {
		return err
	}
	left, err := w.compareRanges(known)
	if err != nil {
		return err
	}
	if err := w.compareTimes(left); err != nil {
		return err
	}
	w.collectInserts()
	return nil
}

// compareRanges compares ranges of keys with the rows between the first and the last key of each, up to a limit. It returns
// the keys behind the limit.
func (w *sampleWriter) compareRanges(ranges [][]sampleKey) (left [][]sampleKey, err error) {
	err = w.queryRanges(ranges, func(t *table, keys []sampleKey) (string, []byte) {
		return t.compare, wireBigint(limitFor(keys))
	}, func(matcher *rowMatcher, rows int64) {
		if rows == limitFor(matcher.keys) { // there is more: go on where the rows ended
			if rest := matcher.keys[matcher.passedKeys():]; len(rest) > 0 {
				left = append(left, rest)
			}
		}
	})
	return left, err
}

// compareTimes looks up the times of keys one by one.
func (w *sampleWriter) compareTimes(ranges [][]sampleKey) error {
	return w.queryRanges(ranges, func(t *table, keys []sampleKey) (string, []byte) {
		return t.compareAt, timesOf(keys)
	}, func(*rowMatcher, int64) {})
}

// queryRanges makes one query for each range of keys, matches its rows, and calls done with their number.
func (w *sampleWriter) queryRanges(
	ranges [][]sampleKey, query func(*table, []sampleKey) (sql string, lastArg []byte), done func(matcher *rowMatcher, rows int64),
) error {
	if len(ranges) == 0 {
		return nil
	}
	pipeline := w.raw().StartPipeline(w.ctx)
	for _, keys := range ranges {
		sql, arg := query(keys[0].table, keys)
		pipeline.SendQueryParams(sql, append(w.seriesArgs(keys), arg), nil, binaryFormat, binaryFormat)
	}
	err := pipeline.Sync()
	for _, keys := range ranges {
		if err != nil {
			break
		}
		matcher, rows := w.newMatcher(keys), int64(0)
		err = eachRow(pipeline, func(columns [][]byte) error {
			rows++
			return matcher.match(columns)
		})
		if err == nil {
			done(&matcher, rows)
		}
	}
	if closed := pipeline.Close(); err == nil {
		err = closed
	}
	return err
}

// reset discards the result of an attempt before this one.
func (w *sampleWriter) reset(all []keySeries) {
	for i := range all {
		s := &all[i]
		for j := range s.keys {
			s.keys[j].found = false
		}
		if w.distrustTotals {
			s.stored, s.first, s.last = true, s.keys[0].time, s.keys[len(s.keys)-1].time
		}
	}
}

// collectInserts takes the samples without a row as new.
func (w *sampleWriter) collectInserts() {
	fresh := map[*table]int{}
	for i := range w.keys {
		if !w.keys[i].found && !w.keys[i].restated {
			fresh[w.keys[i].table]++
		}
	}
	for t, count := range fresh {
		w.inserts[t] = make([]sampleRow, 0, count)
	}
	changes := w.changes
	for i := range w.keys {
		key := &w.keys[i]
		if key.metric != changes[0].Days.Metric.id {
			changes = changes[1:]
		}
		switch {
		case key.found:
		case key.restated:
			w.written.Outcomes[key.index], changes[0].ReadBack = health.Unchanged, true
		default:
			sample := &w.batch[key.index]
			w.written.Outcomes[key.index] = changes[0].Insert(sample)
			w.inserts[key.table] = append(w.inserts[key.table], sampleRow{user: &w.user, key: key, sample: sample, source: key.source})
		}
	}
}

// defaultsFor returns what the rows of a series are expected to have: the values of the first sample that is sent. When a
// row was received matters only where it was received later than the sample, or where it may be the summary of a day (see
// health.Sample.Complete) or may be given another order (see store.Body.Raise).
func (w *sampleWriter) defaultsFor(keys []sampleKey) rowDefaults {
	key := &keys[0]
	e := rowDefaults{
		grain: key.grain, keySource: key.keySource, source: key.source, offset: w.batch[key.index].Offset,
		received: w.batch[key.index].Order,
	}
	for i := range keys {
		e.received = min(e.received, w.batch[keys[i].index].Order)
	}
	if e.grain >= health.GrainDay || w.body.Unprocessed > 0 {
		e.received = health.InstantOf(minTime)
	}
	return e
}

// seriesArgs are the parameters for a series, the range of its keys, and what its rows are expected to have.
func (w *sampleWriter) seriesArgs(keys []sampleKey) [][]byte {
	first, last, expected := &keys[0], &keys[len(keys)-1], w.defaultsFor(keys)
	return [][]byte{
		w.user[:], wireSmallint(first.metric), wireInteger(int32(first.grain)), wireInstant(first.time), wireInstant(last.time),
		wireInstant(expected.received), wireInteger(expected.keySource), wireInteger(expected.source), wireInteger(expected.offset),
	}
}

func limitFor(keys []sampleKey) int64 { return int64(maxScanPerKey*len(keys) + minScan) }

// timesOf returns the distinct times of keys as an array.
func timesOf(keys []sampleKey) []byte {
	var times []health.Instant
	for i := range keys {
		if i == 0 || keys[i].time != keys[i-1].time {
			times = append(times, keys[i].time)
		}
	}
	array := arrayHeader(pgtype.TimestamptzOID, len(times))
	for _, t := range times {
		array = appendInstant(array, t)
	}
	return array
}

// rowMatcher matches the keys of a series with rows that are read in the same order.
type rowMatcher struct {
	w      *sampleWriter
	change *metricChange
	keys   []sampleKey
	next   int
	row    storedRow
}

func (w *sampleWriter) newMatcher(keys []sampleKey) rowMatcher {
	return rowMatcher{w: w, change: w.changeOf(&keys[0]), keys: keys, row: storedRow{table: keys[0].table, rowDefaults: w.defaultsFor(keys)}}
}

// match takes the next row, and compares it with the sample that has its key, if one has.
func (m *rowMatcher) match(columns [][]byte) error {
	row := &m.row
	if err := row.read(columns); err != nil {
		return err
	}
	for m.next < len(m.keys) {
		key := &m.keys[m.next]
		c := key.compareTo(row.time, row.end, row.keySource)
		if c > 0 {
			return nil
		}
		m.next++
		if c == 0 {
			if !key.found { // a look-up by time reads rows again that were the last of a range
				key.found = true
				m.w.compareWith(m.change, key, row)
			}
			return nil
		}
	}
	return nil
}

// passedKeys returns how many keys are before the time of the last row: more rows of that time may follow, which the look-up
// by time reads.
func (m *rowMatcher) passedKeys() int {
	n := m.next
	for n > 0 && m.keys[n-1].time >= m.row.time {
		n--
	}
	return n
}

// compareWith decides what becomes of a sample for which there is a row.
func (w *sampleWriter) compareWith(change *metricChange, key *sampleKey, row *storedRow) {
	if key.restated && row.sample.Inferred && w.batch[key.index].Order >= row.sample.Order {
		w.written.Outcomes[key.index] = health.Updated
		w.removeLater(removal{change, row.sample, row.source})
		return
	}
	outcome, rewritten, keepSource := change.Compare(w.body, &w.batch[key.index], &row.sample)
	w.written.Outcomes[key.index] = outcome
	if rewritten == nil {
		return
	}
	source := key.source
	if keepSource {
		source = row.source
	}
	w.replacements[key.table] = append(w.replacements[key.table], sampleRow{
		user: &w.user, key: key, sample: rewritten, source: source, replaces: true, replaced: row.source,
	})
}

package postgres

import (
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/health"
)

// maxScanPerKey bounds how many rows are read for a series that is compared: so many for each of its keys, and some. A batch
// that is thinly spread over very many rows is read row by row from there on.
const (
	maxScanPerKey = 4
	minScan       = 200
)

// compare finds out what becomes of each sample. What cannot be told from a digest is read in the same order as the keys,
// and both are gone along. All series are asked about at once.
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

// compareRanges reads the rows of stretches of keys, each up to a limit. It returns the keys behind that.
func (w *sampleWriter) compareRanges(ranges [][]sampleKey) (left [][]sampleKey, err error) {
	err = w.queryRanges(ranges, func(t *table, keys []sampleKey) (string, []byte) {
		return t.compare, wireBigint(limitFor(keys))
	}, func(along *rowMatcher, rows int64) {
		if rows == limitFor(along.keys) { // there is more: go on where the rows ended
			if rest := along.keys[along.passedKeys():]; len(rest) > 0 {
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

// queryRanges makes one query for each stretch of keys and goes along its rows.
func (w *sampleWriter) queryRanges(
	ranges [][]sampleKey, query func(*table, []sampleKey) (sql string, lastArg []byte), answered func(along *rowMatcher, rows int64),
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
		along, rows := w.newMatcher(keys), int64(0)
		err = eachRow(pipeline, func(columns [][]byte) error {
			rows++
			return along.match(columns)
		})
		if err == nil {
			answered(&along, rows)
		}
	}
	if closed := pipeline.Close(); err == nil {
		err = closed
	}
	return err
}

// reset undoes what an attempt before this one has found out.
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

// collectInserts takes the samples for which there was no row as new.
func (w *sampleWriter) collectInserts() {
	fresh := map[*table]int{}
	for i := range w.keys {
		if !w.keys[i].found {
			fresh[w.keys[i].table]++
		}
	}
	for t, count := range fresh {
		w.inserts[t] = make([]sampleRow, 0, count)
	}
	changed := w.changed
	for i := range w.keys {
		key := &w.keys[i]
		if key.metric != changed[0].metric.id {
			changed = changed[1:]
		}
		if !key.found {
			changed[0].See(&w.batch[key.index])
			w.written.Outcomes[key.index] = health.Inserted
			w.inserts[key.table] = append(w.inserts[key.table],
				sampleRow{user: &w.user, key: key, sample: &w.batch[key.index], source: key.source})
		}
	}
}

// defaultsFor says what rows of a series probably have: what the first sample has that is now sent. When a row was received
// matters only where it was received later than the sample, or where it may be the summary of a day (see
// health.Sample.Complete).
func (w *sampleWriter) defaultsFor(keys []sampleKey) rowDefaults {
	key := &keys[0]
	e := rowDefaults{
		grain: key.grain, keySource: key.keySource, source: key.source, offset: w.batch[key.index].Offset,
		received: w.batch[key.index].Received,
	}
	for i := range keys {
		e.received = min(e.received, w.batch[keys[i].index].Received)
	}
	if e.grain >= health.GrainDay {
		e.received = health.InstantOf(minTime)
	}
	return e
}

// seriesArgs are the parameters that name a series, the range of its keys, and what is expected.
func (w *sampleWriter) seriesArgs(keys []sampleKey) [][]byte {
	first, last, expected := &keys[0], &keys[len(keys)-1], w.defaultsFor(keys)
	return [][]byte{
		w.user[:], wireSmallint(first.metric), wireInteger(int32(first.grain)), wireInstant(first.time), wireInstant(last.time),
		wireInstant(expected.received), wireInteger(expected.keySource), wireInteger(expected.source), wireInteger(expected.offset),
	}
}

func limitFor(keys []sampleKey) int64 { return int64(maxScanPerKey*len(keys) + minScan) }

// timesOf returns the different times of keys as an array.
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

// rowMatcher goes along the keys of a series while rows are read that are in the same order.
type rowMatcher struct {
	w    *sampleWriter
	keys []sampleKey
	next int
	row  storedRow
}

func (w *sampleWriter) newMatcher(keys []sampleKey) rowMatcher {
	return rowMatcher{w: w, keys: keys, row: storedRow{table: keys[0].table, rowDefaults: w.defaultsFor(keys)}}
}

// match takes the next row, and compares it with the sample that has its key, if one has.
func (a *rowMatcher) match(columns [][]byte) error {
	row := &a.row
	if err := row.read(columns); err != nil {
		return err
	}
	for a.next < len(a.keys) {
		key := &a.keys[a.next]
		c := key.compareTo(row.time, row.end, row.keySource)
		if c > 0 {
			return nil
		}
		a.next++
		if c == 0 {
			if !key.found { // a look-up by time finds rows again that were the last of a range
				key.found = true
				a.w.compareWith(key, row)
			}
			return nil
		}
	}
	return nil
}

// passedKeys returns how many keys lie before the last row, or at its time: more rows of that time may follow, which the
// look-up by time finds again.
func (a *rowMatcher) passedKeys() int {
	n := a.next
	for n > 0 && a.keys[n-1].time >= a.row.time {
		n--
	}
	return n
}

// compareWith decides what becomes of a sample for which there is a row.
func (w *sampleWriter) compareWith(key *sampleKey, row *storedRow) {
	sample, source := &w.scratch, key.source
	*sample = w.batch[key.index]               // Replaces completes it, and the batch is the caller's
	if sample.Received < row.sample.Received { // the row wins, and with it the source of a merged summary
		source = row.source
	}
	outcome, rewrite := sample.Replaces(&row.sample)
	w.written.Outcomes[key.index] = outcome
	if rewrite {
		completed := *sample
		changed := w.changedBy(key)
		changed.See(&completed)
		changed.Touch(row.sample.LocalDate())
		changed.rewrote(&row.sample)
		w.replacements[key.table] = append(w.replacements[key.table], sampleRow{
			user: &w.user, key: key, sample: &completed, source: source, replaces: true, replaced: row.source,
		})
	}
}

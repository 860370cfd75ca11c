package postgres

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// summaryTables reads and writes the summaries of one user within a transaction.
type summaryTables struct {
	ctx   context.Context
	store *Store
	tx    pgx.Tx
	user  uuid.UUID

	names map[int32]string
	ids   map[string]int32
	// ranges are the key times of what is stored of a metric, by grain up to a day. A metric that is not in it is looked up.
	ranges     map[int16][]grainRange
	spans      map[int16]knownSpans // of a metric that is not in it they are looked up
	prefetched []*windowSamples
}

var _ backend.SummaryTables[metric] = (*summaryTables)(nil)

func newSummaryTables(ctx context.Context, s *Store, tx pgx.Tx, user uuid.UUID) *summaryTables {
	return &summaryTables{
		ctx: ctx, store: s, tx: tx, user: user, names: map[int32]string{0: ""}, ids: map[string]int32{"": 0},
		ranges: map[int16][]grainRange{}, spans: map[int16]knownSpans{},
	}
}

func (t *summaryTables) raw() *pgconn.PgConn { return t.tx.Conn().PgConn() }

// SourceOrder returns the order of sources that the user has set, and its version.
func (t *summaryTables) SourceOrder() (aggregate.SourceOrder, int64, error) {
	return readSourceOrder(t.ctx, t.raw(), t.user)
}

func readSourceOrder(ctx context.Context, conn *pgconn.PgConn, user uuid.UUID) (order aggregate.SourceOrder, version int64, err error) {
	pipeline := conn.StartPipeline(ctx)
	pipeline.SendQueryParams(`SELECT sources, version FROM source_orders WHERE user_id = $1`,
		[][]byte{user[:]}, nil, binaryFormat, binaryFormat)
	pipeline.SendQueryParams(selectDevices, [][]byte{user[:]}, nil, binaryFormat, binaryFormat)
	if err = pipeline.Sync(); err == nil {
		err = eachRow(pipeline, func(columns [][]byte) error {
			version = int64(binary.BigEndian.Uint64(columns[1]))
			return json.Unmarshal(columns[0], &order)
		})
	}
	if err == nil {
		order.Devices, err = readDevices(pipeline)
	}
	if closed := pipeline.Close(); err == nil {
		err = closed
	}
	return order, version, err
}

// rangesOf returns the key times of what is stored of a metric, by grain up to a day.
func (t *summaryTables) rangesOf(m metric) (ranges []grainRange, err error) {
	ranges, ok := t.ranges[m.id]
	if !ok {
		ranges, err = list(t.ctx, t.tx, func(row pgx.Row) (g grainRange, err error) {
			err = row.Scan(&g.grain, instantInto{&g.first}, instantInto{&g.last})
			return g, err
		}, `SELECT grain, min(first_at), max(last_at) FROM metric_totals
			WHERE user_id = $1 AND metric_id = $2 AND grain <= 86400 GROUP BY grain`, t.user, m.id)
		t.ranges[m.id] = ranges
	}
	return ranges, err
}

// StoredDays returns the stored summaries between the first and the last of the dates of each.
func (t *summaryTables) StoredDays(all []backend.SummedDays[metric]) (map[backend.DayKey[metric]]aggregate.DaySummary, error) {
	n := len(all)
	metrics, firsts, lasts := arrayHeader(pgtype.Int2OID, n), arrayHeader(pgtype.DateOID, n), arrayHeader(pgtype.DateOID, n)
	for i := range all {
		done := all[i].Done
		metrics = appendSmallint(metrics, all[i].Metric.id)
		firsts, lasts = appendDate(firsts, done[0]), appendDate(lasts, done[len(done)-1])
	}
	var packed []packedSummary
	var of []metric
	rows := t.raw().ExecParams(t.ctx, `SELECT `+selectSummaryColumns+`, d.hours, q.position
		FROM unnest($2::smallint[], $3::date[], $4::date[]) WITH ORDINALITY q (metric_id, first_date, last_date, position)
		CROSS JOIN LATERAL (SELECT * FROM daily_summaries d WHERE d.user_id = $1 AND d.metric_id = q.metric_id
			AND d.date BETWEEN q.first_date AND q.last_date OFFSET 0) d`,
		[][]byte{t.user[:], metrics, firsts, lasts}, nil, binaryFormat, binaryFormat)
	err := readRows(rows, func(columns [][]byte) error {
		day, err := readSummary(columns)
		packed = append(packed, day)
		of = append(of, all[binary.BigEndian.Uint64(columns[len(columns)-1])-1].Metric)
		return err
	})
	if err != nil {
		return nil, err
	}
	days, err := backend.UnpackSummaries(packed, true, t.sourceNames)
	stored := make(map[backend.DayKey[metric]]aggregate.DaySummary, len(days))
	for i := range days {
		stored[backend.DayKey[metric]{Metric: of[i], Date: days[i].Date}] = days[i]
	}
	return stored, err
}

// minCopiedDays is the number of new summaries from which on COPY costs less than the INSERT that changed ones need anyway.
const minCopiedDays = 32

// WriteDays writes the summaries that differ.
func (t *summaryTables) WriteDays(changes backend.DayChanges[metric]) error {
	if err := t.removeDays(changes.Removed); err != nil {
		return err
	}
	added, changed := t.summaryRows(changes.Added), t.summaryRows(changes.Changed)
	if len(added) < minCopiedDays {
		return t.replaceDays(append(changed, added...))
	}
	if err := t.copyDays(added); err != nil {
		return err
	}
	return t.replaceDays(changed)
}

func (t *summaryTables) summaryRows(days []backend.DayRow[metric]) []summaryRow {
	rows := make([]summaryRow, len(days))
	for i, d := range days {
		rows[i] = summaryRow{packedSummary{DaySummary: *d.Day}, &t.user, d.Metric.id}
		rows[i].Pack(func(source string) int32 { return t.ids[source] })
	}
	return rows
}

func (t *summaryTables) removeDays(keys []backend.DayKey[metric]) error {
	if len(keys) == 0 {
		return nil
	}
	metrics, dates := arrayHeader(pgtype.Int2OID, len(keys)), arrayHeader(pgtype.DateOID, len(keys))
	for _, key := range keys {
		metrics, dates = appendSmallint(metrics, key.Metric.id), appendDate(dates, key.Date)
	}
	return t.raw().ExecParams(t.ctx, `DELETE FROM daily_summaries WHERE user_id = $1
		AND (metric_id, date) IN (SELECT * FROM unnest($2::smallint[], $3::date[]))`,
		[][]byte{t.user[:], metrics, dates}, nil, binaryFormat, nil).Read().Err
}

// copyDays writes summaries of days that have none, which nobody else writes meanwhile.
func (t *summaryTables) copyDays(rows []summaryRow) error {
	stream := append([]byte(nil), copyHeader...)
	for i := range rows {
		stream = binary.BigEndian.AppendUint16(stream, uint16(len(summaryColumns)))
		for j := range summaryColumns {
			stream = summaryColumns[j].append(stream, &rows[i])
		}
	}
	_, err := t.raw().CopyFrom(t.ctx, bytes.NewReader(append(stream, copyTrailer...)), copySummaries)
	return err
}

func (t *summaryTables) replaceDays(rows []summaryRow) error {
	if len(rows) == 0 {
		return nil
	}
	arrays := make([][]byte, len(summaryColumns))
	for i := range summaryColumns {
		arrays[i] = arrayOfSummaries(&summaryColumns[i], rows)
	}
	return t.raw().ExecParams(t.ctx, replaceSummaries, arrays, nil, binaryFormat, nil).Read().Err
}

// sourceNames returns the names of sources by their ids, without a second connection.
func (t *summaryTables) sourceNames(ids []int32) (map[int32]string, error) {
	var missing []int32
	for _, id := range ids {
		if _, known := t.names[id]; !known && !slices.Contains(missing, id) {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return t.names, nil
	}
	found, err := t.store.names.SourceNames(missing, readSources(t.ctx, t.tx))
	maps.Copy(t.names, found)
	for id, name := range found {
		t.ids[name] = id
	}
	return t.names, err
}

// windowSamples are the samples of one window.
type windowSamples struct {
	backend.WindowRequest[metric]
	intervals []grainRange
	samples   []health.Sample
	sources   []int32
}

// Prefetch reads windows in one round trip.
func (t *summaryTables) Prefetch(requests []backend.WindowRequest[metric]) (err error) {
	t.prefetched, err = t.readWindows(requests)
	return err
}

func (t *summaryTables) readWindows(requests []backend.WindowRequest[metric]) ([]*windowSamples, error) {
	windows := make([]*windowSamples, len(requests))
	empty := true
	for i, request := range requests {
		ranges, err := t.rangesOf(request.Of.Metric)
		if err != nil {
			return nil, err
		}
		windows[i] = &windowSamples{WindowRequest: request, intervals: unwrittenIntervals(request, ranges)}
		empty = empty && len(windows[i].intervals) == 0
	}
	if empty {
		return windows, nil
	}
	pipeline := t.raw().StartPipeline(t.ctx)
	for _, w := range windows {
		m := w.Of.Metric
		for _, in := range w.intervals {
			pipeline.SendQueryParams(m.table.window, [][]byte{
				t.user[:], wireSmallint(m.id), wireInteger(int32(in.grain)), wireInstant(in.first), wireInstant(in.last),
			}, nil, binaryFormat, binaryFormat)
		}
	}
	err := pipeline.Sync()
	for _, w := range windows {
		for _, in := range w.intervals {
			if err != nil {
				break
			}
			row := storedRow{table: w.Of.Metric.table, rowDefaults: rowDefaults{grain: in.grain}}
			err = eachRow(pipeline, func(columns [][]byte) error {
				err := row.read(columns)
				w.samples, w.sources = append(w.samples, row.sample), append(w.sources, row.source)
				return err
			})
		}
	}
	if closed := pipeline.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	for _, w := range windows {
		names, err := t.sourceNames(w.sources)
		if err != nil {
			return nil, err
		}
		for i, id := range w.sources {
			w.samples[i].Source = names[id]
		}
	}
	return windows, nil
}

// unwrittenIntervals returns the key times of a window, by grain, that may have rows which were not written just now.
func unwrittenIntervals(request backend.WindowRequest[metric], ranges []grainRange) (intervals []grainRange) {
	of, window := request.Of, request.Window
	add := func(stored grainRange, first, last health.Instant) {
		first, last = max(first, stored.first), min(last, stored.last)
		if first <= last {
			intervals = append(intervals, grainRange{stored.grain, first, last})
		}
	}
	for _, stored := range ranges {
		first, last := window.Raw.From, window.Raw.To-1
		if stored.grain > health.GrainRaw {
			length := health.Instant(stored.grain) * health.Second
			first, last = window.Summaries.From-length, window.Summaries.To-1+length
		}
		if len(of.Written) == 0 {
			add(stored, first, last)
			continue
		}
		add(stored, first, min(last, of.WrittenFirst-1))
		add(stored, max(first, of.WrittenLast+1), last)
	}
	return intervals
}

// ReadWindow passes on the samples of a window, in order.
func (t *summaryTables) ReadWindow(of *backend.Days[metric], window aggregate.Window, add func(*health.Sample)) error {
	request := backend.WindowRequest[metric]{Of: of, Window: window}
	var w *windowSamples
	if i := slices.IndexFunc(t.prefetched, func(w *windowSamples) bool { return w.WindowRequest == request }); i >= 0 {
		w = t.prefetched[i]
		t.prefetched = slices.Delete(t.prefetched, i, i+1) // what is asked for again is read again
	} else {
		read, err := t.readWindows([]backend.WindowRequest[metric]{request})
		if err != nil {
			return err
		}
		w = read[0]
	}
	samples := make([]*health.Sample, 0, len(w.samples)+len(of.Written))
	for i := range w.samples {
		samples = append(samples, &w.samples[i])
	}
	for _, s := range of.Written {
		if at := s.KeyTime(); window.Raw.From <= at && at < window.Raw.To {
			samples = append(samples, s)
		}
	}
	sortForSummingUp(samples)
	for _, s := range samples {
		add(s)
	}
	return nil
}

// sortForSummingUp puts samples in the order that aggregate.Rule.SumUpDays needs.
func sortForSummingUp(samples []*health.Sample) {
	inOrder := func(a, b *health.Sample) int {
		if at, bt := a.KeyTime(), b.KeyTime(); at != bt {
			return cmp.Compare(at, bt)
		}
		return cmp.Or(cmp.Compare(a.Grain, b.Grain), cmp.Compare(a.End, b.End))
	}
	if !slices.IsSortedFunc(samples, inOrder) {
		slices.SortStableFunc(samples, inOrder)
	}
}

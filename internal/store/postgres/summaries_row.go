package postgres

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// summaryRow is a summary to be written.
type summaryRow struct {
	user    *uuid.UUID
	metric  int16
	day     *aggregate.DaySummary
	sources string
	hours   []byte
}

// summaryColumn writes one column of a row as an element of an array.
type summaryColumn struct {
	name, sqlType string
	oid           uint32
	append        func(to []byte, r *summaryRow) []byte
}

var summaryColumns = columnsOfSummaries()

func columnsOfSummaries() []summaryColumn {
	real := func(name string, of func(*aggregate.DaySummary) float64) summaryColumn {
		return summaryColumn{name, "double precision", pgtype.Float8OID, func(to []byte, r *summaryRow) []byte {
			return appendReal(to, of(r.day))
		}}
	}
	integer := func(name string, of func(*aggregate.DaySummary) int64) summaryColumn {
		return summaryColumn{name, "integer", pgtype.Int4OID, func(to []byte, r *summaryRow) []byte {
			return appendInteger(to, int32(min(of(r.day), math.MaxInt32)))
		}}
	}
	moment := func(name string, of func(*aggregate.DaySummary) health.Instant) summaryColumn {
		return summaryColumn{name, "timestamptz", pgtype.TimestamptzOID, func(to []byte, r *summaryRow) []byte {
			return appendInstant(to, of(r.day))
		}}
	}
	part := func(sum func(*aggregate.Stats) float64, of func(*aggregate.DaySummary) *aggregate.Stats) func(*aggregate.DaySummary) float64 {
		return func(d *aggregate.DaySummary) float64 {
			if s := of(d); s.Weight > 0 {
				return sum(s)
			}
			return health.Absent()
		}
	}
	sum := func(s *aggregate.Stats) float64 { return s.Sum }
	low := func(s *aggregate.Stats) float64 { return s.Min }
	high := func(s *aggregate.Stats) float64 { return s.Max }
	systolic := func(d *aggregate.DaySummary) *aggregate.Stats { return &d.Systolic }
	diastolic := func(d *aggregate.DaySummary) *aggregate.Stats { return &d.Diastolic }
	return []summaryColumn{
		{"date", "date", pgtype.DateOID, func(to []byte, r *summaryRow) []byte {
			return appendInteger(to, int32(r.day.Date)-epochDate)
		}},
		integer("grain", func(d *aggregate.DaySummary) int64 { return int64(d.Grain) }),
		integer("count", func(d *aggregate.DaySummary) int64 { return int64(d.Count) }),
		real("sum", func(d *aggregate.DaySummary) float64 { return d.Values.Sum }),
		integer("weight", func(d *aggregate.DaySummary) int64 { return int64(d.Values.Weight) }),
		real("minimum", func(d *aggregate.DaySummary) float64 { return d.Values.Min }),
		real("maximum", func(d *aggregate.DaySummary) float64 { return d.Values.Max }),
		real("last_value", func(d *aggregate.DaySummary) float64 { return d.Last }),
		{"last_start", "timestamptz", pgtype.TimestamptzOID, func(to []byte, r *summaryRow) []byte {
			if health.IsAbsent(r.day.Last) {
				return appendLength(to, -1)
			}
			return appendInstant(to, r.day.LastStart)
		}},
		real("systolic_sum", part(sum, systolic)),
		integer("systolic_weight", func(d *aggregate.DaySummary) int64 { return int64(d.Systolic.Weight) }),
		real("systolic_minimum", part(low, systolic)),
		real("systolic_maximum", part(high, systolic)),
		real("diastolic_sum", part(sum, diastolic)),
		integer("diastolic_weight", func(d *aggregate.DaySummary) int64 { return int64(d.Diastolic.Weight) }),
		real("diastolic_minimum", part(low, diastolic)),
		real("diastolic_maximum", part(high, diastolic)),
		moment("earliest", func(d *aggregate.DaySummary) health.Instant { return d.Earliest }),
		moment("latest", func(d *aggregate.DaySummary) health.Instant { return d.Latest }),
		integer("earliest_offset", func(d *aggregate.DaySummary) int64 { return int64(d.EarliestOffset) }),
		integer("latest_offset", func(d *aggregate.DaySummary) int64 { return int64(d.LatestOffset) }),
		{"source_ids", "text", pgtype.TextOID, func(to []byte, r *summaryRow) []byte {
			return append(appendLength(to, len(r.sources)), r.sources...)
		}},
		{"hours", "bytea", pgtype.ByteaOID, func(to []byte, r *summaryRow) []byte {
			if r.hours == nil {
				return appendLength(to, -1) // NULL
			}
			return append(appendLength(to, len(r.hours)), r.hours...)
		}},
		{"user_id", "uuid", pgtype.UUIDOID, func(to []byte, r *summaryRow) []byte {
			return append(appendLength(to, 16), r.user[:]...)
		}},
		{"metric_id", "smallint", pgtype.Int2OID, func(to []byte, r *summaryRow) []byte {
			return binary.BigEndian.AppendUint16(appendLength(to, 2), uint16(r.metric))
		}},
	}
}

// selectSummaryColumns are the columns that readSummary reads, of a table d. The hours, or NULL, come after them.
var selectSummaryColumns, replaceSummaries, copySummaries = summaryStatements()

func summaryStatements() (selected, replace, copy string) {
	var names, read, arrays, set []string
	for i, c := range summaryColumns {
		names, arrays = append(names, c.name), append(arrays, "$"+strconv.Itoa(i+1)+"::"+c.sqlType+"[]")
		if c.name == "user_id" || c.name == "metric_id" {
			continue
		}
		if c.name != "hours" {
			read = append(read, "d."+c.name)
		}
		if c.name != "date" {
			set = append(set, c.name+" = excluded."+c.name)
		}
	}
	return strings.Join(read, ", "), "INSERT INTO daily_summaries (" + strings.Join(names, ", ") + ") SELECT * FROM unnest(" +
			strings.Join(arrays, ", ") + ") ON CONFLICT (user_id, metric_id, date) DO UPDATE SET " + strings.Join(set, ", "),
		"COPY daily_summaries (" + strings.Join(names, ", ") + ") FROM STDIN (FORMAT binary)"
}

func arrayOfSummaries(c *summaryColumn, rows []summaryRow) []byte {
	to := arrayHeader(c.oid, len(rows))
	for i := range rows {
		to = c.append(to, &rows[i])
	}
	return to
}

func appendReal(to []byte, v float64) []byte {
	if health.IsAbsent(v) {
		return appendLength(to, -1) // NULL
	}
	return binary.BigEndian.AppendUint64(appendLength(to, 8), math.Float64bits(v))
}

// epochDate is the day from which PostgreSQL counts: 2000-01-01.
const epochDate = 10_957

func wireDate(d health.Date) []byte { return wireInteger(int32(d) - epochDate) }

// packedSummary is a summary that has numbers instead of the names of sources, and its hours still to be unpacked.
type packedSummary struct {
	aggregate.DaySummary
	sources []int32
	hours   []byte
}

// readSummary reads selectSummaryColumns and the column after them.
func readSummary(columns [][]byte) (d packedSummary, err error) {
	d.Date = health.Date(readInteger(columns[0]) + epochDate)
	d.Extent = aggregate.Extent{
		Earliest: readInstant(columns[17]), Latest: readInstant(columns[18]),
		EarliestOffset: readInteger(columns[19]), LatestOffset: readInteger(columns[20]),
	}
	d.Aggregate = aggregate.New(health.Grain(readInteger(columns[1])))
	d.Count = int(readInteger(columns[2]))
	d.Values = readStats(columns[3:7])
	d.Last = readReal(columns[7])
	if columns[8] != nil {
		d.LastStart = readInstant(columns[8])
	}
	d.Systolic, d.Diastolic = readStats(columns[9:13]), readStats(columns[13:17])
	d.hours = bytes.Clone(columns[22])
	d.sources, err = splitIDs(string(columns[21]))
	return d, err
}

// numbers returns the numbers of all sources that the summary names.
func (d *packedSummary) numbers() ([]int32, error) {
	all := slices.Clone(d.sources)
	packed, err := backend.PackedSources(d.hours)
	for _, id := range packed {
		all = append(all, int32(id)) // #nosec G115 -- as it was packed
	}
	return all, err
}

// unpack gives the summary the names of its sources, and its hours if they are asked for.
func (d *packedSummary) unpack(names map[int32]string, hours bool) error {
	for _, id := range d.sources {
		d.Sources = append(d.Sources, names[id])
	}
	if !hours {
		return nil
	}
	return backend.UnpackHours(d.hours, &d.DaySummary, func(id int64) (string, error) {
		return names[int32(id)], nil // #nosec G115 -- as it was packed
	})
}

// readStats reads sum, weight, minimum and maximum.
func readStats(columns [][]byte) aggregate.Stats {
	s := aggregate.Stats{Weight: float64(readInteger(columns[1])), Min: readReal(columns[2]), Max: readReal(columns[3])}
	if columns[0] != nil {
		s.Sum = readReal(columns[0])
	}
	return s
}

func readReal(column []byte) float64 {
	if column == nil {
		return health.Absent()
	}
	return math.Float64frombits(binary.BigEndian.Uint64(column))
}

// joinIDs and splitNumbers turn numbers of sources into a text and back.
func joinIDs(ids []int32) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(int64(id), 10)
	}
	return strings.Join(texts, " ")
}

func splitIDs(text string) (ids []int32, err error) {
	for field := range strings.FieldsSeq(text) {
		id, err := strconv.ParseInt(field, 10, 32)
		if err != nil {
			return nil, err
		}
		ids = append(ids, int32(id))
	}
	return ids, nil
}

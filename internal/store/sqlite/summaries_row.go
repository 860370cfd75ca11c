package sqlite

import (
	"bytes"
	"database/sql/driver"
	"strconv"
	"strings"

	"github.com/health-export/health-export/internal/aggregate"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

const summaryColumns = `date, grain, count, sum, weight, minimum, maximum, last_value, last_start,
	systolic_sum, systolic_weight, systolic_minimum, systolic_maximum,
	diastolic_sum, diastolic_weight, diastolic_minimum, diastolic_maximum,
	earliest, latest, earliest_offset, latest_offset, sources`

// summaryWidth is how many columns there are with the hours, which come after summaryColumns.
const summaryWidth = 23

// insertSummaries are the statements that write as many rows as the entry of statementSizes says, after user and metric.
var insertSummaries = summaryStatements()

func summaryStatements() (statements []string) {
	row := "(" + placeholders(2+summaryWidth) + ")"
	for _, n := range statementSizes {
		statements = append(statements, "INSERT OR REPLACE INTO daily_summaries (user_id, metric_id, "+summaryColumns+", hours) VALUES "+
			row+strings.Repeat(","+row, n-1))
	}
	return statements
}

// summaryArgs appends the values of a row, in the order of summaryColumns, and the hours.
func summaryArgs(to []driver.Value, d *aggregate.DaySummary, sources string, hours []byte) []driver.Value {
	to = append(to, int64(d.Date), int64(d.Grain), int64(d.Count), d.Values.Sum, int64(d.Values.Weight),
		number(d.Values.Min), number(d.Values.Max), number(d.Last), nil)
	if !health.IsAbsent(d.Last) {
		to[len(to)-1] = int64(d.LastStart)
	}
	for _, part := range []aggregate.Stats{d.Systolic, d.Diastolic} {
		if part.Weight == 0 {
			to = append(to, nil, nil, nil, nil)
			continue
		}
		to = append(to, part.Sum, int64(part.Weight), number(part.Min), number(part.Max))
	}
	to = append(to, int64(d.Earliest), int64(d.Latest), int64(d.EarliestOffset), int64(d.LatestOffset), sources, nil)
	if hours != nil {
		to[len(to)-1] = hours
	}
	return to
}

func number(v float64) driver.Value {
	if health.IsAbsent(v) {
		return nil
	}
	return v
}

// packedSummary is a summary that has numbers instead of the names of sources, and its hours still to be unpacked.
type packedSummary struct {
	aggregate.DaySummary
	sources string
	hours   []byte
}

// readSummary reads a row of summaryColumns and the column after them.
func readSummary(row []driver.Value) (d packedSummary) {
	d.Date = health.Date(integer(row[0]))
	d.Extent = aggregate.Extent{
		Earliest: health.Instant(integer(row[17])), Latest: health.Instant(integer(row[18])),
		EarliestOffset: int32(integer(row[19])), LatestOffset: int32(integer(row[20])),
	}
	d.Aggregate = aggregate.New(health.Grain(integer(row[1])))
	d.Count = int(integer(row[2]))
	d.Values = readStats(row[3:7])
	d.Last = real(row[7])
	if start, ok := row[8].(int64); ok {
		d.LastStart = health.Instant(start)
	}
	d.Systolic, d.Diastolic = readStats(row[9:13]), readStats(row[13:17])
	d.sources, _ = row[21].(string)
	if hours, ok := row[22].([]byte); ok {
		d.hours = bytes.Clone(hours)
	}
	return d
}

// unpack gives the summary the names of its sources, and its hours if they are asked for.
func (d *packedSummary) unpack(name func(id int64) (string, error), hours bool) error {
	ids, err := splitIDs(d.sources)
	if err != nil {
		return err
	}
	for _, id := range ids {
		source, err := name(id)
		if err != nil {
			return err
		}
		d.Sources = append(d.Sources, source)
	}
	if !hours {
		return nil
	}
	return backend.UnpackHours(d.hours, &d.DaySummary, name)
}

// readStats reads sum, weight, minimum and maximum.
func readStats(row []driver.Value) aggregate.Stats {
	s := aggregate.Stats{Weight: float64(integer(row[1])), Min: real(row[2]), Max: real(row[3])}
	s.Sum, _ = row[0].(float64)
	return s
}

// real reads a column that is a number or NULL.
func real(v driver.Value) float64 {
	if number, ok := v.(float64); ok {
		return number
	}
	return health.Absent()
}

// joinIDs and splitNumbers turn numbers of sources into a text and back.
func joinIDs(ids []int64) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(texts, " ")
}

func splitIDs(text string) (ids []int64, err error) {
	for field := range strings.FieldsSeq(text) {
		id, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

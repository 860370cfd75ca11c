package sqlite

import (
	"bytes"
	"database/sql/driver"
	"strings"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store/backend"
)

// packedSummary is a summary as it is stored.
type packedSummary = backend.PackedSummary[int64]

// summaryColumns are the columns of backend.SummaryColumns and the sources. The hours come after them.
var summaryColumns = summaryColumnNames()

func summaryColumnNames() string {
	var names []string
	for _, c := range backend.SummaryColumns {
		names = append(names, c.Name)
	}
	return strings.Join(append(names, "sources"), ", ")
}

// insertSummaries are the statements that write as many rows as the entry of statementSizes.
var insertSummaries = summaryStatements()

func summaryStatements() (statements []string) {
	row := "(" + placeholders(4+len(backend.SummaryColumns)) + ")"
	for _, n := range statementSizes {
		statements = append(statements, "INSERT OR REPLACE INTO daily_summaries (user_id, metric_id, "+summaryColumns+", hours) VALUES "+
			row+strings.Repeat(","+row, n-1))
	}
	return statements
}

// summaryArgs appends the values of summaryColumns, and the hours.
func summaryArgs(to []driver.Value, d *packedSummary) []driver.Value {
	for i := range backend.SummaryColumns {
		c := &backend.SummaryColumns[i]
		switch {
		case c.Missing != nil && c.Missing(&d.DaySummary):
			to = append(to, nil)
		case c.Type == backend.SummaryReal:
			to = append(to, nullable(*c.Real(&d.DaySummary)))
		default:
			to = append(to, c.Integer(&d.DaySummary))
		}
	}
	to = append(to, backend.JoinIDs(d.SourceIDs), nil)
	if d.PackedHours != nil {
		to[len(to)-1] = d.PackedHours
	}
	return to
}

// readSummary reads a row of summaryColumns and the column after them.
func readSummary(row []driver.Value) (d packedSummary, err error) {
	d.DaySummary = backend.NewSummary()
	for i := range backend.SummaryColumns {
		c := &backend.SummaryColumns[i]
		switch v := row[i].(type) {
		case float64:
			*c.Real(&d.DaySummary) = v
		case int64:
			c.SetInteger(&d.DaySummary, v)
		}
	}
	rest := row[len(backend.SummaryColumns):]
	sources, _ := rest[0].(string)
	if hours, ok := rest[1].([]byte); ok {
		d.PackedHours = bytes.Clone(hours)
	}
	d.SourceIDs, err = backend.SplitIDs[int64](sources)
	return d, err
}

// nullable returns the value of a column that is NULL where a number is absent.
func nullable(v float64) driver.Value {
	if health.IsAbsent(v) {
		return nil
	}
	return v
}

// real reads a column that is a number or NULL.
func real(v driver.Value) float64 {
	if number, ok := v.(float64); ok {
		return number
	}
	return health.Absent()
}

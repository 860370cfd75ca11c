package format

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// decodeCSV decodes what the app sends when its format is set to CSV: one table, or several of them as the parts of
// a form. It is a Decoder.
func decodeCSV(body io.Reader, options Options) iter.Seq2[health.Record, error] {
	return func(yield func(health.Record, error) bool) {
		d := newCSVDecoder(options, yield)
		if err := d.decode(body); err != nil && err != errStopped {
			yield(health.Record{}, err)
		}
	}
}

// csvDecoder decodes the tables of one body and yields what it finds.
type csvDecoder struct {
	options Options
	yield   func(health.Record, error) bool

	// How many there were in the tables so far, for positions.
	metrics, workouts, events, files int

	// What records point to, and the room to decode in, is the same from row to row.
	samples     [1]health.Sample
	values      map[string]float64
	emptySample health.Sample
	sources     textCache
}

func newCSVDecoder(options Options, yield func(health.Record, error) bool) *csvDecoder {
	if options.Location == nil {
		options.Location = time.UTC
	}
	return &csvDecoder{options: options, yield: yield, values: map[string]float64{}, emptySample: health.NewSample(), sources: textCache{}}
}

func (d *csvDecoder) decode(body io.Reader) error {
	head, body, err := peek(body)
	if err != nil {
		return err
	}
	if isFormData(head) {
		return d.decodeMultipart(body, head)
	}
	return d.decodeTable(body, fileName{})
}

// isCSV recognises CSV of the app, and a form with such parts.
func isCSV(head []byte) bool {
	if isFormData(head) {
		return true
	}
	header := firstRow(head)
	return header != nil && tableKindOf(header, fileName{}) != noTable
}

// decodeTable decodes one table.
func (d *csvDecoder) decodeTable(body io.Reader, name fileName) error {
	t := newTable(body)
	header, err := t.next()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	t.header = parseHeader(header)
	switch tableKindOf(header, name) {
	case metricsTable:
		return d.decodeMetrics(t)
	case workoutsTable:
		return d.decodeWorkouts(t)
	case readingsTable:
		return d.decodeReadings(t, name)
	case routeTable:
		return d.decodeRoute(t, name)
	case eventsTable:
		return d.decodeEvents(t, name)
	default:
		return unknownTable()
	}
}

func unknownTable() error {
	return problem.New(problem.Unrecognised, "unrecognised_format",
		"The table is none that the app Health Auto Export writes: it has neither a column Date/Time nor the columns of workouts. Send its CSV files as they are.")
}

// tableKind is what the rows of a table are.
type tableKind uint8

const (
	noTable       tableKind = iota // nothing that is known
	metricsTable                   // a time, and a column for each metric
	workoutsTable                  // one workout each
	readingsTable                  // heart rates taken during one workout
	routeTable                     // places of one workout
	eventsTable                    // something else that happened
)

// tableKindOf tells a table by its header and by the name it came under, if any.
func tableKindOf(header []string, name fileName) tableKind {
	columns := parseHeader(header)
	has := func(names ...string) bool { return findColumn(columns, names...) >= 0 }
	switch {
	case len(columns) < 2:
		return noTable
	case has("workout type", "workout name") && has("start", "start date", "date"):
		return workoutsTable
	case name.content == "Heart Rate" && has(timeColumns...):
		return readingsTable
	case name.content == "Route" && has("latitude") && has("longitude"):
		return routeTable
	case name.event != "" && has(eventStarts...):
		return eventsTable
	case has("date/time"), has(timeColumns...) && hasUnits(columns):
		return metricsTable
	}
	return noTable
}

func hasUnits(columns []columnHeader) bool {
	for _, c := range columns {
		if c.unit != "" {
			return true
		}
	}
	return false
}

// timeColumns are the names of the column that says when a row was measured.
var timeColumns = []string{"date/time", "date", "date time", "datetime", "timestamp", "time"}

// table reads the rows of one CSV file.
type table struct {
	rows     *csv.Reader
	limit    *rowLimit
	header   []columnHeader
	row      []string
	rowIndex int // of the row, from 0
}

// maxRow is how long a row may be, so that a quotation mark which is never closed does not take in the whole body.
const maxRow = 1 << 20

func newTable(body io.Reader) *table {
	buffered := bufio.NewReader(body)
	if start, _ := buffered.Peek(len(byteOrderMark)); bytes.Equal(start, byteOrderMark) {
		_, _ = buffered.Discard(len(byteOrderMark)) // they are in the buffer
	}
	limit := &rowLimit{reader: buffered}
	rows := csv.NewReader(limit)
	rows.FieldsPerRecord, rows.LazyQuotes, rows.ReuseRecord = -1, true, true
	return &table{rows: rows, limit: limit, rowIndex: -2}
}

// next returns the cells of the next row, which are the caller's until the next call. io.EOF: there is none.
func (t *table) next() ([]string, error) {
	t.limit.read = 0
	row, err := t.rows.Read()
	if errors.As(err, new(*csv.ParseError)) {
		return nil, problem.New(problem.Invalid, "not_csv", "The table is not CSV: a quotation mark is not closed. Send the file as the app wrote it.").Because(err)
	}
	t.row = row
	t.rowIndex++
	return row, err
}

// eachRow calls do for each of the rows that follow and are not blank.
func (t *table) eachRow(do func() error) error {
	for {
		switch _, err := t.next(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case strings.Join(t.row, "") == "":
			continue
		}
		if err := do(); err != nil {
			return err
		}
	}
}

// cell returns the text in a column of the present row, "" where the row is too short for it or column is -1.
func (t *table) cell(column int) string {
	if column < 0 || column >= len(t.row) {
		return ""
	}
	return strings.TrimSpace(t.row[column])
}

// rowLimit ends the reading of a row that does not end.
type rowLimit struct {
	reader io.Reader
	read   int // since the row began
}

func (l *rowLimit) Read(p []byte) (int, error) {
	if l.read > maxRow {
		return 0, problem.New(problem.TooLarge, "row_too_long", fmt.Sprintf("A row of the table is longer than %d KiB.", maxRow>>10))
	}
	n, err := l.reader.Read(p)
	l.read += n
	return n, err
}

// firstRow returns the cells of the first row of a body that begins with head, nil where it is not CSV.
func firstRow(head []byte) []string {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	if bytes.IndexByte(line, 0) >= 0 || bytes.IndexByte(line, ',') < 0 {
		return nil
	}
	row, err := newTable(bytes.NewReader(line)).next()
	if err != nil {
		return nil
	}
	return row
}

// peek returns the beginning of a body, and the whole of it to be read.
func peek(body io.Reader) (head []byte, whole io.Reader, err error) {
	head = make([]byte, 4096)
	n, err := io.ReadFull(body, head)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, err
	}
	head = head[:n]
	return head, io.MultiReader(bytes.NewReader(head), body), nil
}

func (d *csvDecoder) emit(record health.Record) error {
	if !d.yield(record, nil) {
		return errStopped
	}
	return nil
}

func (d *csvDecoder) reject(at health.Position, field, message, suggestion string) error {
	if !d.yield(health.Record{Position: at}, newRejection(at, field, message, suggestion)) {
		return errStopped
	}
	return nil
}

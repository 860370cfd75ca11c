package format

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// decodeCSV decodes what the app sends when its format is set to CSV: one table, or several as the parts of a multipart
// form. It is a Decoder.
func decodeCSV(body io.Reader, options Options) iter.Seq2[health.Record, error] {
	return records(func(e emitter) error { return newCSVDecoder(options, e).decode(body) })
}

// csvDecoder decodes the tables of one body and emits their elements.
type csvDecoder struct {
	emitter
	options Options
	times   *timeReader

	// The numbers of elements so far, for positions.
	metrics, workouts, events, files int
	tables                           int // of metrics

	// The structs that records point to, and the buffers to decode in, are reused from row to row.
	samples     [1]health.Sample
	values      map[string]float64
	emptySample health.Sample
	sources     textCache
}

func newCSVDecoder(options Options, e emitter) *csvDecoder {
	options.times = options.timeReader()
	return &csvDecoder{emitter: e, options: options, times: options.times, values: map[string]float64{}, emptySample: health.NewSample(), sources: textCache{}}
}

func (d *csvDecoder) decode(body io.Reader) error {
	head, body, err := peek(body)
	if err != nil {
		return err
	}
	name := parseFileName(d.options.FileName, "")
	switch {
	case isFormData(head):
		return d.decodeMultipart(body, head)
	case isGPX(head):
		return d.decodeGPX(body, name)
	}
	return d.decodeTable(body, name)
}

// isCSV recognises CSV of the app, its GPX files, and multipart forms.
func isCSV(head []byte) bool {
	if isFormData(head) || isGPX(head) {
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

// tableKind says what the rows of a table are.
type tableKind uint8

const (
	noTable       tableKind = iota // nothing that is known
	metricsTable                   // a time, and a column per metric
	workoutsTable                  // one workout per row
	readingsTable                  // heart rates of one workout
	routeTable                     // points of the route of one workout
	eventsTable                    // one event per row
)

// tableKindOf recognises a table by its header and by the name of its file, if any.
func tableKindOf(header []string, name fileName) tableKind {
	columns := parseHeader(header)
	has := func(names ...string) bool { return findColumn(columns, names...) >= 0 }
	switch {
	case len(columns) < 2:
		return noTable
	case has("workout type", "workout name") && has("start", "start date", "date"):
		return workoutsTable
	case has(timeColumns...) && (name.content == "Heart Rate" || onlyReadings(columns)):
		return readingsTable
	case has("latitude") && has("longitude"):
		return routeTable
	case name.event != "" && has(eventStarts...):
		return eventsTable
	case has("date/time"), has(timeColumns...) && hasUnits(columns):
		return metricsTable
	}
	return noTable
}

// onlyReadings reports whether a table has the columns of the heart rates of one workout, and no other: Min, Max and Avg by
// themselves, which are no metrics.
func onlyReadings(columns []columnHeader) bool {
	known := slices.Concat(timeColumns, contextColumns, sourceColumns, rangeQualifiers)
	ranges := 0
	for _, c := range columns {
		name := c.normalizedName()
		if name != "" && (c.qualifier != "" || !slices.Contains(known, name)) {
			return false
		}
		if slices.Contains(rangeQualifiers, name) {
			ranges++
		}
	}
	return ranges > 0
}

func hasUnits(columns []columnHeader) bool {
	for _, c := range columns {
		if c.unit != "" {
			return true
		}
	}
	return false
}

// timeColumns are the names of the column with the time of a row.
var timeColumns = []string{"date/time", "date", "date time", "datetime", "timestamp", "time"}

// table reads the rows of one CSV file.
type table struct {
	rows     *csv.Reader
	limit    *rowLimit
	header   []columnHeader
	row      []string
	rowIndex int // of the current row, from 0
}

// maxRow bounds the bytes of a row, so that an unclosed quotation mark does not read the whole body into memory.
const maxRow = 1 << 20

func newTable(body io.Reader) *table {
	buffered := bufio.NewReader(body)
	if start, _ := buffered.Peek(len(byteOrderMark)); bytes.Equal(start, byteOrderMark) {
		_, _ = buffered.Discard(len(byteOrderMark)) // cannot fail: they are buffered
	}
	limit := &rowLimit{reader: buffered}
	rows := csv.NewReader(limit)
	rows.FieldsPerRecord, rows.LazyQuotes, rows.ReuseRecord = -1, true, true
	return &table{rows: rows, limit: limit, rowIndex: -2}
}

// next returns the cells of the next row, which are valid until the next call. io.EOF: there is none.
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

// eachRow calls do for each of the remaining rows that are not empty.
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

// cell returns the text in a column of the current row, "" where the row has no such column or column is -1.
func (t *table) cell(column int) string {
	if column < 0 || column >= len(t.row) {
		return ""
	}
	return strings.TrimSpace(t.row[column])
}

// rowLimit fails the reading of a row that is longer than maxRow.
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

// firstRow returns the cells of the first row of a body that begins with head, nil where that is not CSV.
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

// peek returns the first bytes of a body, and a reader of the whole body.
func peek(body io.Reader) (head []byte, whole io.Reader, err error) {
	head = make([]byte, 4096)
	n, err := io.ReadFull(body, head)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, err
	}
	head = head[:n]
	return head, io.MultiReader(bytes.NewReader(head), body), nil
}

func (d *csvDecoder) reject(at health.Position, field, message, suggestion string) error {
	return d.emitRejection(health.Record{}, newRejection(at, field, message, suggestion))
}

// rejectTime rejects an element because of the time in a column of the current row.
func (d *csvDecoder) rejectTime(at health.Position, t *table, column int) error {
	return d.emitRejection(health.Record{}, d.times.reject(at, printable(t.header[column].text), []byte(t.cell(column))))
}

package catalog

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
)

// row is one line of a table, its values in the order of the columns.
type row struct {
	file    string
	line    int
	columns []string
	values  []string
}

// rows reads a table of tab-separated values whose first line names the columns. It ends after yielding an error.
func rows(file, data string, columns []string) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		number := 0
		for line := range strings.Lines(data) {
			number++
			r := row{file: file, line: number, columns: columns}
			r.values = strings.Split(strings.TrimRight(line, "\r\n"), "\t")
			switch {
			case number == 1 && !slices.Equal(r.values, columns):
				yield(r, r.errorf("the columns must be %s", strings.Join(columns, ", ")))
				return
			case number == 1:
			case len(r.values) != len(columns):
				yield(r, r.errorf("there must be %d columns, not %d", len(columns), len(r.values)))
				return
			case !yield(r, nil):
				return
			}
		}
		if number == 0 {
			yield(row{}, fmt.Errorf("%s is empty", file))
		}
	}
}

func (r row) value(column string) string {
	return r.values[slices.Index(r.columns, column)]
}

// list returns the values of a column that are separated by "|"; none for an empty column.
func (r row) list(column string) []string {
	if r.value(column) == "" {
		return nil
	}
	return strings.Split(r.value(column), "|")
}

// number returns the number in a column, NaN for an empty one.
func (r row) number(column string) (float64, error) {
	text := r.value(column)
	if text == "" {
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%s: %q is not a number", column, text)
	}
	return v, nil
}

// flag returns whether a column says yes; an empty one is no.
func (r row) flag(column string) (bool, error) {
	switch text := r.value(column); text {
	case "yes":
		return true, nil
	case "":
		return false, nil
	default:
		return false, fmt.Errorf("%s: %q is neither yes nor empty", column, text)
	}
}

// errorf returns an error with the file and the line.
func (r row) errorf(format string, args ...any) error {
	return fmt.Errorf("%s, line %d: %w", r.file, r.line, fmt.Errorf(format, args...))
}

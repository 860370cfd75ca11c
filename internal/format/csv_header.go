package format

import (
	"slices"
	"strings"
)

// columnHeader is what the header of a column says: "Heart Rate [Min] (count/min)".
type columnHeader struct {
	text      string // as sent
	name      string // Heart Rate
	qualifier string // Min
	unit      string // count/min
}

func parseHeader(header []string) []columnHeader {
	columns := make([]columnHeader, len(header))
	for i, text := range header {
		columns[i] = parseColumnHeader(text)
	}
	return columns
}

// parseColumnHeader takes a header apart, from its end. A unit may have parentheses of its own: VO2 Max (ml/(kg·min)).
func parseColumnHeader(text string) columnHeader {
	h := columnHeader{text: strings.TrimSpace(text)}
	h.name = h.text
	h.name, h.unit = cutBracket(h.name, '(', ')')
	h.name, h.qualifier = cutBracket(h.name, '[', ']')
	return h
}

// cutBracket cuts off the bracket that text ends with.
func cutBracket(text string, open, closing byte) (before, inside string) {
	if text == "" || text[len(text)-1] != closing {
		return text, ""
	}
	depth := 0
	for i := len(text) - 1; i > 0; i-- {
		switch text[i] {
		case closing:
			depth++
		case open:
			if depth--; depth == 0 {
				return strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1 : len(text)-1])
			}
		}
	}
	return text, ""
}

// normalizedName is the name of a column in the form it is looked for: in lower case, without dots, with single blanks.
func (h columnHeader) normalizedName() string {
	return strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(h.name, ".", ""))), " ")
}

// findColumn returns the first column that goes by one of the names, the first name first, or -1.
func findColumn(columns []columnHeader, names ...string) int {
	for _, name := range names {
		if i := slices.IndexFunc(columns, func(h columnHeader) bool { return h.normalizedName() == name }); i >= 0 {
			return i
		}
	}
	return -1
}

// metricName makes the name that the app gives a metric in JSON of the one it shows: in lower case, "+" left out, blanks
// as underscores.
func metricName(shown string) string {
	return strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(shown, "+", " "))), "_")
}

package format

import (
	"slices"
	"strings"
)

// columnHeader is the header of a column, such as "Heart Rate [Min] (count/min)".
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

// parseColumnHeader parses a header from its end. A unit may have parentheses of its own: VO2 Max (ml/(kg·min)).
func parseColumnHeader(text string) columnHeader {
	h := columnHeader{text: strings.TrimSpace(text)}
	h.name = h.text
	h.name, h.unit = cutBracket(h.name, '(', ')')
	h.name, h.qualifier = cutBracket(h.name, '[', ']')
	return h
}

// cutBracket cuts off the bracketed text at the end, if there is one.
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

// normalizedName returns the name for look-ups: in lower case, without dots, with single spaces.
func (h columnHeader) normalizedName() string {
	return strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(h.name, ".", ""))), " ")
}

// findColumn returns the index of the column with the first of the names that there is, or -1.
func findColumn(columns []columnHeader, names ...string) int {
	for _, name := range names {
		if i := slices.IndexFunc(columns, func(h columnHeader) bool { return h.normalizedName() == name }); i >= 0 {
			return i
		}
	}
	return -1
}

// metricName returns the name that a metric has in the app's JSON: its display name in lower case, without "+", with
// underscores for spaces.
func metricName(displayName string) string {
	return strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(displayName, "+", " "))), "_")
}

package format

import (
	"bytes"
	"math"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// unquoted returns the text of a JSON string, without a copy where nothing in it is escaped.
func unquoted(value []byte) (text []byte, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return nil, false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1], true
	}
	text, err := jsontext.AppendUnquote(nil, value)
	return text, err == nil
}

// parseNumberValue reads a number, or a string that holds one, as people of any region write it. A number too large for
// a float64 is infinite.
func parseNumberValue(value jsontext.Value) (v float64, ok bool) {
	if v, ok = parsePlainNumber(value); ok {
		return v, true
	}
	text, ok := unquoted(value)
	if !ok {
		return 0, false
	}
	return regionalNumber(text)
}

// parsePlainNumber reads a number of JSON, or a string that holds one.
func parsePlainNumber(value jsontext.Value) (v float64, ok bool) {
	text := []byte(value)
	if value.Kind() == '"' {
		if text, ok = unquoted(value); !ok {
			return 0, false
		}
		text = bytes.TrimSpace(text)
		if jsontext.Value(text).Kind() != '0' || !jsontext.Value(text).IsValid() {
			return 0, false
		}
	} else if value.Kind() != '0' {
		return 0, false
	}
	v, _ = parseNumber(text)
	return v, true
}

// parseValue reads a time: text in any form that parse reads, or a number of seconds or milliseconds since 1970.
// offset is the one that was sent, that of the reader's location where text has none, and 0 for a number, which is a time in UTC.
func (r *timeReader) parseValue(value jsontext.Value) (at health.Instant, offset int32, ok bool) {
	if text, isText := unquoted(value); isText {
		if at, offset, ok = r.parse(text); ok {
			return at, offset, true
		}
	}
	v, ok := parsePlainNumber(value)
	if !ok || math.IsInf(v, 0) {
		return 0, 0, false
	}
	if at, ok = epochTime(v); !ok || !inRange(at) {
		return 0, 0, false
	}
	return at, 0, true
}

func inRange(at health.Instant) bool { return at >= health.MinInstant && at <= health.MaxInstant }

// finite reports whether none of the values is infinite; they may be absent.
func finite(values ...float64) bool {
	for _, v := range values {
		if math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

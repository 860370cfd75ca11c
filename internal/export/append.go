package export

import (
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// timeFormatter appends times. It remembers the last day and the last offset it was asked for: those of neighbours are the same.
type timeFormatter struct {
	day  int64
	date []byte // of day, with the T; empty: none yet

	offset int32
	zone   []byte
}

const dayLength = int64(health.Day)

// append appends i as RFC 3339 in the given offset. An offset that has seconds, which RFC 3339 cannot say, becomes Z.
func (c *timeFormatter) append(b []byte, i health.Instant, offset int32) []byte {
	if offset%60 != 0 {
		offset = 0
	}
	local := int64(i) + int64(offset)*int64(health.Second)
	day := local / dayLength
	rest := local - day*dayLength
	if rest < 0 {
		day, rest = day-1, rest+dayLength
	}
	if len(c.date) == 0 || day != c.day {
		c.day = day
		c.date = time.UnixMicro(day*dayLength).UTC().AppendFormat(c.date[:0], "2006-01-02T")
	}
	if len(c.zone) == 0 || offset != c.offset {
		c.offset, c.zone = offset, appendZone(c.zone[:0], offset)
	}
	b = append(b, c.date...)
	whole := rest / int64(health.Second)
	b = append(appendTwo(b, whole/3600), ':')
	b = append(appendTwo(b, whole/60%60), ':')
	b = appendTwo(b, whole%60)
	if fraction := rest % int64(health.Second); fraction != 0 {
		digits := strconv.AppendInt(nil, fraction+int64(health.Second), 10)
		digits[0] = '.'
		for digits[len(digits)-1] == '0' {
			digits = digits[:len(digits)-1]
		}
		b = append(b, digits...)
	}
	return append(b, c.zone...)
}

func appendZone(b []byte, offset int32) []byte {
	switch {
	case offset == 0:
		return append(b, 'Z')
	case offset < 0:
		b, offset = append(b, '-'), -offset
	default:
		b = append(b, '+')
	}
	b = append(appendTwo(b, int64(offset/3600)), ':')
	return appendTwo(b, int64(offset/60%60))
}

func appendTwo(b []byte, n int64) []byte { return append(b, byte('0'+n/10), byte('0'+n%10)) }

// appendNumber appends the shortest form of v that is read back as v, in the form of JSON.
func appendNumber(b []byte, v float64) []byte {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return strconv.AppendInt(b, int64(v), 10) // most values, and three times as fast
	}
	form := byte('f')
	if size := math.Abs(v); size < 1e-6 || size >= 1e21 {
		form = 'e'
	}
	return strconv.AppendFloat(b, v, form, -1, 64)
}

// appendQuoted appends text as a JSON string. What is not UTF-8 in it is replaced.
func appendQuoted(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			b, _ = jsontext.AppendQuote(b, text) // the error only says that something was replaced
			return b
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

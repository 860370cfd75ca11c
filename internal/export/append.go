package export

import (
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// timeFormatter appends times. It caches the text of the last date and the last offset, which consecutive times share.
type timeFormatter struct {
	day  int64
	date []byte // text of day, with the T; empty before the first time

	offset int32
	zone   []byte
}

const dayLength = int64(health.Day)

// append appends i in RFC 3339, in an offset. Offsets with seconds, which RFC 3339 does not have, become Z.
func (f *timeFormatter) append(b []byte, i health.Instant, offset int32) []byte {
	if offset%60 != 0 {
		offset = 0
	}
	local := int64(i) + int64(offset)*int64(health.Second)
	day := local / dayLength
	rest := local - day*dayLength
	if rest < 0 {
		day, rest = day-1, rest+dayLength
	}
	if len(f.date) == 0 || day != f.day {
		f.day = day
		f.date = time.UnixMicro(day*dayLength).UTC().AppendFormat(f.date[:0], "2006-01-02T")
	}
	if len(f.zone) == 0 || offset != f.offset {
		f.offset, f.zone = offset, appendZone(f.zone[:0], offset)
	}
	b = append(b, f.date...)
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
	return append(b, f.zone...)
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

// appendNumber appends the shortest JSON number that is parsed as v.
func appendNumber(b []byte, v float64) []byte {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return strconv.AppendInt(b, int64(v), 10) // three times as fast, for most values
	}
	form := byte('f')
	if size := math.Abs(v); size < 1e-6 || size >= 1e21 {
		form = 'e'
	}
	return strconv.AppendFloat(b, v, form, -1, 64)
}

// appendQuoted appends text as a JSON string. Invalid UTF-8 is replaced.
func appendQuoted(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			b, _ = jsontext.AppendQuote(b, text) // the error reports invalid UTF-8
			return b
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

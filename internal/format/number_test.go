package format

import (
	"math"
	"strconv"
	"testing"
)

func FuzzNumber(f *testing.F) {
	for _, text := range []string{
		"0", "-0", "-0.0", "0.1", "72", "515.6963842913865", "0.066666666666666666", "123456789012345", "1234567890123456", "1.23456789012345",
		"0.000000000000001", "9007199254740993", "1e22", "1e23", "1.7976931348623157e308", "1.7976931348623159e308", "1e-400", "5e-324", "-1e999",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		end, err := scanNumber([]byte(text+" "), 0)
		if err != nil || end != len(text) {
			return // no number
		}
		got, ok := parseNumber([]byte(text))
		want, err := strconv.ParseFloat(text, 64)
		if ok != (err == nil) || ok && math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%q is read as %v, ok %t; strconv: %v, %v", text, got, ok, want, err)
		}
	})
}

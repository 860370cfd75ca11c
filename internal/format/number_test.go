package format

import (
	"math"
	"strconv"
	"strings"
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

func TestRegionalNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{
		"٧٢٫٥": 72.5, "۷۲٫۵": 72.5, "٩٠٠٠": 9000, "१२.५": 12.5, "٧٢,٥": 72.5, "72,5": 72.5, "0,125": 0.125, "1234,567": 1234.567,
		"١٬٢٣٤٫٥": 1234.5, "1.234,5": 1234.5, "1,234.5": 1234.5, "1'234.5": 1234.5, "1’234’567": 1234567, "1\u00a0234,567": 1234.567,
		"1\u202f234": 1234, "12,34,567.8": 1234567.8, "1,234,567": 1234567, "1.234.567": 1234567, "−3,5": -3.5, "\u200e-٣": -3,
		"\u061c-٣٫٢٥": -3.25, "+5": 5, "１２．５": 12.5,
	} {
		if got, ok := regionalNumber([]byte(text)); !ok || got != want {
			t.Errorf("%q is %v, ok %t; wanted %v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", " ", ".", ",", "-", "1,234", "12,345", "999,000", "1,23,4", "1.23.4", "1,2345,678", "1.234,5,6", "1,,5", "1-2", "--1", "٧٢ kg",
		"72.", ",5", "0x10", "1e5", "NaN", "'1'2", "1 2", strings.Repeat("1", 100),
	} {
		if got, ok := regionalNumber([]byte(text)); ok {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

// FuzzRegionalNumber checks that a number is read as what the library reads, if that reads it at all.
func FuzzRegionalNumber(f *testing.F) {
	for _, text := range []string{"٧٢٫٥", "1.234,5", "1'234.5", "12,34,567.8", "-3"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, ok := regionalNumber(text)
		if ok && (math.IsNaN(v) || math.IsInf(v, 0)) {
			t.Fatalf("%q is %v", text, v)
		}
		want, err := strconv.ParseFloat(string(text), 64)
		if plain := strings.Trim(string(text), "0123456789.-") == ""; plain && ok && (err != nil && strings.Count(string(text), ".") < 2 || err == nil && v != want) {
			t.Errorf("%q is %v; the library: %v, %v", text, v, want, err)
		}
	})
}

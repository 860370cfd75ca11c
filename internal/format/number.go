package format

import (
	"strconv"
)

// parseNumber returns the value of a number in the form JSON writes it. ok is false where it is too large for a
// float64.
//
// The result is that of strconv.ParseFloat, which rounds correctly. It is reached without it where the digits fit a
// float64 and the power of ten is one too: then a single division is exact.
func parseNumber(text []byte) (value float64, ok bool) {
	digits, decimals, simple := simpleDecimal(text)
	if !simple {
		value, err := strconv.ParseFloat(string(text), 64)
		return value, err == nil
	}
	value = float64(digits) / powersOfTen[decimals]
	if text[0] == '-' {
		value = -value
	}
	return value, true
}

// maxSimpleDigits is how many decimal digits always fit the 53 bits of a float64.
const maxSimpleDigits = 15

var powersOfTen = [maxSimpleDigits + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// simpleDecimal reads a number without exponent of up to maxSimpleDigits digits, decimals of them behind the point.
func simpleDecimal(text []byte) (digits uint64, decimals int, ok bool) {
	if text[0] == '-' {
		text = text[1:]
	}
	if len(text) > maxSimpleDigits+1 {
		return 0, 0, false
	}
	point := len(text) - 1
	for i, c := range text {
		switch {
		case isDigit(c):
			digits = digits*10 + uint64(c-'0')
		case c == '.':
			point = i
		default:
			return 0, 0, false
		}
	}
	return digits, len(text) - 1 - point, len(text) <= maxSimpleDigits || point < len(text)-1
}

package format

import (
	"math"
	"strconv"
)

// parseNumber returns the value of a number in JSON's form. ok is false where it is too large for a float64.
//
// The result is that of strconv.ParseFloat, which rounds correctly. Where the digits and the power of ten are both
// exact in a float64, one division gives the same result faster.
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

// maxSimpleDigits is the number of decimal digits that always fit the 53 bits of a float64.
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

// xmlNumber reads a finite decimal number, which may have an exponent.
func xmlNumber(text []byte) (v float64, ok bool) {
	digits, points := 0, 0
	for i, c := range text {
		switch {
		case isDigit(c):
			digits++
		case c == '.':
			points++
		case c == '-' && (i == 0 || text[i-1]|0x20 == 'e'):
		case c == '+' && i > 0 && text[i-1]|0x20 == 'e':
		case c|0x20 == 'e' && digits > 0:
		default:
			return 0, false
		}
	}
	if digits == 0 || points > 1 {
		return 0, false
	}
	v, ok = parseNumber(text)
	return v, ok && !math.IsInf(v, 0)
}

package format

import (
	"bytes"
	"unicode/utf8"
)

// maxNumberText bounds the bytes of a text that is read as a number of a region.
const maxNumberText = 64

// grouping stands for the characters that only ever group the digits of a number: spaces, apostrophes and the Arabic
// thousands separator.
const grouping = '\''

// regionalNumber reads a number as people of some region write it: with the digits of any script, with a point, a comma
// or the Arabic ٫ before the decimals, and with the digits before them in groups. ok is false for any other text, and
// where it cannot be told whether a separator groups digits or is before decimals, as in 1,234. A single point is one
// before decimals, as in JSON.
func regionalNumber(text []byte) (v float64, ok bool) {
	var buffer [maxNumberText]byte
	plain, ok := plainNumber(buffer[:0], text)
	if !ok {
		return 0, false
	}
	negative := plain[0] == '-'
	if negative || plain[0] == '+' {
		plain = plain[1:]
	}
	point, separator, ok := numberSeparators(plain)
	if !ok {
		return 0, false
	}
	whole, decimals := plain, []byte(nil)
	if point >= 0 {
		whole, decimals = plain[:point], plain[point+1:]
	}
	if separator != 0 {
		if !isGrouped(whole, separator) {
			return 0, false
		}
		whole = bytes.ReplaceAll(whole, []byte{separator}, nil)
	}
	if len(whole) == 0 || point >= 0 && len(decimals) == 0 {
		return 0, false
	}
	v, ok = xmlNumber(append(append(whole[:len(whole):len(whole)], '.'), append(decimals, '0')...))
	if negative {
		v = -v
	}
	return v, ok
}

// plainNumber appends to buffer the digits, signs and separators of a number in ASCII.
func plainNumber(buffer, text []byte) (plain []byte, ok bool) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || len(text) > maxNumberText {
		return nil, false
	}
	plain = buffer
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		switch r = plainRune(r); r {
		case 0:
			continue
		case ' ', '’', '٬':
			r = grouping
		}
		sign := r == '-' || r == '+'
		if !sign && r != grouping && r != '.' && r != ',' && (r < '0' || r > '9') || sign && len(plain) > 0 {
			return nil, false
		}
		plain = append(plain, byte(r))
	}
	plain = bytes.Trim(plain, string(grouping))
	return plain, len(plain) > 0
}

// numberSeparators returns where the decimals begin, -1 where there are none, and the character between groups, 0 where
// there is none.
func numberSeparators(plain []byte) (point int, separator byte, ok bool) {
	count := func(c byte) int { return bytes.Count(plain, []byte{c}) }
	points, commas, groups := count('.'), count(','), count(grouping)
	last := bytes.LastIndexAny(plain, ".,")
	switch {
	case points+commas == 0:
		point = -1
	case points > 0 && commas > 0:
		if groups > 0 || count(plain[last]) > 1 {
			return 0, 0, false
		}
		return last, '.' + ',' - plain[last], true
	case points+commas == 1:
		after := len(plain) - last - 1
		ambiguous := commas == 1 && groups == 0 && after == 3 && last >= 1 && last <= 3 && plain[0] != '0'
		if ambiguous {
			return 0, 0, false
		}
		point = last
	case groups > 0:
		return 0, 0, false
	default:
		return -1, plain[last], true
	}
	if groups > 0 {
		separator = grouping
	}
	return point, separator, true
}

// isGrouped reports whether the digits are in groups of three, or in those of India, of two but for the last.
func isGrouped(whole []byte, separator byte) bool {
	groups := bytes.Split(whole, []byte{separator})
	last := len(groups) - 1
	indian := last > 1 && len(groups[1]) == 2
	for i, group := range groups {
		switch {
		case i == 0 && (len(group) < 1 || len(group) > 3 || indian && len(group) > 2):
			return false
		case i > 0 && i < last && indian && len(group) != 2, i > 0 && (i == last || !indian) && len(group) != 3:
			return false
		}
	}
	return true
}

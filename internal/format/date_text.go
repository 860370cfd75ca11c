package format

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"
)

// maxTimeText bounds the bytes of a text that is read as a time, so that an endless one costs nothing.
const maxTimeText = 256

// plainTime appends to buffer a time in the characters that the parser knows: digits and signs of ASCII, single spaces,
// no marks. Letters stay. ok is false for a text that is too long or is not UTF-8.
func plainTime(buffer, text []byte) (plain []byte, ok bool) {
	text = bytes.TrimSpace(text)
	if len(text) > maxTimeText {
		return nil, false
	}
	if isPlain(text) {
		return text, true
	}
	plain = buffer
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size <= 1 {
			return nil, false
		}
		text = text[size:]
		switch r = plainRune(r); {
		case r == 0, r == ' ' && len(plain) > 0 && plain[len(plain)-1] == ' ':
		default:
			plain = utf8.AppendRune(plain, r)
		}
	}
	return bytes.Trim(plain, " "), true
}

// isPlain reports whether a text is as plainTime makes it: it has only characters of ASCII and single spaces.
func isPlain(text []byte) bool {
	previous := byte(0)
	for _, c := range text {
		if c >= utf8.RuneSelf || c < ' ' || c == ' ' && previous == ' ' {
			return false
		}
		previous = c
	}
	return true
}

// plainRune returns the character of ASCII that means the same as r, 0 for a mark that means nothing, and else r.
func plainRune(r rune) rune {
	if r < utf8.RuneSelf {
		if r == '\t' {
			return ' '
		}
		return r
	}
	if digit, ok := digitOf(r); ok {
		return '0' + rune(digit)
	}
	switch r {
	case '−', '‐', '‑', '‒', '–', '﹣', '－':
		return '-'
	case '﹢', '＋':
		return '+'
	case '：', '∶', '﹕':
		return ':'
	case '．', '٫':
		return '.'
	case '，', '،':
		return ','
	case '／':
		return '/'
	}
	switch {
	case unicode.Is(unicode.Cf, r): // marks of direction and joiners
		return 0
	case unicode.IsSpace(r), unicode.Is(unicode.Zs, r):
		return ' '
	}
	return r
}

// chineseDigits are the decimal digits of the numbering system hanidec, which are letters to Unicode.
var chineseDigits = []rune("〇一二三四五六七八九")

// digitOf returns the value of a decimal digit of any script.
func digitOf(r rune) (value int, ok bool) {
	if !unicode.Is(unicode.Nd, r) {
		value = slices.Index(chineseDigits, r)
		return value, value >= 0
	}
	// Unicode encodes the digits of a script one after the other, from 0 on; only the last of a run of sets may be
	// followed by another set.
	first := r
	for unicode.Is(unicode.Nd, first-1) {
		first--
	}
	return int(r-first) % 10, true
}

// number returns the value of a few digits of ASCII.
func number(digits []byte) (v int) {
	for _, c := range digits {
		v = v*10 + digit(c)
	}
	return v
}

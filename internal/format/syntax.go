package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// The syntax of JSON (RFC 8259) as functions on bytes. Each returns the index after the token it reads. Where the bytes
// run out before that the error is errIncomplete, and the caller calls again with more bytes; with any other error the
// index is that of the fault.

// errIncomplete is returned where the bytes end before the token does.
var errIncomplete = errors.New("more bytes are needed")

// The errors of a text that is not JSON.
var (
	errControl       = errors.New("a text holds a control character that is not escaped")
	errUTF8          = errors.New("a text is not valid UTF-8")
	errEscape        = errors.New("a text holds an escape that does not exist")
	errNumber        = errors.New("a number is not written as JSON writes numbers")
	errNoValue       = errors.New("a value was expected")
	errNoName        = errors.New("a field name in quotes was expected")
	errNoColon       = errors.New("a colon was expected")
	errNoComma       = errors.New("a comma or a closing bracket was expected")
	errTrailing      = errors.New("something follows the end of the JSON value")
	errUnexpectedEnd = errors.New("the body ends in the middle")
	errTooDeep       = errors.New("values are nested too deeply")
	errLongNumber    = errors.New("a number is too long")
	// errTooManyFields is not a syntax error: the object has more than maxFields.
	errTooManyFields = fmt.Errorf("it has an object with more than %d fields", maxFields)
)

// maxDepth bounds the nesting of objects and arrays.
const maxDepth = 512

// skipSpace returns the index of the first byte from i on that is not white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// scanText reads a string from after its opening quote, or from the index it returned with errIncomplete. end is the
// index of the closing quote, or that to continue from; escaped reports whether the string has an escape.
func scanText(b []byte, i int) (end int, escaped bool, err error) {
	for {
		i = skipPlain(b, i)
		if i >= len(b) {
			return i, escaped, errIncomplete
		}
		n := 0
		switch c := b[i]; {
		case c == '"':
			return i, escaped, nil
		case c == '\\':
			n, err = scanEscape(b[i:])
			escaped = true
		case c < ' ':
			err = errControl
		default:
			n, err = scanRune(b[i:])
		}
		if err != nil {
			return i, escaped, err
		}
		i += n
	}
}

// skipPlain returns the index of the first byte from i on that is a quote, a backslash, a control character or not
// ASCII. It tests eight bytes at a time (SWAR); the lowest of the bits it finds is exact.
func skipPlain(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := w^ones*'"', w^ones*'\\'
		found := (quote-ones)&^quote | (backslash-ones)&^backslash | (w-ones*' ')&^w | w
		if found &= highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(b) && b[i] >= ' ' && b[i] < utf8.RuneSelf && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// scanEscape returns the length of the escape at the beginning of b. A surrogate pair is one.
func scanEscape(b []byte) (int, error) {
	if len(b) < 2 {
		return 0, errIncomplete
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, nil
	}
	first, err := scanUnicodeEscape(b)
	if err != nil || first < 0xd800 || first > 0xdfff {
		return 6, err
	}
	second, err := scanUnicodeEscape(b[6:])
	if err == nil && (first > 0xdbff || second < 0xdc00 || second > 0xdfff) {
		err = errEscape
	}
	return 12, err
}

func scanUnicodeEscape(b []byte) (code uint16, err error) {
	for i := range 6 {
		if i >= len(b) {
			return 0, errIncomplete
		}
		c := b[i]
		switch {
		case i == 0 && c == '\\', i == 1 && c == 'u':
		case i < 2:
			return 0, errEscape
		case c >= '0' && c <= '9':
			code = code<<4 | uint16(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			code = code<<4 | uint16(c|0x20-'a'+10)
		default:
			return 0, errEscape
		}
	}
	return code, nil
}

func scanRune(b []byte) (int, error) {
	r, n := utf8.DecodeRune(b)
	if r != utf8.RuneError || n > 1 {
		return n, nil
	}
	if !utf8.FullRune(b) {
		return 0, errIncomplete
	}
	return 0, errUTF8
}

// scanNumber reads a number. One at the end of the bytes may continue: then the error is errIncomplete, the index the
// end.
func scanNumber(b []byte, i int) (int, error) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b):
		return i, errIncomplete
	case b[i] == '0':
		i++
	default:
		var err error
		if i, err = scanDigits(b, i); err != nil {
			return i, err
		}
	}
	if i < len(b) && b[i] == '.' {
		var err error
		if i, err = scanDigits(b, i+1); err != nil {
			return i, err
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		var err error
		if i, err = scanDigits(b, i); err != nil {
			return i, err
		}
	}
	if i >= len(b) {
		return i, errIncomplete
	}
	return i, nil
}

func scanDigits(b []byte, i int) (int, error) {
	start := i
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	switch {
	case i >= len(b):
		return i, errIncomplete
	case i == start:
		return i, errNumber
	}
	return i, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// scanLiteral reads true, false or null.
func scanLiteral(b []byte, i int) (int, error) {
	literal := "null"
	switch b[i] {
	case 't':
		literal = "true"
	case 'f':
		literal = "false"
	}
	for j := range len(literal) {
		switch {
		case i+j >= len(b):
			return i, errIncomplete
		case b[i+j] != literal[j]:
			return i + j, errNoValue
		}
	}
	return i + len(literal), nil
}

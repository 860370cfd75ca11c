package format

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxText bounds the bytes of a text that becomes a column of its own: a name, a source, a unit, an id.
const maxText = 1000

// unstorable returns why text cannot be stored in a column of its own, "" where it can.
func unstorable(text []byte) (reason string) {
	switch {
	case bytes.IndexByte(text, 0) >= 0:
		return "holds a NUL character"
	case len(text) > maxText:
		return fmt.Sprintf("is longer than %d bytes", maxText)
	}
	return ""
}

// unstorableText is unstorable for a text that need not be valid UTF-8.
func unstorableText(text string) (reason string) {
	if !utf8.ValidString(text) {
		return "is not UTF-8"
	}
	return unstorable([]byte(text))
}

// printable returns a name for use in a message: its first 60 bytes, unprintable characters replaced.
func printable[T ~string | ~[]byte](name T) string {
	const limit = 60
	text := strings.ToValidUTF8(string(name)[:min(len(name), limit)], "")
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '�'
	}, text)
}

// sanitize returns text that every store accepts: valid UTF-8 without NUL characters.
func sanitize(sent []byte) string {
	text := strings.ToValidUTF8(string(sent), "\uFFFD")
	return strings.ReplaceAll(text, "\x00", "")
}

// snakeCase converts a field name such as heartRateData to heart_rate_data.
func snakeCase(name string) string {
	runes := []rune(name)
	isUpper := func(i int) bool { return i >= 0 && i < len(runes) && runes[i] >= 'A' && runes[i] <= 'Z' }
	isLower := func(i int) bool {
		return i >= 0 && i < len(runes) && (runes[i] >= 'a' && runes[i] <= 'z' || runes[i] >= '0' && runes[i] <= '9')
	}
	var snake []rune
	for i, r := range runes {
		switch {
		case isUpper(i):
			if isLower(i-1) || isUpper(i-1) && isLower(i+1) {
				snake = append(snake, '_')
			}
			snake = append(snake, r-'A'+'a')
		case r == ' ' || r == '-':
			snake = append(snake, '_')
		default:
			snake = append(snake, r)
		}
	}
	return string(slices.Clip(snake))
}

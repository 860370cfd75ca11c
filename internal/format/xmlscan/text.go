package xmlscan

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// readText reads the text at pos up to the next tag. found is false for white space alone.
func (s *Scanner) readText() (found bool, err error) {
	length := bytes.IndexByte(s.buffer[s.pos:], '<')
	for length < 0 && len(s.buffer)-s.pos < maxText {
		if err := s.fill(windowSize); err != nil {
			length = len(s.buffer) - s.pos
			if length > 0 { // after the last tag
				break
			}
			return false, s.endOfDocument(err)
		}
		length = bytes.IndexByte(s.buffer[s.pos:], '<')
	}
	if length < 0 || length > maxText {
		length = safeLength(s.buffer[s.pos : s.pos+maxText])
	}
	text := s.buffer[s.pos : s.pos+length]
	s.pos += length
	if isBlank(text) || s.depth == 0 && isBlank(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))) {
		return false, nil
	}
	if s.depth == 0 {
		return false, s.newError(ErrSyntax)
	}
	s.scratch = s.scratch[:0]
	s.text = s.unescape(text)
	return true, nil
}

// safeLength returns how much of a text that continues can be returned without splitting a reference or a line break.
func safeLength(text []byte) int {
	const longest = 12 // of a reference
	tail := text[len(text)-longest:]
	if i := bytes.LastIndexByte(tail, '&'); i >= 0 && bytes.IndexByte(tail[i:], ';') < 0 {
		return len(text) - longest + i
	}
	if tail[longest-1] == '\r' {
		return len(text) - 1
	}
	return len(text)
}

func isBlank(text []byte) bool {
	for _, c := range text {
		if !isSpace(c) {
			return false
		}
	}
	return true
}

// unescape resolves references in a text and normalizes line breaks, as XML requires. Most texts have neither, and are
// returned unchanged.
func (s *Scanner) unescape(text []byte) []byte {
	if bytes.IndexByte(text, '&') < 0 && bytes.IndexByte(text, '\r') < 0 {
		return text
	}
	begin := len(s.scratch)
	for len(text) > 0 {
		special := bytes.IndexAny(text, "&\r")
		if special < 0 {
			special = len(text)
		}
		s.scratch = append(s.scratch, text[:special]...)
		if text = text[special:]; len(text) == 0 {
			break
		}
		length := 1
		switch {
		case text[0] == '\r':
			s.scratch = append(s.scratch, '\n')
			if len(text) > 1 && text[1] == '\n' {
				length = 2
			}
		default:
			if length = s.resolve(text); length == 0 {
				s.scratch = append(s.scratch, '&')
				length = 1
			}
		}
		text = text[length:]
	}
	// The value stays valid when a later one makes scratch grow.
	return s.scratch[begin:len(s.scratch):len(s.scratch)]
}

// resolve appends the character of the reference at the beginning of text to scratch, and returns the length of the
// reference, 0 where it is not a known one.
func (s *Scanner) resolve(text []byte) (length int) {
	end := bytes.IndexByte(text[:min(len(text), 64)], ';')
	if end < 0 {
		return 0
	}
	reference := text[1:end]
	switch string(reference) {
	case "lt":
		s.scratch = append(s.scratch, '<')
	case "gt":
		s.scratch = append(s.scratch, '>')
	case "amp":
		s.scratch = append(s.scratch, '&')
	case "apos":
		s.scratch = append(s.scratch, '\'')
	case "quot":
		s.scratch = append(s.scratch, '"')
	default:
		if len(reference) < 2 || reference[0] != '#' {
			return 0
		}
		digits, base := reference[1:], 10
		if digits[0] == 'x' {
			digits, base = digits[1:], 16
		}
		code, err := strconv.ParseUint(string(digits), base, 32)
		if err != nil || code > utf8.MaxRune {
			return 0
		}
		s.scratch = utf8.AppendRune(s.scratch, rune(code))
	}
	return end + 1
}

package xmlscan

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// readText reads what is at next up to the next tag. found is false where that is only white space.
func (s *Scanner) readText() (found bool, err error) {
	length := bytes.IndexByte(s.buffer[s.next:], '<')
	for length < 0 && len(s.buffer)-s.next < maxText {
		if err := s.fill(windowSize); err != nil {
			length = len(s.buffer) - s.next
			if length > 0 { // behind the last tag
				break
			}
			return false, s.atEnd(err)
		}
		length = bytes.IndexByte(s.buffer[s.next:], '<')
	}
	if length < 0 || length > maxText {
		length = whole(s.buffer[s.next : s.next+maxText])
	}
	text := s.buffer[s.next : s.next+length]
	s.next += length
	if isBlank(text) || s.depth == 0 && isBlank(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))) {
		return false, nil
	}
	if s.depth == 0 {
		return false, s.fault(ErrSyntax)
	}
	s.scratch = s.scratch[:0]
	s.text = s.plain(text)
	return true, nil
}

// whole returns how much of a text that goes on can be taken without cutting through a reference or a line break.
func whole(text []byte) int {
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

// plain resolves references in a text and makes line breaks the same everywhere, as XML demands. Most texts have
// neither, and are returned as they are.
func (s *Scanner) plain(text []byte) []byte {
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
	// Should a later value make the scratch move, this one stays where it is.
	return s.scratch[begin:len(s.scratch):len(s.scratch)]
}

// resolve appends the character that the reference at the beginning of text stands for, and returns how long the
// reference is; 0 where it is none that is known.
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

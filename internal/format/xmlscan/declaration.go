package xmlscan

import (
	"bytes"
)

// readDeclaration reads what begins with "<!": a comment, a stretch of plain text, or the document's type.
func (s *Scanner) readDeclaration() (kind Kind, found bool, err error) {
	const cdata = "<![CDATA["
	for len(s.buffer)-s.next < len(cdata) {
		if err := s.fill(windowSize); err != nil {
			break // shorter than any of them
		}
	}
	head := s.buffer[s.next:]
	switch {
	case bytes.HasPrefix(head, []byte("<!--")):
		s.next += 4
		return 0, false, s.skipPast("-->")
	case bytes.HasPrefix(head, []byte(cdata)):
		s.next += len(cdata)
		return s.readPlain()
	case bytes.HasPrefix(head, []byte("<!DOCTYPE")) && !s.begun:
		s.next += len("<!DOCTYPE")
		return 0, false, s.skipType()
	}
	return 0, false, s.fault(ErrSyntax)
}

// skipPast passes over everything up to and including end.
func (s *Scanner) skipPast(end string) error {
	for {
		if i := bytes.Index(s.buffer[s.next:], []byte(end)); i >= 0 {
			s.next += i + len(end)
			return nil
		}
		s.next = max(s.next, len(s.buffer)-len(end)+1)
		if err := s.fill(windowSize); err != nil {
			return s.cutOff(err)
		}
	}
}

// readPlain reads a CDATA section: text in which nothing has a meaning.
func (s *Scanner) readPlain() (kind Kind, found bool, err error) {
	for {
		if i := bytes.Index(s.buffer[s.next:], []byte("]]>")); i >= 0 {
			text := s.buffer[s.next : s.next+i]
			s.next += i + 3
			if s.depth == 0 {
				return 0, false, s.fault(ErrSyntax)
			}
			s.scratch = s.scratch[:0]
			s.text = unbroken(&s.scratch, text)
			return Text, !isBlank(text), nil
		}
		if err := s.fill(maxTag); err != nil {
			return 0, false, s.cutOff(err)
		}
	}
}

// unbroken makes line breaks the same everywhere.
func unbroken(scratch *[]byte, text []byte) []byte {
	if bytes.IndexByte(text, '\r') < 0 {
		return text
	}
	for i, c := range text {
		switch {
		case c == '\r':
			*scratch = append(*scratch, '\n')
		case c == '\n' && i > 0 && text[i-1] == '\r':
		default:
			*scratch = append(*scratch, c)
		}
	}
	return *scratch
}

// skipType passes over the definition of the document's type, which some versions of iOS write with brackets missing:
// it ends where the root element begins, whose name it tells first.
func (s *Scanner) skipType() error {
	root, err := s.rootName()
	if err != nil {
		return err
	}
	if len(root) == 0 {
		return s.fault(ErrSyntax)
	}
	begin := append([]byte("<"), root...)
	const entity = "<!ENTITY"
	for {
		i := bytes.IndexByte(s.buffer[s.next:], '<')
		if i < 0 {
			s.next = len(s.buffer)
			if err := s.fill(windowSize); err != nil {
				return s.cutOff(err)
			}
			continue
		}
		s.next += i
		for len(s.buffer)-s.next <= max(len(begin), len(entity)) {
			if err := s.fill(windowSize); err != nil {
				break // what is left is shorter
			}
		}
		head := s.buffer[s.next:]
		switch {
		case bytes.HasPrefix(head, []byte("<!--")):
			s.next += 4
			if err := s.skipPast("-->"); err != nil {
				return err
			}
		case bytes.HasPrefix(head, []byte(entity)):
			return s.fault(ErrEntities)
		case len(head) > len(begin) && bytes.HasPrefix(head, begin) && endsName[head[len(begin)]]:
			return nil
		default:
			s.next++
		}
	}
}

// rootName reads the name behind <!DOCTYPE.
func (s *Scanner) rootName() ([]byte, error) {
	for {
		rest := s.buffer[s.next:]
		begin := 0
		for begin < len(rest) && isSpace(rest[begin]) {
			begin++
		}
		end := begin
		for end < len(rest) && !endsName[rest[end]] && rest[end] != '[' {
			end++
		}
		if end < len(rest) {
			s.next += end
			return bytes.Clone(rest[begin:end]), nil
		}
		if err := s.fill(maxText); err != nil {
			return nil, s.cutOff(err)
		}
	}
}

package xmlscan

import (
	"bytes"
)

// readDeclaration reads what begins with "<!": a comment, a CDATA section, or the DOCTYPE.
func (s *Scanner) readDeclaration() (kind Kind, found bool, err error) {
	const cdata = "<![CDATA["
	for len(s.buffer)-s.pos < len(cdata) {
		if err := s.fill(windowSize); err != nil {
			break // the document is shorter
		}
	}
	head := s.buffer[s.pos:]
	switch {
	case bytes.HasPrefix(head, []byte("<!--")):
		s.pos += 4
		return 0, false, s.skipPast("-->")
	case bytes.HasPrefix(head, []byte(cdata)):
		s.pos += len(cdata)
		return s.readCDATA()
	case bytes.HasPrefix(head, []byte("<!DOCTYPE")) && !s.rootSeen:
		s.pos += len("<!DOCTYPE")
		return 0, false, s.skipDoctype()
	}
	return 0, false, s.newError(ErrSyntax)
}

// skipPast skips everything up to and including end.
func (s *Scanner) skipPast(end string) error {
	for {
		if i := bytes.Index(s.buffer[s.pos:], []byte(end)); i >= 0 {
			s.pos += i + len(end)
			return nil
		}
		s.pos = max(s.pos, len(s.buffer)-len(end)+1)
		if err := s.fill(windowSize); err != nil {
			return s.truncated(err)
		}
	}
}

// readCDATA reads a CDATA section, after its "<![CDATA[".
func (s *Scanner) readCDATA() (kind Kind, found bool, err error) {
	for {
		if i := bytes.Index(s.buffer[s.pos:], []byte("]]>")); i >= 0 {
			text := s.buffer[s.pos : s.pos+i]
			s.pos += i + 3
			if s.depth == 0 {
				return 0, false, s.newError(ErrSyntax)
			}
			s.scratch = s.scratch[:0]
			s.text = normalizeNewlines(&s.scratch, text)
			return Text, !isBlank(text), nil
		}
		if err := s.fill(maxTag); err != nil {
			return 0, false, s.truncated(err)
		}
	}
}

// normalizeNewlines replaces "\r\n" and "\r" by "\n".
func normalizeNewlines(scratch *[]byte, text []byte) []byte {
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

// skipDoctype skips the DOCTYPE, which some versions of iOS write with brackets missing: it ends where the root
// element, whose name it has, begins.
func (s *Scanner) skipDoctype() error {
	root, err := s.rootName()
	if err != nil {
		return err
	}
	if len(root) == 0 {
		return s.newError(ErrSyntax)
	}
	begin := append([]byte("<"), root...)
	const entity = "<!ENTITY"
	for {
		i := bytes.IndexByte(s.buffer[s.pos:], '<')
		if i < 0 {
			s.pos = len(s.buffer)
			if err := s.fill(windowSize); err != nil {
				return s.truncated(err)
			}
			continue
		}
		s.pos += i
		for len(s.buffer)-s.pos <= max(len(begin), len(entity)) {
			if err := s.fill(windowSize); err != nil {
				break // the rest of the document is shorter
			}
		}
		head := s.buffer[s.pos:]
		switch {
		case bytes.HasPrefix(head, []byte("<!--")):
			s.pos += 4
			if err := s.skipPast("-->"); err != nil {
				return err
			}
		case bytes.HasPrefix(head, []byte(entity)):
			return s.newError(ErrEntities)
		case len(head) > len(begin) && bytes.HasPrefix(head, begin) && endsName[head[len(begin)]]:
			return nil
		default:
			s.pos++
		}
	}
}

// rootName reads the name after <!DOCTYPE.
func (s *Scanner) rootName() ([]byte, error) {
	for {
		rest := s.buffer[s.pos:]
		begin := 0
		for begin < len(rest) && isSpace(rest[begin]) {
			begin++
		}
		end := begin
		for end < len(rest) && !endsName[rest[end]] && rest[end] != '[' {
			end++
		}
		if end < len(rest) {
			s.pos += end
			return bytes.Clone(rest[begin:end]), nil
		}
		if err := s.fill(maxText); err != nil {
			return nil, s.truncated(err)
		}
	}
}

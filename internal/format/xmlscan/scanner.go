// Package xmlscan reads XML as Apple's Health app writes it: fast, in one pass, with bounded memory, and lenient where
// that app is known to write XML that is not well-formed. It is not a validating parser.
//
// It accepts a malformed DTD, duplicate attributes, spaces in the names of attributes, control characters, and
// references to undefined entities, which it leaves unchanged. It refuses definitions of entities: nothing is ever
// expanded, so a small file cannot become a large one.
package xmlscan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Bounds of what is in memory at once.
const (
	windowSize = 256 << 10
	maxTag     = 4 << 20  // bytes of one tag with all its attributes
	maxText    = 64 << 10 // bytes of one Text; a longer text is returned in several
	maxDepth   = 64
	maxAttrs   = 1000
)

// Kind is the kind of token that Next returns.
type Kind uint8

// The kinds. An empty-element tag, <a/>, is a Start and an End.
const (
	End   Kind = iota // of the element that began last
	Start             // of an element, with its attributes
	Text              // between tags; white space alone is skipped
)

// The causes of an *Error.
var (
	ErrSyntax    = errors.New("not well-formed")
	ErrEntities  = errors.New("the document defines entities of its own")
	ErrTooLong   = errors.New("a tag is too long, or has too many attributes")
	ErrTooDeep   = errors.New("elements are nested too deeply")
	ErrTruncated = errors.New("the document ends before its last element does")
)

// Error is an error in the document.
type Error struct {
	Offset int64 // in bytes from the beginning
	Cause  error // ErrSyntax, ErrEntities, ErrTooLong, ErrTooDeep or ErrTruncated
}

// Error returns the cause and where it is.
func (e *Error) Error() string { return fmt.Sprintf("XML at byte %d: %v", e.Offset, e.Cause) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Attr is one attribute. Both slices are valid until the next call of Next.
type Attr struct {
	Name []byte
	Raw  []byte // the value as written, see Scanner.Value
}

// Scanner reads one document. It is not safe for concurrent use.
type Scanner struct {
	reader io.Reader
	buffer []byte
	pos    int   // of the next byte to be read in buffer
	base   int64 // the offset of buffer in the document
	ended  bool  // the reader has returned io.EOF

	name        []byte
	attrs       []Attr
	text        []byte
	scratch     []byte // unescaped values and texts
	closing     bool   // the current tag ends an element
	selfClosing bool   // … or is an empty-element tag
	rootSeen    bool   // the root element has started
	depth       int
	names       [maxDepth][]byte // of the open elements
}

// New returns a scanner that reads from r.
func New(r io.Reader) *Scanner {
	return &Scanner{reader: r, buffer: make([]byte, 0, windowSize)}
}

// Name returns the name of the element of a Start or End. It is valid until the next call of Next.
func (s *Scanner) Name() []byte { return s.name }

// Attrs returns the attributes of a Start in the order of the document, duplicates included.
func (s *Scanner) Attrs() []Attr { return s.attrs }

// Value returns the value of an attribute of the current element with character references resolved. It is valid until
// the next call of Next.
func (s *Scanner) Value(a *Attr) []byte { return s.unescape(a.Raw) }

// Text returns the text of a Text, with references resolved. It is valid until the next call of Next.
func (s *Scanner) Text() []byte { return s.text }

// Depth returns the number of open elements: 1 after the Start of the root.
func (s *Scanner) Depth() int { return s.depth }

// Offset returns the number of bytes read.
func (s *Scanner) Offset() int64 { return s.base + int64(s.pos) }

// Next reads the next token. The error is io.EOF at the end of the document, an *Error where that is at fault, and
// otherwise the reader's own.
func (s *Scanner) Next() (Kind, error) {
	if s.selfClosing {
		s.selfClosing = false
		return End, s.endElement()
	}
	for {
		if s.pos == len(s.buffer) {
			if err := s.fill(windowSize); err != nil {
				return 0, s.endOfDocument(err)
			}
		}
		if s.buffer[s.pos] != '<' {
			found, err := s.readText()
			if err != nil {
				return 0, err
			}
			if found {
				return Text, nil
			}
			continue
		}
		kind, found, err := s.readMarkup()
		if found || err != nil {
			return kind, err
		}
	}
}

func (s *Scanner) endOfDocument(err error) error {
	if errors.Is(err, io.EOF) && (s.depth > 0 || !s.rootSeen) {
		return s.newError(ErrTruncated)
	}
	return err
}

func (s *Scanner) newError(cause error) error { return &Error{s.Offset(), cause} }

// fill reads more of the document into the buffer. io.EOF: there is no more. ErrTooLong: limit bytes are unread
// already.
func (s *Scanner) fill(limit int) error {
	if s.ended {
		return io.EOF
	}
	unread := len(s.buffer) - s.pos
	if s.pos > 0 {
		copy(s.buffer, s.buffer[s.pos:])
		s.base += int64(s.pos)
		s.pos, s.buffer = 0, s.buffer[:unread]
	}
	if unread >= limit {
		return s.newError(ErrTooLong)
	}
	if unread == cap(s.buffer) {
		s.buffer = append(make([]byte, 0, 2*cap(s.buffer)), s.buffer...)
	}
	for range 100 {
		n, err := s.reader.Read(s.buffer[unread:cap(s.buffer)])
		s.buffer = s.buffer[:unread+n]
		if errors.Is(err, io.EOF) {
			s.ended, err = true, nil
			if n == 0 {
				return io.EOF
			}
		}
		if err != nil || n > 0 {
			return err
		}
	}
	return io.ErrNoProgress
}

// readMarkup reads markup, from its "<". found is false for markup that is skipped.
func (s *Scanner) readMarkup() (kind Kind, found bool, err error) {
	for s.pos+1 == len(s.buffer) {
		if err := s.fill(windowSize); err != nil {
			return 0, false, s.truncated(err)
		}
	}
	switch s.buffer[s.pos+1] {
	case '!':
		return s.readDeclaration()
	case '?':
		s.pos += 2
		return 0, false, s.skipPast("?>")
	}
	for {
		end := s.readTag()
		switch {
		case end > 0:
			s.pos = end
			return s.handleTag()
		case end < 0:
			return 0, false, s.newError(ErrSyntax)
		}
		if err := s.fill(maxTag); err != nil {
			return 0, false, s.truncated(err)
		}
	}
}

// truncated returns ErrTruncated for io.EOF, which err is where the document ends within a token.
func (s *Scanner) truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return s.newError(ErrTruncated)
	}
	return err
}

// readTag reads the tag at pos and returns the index of its end, 0 if its end is not in the buffer yet, -1 if it is
// malformed.
func (s *Scanner) readTag() (end int) {
	b := s.buffer
	i := s.pos + 1
	closing := b[i] == '/'
	if closing {
		i++
	}
	s.closing = closing
	begin := i
	for i < len(b) && !endsName[b[i]] {
		i++
	}
	if i == len(b) {
		return 0
	}
	s.name, s.attrs, s.scratch, s.selfClosing = b[begin:i], s.attrs[:0], s.scratch[:0], false
	if begin == i {
		return -1
	}
	for {
		for i < len(b) && isSpace(b[i]) {
			i++
		}
		switch {
		case i == len(b):
			return 0
		case b[i] == '>':
			return i + 1
		case b[i] == '/':
			if i+1 == len(b) {
				return 0
			}
			if b[i+1] != '>' || closing {
				return -1
			}
			s.selfClosing = true
			return i + 2
		case closing:
			return -1
		}
		if i = s.readAttr(b, i); i <= 0 {
			return i
		}
	}
}

// readAttr reads the attribute at i and returns the index of its end, 0 and -1 as readTag does.
func (s *Scanner) readAttr(b []byte, i int) (end int) {
	equals := i
	for equals < len(b) && b[equals] != '=' {
		if c := b[equals]; c == '>' || c == '<' || c == '"' || c == '\'' {
			return -1
		}
		equals++
	}
	nameEnd := equals
	for nameEnd > i && isSpace(b[nameEnd-1]) {
		nameEnd--
	}
	quote := equals + 1
	for quote < len(b) && isSpace(b[quote]) {
		quote++
	}
	if quote >= len(b) {
		return 0
	}
	if c := b[quote]; c != '"' && c != '\'' || nameEnd == i || len(s.attrs) == maxAttrs {
		return -1
	}
	length := bytes.IndexByte(b[quote+1:], b[quote])
	if length < 0 {
		return 0
	}
	end = quote + 1 + length
	s.attrs = append(s.attrs, Attr{Name: b[i:nameEnd], Raw: b[quote+1 : end]})
	return end + 1
}

// handleTag updates the open elements for the tag that was read last.
func (s *Scanner) handleTag() (Kind, bool, error) {
	if s.closing {
		return End, true, s.endElement()
	}
	switch {
	case s.depth == maxDepth:
		return 0, false, s.newError(ErrTooDeep)
	case s.depth == 0 && s.rootSeen:
		return 0, false, s.newError(ErrSyntax)
	}
	s.names[s.depth] = append(s.names[s.depth][:0], s.name...)
	s.depth++
	s.rootSeen = true
	return Start, true, nil
}

func (s *Scanner) endElement() error {
	if s.depth == 0 || !bytes.Equal(s.names[s.depth-1], s.name) {
		return s.newError(ErrSyntax)
	}
	s.depth--
	return nil
}

// endsName is true for the bytes that end the name of an element.
var endsName = [256]bool{' ': true, '\t': true, '\r': true, '\n': true, '/': true, '>': true, '<': true, '=': true, '"': true, '\'': true}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

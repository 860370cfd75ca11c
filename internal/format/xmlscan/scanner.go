// Package xmlscan reads XML such as Apple's Health app writes: fast, in one pass, with bounded memory, and forgiving
// where that app is known to write what is no well-formed XML. It is no validating parser.
//
// It forgives an unreadable DTD, an attribute that is there twice, blanks in the name of an attribute, control
// characters, and references to entities that nobody has defined, which stay as they are. It refuses definitions of
// entities: nothing is ever expanded, so a small file cannot become a large one.
package xmlscan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Bounds on what has to be in memory at once.
const (
	windowSize = 256 << 10
	maxTag     = 4 << 20  // bytes of one tag with all its attributes
	maxText    = 64 << 10 // bytes of one Text; what is longer comes in several
	maxDepth   = 64
	maxAttrs   = 1000
)

// Kind is what Next has found.
type Kind uint8

// The kinds. An element that is written as one tag, <a/>, is a Start and an End all the same.
const (
	End   Kind = iota // of the element that began last
	Start             // of an element, with its attributes
	Text              // between tags; nothing but white space is passed over
)

// The reasons why a document cannot be read, as the cause of an *Error.
var (
	ErrSyntax   = errors.New("not well-formed")
	ErrEntities = errors.New("the document defines entities of its own")
	ErrTooLong  = errors.New("a tag is too long, or has too many attributes")
	ErrTooDeep  = errors.New("elements are nested too deeply")
	ErrCutOff   = errors.New("the document ends before its last element does")
)

// Error is a fault of the document.
type Error struct {
	Offset int64 // in bytes from the beginning
	Cause  error // one of the above
}

// Error says what is wrong and where.
func (e *Error) Error() string { return fmt.Sprintf("XML at byte %d: %v", e.Offset, e.Cause) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Attr is one attribute. Both slices are valid until the next call of Next.
type Attr struct {
	Name []byte
	Raw  []byte // the value as it is written, see Scanner.Value
}

// Scanner reads one document. It is not safe for concurrent use.
type Scanner struct {
	reader io.Reader
	buffer []byte
	next   int   // of the bytes in buffer, the first that has not been read
	before int64 // bytes that were in the document before buffer
	ended  bool  // the reader has no more

	name    []byte
	attrs   []Attr
	text    []byte
	scratch []byte // values and texts that are not in the document as they are
	closing bool   // the tag that was read last ends an element
	single  bool   // … or is both start and end
	begun   bool   // the root element was
	depth   int
	names   [maxDepth][]byte // of the elements that are open
}

// New returns a scanner that reads from r.
func New(r io.Reader) *Scanner {
	return &Scanner{reader: r, buffer: make([]byte, 0, windowSize)}
}

// Name returns that of the element that Start or End is about, until the next call of Next.
func (s *Scanner) Name() []byte { return s.name }

// Attrs returns the attributes of a Start in the order of the document, one that is there twice twice.
func (s *Scanner) Attrs() []Attr { return s.attrs }

// Value returns the value of one of the present attributes with references to characters resolved. It is valid until the
// next call of Next.
func (s *Scanner) Value(a *Attr) []byte { return s.plain(a.Raw) }

// Text returns the text of a Text, with references resolved, until the next call of Next.
func (s *Scanner) Text() []byte { return s.text }

// Depth is how many elements are open: 1 after the Start of the root.
func (s *Scanner) Depth() int { return s.depth }

// Offset is how many bytes of the document have been read.
func (s *Scanner) Offset() int64 { return s.before + int64(s.next) }

// Next reads on. The error at the end of the document is io.EOF, for what is wrong with it an *Error, and otherwise the
// reader's own.
func (s *Scanner) Next() (Kind, error) {
	if s.single {
		s.single = false
		return End, s.close()
	}
	for {
		if s.next == len(s.buffer) {
			if err := s.fill(windowSize); err != nil {
				return 0, s.atEnd(err)
			}
		}
		if s.buffer[s.next] != '<' {
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

func (s *Scanner) atEnd(err error) error {
	if errors.Is(err, io.EOF) && (s.depth > 0 || !s.begun) {
		return s.fault(ErrCutOff)
	}
	return err
}

func (s *Scanner) fault(cause error) error { return &Error{s.Offset(), cause} }

// fill brings more of the document into the buffer, behind what has not been read. io.EOF: there is no more. ErrTooLong:
// more than limit is waiting to be read already.
func (s *Scanner) fill(limit int) error {
	if s.ended {
		return io.EOF
	}
	waiting := len(s.buffer) - s.next
	if s.next > 0 {
		copy(s.buffer, s.buffer[s.next:])
		s.before += int64(s.next)
		s.next, s.buffer = 0, s.buffer[:waiting]
	}
	if waiting >= limit {
		return s.fault(ErrTooLong)
	}
	if waiting == cap(s.buffer) {
		s.buffer = append(make([]byte, 0, 2*cap(s.buffer)), s.buffer...)
	}
	for range 100 {
		n, err := s.reader.Read(s.buffer[waiting:cap(s.buffer)])
		s.buffer = s.buffer[:waiting+n]
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

// readMarkup reads what begins with "<". found is false for what is passed over.
func (s *Scanner) readMarkup() (kind Kind, found bool, err error) {
	for s.next+1 == len(s.buffer) {
		if err := s.fill(windowSize); err != nil {
			return 0, false, s.cutOff(err)
		}
	}
	switch s.buffer[s.next+1] {
	case '!':
		return s.readDeclaration()
	case '?':
		s.next += 2
		return 0, false, s.skipPast("?>")
	}
	for {
		end := s.readTag()
		switch {
		case end > 0:
			s.next = end
			return s.opened()
		case end < 0:
			return 0, false, s.fault(ErrSyntax)
		}
		if err := s.fill(maxTag); err != nil {
			return 0, false, s.cutOff(err)
		}
	}
}

// cutOff is the error where the document ends in the middle of something.
func (s *Scanner) cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return s.fault(ErrCutOff)
	}
	return err
}

// readTag reads the tag at next and returns where it ends, 0 if its end is not in the buffer yet, or -1 if it is none.
func (s *Scanner) readTag() (end int) {
	b := s.buffer
	i := s.next + 1
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
	s.name, s.attrs, s.scratch, s.single = b[begin:i], s.attrs[:0], s.scratch[:0], false
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
			s.single = true
			return i + 2
		case closing:
			return -1
		}
		if i = s.readAttr(b, i); i <= 0 {
			return i
		}
	}
}

// readAttr reads the attribute at i and returns where it ends, 0 and -1 as readTag does.
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

// opened keeps account of the elements that are open.
func (s *Scanner) opened() (Kind, bool, error) {
	if s.closing {
		return End, true, s.close()
	}
	switch {
	case s.depth == maxDepth:
		return 0, false, s.fault(ErrTooDeep)
	case s.depth == 0 && s.begun:
		return 0, false, s.fault(ErrSyntax)
	}
	s.names[s.depth] = append(s.names[s.depth][:0], s.name...)
	s.depth++
	s.begun = true
	return Start, true, nil
}

func (s *Scanner) close() error {
	if s.depth == 0 || !bytes.Equal(s.names[s.depth-1], s.name) {
		return s.fault(ErrSyntax)
	}
	s.depth--
	return nil
}

// endsName has the bytes that end the name of an element.
var endsName = [256]bool{' ': true, '\t': true, '\r': true, '\n': true, '/': true, '>': true, '<': true, '=': true, '"': true, '\'': true}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

package format

import (
	"errors"
	"fmt"
	"io"

	"github.com/health-export/health-export/internal/problem"
)

const (
	// firstWindow suffices for most bodies, which are small; windowSize is the window for longer ones.
	firstWindow = 16 << 10
	windowSize  = 256 << 10
	// maxElement bounds the bytes of an element that is read into memory, and thereby the window.
	maxElement = 16 << 20
)

// errTooLong is returned for a value longer than maxElement. It was skipped, and the next one can be read.
var errTooLong = errors.New("the value is too long to be taken in")

// scanner reads a body through a sliding window. The slices that its methods return are in the window, and valid until
// the next call. Their errors are errTooLong, a *problem.Error where the body is at fault, or the reader's.
//
// A token is read by a function on the bytes of the window that returns errIncomplete when they run out; then the
// window is filled, keeping the beginning of the token, and the function is called again.
type scanner struct {
	body     io.Reader
	window   []byte // window[pos:end] is read from the body and not consumed
	pos, end int
	base     int64        // the offset of window[0] in the body
	depth    int          // open containers at pos
	atEOF    bool         // body has been read to its end
	members  []memberSpan // buffer of readObject
	// The size of the window at first, for a body that is longer than that, and at most for a single value.
	firstSize, usualSize, maxSize int
}

func newScanner(body io.Reader) scanner {
	return scanner{body: body, firstSize: firstWindow, usualSize: windowSize, maxSize: maxElement}
}

// newTextScanner returns a scanner of a text in memory.
func newTextScanner(text []byte) scanner {
	return scanner{window: text, end: len(text), atEOF: true}
}

// fill reads until the window is full or the body ends. The window keeps the bytes from pos on, and grows when they
// fill it.
func (s *scanner) fill() error {
	if s.atEOF {
		return s.errorAt(s.end, errUnexpectedEnd)
	}
	if err := s.makeRoom(); err != nil {
		return err
	}
	for idle := 0; s.end < len(s.window) && !s.atEOF; {
		n, err := s.body.Read(s.window[s.end:])
		s.end += n
		switch {
		case err == io.EOF:
			s.atEOF = true
		case err != nil:
			return err
		case n > 0:
			idle = 0
		default:
			if idle++; idle == 100 {
				return io.ErrNoProgress
			}
		}
	}
	return nil
}

func (s *scanner) makeRoom() error {
	unread := s.window[s.pos:s.end]
	size := len(s.window)
	switch {
	case size == 0:
		size = s.firstSize
	case size < s.usualSize:
		size = s.usualSize
	case len(unread) == size:
		size = min(2*size, s.maxSize)
	}
	if len(unread) == size {
		return errTooLong
	}
	to := s.window
	if size > len(to) {
		to = make([]byte, size)
	}
	s.base += int64(s.pos)
	s.pos, s.end = 0, copy(to, unread)
	s.window = to
	return nil
}

// buffered returns the bytes of the window from pos on.
func (s *scanner) buffered() []byte { return s.window[s.pos:s.end] }

// errorAt returns the error for a fault at window[at].
func (s *scanner) errorAt(at int, reason error) error {
	if reason == errTooDeep {
		return problem.New(problem.Invalid, "nested_too_deeply",
			fmt.Sprintf("The body nests objects and arrays deeper than %d levels, at byte %d. Nothing that is known does; send the data as the app exports it.",
				maxDepth, s.base+int64(at)))
	}
	return problem.New(problem.Invalid, "malformed_json",
		fmt.Sprintf("The body is not valid JSON: %v, at byte %d. Send it again whole, as UTF-8.", reason, s.base+int64(at)))
}

// peek returns the next byte that is not white space, without consuming it.
func (s *scanner) peek() (byte, error) {
	for {
		s.pos = skipSpace(s.window[:s.end], s.pos)
		if s.pos < s.end {
			return s.window[s.pos], nil
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// expectEnd returns an error where anything but white space follows.
func (s *scanner) expectEnd() error {
	for {
		s.pos = skipSpace(s.window[:s.end], s.pos)
		if s.pos < s.end {
			return s.errorAt(s.pos, errTrailing)
		}
		if s.atEOF {
			return nil
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
}

// value returns the next value, of any kind, as in the body.
func (s *scanner) value() ([]byte, error) {
	if _, err := s.peek(); err != nil {
		return nil, err
	}
	scan := valueScan{outerDepth: s.depth, final: s.atEOF}
	for length := 0; ; {
		next, done, err := scan.run(s.window[:s.end], s.pos+length)
		if err != nil {
			return nil, s.errorAt(next, err)
		}
		length = next - s.pos
		if done {
			s.pos = next
			return s.window[next-length : next], nil
		}
		switch err := s.fill(); err {
		case nil:
			scan.final = s.atEOF
		case errTooLong:
			s.pos += length
			return nil, s.skipRest(&scan)
		default:
			return nil, err
		}
	}
}

// skipRest skips the rest of a value, and then returns errTooLong.
func (s *scanner) skipRest(scan *valueScan) error {
	for {
		next, done, err := scan.run(s.window[:s.end], s.pos)
		if err != nil {
			return s.errorAt(next, err)
		}
		s.pos = next
		if done {
			return errTooLong
		}
		if err := s.fill(); err == errTooLong {
			return s.errorAt(s.pos, errLongNumber)
		} else if err != nil {
			return err
		}
	}
}

// name returns the name of the next member of an object, and consumes the colon after it.
func (s *scanner) name() ([]byte, error) {
	if _, err := s.peek(); err != nil {
		return nil, err
	}
	for {
		text := s.buffered()
		var m memberSpan
		next, err := m.scanName(text, 0)
		if err == nil {
			s.pos += next
			return m.nameIn(text), nil
		}
		if err := s.fillOrFail(next, err); err != nil {
			if err == errTooLong {
				return nil, problem.New(problem.Invalid, "name_too_long",
					fmt.Sprintf("The body holds a field name that is longer than %d bytes. Send names as the app does.", s.maxSize))
			}
			return nil, err
		}
	}
}

// fillOrFail handles the error of a function that read from pos: it fills the window, or returns the error at the index
// that the function returned.
func (s *scanner) fillOrFail(next int, err error) error {
	if err != errIncomplete {
		return s.errorAt(s.pos+next, err)
	}
	return s.fill()
}

// eachElement reads an array, and calls element with the index of each of its elements to read it.
func (s *scanner) eachElement(element func(index int) error) error {
	if err := s.open(); err != nil {
		return err
	}
	c, err := s.peek()
	if err != nil || c == ']' {
		return s.close(err)
	}
	for index := 0; ; index++ {
		if err := element(index); err != nil {
			return err
		}
		switch c, err := s.peek(); {
		case err != nil:
			return err
		case c == ']':
			return s.close(nil)
		case c != ',':
			return s.errorAt(s.pos, errNoComma)
		}
		s.pos++
	}
}

// eachMember reads an object, and calls member with the name of each of its members to read the value. The name is
// valid until then.
func (s *scanner) eachMember(member func(name []byte) error) error {
	if err := s.open(); err != nil {
		return err
	}
	c, err := s.peek()
	if err != nil || c == '}' {
		return s.close(err)
	}
	name, err := s.name()
	if err != nil {
		return err
	}
	if err := member(name); err != nil {
		return err
	}
	return s.eachRemainingMember(member)
}

// eachRemainingMember is eachMember from the end of a value on.
func (s *scanner) eachRemainingMember(member func(name []byte) error) error {
	for {
		switch c, err := s.peek(); {
		case err != nil:
			return err
		case c == '}':
			return s.close(nil)
		case c != ',':
			return s.errorAt(s.pos, errNoComma)
		}
		s.pos++
		name, err := s.name()
		if err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
	}
}

func (s *scanner) open() error {
	if s.depth == maxDepth {
		return s.errorAt(s.pos, errTooDeep)
	}
	s.depth++
	s.pos++
	return nil
}

func (s *scanner) close(err error) error {
	if err != nil {
		return err
	}
	s.depth--
	s.pos++
	return nil
}

package format

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// maxText bounds the bytes of a text that becomes a column of its own: a name, a source, a unit, an id.
const maxText = 1000

// object is a JSON object whose members are looked up by name and marked as used, so that the unused ones can be kept as
// attributes. It can be read into repeatedly, which invalidates what it returned before.
type object struct {
	members []member
	spans   []memberSpan // buffer of scan
}

// member is one member of an object. Its slices point into the text that was read.
type member struct {
	name  []byte // unquoted
	token []byte // the name as in the text, with its quotes
	value jsontext.Value
	used  bool
}

// fieldError is an error of one field, which makes the object unreadable.
type fieldError struct{ field, problem string }

func (e *fieldError) Error() string { return e.problem }

// errSyntax is returned for a text that is not JSON, which an element of a body never is: the scanner checks the syntax.
var errSyntax = errors.New("it is not valid JSON")

// read reads one JSON object, and nothing else, from text. The error is a *fieldError where one field is at fault.
// Duplicate names are an error in the object itself, and are not looked for in nested ones.
func (o *object) read(text []byte) error {
	start := skipSpace(text, 0)
	if start == len(text) || text[start] != '{' {
		return errors.New("it is not a JSON object")
	}
	end, err := o.scan(text[start:])
	if err == nil && skipSpace(text, start+end) < len(text) {
		err = errSyntax
	}
	return err
}

// scan reads the JSON object at the beginning of text and returns where it ends: 0 where that is not known, because it is
// not JSON (errSyntax) or has too many fields (errTooManyFields).
func (o *object) scan(text []byte) (end int, err error) {
	o.members = o.members[:0]
	raw, end, _, err := scanMembers(text, 0, o.spans[:0], false)
	if err == errTooManyFields {
		return 0, err
	}
	if err != nil {
		return 0, errSyntax
	}
	o.spans = raw.members
	for i := range raw.members {
		span := &raw.members[i]
		m := member{name: span.nameIn(text), token: text[span.name-1 : span.nameEnd+1], value: raw.value(span)}
		if err = checkName(m.name); err != nil {
			return end, err
		}
		o.members = append(o.members, m)
	}
	return end, o.checkNames()
}

func checkName(name []byte) error {
	if reason := unstorable(name); reason != "" {
		return &fieldError{printable(name), "the name of one of its fields " + reason}
	}
	return nil
}

func (o *object) checkNames() error {
	twice := func(name []byte) error {
		return &fieldError{printable(name), fmt.Sprintf("the field %q is there twice", printable(name))}
	}
	if len(o.members) <= 16 {
		for i := range o.members {
			for j := range i {
				if bytes.Equal(o.members[i].name, o.members[j].name) {
					return twice(o.members[i].name)
				}
			}
		}
		return nil
	}
	seen := make(map[string]struct{}, len(o.members))
	for i := range o.members {
		if _, ok := seen[string(o.members[i].name)]; ok {
			return twice(o.members[i].name)
		}
		seen[string(o.members[i].name)] = struct{}{}
	}
	return nil
}

// find returns the first of the named members that is neither null nor "", nil where there is none. Members that are null
// or "", which mean the same as absence, are marked as used.
func (o *object) find(names ...string) *member {
	for _, name := range names {
		for i := range o.members {
			m := &o.members[i]
			if string(m.name) != name {
				continue
			}
			if m.value.Kind() != 'n' && string(m.value) != `""` {
				return m
			}
			m.used = true
		}
	}
	return nil
}

// number returns the first of the named members that find returns as a number, absent where it is not one.
func (o *object) number(names ...string) float64 {
	m := o.find(names...)
	if m == nil {
		return health.Absent()
	}
	v, ok := parseNumberValue(m.value)
	if !ok {
		return health.Absent()
	}
	m.used = true
	return v
}

// unused yields the members that are not marked as used.
func (o *object) unused() iter.Seq[*member] {
	return func(yield func(*member) bool) {
		for i := range o.members {
			if m := &o.members[i]; !m.used && !yield(m) {
				return
			}
		}
	}
}

// unusedJSON returns the unused members as canonical JSON, "" where there are none.
func (o *object) unusedJSON() (string, error) {
	length := 0
	for m := range o.unused() {
		length += len(",:}") + len(m.token) + len(m.value)
	}
	if length == 0 {
		return "", nil
	}
	text := make([]byte, 0, length)
	for m := range o.unused() {
		text = append(text, `,`...)
		text = append(text, m.token...)
		text = append(text, ':')
		text = append(text, m.value...)
	}
	text[0] = '{'
	return health.CanonicalJSON(append(text, '}'))
}

// unquoted returns the text of a JSON string, without a copy where nothing in it is escaped.
func unquoted(value []byte) (text []byte, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return nil, false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1], true
	}
	text, err := jsontext.AppendUnquote(nil, value)
	return text, err == nil
}

// parseNumberValue reads a number, or a string that holds one. A number too large for a float64 is infinite.
func parseNumberValue(value jsontext.Value) (v float64, ok bool) {
	text := []byte(value)
	if value.Kind() == '"' {
		if text, ok = unquoted(value); !ok {
			return 0, false
		}
		text = bytes.TrimSpace(text)
		if jsontext.Value(text).Kind() != '0' || !jsontext.Value(text).IsValid() {
			return 0, false
		}
	} else if value.Kind() != '0' {
		return 0, false
	}
	v, _ = parseNumber(text)
	return v, true
}

// parseInstant reads a time: text in any form that parseTime reads, or a number of seconds or milliseconds since 1970. offset is the one
// that was sent, or the one in force at location where none was.
func parseInstant(value jsontext.Value, location *time.Location) (at health.Instant, offset int32, ok bool) {
	if text, isText := unquoted(value); isText {
		if at, offset, ok = parseTime(text, location); ok {
			return at, offset, inRange(at)
		}
	}
	v, ok := parseNumberValue(value)
	if !ok || math.IsInf(v, 0) {
		return 0, 0, false
	}
	if at, ok = epochTime(v); !ok || !inRange(at) {
		return 0, 0, false
	}
	_, east := at.Time().In(location).Zone()
	return at, int32(east), true
}

func inRange(at health.Instant) bool { return at >= health.MinInstant && at <= health.MaxInstant }

// finite reports whether none of the values is infinite; they may be absent.
func finite(values ...float64) bool {
	for _, v := range values {
		if math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

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

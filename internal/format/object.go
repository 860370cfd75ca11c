package format

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/health-export/health-export/internal/health"
)

// object is a JSON object whose members are looked up by name and marked as used, so that the unused ones can be kept
// as attributes. It can be read into repeatedly, which invalidates what it returned before.
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

// errSyntax is returned for a text that is not JSON, which an element of a body never is: the scanner checks the
// syntax.
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

// scan reads the JSON object at the beginning of text and returns where it ends: 0 where that is not known, because it
// is not JSON (errSyntax) or has too many fields (errTooManyFields).
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

// find returns the first of the named members that is neither null nor "", nil where there is none. Members that are
// null or "", which mean the same as absence, are marked as used.
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

package format

import (
	"github.com/go-json-experiment/json/jsontext"
)

// maxFields is how many fields one object may have. What is kept of each while it is read is far more than the few bytes
// that it may be written in.
const maxFields = 10_000

// rawObject is a JSON object as it stands in the body, and where in it the members are. This is how points are read:
// a million of them make no garbage. The bigger elements are read as object.
type rawObject struct {
	text    []byte
	members []memberSpan
}

// memberSpan says where in the text of an object a member stands: its name without the quotes, and its value.
type memberSpan struct {
	name, nameEnd   int
	value, valueEnd int
	nameEscaped     bool
}

// scanName reads a name and the colon behind it, and returns where the value begins or white space before it.
func (m *memberSpan) scanName(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, errIncomplete
	}
	if b[i] != '"' {
		return i, errNoName
	}
	end, escaped, err := scanText(b, i+1)
	if err != nil {
		return end, err
	}
	m.name, m.nameEnd, m.nameEscaped = i+1, end, escaped
	switch i = skipSpace(b, end+1); {
	case i >= len(b):
		return i, errIncomplete
	case b[i] != ':':
		return i, errNoColon
	}
	return i + 1, nil
}

// scanValue reads a value within depth containers.
func (m *memberSpan) scanValue(b []byte, i, depth int) (end int, err error) {
	m.value = i
	switch c := b[i]; {
	case c == '"':
		end, _, err = scanText(b, i+1)
		end++
	case c == '-' || isDigit(c):
		end, err = scanNumber(b, i)
	default:
		scan := valueScan{outerDepth: depth}
		var done bool
		if end, done, err = scan.run(b, i); err == nil && !done {
			err = errIncomplete
		}
	}
	m.valueEnd = end
	return end, err
}

// scanMembers reads the object that b begins with, and appends its members to members; depth counts the containers
// around it. With untilData it stops at a member "data" that is an array: then data is true, and the end is where the
// array begins.
func scanMembers(b []byte, depth int, members []memberSpan, untilData bool) (o rawObject, end int, data bool, err error) {
	if depth >= maxDepth {
		return o, 0, false, errTooDeep
	}
	i := skipSpace(b, 1)
	if i < len(b) && b[i] == '}' {
		return rawObject{b[:i+1], members}, i + 1, false, nil
	}
	for {
		var m memberSpan
		if i, err = m.scanName(b, skipSpace(b, i)); err != nil {
			return o, i, false, err
		}
		if i = skipSpace(b, i); i >= len(b) {
			return o, i, false, errIncomplete
		}
		if untilData && b[i] == '[' && string(m.nameIn(b)) == "data" {
			return rawObject{b[:i], members}, i, true, nil
		}
		if i, err = m.scanValue(b, i, depth+1); err != nil {
			return o, i, false, err
		}
		if len(members) == maxFields {
			return o, i, false, errTooManyFields
		}
		members = append(members, m)
		switch i = skipSpace(b, i); {
		case i >= len(b):
			return o, i, false, errIncomplete
		case b[i] == '}':
			return rawObject{b[:i+1], members}, i + 1, false, nil
		case b[i] != ',':
			return o, i, false, errNoComma
		}
		i++
	}
}

// nameIn returns the member's name; text is that of the object.
func (m *memberSpan) nameIn(text []byte) []byte {
	if !m.nameEscaped {
		return text[m.name:m.nameEnd]
	}
	name, _ := unquoted(text[m.name-1 : m.nameEnd+1])
	return name
}

// value returns a member's value as it was sent.
func (o *rawObject) value(m *memberSpan) jsontext.Value { return o.text[m.value:m.valueEnd:m.valueEnd] }

// find returns the value of the first member with the name; nil where there is none.
func (o *rawObject) find(name string) jsontext.Value {
	for i := range o.members {
		if string(o.members[i].nameIn(o.text)) == name {
			return o.value(&o.members[i])
		}
	}
	return nil
}

// readObject returns the object that comes next. With untilData it may end at a member "data" that is an array, as
// scanMembers does; then pos is where the array begins, and the object is open. An object with too many fields is passed
// over like one that is too long, with errTooLong.
func (s *scanner) readObject(untilData bool) (o rawObject, data bool, err error) {
	for {
		o, end, data, err := scanMembers(s.buffered(), s.depth, s.members[:0], untilData)
		if err == nil {
			s.pos += end
			s.members = o.members
			if data {
				s.depth++
			}
			return o, data, nil
		}
		if err != errTooManyFields {
			err = s.fillOrFail(end, err)
		}
		switch err {
		case nil:
		case errTooLong, errTooManyFields:
			return o, false, s.skipRest(&valueScan{outerDepth: s.depth})
		default:
			return o, false, err
		}
	}
}

package format

import (
	"github.com/go-json-experiment/json/jsontext"
)

// maxFields bounds the fields of one object. Decoding takes many times the memory of the few bytes a field may be
// written in.
const maxFields = 10_000

// rawObject is a JSON object as in the body, with the places of its members. Points are read as rawObjects, without
// allocations; the larger elements as objects.
type rawObject struct {
	text    []byte
	members []memberSpan
}

// memberSpan is the place of a member in the text of an object: of its name without the quotes, and of its value.
type memberSpan struct {
	name, nameEnd   int
	value, valueEnd int
	nameEscaped     bool
}

// scanName reads a name and the colon after it, and returns the index after the colon.
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

// scanValue reads the value at i, within depth containers.
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

// scanMembers reads the object at the beginning of b, within depth containers, and appends its members to members. With
// untilData it stops at a member "data" that is an array: then data is true, and end is the beginning of the array.
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

// value returns the value of a member as sent.
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

// readObject returns the next object. With untilData it may end at a member "data" that is an array, as in scanMembers;
// then pos is the beginning of the array, and the object is still open. An object with too many fields is skipped like
// one that is too long, with errTooLong.
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

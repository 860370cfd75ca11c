package format

import (
	"bytes"
	"iter"
	"slices"
)

// attributes returns the other attributes, the metadata and the heart beats of a record as canonical JSON, with its
// value and unit where withValue is set; "" where there are none.
func (a *appleDecoder) attributes(r *appleRecord, withValue bool) string {
	withValue = withValue && (r.hasValue || r.unit != "")
	if !withValue && len(r.metadata)+len(r.beats)+len(r.otherAttributes) == 0 {
		return ""
	}
	key := append(a.scratch[:0], r.metadata...)
	key = append(append(key, 1, 0), r.beats...)
	key = append(append(key, 2, 0), r.otherAttributes...)
	if withValue {
		key = append(append(append(append(key, 3, 0), r.value...), 0), r.unit...)
	}
	a.scratch = key
	if text, ok := a.attributeTexts.get(key); ok {
		return text
	}
	object := map[string]any{}
	for name, value := range pairs(r.otherAttributes) {
		addMember(object, name, value)
	}
	if withValue && r.hasValue {
		object["value"] = sanitize(r.value)
	}
	if withValue && r.unit != "" {
		object["unit"] = r.unit
	}
	if metadata := map[string]any{}; len(r.metadata) > 0 {
		for name, value := range pairs(r.metadata) {
			addMember(metadata, name, value)
		}
		object["metadata"] = metadata
	}
	var beats []heartBeat
	for bpm, time := range pairs(r.beats) {
		beats = append(beats, heartBeat{bpm, time})
	}
	if beats != nil {
		object["beats"] = beats
	}
	return a.attributeTexts.put(key, mustCanonicalObject(object))
}

// heartBeat is one beat of a heart rate variability. Its time has no date and is in the format of the phone's locale.
type heartBeat struct {
	BPM  string `json:"bpm"`
	Time string `json:"time"`
}

// addMember adds a member to an object. Different values of one name become a list.
func addMember(object map[string]any, name, value string) {
	switch have := object[name].(type) {
	case nil:
		object[name] = value
	case string:
		if have != value {
			object[name] = []string{have, value}
		}
	case []string:
		if !slices.Contains(have, value) {
			object[name] = append(have, value)
		}
	}
}

// pairs yields the pairs that appendPair has appended.
func pairs(list []byte) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for len(list) > 0 {
			name, rest, _ := bytes.Cut(list, []byte{0})
			value, rest, _ := bytes.Cut(rest, []byte{0})
			if !yield(sanitize(name), sanitize(value)) {
				return
			}
			list = rest
		}
	}
}

// appendPair appends "name\x00value\x00", without NUL characters in either.
func appendPair(list, name, value []byte) []byte {
	list = appendWithoutNUL(list, name)
	list = append(list, 0)
	list = appendWithoutNUL(list, value)
	return append(list, 0)
}

func appendWithoutNUL(list, text []byte) []byte {
	if bytes.IndexByte(text, 0) < 0 {
		return append(list, text...)
	}
	for _, c := range text {
		if c != 0 {
			list = append(list, c)
		}
	}
	return list
}

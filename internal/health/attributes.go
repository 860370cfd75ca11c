package health

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MergeAttributes returns the JSON object that has the members of both, those of later winning unless they are empty
// (null, "", [] or {}). The result has its names in order, so that two merges of the same members are equal as text. An
// argument that is "", or not an object, is the empty object.
func MergeAttributes(have, later string) string {
	if later == "" || later == have {
		return have
	}
	if have == "" {
		return later
	}
	members := map[string]jsontext.Value{}
	if json.Unmarshal([]byte(have), &members) != nil {
		return later
	}
	sent := map[string]jsontext.Value{}
	if json.Unmarshal([]byte(later), &sent) != nil {
		return have
	}
	for name, value := range sent {
		if _, ok := members[name]; ok && emptyJSON(value) {
			continue
		}
		members[name] = value
	}
	merged, err := json.Marshal(members)
	if err != nil {
		return have
	}
	text, err := CanonicalJSON(merged)
	if err != nil {
		return have
	}
	return text
}

// emptyJSON reports whether a value says nothing.
func emptyJSON(value jsontext.Value) bool {
	switch string(value) {
	case "null", `""`, "[]", "{}":
		return true
	}
	return false
}

// CanonicalJSON returns a JSON value without white space and with the members of its objects in order of their names,
// so that equal values are equal as text. Numbers keep the digits they were sent with.
func CanonicalJSON(value []byte) (string, error) {
	canonical := jsontext.Value(value).Clone()
	err := canonical.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false))
	return string(canonical), err
}

package health

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Medication is the kind of the doses of medicines that were taken, skipped or left. Each element of a body is a dose.
const Medication = "medication"

// Repeats reports whether e, an element of a body, describes the same event as o, an earlier element of that body: the
// same key, and nothing in which the two contradict each other. Doses of a medicine never repeat each other.
func (e *Event) Repeats(o *Event) bool {
	if e.Key() != o.Key() {
		return false
	}
	if !e.Numbered() {
		return true
	}
	return e.Kind != Medication && !e.contradicts(o)
}

// Numbered reports whether several events may have the kind, start and name of this one: whether nothing else
// identifies it.
func (e *Event) Numbered() bool {
	return e.AppID == "" && e.Start != 0
}

// DigestAmong returns the Digest that e, which is Numbered, is stored under. stored are the events with its kind, start
// and name. taken has the keys that other events of the same batch are stored under, and gets that of e.
//
// Of the stored events that are not taken it is the one that is most alike: one that says the same; one that says more; a
// dose of the same size, whose status has changed; a dose of which one of the two has no size; of other kinds, any.
// Where there is none it is a new event, with the next number.
func (e *Event) DigestAmong(stored []Event, taken map[EventKey]bool) string {
	key := EventKey{Kind: e.Kind, Name: e.Name, Start: e.Start}
	used := map[string]bool{}
	best := 0
	for i := range stored {
		candidate := stored[i].Key()
		used[candidate.Digest] = true
		if likeness := e.likeness(&stored[i]); likeness > best && !taken[candidate] {
			best, key.Digest = likeness, candidate.Digest
		}
	}
	for n := 2; best == 0 && (used[key.Digest] || taken[key]); n++ {
		key.Digest = strconv.Itoa(n)
	}
	taken[key] = true
	return key.Digest
}

// likeness is how likely two events of one kind, start and name are the same: 0 where they are not.
func (e *Event) likeness(stored *Event) int {
	adds := func(have, more *Event) bool {
		merged := *have
		merged.Order = more.Order
		return merged.MergeFrom(more)
	}
	saysAll := !adds(stored, e)
	switch {
	case saysAll && !adds(e, stored):
		return 4
	case saysAll:
		return 3
	case e.Kind != Medication:
		return 2
	}
	switch mine, its := e.dose(), stored.dose(); {
	case mine == its:
		return 2
	case mine == "", its == "":
		return 1
	}
	return 0
}

// dose returns the size of the dose of a medication, "" where it is not known.
func (e *Event) dose() string {
	members := attributeMembers(e.Attributes)
	for _, name := range []string{"dosage", "Dosage"} { // in JSON, and in a table
		text := strings.Trim(string(members[name]), `"`)
		if size, err := strconv.ParseFloat(text, 64); err == nil {
			return strconv.FormatFloat(size, 'g', -1, 64)
		}
	}
	return ""
}

// contradicts reports whether the two say different things of the same field.
func (e *Event) contradicts(o *Event) bool {
	if e.End != 0 && o.End != 0 && e.End != o.End || e.Source != "" && o.Source != "" && e.Source != o.Source {
		return true
	}
	if e.Attributes == o.Attributes {
		return false
	}
	its := attributeMembers(o.Attributes)
	for name, value := range attributeMembers(e.Attributes) {
		if other, ok := its[name]; ok && !emptyJSON(value) && !emptyJSON(other) && string(value) != string(other) {
			return true
		}
	}
	return false
}

// attributeMembers returns the members of the JSON object of attributes, none where that is "".
func attributeMembers(attributes string) map[string]jsontext.Value {
	members := map[string]jsontext.Value{}
	if attributes != "" && json.Unmarshal([]byte(attributes), &members) != nil {
		return nil
	}
	return members
}

package health

// Record is one element of a body as a decoder understood it. Exactly one of Samples, Night, Segment, Workout, Event,
// ECG and Merged is set, or none in a record that only carries warnings about the body; Samples holds one sample for nearly every element, and several where one object carries several
// quantities.
//
// Samples and Warnings, and the structs that the pointers lead to, are the receiver's only until the decoder yields the
// next record; strings, maps and slices inside those structs are its to keep.
type Record struct {
	Position Position
	// Entry is the entry of the metric that Samples are points of; nil where each sample says its own Metric and Unit.
	Entry    *MetricEntry
	Samples  []Sample
	Night    *Night
	Segment  *Segment
	Workout  *Workout
	Event    *Event
	ECG      *ECG
	Warnings []Warning
	// Type is the name under which an import lists what became of the element, such as HealthKit's identifier; "" for
	// elements that are counted by their kind alone. It is also set beside a Rejection.
	Type string
	// Merged is set, and nothing else is, for an element that only says which others belong together.
	Merged bool
}

// Kind returns the heading under which the record is counted.
func (r *Record) Kind() ElementKind {
	switch {
	case r.Workout != nil:
		return Workouts
	case r.Merged, r.Event != nil && r.Type != "":
		return KindOfType(r.Position.Type)
	case r.Event != nil:
		return Events
	case r.ECG != nil:
		return ECGs
	default:
		return Metrics
	}
}

// KindOfType returns the heading under which an element with Position.Type t is counted, for elements that were
// rejected before they became a record.
func KindOfType(t string) ElementKind {
	switch t {
	case "metric": // also of a record in Apple's archive that is kept as an event
		return Metrics
	case "workout":
		return Workouts
	case "ecg":
		return ECGs
	default:
		return Events
	}
}

// MetricEntry is what one entry of a body's metrics array says of all its points. Phones write its members in any order, so
// Name and Unit may still be empty when its points are yielded; they are final when the decoder yields a record with
// another Item, or ends.
type MetricEntry struct {
	Name string // as sent
	Unit string // as sent
}

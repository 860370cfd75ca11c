package health

// Record is one decoded element of a body. Exactly one of Samples, Night, Segment, Workout, Event, ECG and Merged is
// set, or none in a record that only has warnings about the body. Samples has one sample for nearly every element, and
// several where one object has several quantities.
//
// Samples, Warnings and the structs that the pointers refer to are valid until the decoder yields the next record;
// strings, maps and slices inside those structs may be kept.
type Record struct {
	Position Position
	// Entry is the metric entry that Samples are points of; nil where each sample has its own Metric and Unit.
	Entry    *MetricEntry
	Samples  []Sample
	Night    *Night
	Segment  *Segment
	Workout  *Workout
	Event    *Event
	ECG      *ECG
	Warnings []Warning
	// Device recorded the element, as far as it is known; nil else. A decoder yields the same pointer for the same device.
	Device *Device
	// Type is the name under which an import counts the element, such as HealthKit's identifier; "" for elements that
	// are counted by their kind alone. It is also set with a Rejection.
	Type string
	// Table is the number of the table that Samples are a row of, from 1 on: its rows are buckets of time with the values of
	// all metrics. 0 is for all that is no such row.
	Table int
	// Merged is set, and nothing else is, for an element that only groups others.
	Merged bool
}

// Kind returns the kind under which the record is counted.
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

// KindOfType returns the kind under which an element with Position.Type t is counted, for elements that were rejected
// before they became a record.
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

// MetricEntry has the name and unit of one entry of a body's metrics array. Phones write its members in any order, so
// they may still be empty when its points are yielded; they are final when the decoder yields a record with another
// MetricEntry, or ends.
type MetricEntry struct {
	Name string // as sent
	Unit string // as sent
}

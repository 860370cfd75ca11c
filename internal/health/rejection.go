package health

import "fmt"

// Position is where in a body an element is.
type Position struct {
	// Type is the kind of element in the singular: metric, workout, symptom, ecg …
	Type string `json:"item_type"`
	// Entry is the index in its array, from 0.
	Entry int `json:"item_index"`
	// Metric is the name as sent, for metric points.
	Metric string `json:"metric,omitempty"`
	// Point is the index in the metric's data, from 0, or -1 where the element is not a point of a metric.
	Point int `json:"point_index"`
}

// The codes of a rejection.
const (
	ValidationError = "validation_error" // the element itself is at fault
	DuplicateEntry  = "duplicate_entry"  // it contradicts another element of the same identity
	DatabaseError   = "database_error"   // the store refused this one element
	ProcessingError = "processing_error" // anything else that concerns this one element
)

// Rejection refuses one element, with a reason and a suggestion. It is an error so that a decoder can return it; any
// other error ends the whole body.
type Rejection struct {
	Position
	Code       string         `json:"error"`
	Message    string         `json:"message"`
	Suggestion string         `json:"suggestion"`
	Details    map[string]any `json:"details,omitempty"`
}

// Error returns the reason without any value, so that it may be logged.
func (r *Rejection) Error() string {
	return fmt.Sprintf("%s %d refused: %s", r.Type, r.Entry, r.Code)
}

// The codes of a warning.
const (
	SuspiciousValue  = "suspicious_value"       // stored, but unlikely
	UnknownUnit      = "unknown_unit"           // stored as sent, not converted
	NoTimeZone       = "no_time_zone"           // the user has no time zone, and the body does not say where the person was
	UnknownField     = "unknown_field"          // an unknown field; kept in the archive, and as an attribute where the element has any
	UnknownType      = "unknown_type"           // an unknown type of element; stored as an event
	UnknownShape     = "unknown_shape"          // a point of a metric without a value that is known; its parts are stored as attributes
	UnknownMember    = "unknown_member"         // a single value beside the lists of elements, such as a version; not stored
	DroppedPoint     = "dropped_point"          // a reading or place within an element that cannot be read; kept in the archive only
	IncompleteFile   = "incomplete_file"        // a file of an element that breaks off; what could be read of it is kept
	MissingFile      = "missing_file"           // a file of the archive that an element refers to is not there, or cannot be read
	RecoveryAsSeries = "recovery_as_heart_rate" // a workout whose heart rate series holds the recovery, an app fault
	ImplausibleSleep = "implausible_sleep"      // a night whose sums and times disagree; what cannot be was left out
	ImpossibleFigure = "impossible_figure"      // a figure that its element cannot have; it was left out
	MissingPressure  = "missing_pressure"       // a blood pressure with one of its two values; stored with that one
)

// Warning is about an element that was stored.
type Warning struct {
	Position
	Code    string         `json:"warning"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

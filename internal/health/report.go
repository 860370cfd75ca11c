package health

import "fmt"

// Outcome is what became of one element of a body.
type Outcome uint8

// The outcomes. Every received element has exactly one.
const (
	Inserted  Outcome = iota // it was new
	Updated                  // it was known, and said something else
	Unchanged                // it was known, and said the same
	Merged                   // it became part of another element of the same body
	Rejected                 // it was refused; the report says why
)

// String returns the name of the outcome as it appears in a report.
func (o Outcome) String() string {
	return [...]string{"inserted", "updated", "unchanged", "merged", "rejected"}[o]
}

// ElementKind is the heading under which an element is counted in a report.
type ElementKind uint8

// The kinds of element. Metrics counts points, with sleep nights and segments among them; Events holds everything that
// is not one of the other three.
const (
	Metrics ElementKind = iota
	Workouts
	Events
	ECGs
	elementKinds
)

// String returns the kind's name in a report.
func (k ElementKind) String() string {
	return [...]string{"metrics", "workouts", "events", "ecg"}[k]
}

// Counts is the account of one kind of element. The law: Received = Inserted + Updated + Unchanged + Merged + Rejected.
type Counts struct {
	Received  int `json:"received"`
	Inserted  int `json:"inserted"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Merged    int `json:"merged"`
	Rejected  int `json:"rejected"`
}

// Add counts one received element with its outcome.
func (c *Counts) Add(o Outcome) { c.addN(o, 1) }

// addN counts n received elements that share an outcome.
func (c *Counts) addN(o Outcome, n int) {
	c.Received += n
	switch o {
	case Inserted:
		c.Inserted += n
	case Updated:
		c.Updated += n
	case Unchanged:
		c.Unchanged += n
	case Merged:
		c.Merged += n
	case Rejected:
		c.Rejected += n
	}
}

// Accepted is how many elements are in the store after the ingestion, whatever their outcome was.
func (c Counts) Accepted() int { return c.Inserted + c.Updated + c.Unchanged + c.Merged }

// Balanced reports whether the law of Counts holds.
func (c Counts) Balanced() bool { return c.Received == c.Accepted()+c.Rejected }

// Position says where in a body an element stands.
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
	DuplicateEntry  = "duplicate_entry"  // it contradicts another element that cannot be told apart from it
	DatabaseError   = "database_error"   // the store refused this one element
	ProcessingError = "processing_error" // anything else that concerns this one element
)

// Rejection refuses one element and says why, and what to do. It is an error so that a decoder can return it; any
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
	UnknownField     = "unknown_field"          // a field nobody has described; kept in the archive, and as an attribute where the element has any
	UnknownType      = "unknown_type"           // a type of element nobody has described yet; stored as an event
	DroppedPoint     = "dropped_point"          // a reading or place within an element that cannot be read; kept in the archive only
	MissingFile      = "missing_file"           // a file of the archive that an element refers to is not there, or cannot be read
	RecoveryAsSeries = "recovery_as_heart_rate" // a workout whose heart rate series holds the recovery, an app fault
	ImplausibleSleep = "implausible_sleep"      // a night whose sums and times disagree
)

// Warning is something a person should know about an element that was stored.
type Warning struct {
	Position
	Code    string         `json:"warning"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

// maxListed is how many rejections, and how many warnings, a report lists; all are counted.
const maxListed = 1000

// Report is the account of one ingestion.
type Report struct {
	Counts   [elementKinds]Counts
	Errors   []Rejection
	Warnings []Warning
	// WarningCount counts the warnings, also those past MaxListed.
	WarningCount int
	// Types is the same account by Record.Type, in the order in which types came up; empty for formats without types.
	// The counts of all types add up to those of all kinds.
	Types []TypeCounts
}

// TypeCounts is the account of the elements of one type.
type TypeCounts struct {
	Type string `json:"type"`
	Counts
	// Reasons says why elements were rejected, the first maxReasons different reasons; the rest is under "".
	Reasons map[string]int `json:"reasons,omitempty"`
}

// Bounds on what a hostile body can make of the table of types.
const (
	maxTypes   = 1000
	maxReasons = 20
)

// Count adds one element with its outcome. typ is Record.Type.
func (r *Report) Count(kind ElementKind, typ string, o Outcome) { r.CountN(kind, typ, o, 1) }

// CountN adds n elements of one type that share an outcome.
func (r *Report) CountN(kind ElementKind, typ string, o Outcome, n int) {
	r.Counts[kind].addN(o, n)
	if typ != "" {
		r.ofType(typ).addN(o, n)
	}
}

// Reject counts a refused element and lists it while there is room. typ is Record.Type.
func (r *Report) Reject(kind ElementKind, typ string, rejection *Rejection) {
	r.Count(kind, typ, Rejected)
	r.List(rejection)
	if typ != "" {
		r.ofType(typ).addReason(rejection.Message)
	}
}

// ofType returns the account of a type. Of too many types the later ones share one.
func (r *Report) ofType(typ string) *TypeCounts {
	for i := range r.Types {
		if r.Types[i].Type == typ {
			return &r.Types[i]
		}
	}
	const others = "(other types)"
	if len(r.Types) >= maxTypes && typ != others {
		return r.ofType(others)
	}
	r.Types = append(r.Types, TypeCounts{Type: typ})
	return &r.Types[len(r.Types)-1]
}

func (t *TypeCounts) addReason(reason string) {
	if t.Reasons == nil {
		t.Reasons = map[string]int{}
	}
	if _, known := t.Reasons[reason]; !known && len(t.Reasons) >= maxReasons {
		reason = ""
	}
	t.Reasons[reason]++
}

// List lists a rejection, while there is room, without counting it: for a part of an element that is counted as a whole.
func (r *Report) List(rejection *Rejection) {
	if len(r.Errors) < maxListed {
		r.Errors = append(r.Errors, *rejection)
	}
}

// Warn lists a warning while there is room.
func (r *Report) Warn(w Warning) {
	r.WarningCount++
	if len(r.Warnings) < maxListed {
		r.Warnings = append(r.Warnings, w)
	}
}

// Total sums the counts of all kinds.
func (r *Report) Total() Counts {
	var t Counts
	for _, c := range r.Counts {
		t.Received += c.Received
		t.Inserted += c.Inserted
		t.Updated += c.Updated
		t.Unchanged += c.Unchanged
		t.Merged += c.Merged
		t.Rejected += c.Rejected
	}
	return t
}

// Status is the one word for how the ingestion went, from its counts alone.
func (r *Report) Status() Status {
	t := r.Total()
	switch {
	case t.Rejected == 0:
		return StatusProcessed
	case t.Accepted() == 0:
		return StatusRejected
	default:
		return StatusPartial
	}
}

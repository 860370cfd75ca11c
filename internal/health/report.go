package health

// maxListed is how many rejections, and how many warnings, a report lists; all are counted.
const maxListed = 1000

// Report is the result of one ingestion, element by element.
type Report struct {
	Counts   [elementKinds]Counts
	Errors   []Rejection
	Warnings []Warning
	// WarningCount is the number of warnings, also those past maxListed.
	WarningCount int
	// Types are the same counts by Record.Type, in the order of the types' first elements; empty for formats without
	// types. The counts of all types add up to those of all kinds.
	Types []TypeCounts
}

// TypeCounts are the outcomes of the elements of one type.
type TypeCounts struct {
	Type string `json:"type"`
	Counts
	// Reasons counts the reasons of rejections, the first maxReasons different ones; the rest is under "".
	Reasons map[string]int `json:"reasons,omitempty"`
}

// Limits of the table of types, which a hostile body could grow.
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

// Reject counts a refused element and lists it, up to maxListed. typ is Record.Type.
func (r *Report) Reject(kind ElementKind, typ string, rejection *Rejection) {
	r.Count(kind, typ, Rejected)
	r.List(rejection)
	if typ != "" {
		r.ofType(typ).addReason(rejection.Message)
	}
}

// ofType returns the counts of a type. Past maxTypes all types share one.
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

// List lists a rejection, up to maxListed, without counting it: for a part of an element that is counted as a whole.
func (r *Report) List(rejection *Rejection) {
	if len(r.Errors) < maxListed {
		r.Errors = append(r.Errors, *rejection)
	}
}

// Warn counts a warning and lists it, up to maxListed.
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

// Status returns the status of the ingestion by its counts alone.
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

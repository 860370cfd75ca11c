package server

import (
	"cmp"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
)

// report is the account of one ingestion as clients see it.
type report struct {
	IngestionID uuid.UUID     `json:"ingestion_id"`
	Success     bool          `json:"success"`
	Status      health.Status `json:"status"`
	Processed   processed     `json:"processed"`
	Counts      counts        `json:"counts"`
	// Errors and Warnings are nil where the report is only summed up. Their counts are there when not all are listed.
	Errors       []reportError   `json:"errors,omitzero"`
	ErrorCount   int             `json:"error_count,omitzero"`
	Warnings     []reportWarning `json:"warnings,omitzero"`
	WarningCount int             `json:"warning_count,omitzero"`
	// Types is the account of an import by type, with the lists.
	Types            []typeCounts `json:"types,omitempty"`
	ProcessingTimeMS int64        `json:"processing_time_ms"`
}

// typeCounts is the account of one type of element.
type typeCounts struct {
	Type string `json:"type"`
	health.Counts
	Reasons []reason `json:"reasons,omitempty"`
}

// reason is why so many elements were rejected.
type reason struct {
	Message string `json:"message"`
	Count   int    `json:"count"`
}

// processed says how many elements are in the store now, for the kinds that the body held.
type processed struct {
	Metrics  *int `json:"metrics,omitempty"`
	Workouts *int `json:"workouts,omitempty"`
	Events   *int `json:"events,omitempty"`
	ECG      *int `json:"ecg,omitempty"`
}

type counts struct {
	Metrics  health.Counts `json:"metrics"`
	Workouts health.Counts `json:"workouts"`
	Events   health.Counts `json:"events"`
	ECG      health.Counts `json:"ecg"`
}

type position struct {
	ItemType   string `json:"item_type"`
	ItemIndex  int    `json:"item_index"`
	Metric     string `json:"metric,omitempty"`
	PointIndex *int   `json:"point_index,omitempty"`
}

type reportError struct {
	position
	Error      string         `json:"error"`
	Message    string         `json:"message"`
	Suggestion string         `json:"suggestion"`
	Details    map[string]any `json:"details,omitempty"`
}

type reportWarning struct {
	position
	Warning string         `json:"warning"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

// MarshalReport returns the account of an ingestion as the answer to POST /v1/ingest has it.
func MarshalReport(i *health.Ingestion) ([]byte, error) {
	return json.Marshal(reportOf(i), json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
}

func typesOf(r *health.Report) (types []typeCounts) {
	for i := range r.Types {
		t := typeCounts{Type: r.Types[i].Type, Counts: r.Types[i].Counts}
		for _, message := range slices.Sorted(maps.Keys(r.Types[i].Reasons)) {
			t.Reasons = append(t.Reasons, reason{cmp.Or(message, "(other reasons)"), r.Types[i].Reasons[message]})
		}
		types = append(types, t)
	}
	return types
}

func reportOf(i *health.Ingestion) report {
	out := summaryOf(i)
	out.Errors, out.Warnings = []reportError{}, []reportWarning{}
	for _, e := range i.Report.Errors {
		out.Errors = append(out.Errors, reportError{
			position: positionOf(e.Position), Error: e.Code, Message: e.Message, Suggestion: e.Suggestion, Details: e.Details,
		})
	}
	for _, w := range i.Report.Warnings {
		out.Warnings = append(out.Warnings, reportWarning{
			position: positionOf(w.Position), Warning: w.Code, Message: w.Message, Details: w.Details,
		})
	}
	out.Types = typesOf(&i.Report)
	if rejected := i.Report.Total().Rejected; rejected > len(out.Errors) {
		out.ErrorCount = rejected
	}
	if i.Report.WarningCount > len(out.Warnings) {
		out.WarningCount = i.Report.WarningCount
	}
	return out
}

// summaryOf returns the report without its lists.
func summaryOf(i *health.Ingestion) report {
	c := i.Report.Counts
	return report{
		IngestionID: i.ID,
		Success:     succeeded(i),
		Status:      i.Status,
		Processed: processed{
			Metrics: storedCount(c[health.Metrics]), Workouts: storedCount(c[health.Workouts]),
			Events: storedCount(c[health.Events]), ECG: storedCount(c[health.ECGs]),
		},
		Counts: counts{
			Metrics: c[health.Metrics], Workouts: c[health.Workouts], Events: c[health.Events], ECG: c[health.ECGs],
		},
		ProcessingTimeMS: i.Duration.Milliseconds(),
	}
}

// succeeded reports whether nothing was rejected.
func succeeded(i *health.Ingestion) bool {
	switch i.Status {
	case health.StatusUnrecognised, health.StatusFailed:
		return false
	default:
		return i.Report.Total().Rejected == 0
	}
}

// storedCount returns how many elements of a kind were not rejected, nil where the body held none of it.
func storedCount(c health.Counts) *int {
	if c.Received == 0 {
		return nil
	}
	n := c.Accepted()
	return &n
}

func positionOf(p health.Position) position {
	out := position{ItemType: p.Type, ItemIndex: p.Entry, Metric: p.Metric}
	if p.Point >= 0 {
		out.PointIndex = &p.Point
	}
	return out
}

package backend

import (
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/health-export/health-export/internal/health"
)

// ReportTexts is a report as JSON texts.
type ReportTexts struct{ Counts, Errors, Warnings, Types string }

// EncodeReport returns a report as JSON texts.
func EncodeReport(r *health.Report) (texts ReportTexts, err error) {
	for _, part := range []struct {
		text  *string
		value any
	}{{&texts.Counts, r.Counts}, {&texts.Errors, r.Errors}, {&texts.Warnings, r.Warnings}, {&texts.Types, r.Types}} {
		text, err := json.Marshal(part.value)
		if err != nil {
			return texts, err
		}
		*part.text = string(text)
	}
	return texts, nil
}

// Decode reads the texts into a report.
func (t *ReportTexts) Decode(r *health.Report) error {
	for _, part := range []struct {
		text string
		into any
	}{{t.Counts, &r.Counts}, {t.Errors, &r.Errors}, {t.Warnings, &r.Warnings}, {t.Types, &r.Types}} {
		if err := json.Unmarshal([]byte(part.text), part.into); err != nil {
			return err
		}
	}
	return nil
}

// EncodeQuantities returns the quantities of a workout as JSON, without those that are absent.
func EncodeQuantities(quantities map[string]health.Quantity) (string, error) {
	present := make(map[string]health.Quantity, len(quantities))
	for name, q := range quantities {
		if !health.IsAbsent(q.Value) {
			present[name] = q
		}
	}
	text, err := json.Marshal(present, json.Deterministic(true))
	return string(text), err
}

// FoldCase returns the form in which texts are compared without regard to case, in every database and locale alike.
func FoldCase(s string) string { return strings.ToLower(s) }

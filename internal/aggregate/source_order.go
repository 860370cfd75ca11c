package aggregate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/health-export/health-export/internal/problem"
)

// SourceOrder is a user's own order of sources, the most trusted first. Sources that are not in it come after those
// that are, in the order of CompareSources. The zero value is no order.
type SourceOrder struct {
	// Sources is the order for every metric that has none in Metrics.
	Sources []string `json:"sources"`
	// Metrics has the orders of single metrics, by the catalogue's name; sleep is sleep_analysis.
	Metrics map[string][]string `json:"metrics"`
}

// The limits of a SourceOrder.
const (
	maxOrdered     = 200
	maxSourceBytes = 1000
)

// Check returns an Invalid error where the order is not valid.
func (o SourceOrder) Check() error {
	if len(o.Metrics) > maxOrdered {
		return problem.New(problem.Invalid, "invalid_source_order", "At most 200 metrics may have an order of their own.").In("metrics")
	}
	if err := checkSources(o.Sources, "sources"); err != nil {
		return err
	}
	for _, sources := range o.Metrics {
		if err := checkSources(sources, "metrics"); err != nil {
			return err
		}
	}
	return nil
}

func checkSources(sources []string, field string) error {
	if len(sources) > maxOrdered {
		return problem.New(problem.Invalid, "invalid_source_order", "A list may name at most 200 sources.").In(field)
	}
	seen := map[string]bool{}
	for _, source := range sources {
		name := normalSource(source)
		switch {
		case name == "" || len(source) > maxSourceBytes || strings.ContainsRune(source, 0):
			return problem.New(problem.Invalid, "invalid_source_order", "A source is named by its text, of 1 to 1000 bytes, as GET /v1/metrics shows it.").In(field)
		case seen[name]:
			return problem.New(problem.Invalid, "invalid_source_order", "A source is named twice. Name each once, the most trusted first.").In(field)
		}
		seen[name] = true
	}
	return nil
}

// For returns the ranking of the sources of one metric.
func (o SourceOrder) For(metric string) Ranking {
	listed, own := o.Metrics[metric]
	if !own {
		listed = o.Sources
	}
	if len(listed) == 0 {
		return Ranking{}
	}
	names := make([]string, len(listed))
	for i, source := range listed {
		names[i] = normalSource(source)
	}
	return Ranking{names}
}

// CompareSources orders sources by trust where several measured the same: first those that HealthKit merged
// ("Watch|iPhone"), then watches, then phones, then everything else; sources of one kind by name. The result is
// negative when a is to be preferred.
func CompareSources(a, b string) int {
	return cmp.Or(cmp.Compare(sourceRank(a), sourceRank(b)), strings.Compare(a, b))
}

func sourceRank(source string) int {
	name := strings.ToLower(source)
	switch {
	case strings.Contains(name, "|"):
		return 0
	case strings.Contains(name, "watch"):
		return 1
	case strings.Contains(name, "phone") && !strings.Contains(name, "headphone"):
		return 2
	default:
		return 3
	}
}

// Ranking orders the sources of one metric. The zero value is the order of CompareSources.
type Ranking struct{ listed []string }

// Compare is negative when source a is to be preferred to b.
func (r Ranking) Compare(a, b string) int {
	if len(r.listed) > 0 {
		if c := cmp.Compare(r.position(a), r.position(b)); c != 0 {
			return c
		}
	}
	return CompareSources(a, b)
}

// position returns the position of a source in the user's order; that after the last where it is not in it.
func (r Ranking) position(source string) int {
	if i := slices.Index(r.listed, normalSource(source)); i >= 0 {
		return i
	}
	return len(r.listed)
}

// normalSource returns the same text for all spellings of a source: phones write spaces and apostrophes that keyboards
// lack.
func normalSource(source string) string {
	return strings.Join(strings.Fields(apostrophes.Replace(strings.ToLower(source))), " ")
}

var apostrophes = strings.NewReplacer("’", "'", "‘", "'", "\u00a0", " ", "\u202f", " ")

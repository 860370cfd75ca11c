package format

import (
	"testing"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// A rejection is not an error of the request, so it has no kind of package problem.
func TestRejectionHasNoKind(t *testing.T) {
	t.Parallel()
	if kind := problem.KindOf(&health.Rejection{Code: health.ValidationError}); kind != "" {
		t.Errorf("a rejection is of kind %q", kind)
	}
}

package format

import (
	"testing"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// A refused element is no failure of the call: nothing makes an answer of it, and the stream goes on.
func TestRejectionHasNoKind(t *testing.T) {
	t.Parallel()
	if kind := problem.KindOf(&health.Rejection{Code: health.ValidationError}); kind != "" {
		t.Errorf("a rejection is of kind %q", kind)
	}
}

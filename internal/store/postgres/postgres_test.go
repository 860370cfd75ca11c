package postgres_test

import (
	"testing"

	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/storetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t) })
}

package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/sqlite"
	"github.com/health-export/health-export/internal/store/storetest"
)

func TestContractInMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return openMemory(t) })
}

func TestContractOnDisk(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return openFile(t, filepath.Join(t.TempDir(), "health.db")) })
}

func openMemory(t testing.TB) *sqlite.Store {
	t.Helper()
	s, err := sqlite.OpenMemory(t.Context(), nil)
	return closed(t, s, err)
}

func openFile(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, nil)
	return closed(t, s, err)
}

// closed closes the store at the end of the test.
func closed(t testing.TB, s *sqlite.Store, err error) *sqlite.Store {
	t.Helper()
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

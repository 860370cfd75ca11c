// Package testdb opens fresh, empty stores for the tests of other rooms.
package testdb

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/sqlite"
)

// kinds are the stores there are, the quickest first. The last one needs a server, see Service.
var kinds = []struct {
	name string
	open func(t *testing.T) (store.Store, error)
}{
	{"sqlite in memory", func(t *testing.T) (store.Store, error) {
		return sqlite.OpenMemory(t.Context(), nil)
	}},
	{"sqlite on disk", func(t *testing.T) (store.Store, error) {
		return sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "health-export.db"), nil)
	}},
	{"postgres", openPostgres},
}

// New returns a fresh, empty store, which is closed at the end of the test: of the quickest kind, or of the one that
// TEST_STORE names (postgres). scripts/test runs the rooms that use it on both.
func New(t *testing.T) store.Store {
	t.Helper()
	name := os.Getenv("TEST_STORE")
	for _, kind := range kinds {
		if name == "" || kind.name == name {
			return opened(t, kind.open)
		}
	}
	t.Fatalf("TEST_STORE=%s is no kind of store", name)
	return nil
}

// Each runs a test on a fresh, empty store of every kind this machine can run, each as a subtest that runs in parallel
// with the others.
func Each(t *testing.T, run func(t *testing.T, s store.Store)) {
	t.Helper()
	kinds := kinds
	if !HasService(t, environment) {
		t.Logf("PostgreSQL is left out, because %s is not set", environment)
		kinds = kinds[:len(kinds)-1]
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			run(t, opened(t, kind.open))
		})
	}
}

func opened(t *testing.T, open func(t *testing.T) (store.Store, error)) store.Store {
	t.Helper()
	s, err := open(t)
	if err != nil {
		t.Fatalf("open a store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

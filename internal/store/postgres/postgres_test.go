package postgres_test

import (
	"testing"

	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/postgres"
	"github.com/health-export/health-export/internal/store/storetest"
	"github.com/health-export/health-export/internal/testdb"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t) })
}

// open returns a store on a fresh database.
func open(t testing.TB) *postgres.Store {
	t.Helper()
	return openAt(t, testdb.PostgresURL(t))
}

// openAt returns a store on a database that others may use too.
func openAt(t testing.TB, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, nil, postgres.Options{MaxConns: 8, MinConns: 1})
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

package testdb_test

import (
	"testing"

	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

func TestStoresAreFresh(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, s store.Store) {
		t.Helper()
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if users, err := s.Users(t.Context()); err != nil || len(users) != 0 {
			t.Errorf("a fresh store has users %v, error %v", users, err)
		}
	}
	check(t, testdb.New(t))
	testdb.Each(t, check)
}

package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/health-export/health-export/internal/problem"
)

// What cannot be made on the PostgreSQL of the tests: one that is too old, a replica, and one without PostGIS.
func TestServersThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	good := server{version: "15.4", versionNumber: 150004, postGISCanBeAdded: true}
	if err := good.usable(); err != nil {
		t.Errorf("PostgreSQL 15 with PostGIS: %v", err)
	}
	for code, test := range map[string]struct {
		change func(*server)
		says   string
	}{
		"database_too_old":   {func(s *server) { s.version, s.versionNumber = "14.9", 140009 }, "PostgreSQL 14.9. Use version 15"},
		"database_read_only": {func(s *server) { s.readOnly = true }, "address of the primary"},
		"postgis_missing":    {func(s *server) { s.postGISCanBeAdded = false }, "postgresql-15-postgis-3"},
	} {
		s := good
		test.change(&s)
		refusal, ok := errors.AsType[*problem.Error](s.usable())
		if !ok || refusal.Kind != problem.Unavailable || refusal.Code != code || !strings.Contains(refusal.Message, test.says) {
			t.Errorf("%s: %v", code, refusal)
		}
	}
}

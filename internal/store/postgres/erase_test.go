package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/storetest"
	"github.com/health-export/health-export/internal/testdb"
)

// TestErasingLeavesNothing fills every table for a user, and looks for that user in every row of every table that the
// database itself names: a table that is added later is looked through too.
func TestErasingLeavesNothing(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	ada, bob := createUser(t, s), createUser(t, s)
	noon := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	storetest.Fill(t, s, ada, noon)
	storetest.Fill(t, s, bob, noon)
	// Alerts are raised by a part of the server that is not in use here.
	exec(t, url, `INSERT INTO alerts (user_id, id, first_seen_at, last_seen_at, occurrences, fingerprint, kind, severity, message, details)
		VALUES ($1, gen_random_uuid(), '2026-03-10', '2026-03-10', 1, '', '', '', '', '{}')`, ada)

	all, found := tablesOf(t, url), traces(t, url, ada)
	for _, table := range all {
		if !slices.Contains([]string{"erased_keys", "leases", "metric_names", "trust"}, table) && !slices.Contains(found, table) {
			t.Errorf("the test puts nothing of the user into %s: add it to storetest.Fill", table)
		}
	}
	if err := s.EraseData(t.Context(), ada, noon); err != nil {
		t.Fatal(err)
	}
	if left := traces(t, url, ada); !slices.Equal(left, []string{"api_key_use", "api_keys", "users"}) {
		t.Errorf("the erased data has left traces in %v", left)
	}
	if _, err := s.DeleteUser(t.Context(), ada, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if left := traces(t, url, ada); len(left) > 0 {
		t.Errorf("the deleted user has left traces in %v", left)
	}
	if left := traces(t, url, bob); len(left) != len(found)-1 { // without the alert
		t.Errorf("of another user there is something in %v only", left)
	}
}

// A source that was erased must not be written with the id that a server has cached.
func TestErasedSourceGetsANewID(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s, other := openAt(t, url), openAt(t, url)
	ada, bob := createUser(t, s), createUser(t, s)
	write(t, s, ada, reading("weight", march, 1))
	write(t, other, ada, reading("weight", march, 2)) // now both have cached the source
	if err := other.EraseData(t.Context(), ada, march); err != nil {
		t.Fatal(err)
	}
	write(t, s, bob, reading("weight", march, 1))
	names := query[string](t, url, `
		SELECT coalesce(s.name, '?') FROM quantity_metrics q JOIN sources s ON s.id = q.source_id WHERE q.user_id = $1`, bob)
	if !slices.Equal(names, []string{reading("weight", march, 1).Source}) {
		t.Errorf("the samples have the source %q", names)
	}
	if ids := query[int32](t, url, `SELECT id FROM sources WHERE name IS NULL`); len(ids) != 1 {
		t.Errorf("the sources without a name are %v", ids)
	}
}

// A body that is being written when its user is erased does not come back, whatever the order.
func TestErasureAndWritingAtOnce(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s, other := openAt(t, url), openAt(t, url)
	ada := createUser(t, s)
	received := time.Now()
	done := make(chan error, 1)
	go func() {
		for i := range 20 {
			sample := reading("weight", march.Add(time.Duration(i)*time.Second), float64(i))
			body := store.Body{User: ada, Order: health.InstantOf(received)}
			if _, err := other.WriteSamples(t.Context(), body, []health.Sample{sample}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	if err := s.EraseData(t.Context(), ada, received); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil && problem.KindOf(err) != problem.Conflict {
		t.Errorf("writing: %v", err)
	}
	storetest.HoldsNothing(t, s, ada)
}

func tablesOf(t *testing.T, url string) []string {
	t.Helper()
	names := query[string](t, url, `
		SELECT table_name::text FROM information_schema.tables
		WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT IN ('spatial_ref_sys', 'goose_db_version')
			AND table_name NOT IN (SELECT relname FROM pg_class WHERE relispartition)
		ORDER BY table_name COLLATE "C"`)
	if len(names) < 20 {
		t.Fatalf("tables: %v", names)
	}
	return names
}

// traces returns the tables of which a row holds, anywhere, the user's id, the id of a key, the text of a body, or the
// name of a device.
func traces(t *testing.T, url string, user uuid.UUID) (found []string) {
	t.Helper()
	for _, table := range tablesOf(t, url) {
		if table == "erased_keys" {
			continue
		}
		hits := query[int64](t, url, `SELECT count(*) FROM `+table+` x WHERE x::text LIKE '%' || $1 || '%'
			OR x::text LIKE '%key-' || $2 || '%'`, user.String(), user.String()[24:])
		if hits[0] > 0 {
			found = append(found, table)
		}
	}
	return found
}

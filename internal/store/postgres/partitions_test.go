package postgres_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/postgres"
	"github.com/health-export/health-export/internal/testdb"
)

// partitionsOf returns the names of a table's partitions without that of the table, in order.
func partitionsOf(t *testing.T, url, table string) (names []string) {
	t.Helper()
	rows := query[string](t, url, `SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::text::regclass ORDER BY 1`, table)
	for _, name := range rows {
		names = append(names, strings.TrimPrefix(name, table+"_"))
	}
	return names
}

func TestPartitionsAreCreatedAhead(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for range 2 { // the second time there is nothing to do
		if err := s.EnsurePartitions(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	for table, want := range map[string]struct {
		count       int
		first, last string
	}{
		"activity_metrics": {37, "m2024_03", "m2027_03"}, "heart_rate_metrics": {37, "m2024_03", "m2027_03"},
		"raw_bodies": {13, "m2026_03", "m2027_03"}, "audit_log": {13, "m2026_03", "m2027_03"},
	} {
		names := partitionsOf(t, url, table)
		if len(names) != want.count || names[0] != want.first || names[len(names)-1] != want.last {
			t.Errorf("%s has %v", table, names)
		}
	}
}

// Several servers that meet the same months for the first time must not be in each other's way.
func TestPartitionsAreCreatedByManyAtOnce(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	var group errgroup.Group
	for i := range 4 {
		s := openAt(t, url)
		random := rand.New(rand.NewPCG(1, uint64(i)))
		for range 2 {
			user := createUser(t, s)
			var batch []health.Sample
			for month := range 60 {
				at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).AddDate(0, -month*random.IntN(3), 0)
				batch = append(batch, reading("step_count", at, float64(month)))
			}
			batch = distinct(batch)
			group.Go(func() error {
				written, err := s.WriteSamples(t.Context(), store.Body{User: user}, batch)
				if err == nil && written.Refused != nil {
					t.Error(written.Refused)
				}
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	overlapping := query[string](t, url, `
		SELECT a.relname || ' ' || b.relname FROM pg_class a, pg_class b
		WHERE a.relname LIKE 'activity_metrics_y%' AND b.relname LIKE 'activity_metrics_m' || substr(a.relname, 19, 4) || '%'
			AND a.relkind = 'r' AND b.relkind = 'r'`)
	if len(overlapping) > 0 {
		t.Errorf("years beside months of the same year: %v", overlapping)
	}
}

func TestOldMonthsOfTheArchiveAreDropped(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	user := createUser(t, s)
	put := func(at time.Time) health.Ingestion {
		in := health.Ingestion{ID: newID(t), UserID: user, ReceivedAt: at, Status: health.StatusAccepted}
		if err := s.Put(t.Context(), in, strings.NewReader("body"), "worker", at); err != nil {
			t.Fatal(err)
		}
		return in
	}
	finish := func(in health.Ingestion) {
		in.Status, in.FinishedAt = health.StatusProcessed, in.ReceivedAt
		if err := s.Finish(t.Context(), in, "worker"); err != nil {
			t.Fatal(err)
		}
	}
	old := put(time.Date(2025, 1, 15, 0, 0, 0, 0, time.UTC))
	unfinished := put(time.Date(2025, 2, 15, 0, 0, 0, 0, time.UTC))
	later := put(time.Date(2025, 3, 15, 0, 0, 0, 0, time.UTC))
	finish(old)
	finish(later)
	drop := func(before time.Time, want int) {
		t.Helper()
		dropped, err := s.DropPartitionsBefore(t.Context(), postgres.ArchiveHistory, before)
		if err != nil || dropped != want {
			t.Errorf("dropped %d, want %d, error %v", dropped, want, err)
		}
	}
	drop(time.Date(2025, 1, 31, 23, 59, 59, 0, time.UTC), 0) // not the whole month
	drop(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 2)     // up to the month with an unfinished one
	remaining := func(want ...health.Ingestion) {
		t.Helper()
		listed, err := s.Ingestions(t.Context(), user, store.IngestionQuery{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		var got, ids []uuid.UUID
		for _, in := range listed {
			got = append(got, in.ID)
		}
		for _, in := range want {
			ids = append(ids, in.ID)
		}
		if diff := cmp.Diff(ids, got); diff != "" {
			t.Errorf("ingestions that are left (-want +got):\n%s", diff)
		}
	}
	remaining(later, unfinished)
	finish(unfinished)
	drop(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 4)
	remaining()
	again := put(time.Date(2025, 2, 20, 0, 0, 0, 0, time.UTC)) // its month has to be created again
	remaining(again)
}

// Another server may have dropped a partition that this one has cached.
func TestDroppedPartitionIsCreatedAgain(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	user := createUser(t, s)
	at := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	write(t, s, user, reading("step_count", at, 1))
	exec(t, url, `DROP TABLE activity_metrics_m2026_03`)
	exec(t, url, `DELETE FROM metric_totals`)
	written := write(t, s, user, reading("step_count", at, 1))
	if written.Outcomes[0] != health.Inserted {
		t.Errorf("outcome %v", written)
	}
}

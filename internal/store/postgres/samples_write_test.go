package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/testdb"
)

// A body that was sent before must not be written again: not a row, not a lock on one, nothing in the log.
func TestUnchangedBatchWritesNoLog(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	user := createUser(t, s)
	batch := readings("step_count", march, 5000)
	write(t, s, user, batch...)
	write(t, s, user, batch...) // the first look at a row may note in it that its writer has committed
	exec(t, url, `CREATE EXTENSION IF NOT EXISTS pg_walinspect`)
	before := query[string](t, url, `SELECT pg_current_wal_insert_lsn()::text`)[0]
	if written := write(t, s, user, batch...); count(written, health.Unchanged) != len(batch) {
		t.Fatalf("of %d samples %d are unchanged", len(batch), count(written, health.Unchanged))
	}
	exec(t, url, `CREATE TABLE something_else ()`) // makes the log be written out, at least this far
	// Other tests write at the same time, and the server tidies up its catalogue: what counts are the tables of samples.
	ours := query[string](t, url, `
		SELECT resource_manager || ' ' || record_type || ' ' || block_ref
		FROM pg_get_wal_records_info($1::text::pg_lsn, pg_current_wal_flush_lsn()) r
		WHERE EXISTS (SELECT FROM pg_class c
			WHERE (c.relname LIKE '%\_metrics%' OR c.relname LIKE 'metric\_totals%')
				AND r.block_ref LIKE '%/' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '/'
					|| pg_relation_filenode(c.oid) || ' fork%')`, before)
	if len(ours) > 0 {
		t.Errorf("%d records were written: %s", len(ours), strings.Join(ours[:min(5, len(ours))], "\n"))
	}
}

// Somebody who writes without the lock, or a total that is wrong, must not make the batch fail nor the account false.
func TestRowsOutsideOfTheTotals(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	user := createUser(t, s)
	batch := readings("step_count", march, 1000)
	write(t, s, user, batch[:600]...)
	exec(t, url, `DELETE FROM metric_totals`)
	batch[3].Value = -1
	written := write(t, s, user, batch...)
	if i, u, n := count(written, health.Inserted), count(written, health.Updated), count(written, health.Unchanged); i != 400 || u != 1 || n != 599 {
		t.Errorf("%d inserted, %d updated, %d unchanged", i, u, n)
	}
	if diff := cmp.Diff(batch, samples(t, s, user, "step_count"), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

// Long series are compared by their digests: every change must be found, and nothing else.
func TestChangesInLongSeries(t *testing.T) {
	t.Parallel()
	s := open(t)
	var batch []health.Sample
	for _, metric := range []string{"heart_rate", "step_count"} {
		for i := range 3000 {
			sample := reading(metric, march.Add(time.Duration(i/2)*time.Minute), float64(i%7)) // 0 among them
			sample.Source = []string{"Ring", "Watch"}[i%2]
			if metric == "heart_rate" {
				sample.Min = float64(i % 5)
				sample.Grain, sample.PerSource = health.GrainMinute, true
			} else if i%3 == 0 {
				sample.End += health.Instant(i) * health.Second
			}
			batch = append(batch, sample)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		user := createUser(t, s)
		write(t, s, user, batch...)
		sent, want := slices.Clone(batch), make([]health.Outcome, len(batch))
		for i := range want {
			want[i] = health.Unchanged
		}
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(batch)-1), 0, 4, rapid.ID).Draw(rt, "changed") {
			want[i] = health.Updated
			switch sample := &sent[i]; rapid.IntRange(0, 6).Draw(rt, "change") {
			case 0:
				sample.Value++
			case 1:
				sample.Value = health.Absent()
				if !sample.HasValue() { // which erases nothing
					want[i] = health.Unchanged
				}
			case 2:
				sample.Max = 3
			case 3:
				sample.Systolic = 3 // for which there is no column
			case 4:
				sample.Attributes = `{"a":1}`
			case 5: // is no change: the noise of arithmetic
				sample.Value *= 1 + 1e-12
				want[i] = health.Unchanged
			case 6: // is no change: when it was received
				sample.Order += health.Day
				want[i] = health.Unchanged
			}
		}
		if rapid.Bool().Draw(rt, "one more") {
			more := reading("step_count", march.Add(time.Hour), 1)
			more.Source = "Phone"
			sent, want = append(sent, more), append(want, health.Inserted)
			slices.SortStableFunc(sent[3000:], func(a, b health.Sample) int { return int(a.Start/1000 - b.Start/1000) })
			at := slices.IndexFunc(sent, func(s health.Sample) bool { return s.Source == "Phone" })
			want = slices.Insert(want[:len(want)-1], at, health.Inserted)
		}
		written := write(t, s, user, sent...)
		if diff := cmp.Diff(want, written.Outcomes); diff != "" {
			rt.Fatalf("outcomes (-want +got):\n%s", diff)
		}
		again := write(t, s, user, sent...)
		if n := count(again, health.Unchanged); n != len(sent) {
			rt.Fatalf("%d of %d are unchanged the second time", n, len(sent))
		}
	})
}

// One bad row in a batch of thousands, new or changed, costs its neighbours nothing.
func TestRefusedRowsAreIsolated(t *testing.T) {
	t.Parallel()
	s := open(t)
	user := createUser(t, s)
	batch := readings("step_count", march, 3000)
	write(t, s, user, batch[1000:2000]...)
	bad := []int{0, 500, 999, 1000, 1500, 1999, 2999}
	for i := range batch {
		batch[i].Value++
	}
	for _, i := range bad {
		batch[i].Attributes = "{\"a\":\"zero \x00 byte\"}"
	}
	written := write(t, s, user, batch...)
	if i, u, r := count(written, health.Inserted), count(written, health.Updated), count(written, health.Rejected); i != 1996 || u != 997 || r != 7 {
		t.Errorf("%d inserted, %d updated, %d rejected", i, u, r)
	}
	for _, i := range bad {
		if !strings.Contains(written.Refused[i], "character") {
			t.Errorf("element %d is refused because of %q", i, written.Refused[i])
		}
	}
	metrics, err := s.Metrics(t.Context(), user)
	if err != nil || metrics[0].Count != 2996 {
		t.Errorf("metrics %v, error %v", metrics, err)
	}
}

// Metrics are numbered with a smallint. When all numbers are given away, samples of a new metric are refused, and no
// others.
func TestMetricsRunOut(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	user := createUser(t, s)
	write(t, s, user, reading("known", march, 1))
	exec(t, url, `
		INSERT INTO metric_names (id, name, unit, kept_in)
		SELECT n, 'metric ' || n, '', 'quantity_metrics' FROM generate_series(2, 32766) n`)
	batch := []health.Sample{reading("known", march, 1), reading("last", march, 1), reading("too much", march, 1)}
	written := write(t, s, user, batch...)
	want := []health.Outcome{health.Unchanged, health.Inserted, health.Rejected}
	if written.Outcomes[1] == health.Rejected { // names that come together are numbered in any order
		slices.Reverse(want[1:])
	}
	if diff := cmp.Diff(want, written.Outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	for i, reason := range written.Refused {
		if want[i] != health.Rejected || !strings.Contains(reason, "32767 metrics") {
			t.Errorf("element %d is refused because of %q", i, reason)
		}
	}
}

// A batch that goes over many rows which are not its own reads some of them, and looks up the rest one by one.
func TestSparseBatchOverDenseRows(t *testing.T) {
	t.Parallel()
	s := open(t)
	user := createUser(t, s)
	dense := readings("step_count", march, 20_000)
	for chunk := range slices.Chunk(dense, 10_000) {
		write(t, s, user, chunk...)
	}
	var sparse []health.Sample
	for i := 0; i < len(dense); i += 100 {
		between := dense[i]
		between.Start += health.Second
		between.End = between.Start
		twin := dense[i]
		twin.Source = "Ring"
		changed := dense[i]
		if i%200 == 0 {
			changed.Value = -1
		}
		sparse = append(sparse, changed, twin, between)
	}
	written := write(t, s, user, sparse...)
	if i, u, n := count(written, health.Inserted), count(written, health.Updated), count(written, health.Unchanged); i != 400 || u != 100 || n != 100 {
		t.Errorf("%d inserted, %d updated, %d unchanged", i, u, n)
	}
	again := write(t, s, user, sparse...)
	if n := count(again, health.Unchanged); n != len(sparse) {
		t.Errorf("%d of %d are unchanged the second time", n, len(sparse))
	}
}

// Nothing has a limit on the number of its parameters: 65,535 would be reached at 6,000 rows.
func TestVeryLargeBatch(t *testing.T) {
	t.Parallel()
	s := open(t)
	user := createUser(t, s)
	batch := readings("step_count", march, 100_000)
	if written := write(t, s, user, batch...); count(written, health.Inserted) != len(batch) {
		t.Errorf("%d inserted", count(written, health.Inserted))
	}
	for i := range batch {
		batch[i].Value++
	}
	if written := write(t, s, user, batch...); count(written, health.Updated) != len(batch) {
		t.Errorf("%d updated", count(written, health.Updated))
	}
}

// The views have names instead of ids.
func TestViewsHaveNames(t *testing.T) {
	t.Parallel()
	url := testdb.PostgresURL(t)
	s := openAt(t, url)
	user := createUser(t, s)
	day := reading("step_count", march.Add(-time.Hour), 9000) // midnight an hour east of UTC
	day.Grain, day.Offset = health.GrainDay, 3600
	heart := reading("heart_rate", march, 60)
	heart.Min, heart.Max, heart.Source = 50, 70, ""
	pressure := reading("blood_pressure", march, health.Absent())
	pressure.Systolic, pressure.Diastolic = 120, 80
	write(t, s, user, pressure, heart, day, reading("weight_body_mass", march, 70))
	for view, want := range map[string]string{
		"activity":       "step_count count Watch 9000 2026-02-28 23:00:00 2026-03-01",
		"quantities":     "weight_body_mass count Watch 70 2026-03-01 00:00:00 2026-03-01",
		"heart_rate":     "heart_rate count - 60 2026-03-01 00:00:00 2026-03-01",
		"blood_pressure": "blood_pressure count Watch 120 2026-03-01 00:00:00 2026-03-01",
	} {
		value := map[string]string{"heart_rate": "average", "blood_pressure": "systolic"}[view]
		if value == "" {
			value = "value"
		}
		got := query[string](t, url, fmt.Sprintf(`
			SELECT concat_ws(' ', metric, unit, coalesce(source, '-'), %s, started_at AT TIME ZONE 'UTC', local_date) FROM %s
			WHERE user_id = $1::text::uuid`, value, view), user.String())
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", view, diff)
		}
	}
	n := health.NewNight()
	n.Source, n.Date, n.Total = "Watch", health.DateOf(march), 7.5
	if _, err := s.WriteNights(t.Context(), store.Body{User: user}, []health.Night{n}); err != nil {
		t.Fatal(err)
	}
	if got := query[string](t, url, `SELECT concat_ws(' ', date, source, total, asleep) FROM sleep`); got[0] != "2026-03-01 Watch 7.5" {
		t.Errorf("sleep: %v", got)
	}
}

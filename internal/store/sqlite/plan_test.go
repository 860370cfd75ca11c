package sqlite

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
)

// The queries that grow with the data must walk along an index, and never sort or scan a table.
func TestQueryPlans(t *testing.T) {
	t.Parallel()
	s, err := OpenMemory(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()

	after := health.SampleKey{Time: 5}
	page := func(q store.SampleQuery) string {
		text, _ := pageQuery(1, metric{id: 1, table: activities}, 1, &q)
		return text
	}
	for name, query := range map[string]string{
		"samples":               page(store.SampleQuery{}),
		"samples of a range":    page(store.SampleQuery{Range: store.Range{From: 1, To: 2}}),
		"samples behind a page": page(store.SampleQuery{Range: store.Range{To: 2}, After: &after, Grains: []health.Grain{0}}),
		"comparison":            activities.compare,
		"extent":                activities.extent,
		"page of ingestions":    selectIngestions(false) + `WHERE i.user_id = ? AND i.id < ? ORDER BY i.id DESC LIMIT ?`,
		"page of workouts": selectWorkouts + ` AND start_time >= ? AND start_time < ? AND (start_time, id) < (?, ?)` +
			` ORDER BY start_time DESC, id DESC LIMIT ?`,
		"page of events": `SELECT ` + eventColumns + ` FROM events WHERE user_id = ? AND start_time >= ?` +
			` AND (start_time, kind, name, app_id, digest) > (?, ?, ?, ?, ?)` +
			` ORDER BY start_time, kind, name, app_id, digest LIMIT ?`,
		"revoked keys": `SELECT id FROM api_keys WHERE revoked_at > 0 AND revoked_at >= ?`,
	} {
		err := s.read(t.Context(), "explain", func(tx *sql.Tx) error {
			steps, err := list(t.Context(), tx, func(row row) (step string, err error) {
				var skip int
				err = row.Scan(&skip, &skip, &skip, &step)
				return step, err
			}, `EXPLAIN QUERY PLAN `+query, make([]any, strings.Count(query, "?"))...)
			for _, step := range steps {
				if strings.Contains(step, "TEMP B-TREE") || strings.HasPrefix(step, "SCAN ") && step != "SCAN CONSTANT ROW" {
					t.Errorf("%s: %s", name, step)
				}
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package postgres

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

const (
	// maxNameLength is how many bytes a name may have. A name and a unit together must fit in an entry of an index.
	maxNameLength = 1000
	// maxMetrics is how many metrics, each in one unit, have an id of type smallint.
	maxMetrics = math.MaxInt16
)

// metric is a metric in one unit.
type metric struct {
	store.Series
	id    int16
	table *table
}

// Name returns the metric with its unit.
func (m metric) Name() store.Series { return m.Series }

// resolvedNames are the ids of the names in one batch, or why there is none.
type resolvedNames = backend.Names[metric, int32]

// checkNames returns why the tables cannot keep names, "" where they can.
func checkNames(names ...string) (reason string) {
	for _, name := range names {
		if len(name) > maxNameLength {
			return fmt.Sprintf("The metric, its unit or its source has more than %d bytes.", maxNameLength)
		}
		if !utf8.ValidString(name) || slices.Contains([]byte(name), 0) {
			return "The metric, its unit or its source has a character that the database cannot keep."
		}
	}
	return ""
}

// resolveNames returns the ids of all names in a batch. A name that is new is written in a transaction of its own, so that
// its lock is held for a moment only.
func (s *Store) resolveNames(ctx context.Context, batch []health.Sample) (*resolvedNames, error) {
	return s.names.Resolve(batch, func(names *resolvedNames) error {
		err := s.read(ctx, "look up names", func(ctx context.Context, conn querier) error { return readNames(ctx, conn, names) })
		if err != nil || names.Complete() {
			return err
		}
		var added *resolvedNames
		err = s.write(ctx, "name metrics and sources", func(ctx context.Context, tx pgx.Tx) error {
			added = names.Clone() // another attempt begins anew
			return s.addNames(ctx, tx, added)
		})
		if err == nil {
			*names = *added
		}
		return err
	})
}

// readNames finds the ids of names that others have added.
func readNames(ctx context.Context, q querier, names *resolvedNames) error {
	var metricNames, units []string
	for name := range names.NewMetrics {
		metricNames, units = append(metricNames, name.Metric), append(units, name.Unit)
	}
	metrics, err := list(ctx, q, scanMetric, `SELECT id, name, unit, kept_in FROM metric_names
		WHERE (name, unit) IN (SELECT * FROM unnest($1::text[], $2::text[]))`, metricNames, units)
	if err != nil {
		return err
	}
	sources, err := list(ctx, q, scanSource, `SELECT id, name FROM sources WHERE name = ANY ($1)`,
		slices.Collect(maps.Keys(names.NewSources)))
	if err != nil {
		return err
	}
	for _, m := range metrics {
		names.Metrics[m.Series] = m
		delete(names.NewMetrics, m.Series)
	}
	for _, s := range sources {
		names.Sources[s.name] = s.id
		delete(names.NewSources, s.name)
	}
	return nil
}

// addNames gives ids to names that nobody has added. Ids are assigned one by one under a lock, and not by a sequence, which
// would skip those of attempts that fail: there are few.
func (s *Store) addNames(ctx context.Context, tx pgx.Tx, names *resolvedNames) error {
	if _, err := tx.Exec(ctx, lockStatement(dictionaryLock)); err != nil {
		return err
	}
	if err := readNames(ctx, tx, names); err != nil { // what was added while we waited
		return err
	}
	var lastMetric, lastSource int32
	if err := tx.QueryRow(ctx, `
		SELECT (SELECT coalesce(max(id), 0) FROM metric_names)::integer, (SELECT coalesce(max(id), 0) FROM sources)`).
		Scan(&lastMetric, &lastSource); err != nil {
		return err
	}
	var ids []int16
	var metricNames, units, tables []string
	for name, sample := range names.NewMetrics {
		if lastMetric >= maxMetrics {
			names.RefusedMetrics[name] = fmt.Sprintf(
				"The server knows %d metrics already and cannot take up another one. Ask its administrator to remove those nobody needs.",
				maxMetrics)
			continue
		}
		lastMetric++
		m := metric{Series: name, id: int16(lastMetric), table: s.tableFor(sample)}
		names.Metrics[name] = m
		ids, metricNames = append(ids, m.id), append(metricNames, name.Metric)
		units, tables = append(units, name.Unit), append(tables, m.table.Name)
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO metric_names (id, name, unit, kept_in)
		SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[])`, ids, metricNames, units, tables); err != nil {
		return err
	}
	var sourceIDs []int32
	var sourceNames []string
	for name := range names.NewSources {
		lastSource++
		names.Sources[name] = lastSource
		sourceIDs, sourceNames = append(sourceIDs, lastSource), append(sourceNames, name)
	}
	_, err := tx.Exec(ctx, `INSERT INTO sources (id, name) SELECT * FROM unnest($1::integer[], $2::text[])`,
		sourceIDs, sourceNames)
	return err
}

func scanMetric(row pgx.Row) (m metric, err error) {
	var keptIn string
	err = row.Scan(&m.id, &m.Metric, &m.Unit, &keptIn)
	m.table = tableNamed(keptIn)
	return m, err
}

type source struct {
	id   int32
	name string
}

func scanSource(row pgx.Row) (s source, err error) {
	err = row.Scan(&s.id, &s.name)
	return s, err
}

// readSources returns a function that reads the names of sources for a backend.Dictionary.
func readSources(ctx context.Context, q querier) func(ids []int32) (map[int32]string, error) {
	return func(ids []int32) (map[int32]string, error) {
		found, err := list(ctx, q, scanSource, `SELECT id, name FROM sources WHERE id = ANY ($1)`, ids)
		names := make(map[int32]string, len(found))
		for _, s := range found {
			names[s.id] = s.name
		}
		return names, err
	}
}

// sourceNames returns the names of sources by their ids.
func (s *Store) sourceNames(ctx context.Context, ids []int32) (map[int32]string, error) {
	return s.names.SourceNames(ids, func(missing []int32) (names map[int32]string, err error) {
		err = s.read(ctx, "look up sources", func(ctx context.Context, conn querier) error {
			names, err = readSources(ctx, conn)(missing)
			return err
		})
		return names, err
	})
}

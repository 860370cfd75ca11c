package postgres

import (
	"context"
	"fmt"
	"maps"
	"math"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/health"
)

const (
	// maxRemembered bounds each part of the dictionary that is kept in memory. A person has some hundred metrics and a
	// few dozen sources.
	maxRemembered = 100_000
	// maxNameLength is how many bytes a name may have. A name and a unit together must fit in an entry of an index.
	maxNameLength = 1000
	// maxMetrics is how many metrics, each in one unit, a smallint can number.
	maxMetrics = math.MaxInt16
)

// dictionary turns the names of metrics and sources into the small numbers that stand for them in the hot tables, and
// back. A number never changes its meaning, so what was read once is remembered.
type dictionary struct {
	store *Store

	mu          sync.RWMutex
	metrics     map[metricName]metric
	sources     map[string]int32
	sourceNames map[int32]string
}

type metricName struct{ name, unit string }

// metric is a metric in one unit.
type metric struct {
	id    int16
	name  metricName
	table *table
}

func newDictionary(s *Store) *dictionary {
	return &dictionary{
		store:       s,
		metrics:     map[metricName]metric{},
		sources:     map[string]int32{},
		sourceNames: map[int32]string{},
	}
}

// resolve returns the numbers of all names in a batch. A name that is new is written in a transaction of its own, so that
// its lock is held for a moment only: one that turns out to have no samples does no harm.
func (d *dictionary) resolve(ctx context.Context, batch []health.Sample) (resolvedNames, error) {
	names := d.recall(batch)
	if names.complete() {
		return names, nil
	}
	err := d.store.read(ctx, "look up names", func(ctx context.Context, conn querier) error { return names.read(ctx, conn) })
	if err != nil {
		return names, err
	}
	if !names.complete() {
		var added resolvedNames
		err := d.store.write(ctx, "name metrics and sources", func(ctx context.Context, tx pgx.Tx) error {
			added = names.clone() // another attempt begins anew
			return d.add(ctx, tx, &added)
		})
		if err != nil {
			return names, err
		}
		names = added
	}
	d.remember(names)
	return names, nil
}

// recall looks up what is remembered, and refuses names that the tables cannot keep.
func (d *dictionary) recall(batch []health.Sample) resolvedNames {
	names := resolvedNames{
		metrics: map[metricName]metric{}, sources: map[string]int32{"": 0},
		refusedMetrics: map[metricName]string{}, refusedSources: map[string]string{},
		newMetrics: map[metricName]*health.Sample{}, newSources: map[string]bool{},
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	last := &health.Sample{}
	for i := range batch {
		sample := &batch[i]
		if i == 0 || sample.Metric != last.Metric || sample.Unit != last.Unit {
			d.recallMetric(&names, sample)
		}
		if sample.Source != last.Source {
			d.recallSource(&names, sample.Source)
		}
		last = sample
	}
	return names
}

func (d *dictionary) recallMetric(names *resolvedNames, sample *health.Sample) {
	name := metricName{sample.Metric, sample.Unit}
	if m, ok := d.metrics[name]; ok {
		names.metrics[name] = m
	} else if reason, bad := checkNames(name.name, name.unit); bad {
		names.refusedMetrics[name] = reason
	} else if names.newMetrics[name] == nil {
		names.newMetrics[name] = sample
	}
}

func (d *dictionary) recallSource(names *resolvedNames, name string) {
	if id, ok := d.sources[name]; ok {
		names.sources[name] = id
	} else if reason, bad := checkNames(name); bad {
		names.refusedSources[name] = reason
	} else if name != "" {
		names.newSources[name] = true
	}
}

// add numbers names that nobody has added. Numbers are given out one by one under a lock, and not by a sequence, which
// would skip those of attempts that fail: there are few.
func (d *dictionary) add(ctx context.Context, tx pgx.Tx, names *resolvedNames) error {
	if _, err := tx.Exec(ctx, lockStatement(dictionaryLock)); err != nil {
		return err
	}
	if err := names.read(ctx, tx); err != nil { // what was added while we waited
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
	for name, sample := range names.newMetrics {
		if lastMetric >= maxMetrics {
			names.refusedMetrics[name] = fmt.Sprintf(
				"The server knows %d metrics already and cannot take up another one. Ask its administrator to remove those nobody needs.",
				maxMetrics)
			continue
		}
		lastMetric++
		m := metric{id: int16(lastMetric), name: name, table: d.store.tableFor(sample)}
		names.metrics[name] = m
		ids, metricNames = append(ids, m.id), append(metricNames, name.name)
		units, tables = append(units, name.unit), append(tables, m.table.Name)
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO metric_names (id, name, unit, kept_in)
		SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[])`, ids, metricNames, units, tables); err != nil {
		return err
	}
	var sourceIDs []int32
	var sourceNames []string
	for name := range names.newSources {
		lastSource++
		names.sources[name] = lastSource
		sourceIDs, sourceNames = append(sourceIDs, lastSource), append(sourceNames, name)
	}
	_, err := tx.Exec(ctx, `INSERT INTO sources (id, name) SELECT * FROM unnest($1::integer[], $2::text[])`,
		sourceIDs, sourceNames)
	return err
}

func (d *dictionary) remember(learned resolvedNames) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.metrics) > maxRemembered {
		clear(d.metrics)
	}
	if len(d.sources) > maxRemembered {
		clear(d.sources)
	}
	maps.Copy(d.metrics, learned.metrics)
	maps.Copy(d.sources, learned.sources)
}

func (d *dictionary) forgetSources() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.sources)
	clear(d.sourceNames)
}

const selectMetrics = `SELECT id, name, unit, kept_in FROM metric_names `

func scanMetric(row pgx.Row) (m metric, err error) {
	var keptIn string
	err = row.Scan(&m.id, &m.name.name, &m.name.unit, &keptIn)
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

// nameSources gives samples the names of their sources, of which they have the numbers.
func (d *dictionary) nameSources(ctx context.Context, samples []health.Sample, ids []int32) error {
	names, err := d.sourcesNamed(ctx, ids)
	if err != nil {
		return err
	}
	for i, id := range ids {
		samples[i].Source = names[id]
	}
	return nil
}

// sourcesNamed returns the names of sources by their numbers.
func (d *dictionary) sourcesNamed(ctx context.Context, ids []int32) (map[int32]string, error) {
	names, missing := d.namesOf(ids)
	if len(missing) == 0 {
		return names, nil
	}
	err := d.store.read(ctx, "look up sources", func(ctx context.Context, conn querier) error {
		found, err := list(ctx, conn, scanSource, `SELECT id, name FROM sources WHERE id = ANY ($1)`, missing)
		for _, s := range found {
			names[s.id] = s.name
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.sourceNames) > maxRemembered {
		clear(d.sourceNames)
	}
	maps.Copy(d.sourceNames, names)
	return names, nil
}

// namesOf returns the names that are remembered, and the numbers of the others.
func (d *dictionary) namesOf(ids []int32) (names map[int32]string, missing []int32) {
	names = map[int32]string{0: ""}
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, id := range ids {
		if _, seen := names[id]; seen {
			continue
		}
		name, known := d.sourceNames[id]
		names[id] = name
		if !known {
			missing = append(missing, id)
		}
	}
	return names, missing
}

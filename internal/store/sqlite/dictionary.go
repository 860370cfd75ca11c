package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"sync"

	"github.com/health-export/health-export/internal/health"
)

// maxRemembered bounds each part of the dictionary that is kept in memory. A person has some hundred metrics and a few
// dozen sources.
const maxRemembered = 100_000

// dictionary turns the names of metrics and sources into the small numbers that stand for them in the hot tables, and
// back. A number never changes its meaning, so what was read once is remembered.
type dictionary struct {
	store *Store

	mu          sync.RWMutex
	metrics     map[metricName]metric
	sources     map[string]int64
	sourceNames map[int64]string
}

type metricName struct{ name, unit string }

// metric is a metric in one unit.
type metric struct {
	id    int64
	name  metricName
	table *table
}

func newDictionary(s *Store) *dictionary {
	return &dictionary{
		store:       s,
		metrics:     map[metricName]metric{},
		sources:     map[string]int64{},
		sourceNames: map[int64]string{},
	}
}

// resolvedNames are the numbers of the names in one batch.
type resolvedNames struct {
	metrics map[metricName]metric
	sources map[string]int64
}

// resolve returns the numbers of all names in a batch. A name that is new is written in a transaction of its own: one
// that turns out to have no samples does no harm.
func (d *dictionary) resolve(ctx context.Context, batch []health.Sample) (resolvedNames, error) {
	known, newMetrics, newSources := d.recall(batch)
	if len(newMetrics) == 0 && len(newSources) == 0 {
		return known, nil
	}
	err := d.store.write(ctx, "name metrics and sources", func(tx *sql.Tx) error {
		for name, sample := range newMetrics {
			added, err := addMetric(ctx, tx, name, d.store.tableFor(sample))
			if err != nil {
				return err
			}
			known.metrics[name] = added
		}
		for name := range newSources {
			added, err := addSource(ctx, tx, name)
			if err != nil {
				return err
			}
			known.sources[name] = added
		}
		return nil
	})
	if err == nil {
		d.remember(known)
	}
	return known, err
}

// recall looks up what is remembered and returns what is not, with one sample of each new metric.
func (d *dictionary) recall(batch []health.Sample) (
	known resolvedNames, newMetrics map[metricName]*health.Sample, newSources map[string]bool,
) {
	known = resolvedNames{map[metricName]metric{}, map[string]int64{"": 0}}
	newMetrics, newSources = map[metricName]*health.Sample{}, map[string]bool{}
	d.mu.RLock()
	defer d.mu.RUnlock()
	last := &health.Sample{}
	for i := range batch {
		sample := &batch[i]
		if i == 0 || sample.Metric != last.Metric || sample.Unit != last.Unit {
			name := metricName{sample.Metric, sample.Unit}
			if m, ok := d.metrics[name]; ok {
				known.metrics[name] = m
			} else if newMetrics[name] == nil {
				newMetrics[name] = sample
			}
		}
		if sample.Source != last.Source && sample.Source != "" {
			if id, ok := d.sources[sample.Source]; ok {
				known.sources[sample.Source] = id
			} else {
				newSources[sample.Source] = true
			}
		}
		last = sample
	}
	return known, newMetrics, newSources
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

// A metric that another writer added first stays in the table that was chosen then.
func addMetric(ctx context.Context, tx *sql.Tx, name metricName, in *table) (metric, error) {
	if _, err := tx.ExecContext(ctx,
		`INSERT INTO metric_names (name, unit, kept_in) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		name.name, name.unit, in.Name); err != nil {
		return metric{}, err
	}
	return scanMetric(tx.QueryRowContext(ctx, selectMetrics+`WHERE name = ? AND unit = ?`, name.name, name.unit))
}

func addSource(ctx context.Context, tx *sql.Tx, name string) (id int64, err error) {
	if _, err := tx.ExecContext(ctx, `INSERT INTO sources (name) VALUES (?) ON CONFLICT DO NOTHING`, name); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT id FROM sources WHERE name = ?`, name).Scan(&id)
	return id, err
}

const selectMetrics = `SELECT id, name, unit, kept_in FROM metric_names `

func scanMetric(row row) (m metric, err error) {
	var keptIn string
	if err := row.Scan(&m.id, &m.name.name, &m.name.unit, &keptIn); err != nil {
		return m, err
	}
	m.table, err = tableNamed(keptIn)
	return m, err
}

// metricID returns the number of a metric; ok is false where nobody has sent it.
func (d *dictionary) metricID(ctx context.Context, tx *sql.Tx, name metricName) (id int64, ok bool, err error) {
	d.mu.RLock()
	m, ok := d.metrics[name]
	d.mu.RUnlock()
	if ok {
		return m.id, true, nil
	}
	err = tx.QueryRowContext(ctx, `SELECT id FROM metric_names WHERE name = ? AND unit = ?`, name.name, name.unit).Scan(&id)
	if isNoRows(err) {
		return 0, false, nil
	}
	return id, err == nil, err
}

// errSourceErased is the failure of a batch one of whose sources has lost its number since it was looked up.
var errSourceErased = errors.New("a source was forgotten")

// verifySources makes sure, within the transaction that uses them, that numbers still stand for their names: nobody else
// had one of them, and it went with the one who did.
func (d *dictionary) verifySources(ctx context.Context, tx *sql.Tx, sources map[string]int64) error {
	for name, id := range sources {
		if id == 0 {
			continue
		}
		var have sql.NullString
		err := tx.QueryRowContext(ctx, `SELECT name FROM sources WHERE id = ?`, id).Scan(&have)
		if err != nil && !isNoRows(err) {
			return err
		}
		if have.String != name {
			d.forgetSources()
			return errSourceErased
		}
	}
	return nil
}

func (d *dictionary) forgetSources() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.sources)
	clear(d.sourceNames)
}

// sourceID returns the number of a source; ok is false where nobody has sent anything from it.
func (d *dictionary) sourceID(ctx context.Context, tx *sql.Tx, name string) (id int64, ok bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT id FROM sources WHERE name = ?`, name).Scan(&id)
	if isNoRows(err) {
		return 0, false, nil
	}
	return id, err == nil, err
}

// sourceName returns the name of a source that a row has the number of.
func (d *dictionary) sourceName(ctx context.Context, tx *sql.Tx, id int64) (name string, err error) {
	if id == 0 {
		return "", nil
	}
	d.mu.RLock()
	name, ok := d.sourceNames[id]
	d.mu.RUnlock()
	if ok {
		return name, nil
	}
	if err := tx.QueryRowContext(ctx, `SELECT name FROM sources WHERE id = ?`, id).Scan(&name); err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.sourceNames) > maxRemembered {
		clear(d.sourceNames)
	}
	d.sourceNames[id] = name
	return name, nil
}

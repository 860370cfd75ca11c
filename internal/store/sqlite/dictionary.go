package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// metric is a metric in one unit.
type metric struct {
	store.Series
	id    int64
	table *table
}

// Name returns the metric with its unit.
func (m metric) Name() store.Series { return m.Series }

// resolvedNames are the ids of the names in one batch.
type resolvedNames = backend.Names[metric, int64]

// resolveNames returns the ids of all names in a batch.
func (s *Store) resolveNames(ctx context.Context, batch []health.Sample) (*resolvedNames, error) {
	return s.names.Resolve(batch, func(names *resolvedNames) error {
		return s.write(ctx, "name metrics and sources", func(tx *sql.Tx) (err error) {
			for name, sample := range names.NewMetrics {
				if names.Metrics[name], err = addMetric(ctx, tx, name, s.tableFor(sample)); err != nil {
					return err
				}
			}
			for name := range names.NewSources {
				if names.Sources[name], err = addSource(ctx, tx, name); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// A metric that another writer added first stays in the table that was chosen then.
func addMetric(ctx context.Context, tx *sql.Tx, name store.Series, in *table) (metric, error) {
	if _, err := tx.ExecContext(ctx,
		`INSERT INTO metric_names (name, unit, kept_in) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		name.Metric, name.Unit, in.Name); err != nil {
		return metric{}, err
	}
	return scanMetric(tx.QueryRowContext(ctx, selectMetrics+`WHERE name = ? AND unit = ?`, name.Metric, name.Unit))
}

func addSource(ctx context.Context, tx *sql.Tx, name string) (id int64, err error) {
	if _, err := tx.ExecContext(ctx, `INSERT INTO sources (name) VALUES (?) ON CONFLICT DO NOTHING`, name); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, selectSourceID, name).Scan(&id)
	return id, err
}

const (
	selectMetrics    = `SELECT id, name, unit, kept_in FROM metric_names `
	selectSourceID   = `SELECT id FROM sources WHERE name = ?`
	selectSourceName = `SELECT name FROM sources WHERE id = ?`
)

func scanMetric(row row) (m metric, err error) {
	var keptIn string
	if err := row.Scan(&m.id, &m.Metric, &m.Unit, &keptIn); err != nil {
		return m, err
	}
	m.table, err = tableNamed(keptIn)
	return m, err
}

// metricID returns the id of a metric; ok is false where nobody has sent it.
func (s *Store) metricID(ctx context.Context, tx *sql.Tx, name store.Series) (id int64, ok bool, err error) {
	if m, ok := s.names.Metric(name); ok {
		return m.id, true, nil
	}
	ok, id, err = one(ctx, tx, scanInteger, `SELECT id FROM metric_names WHERE name = ? AND unit = ?`, name.Metric, name.Unit)
	return id, ok, err
}

// errSourceErased is the failure of a batch one of whose sources has lost its id since it was looked up.
var errSourceErased = errors.New("a source was erased")

// verifySources makes sure, within the transaction that uses them, that ids still stand for their names: where nobody else
// had one of them, it was erased with the user who did.
func (s *Store) verifySources(ctx context.Context, tx *sql.Tx, sources map[string]int64) error {
	for name, id := range sources {
		if id == 0 {
			continue
		}
		var stored sql.NullString
		err := tx.QueryRowContext(ctx, selectSourceName, id).Scan(&stored)
		if err != nil && !isNoRows(err) {
			return err
		}
		if stored.String != name {
			s.names.InvalidateSources()
			return errSourceErased
		}
	}
	return nil
}

// readSources returns a function that reads the names of sources for a backend.Dictionary.
func readSources(ctx context.Context, tx *sql.Tx) func(ids []int64) (map[int64]string, error) {
	return func(ids []int64) (map[int64]string, error) {
		names := make(map[int64]string, len(ids))
		for _, id := range ids {
			var name string
			if err := tx.QueryRowContext(ctx, selectSourceName, id).Scan(&name); err != nil {
				return nil, err
			}
			names[id] = name
		}
		return names, nil
	}
}

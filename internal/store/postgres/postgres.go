// Package postgres implements package store in PostgreSQL 15 or later with PostGIS.
//
// Several servers may use one database, directly or through a pooler in transaction mode (pgbouncer): nothing here depends
// on the state of a session, and no statement is prepared by name. Its SQL also runs on Citus, which distributes the tables
// by user; citus_test.go checks the rules.
package postgres

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// Store is a PostgreSQL database. It is safe for concurrent use.
type Store struct {
	pool       *pgxpool.Pool
	catalog    *catalog.Catalog
	names      *backend.Dictionary[metric, int32]
	partitions *partitions
	timeout    time.Duration
	calls      backend.Calls
	begin      string // see beginWithin
	lifecycle  backend.Lifecycle
}

var _ store.Store = (*Store)(nil)

// Options are the settings that have a sensible value when they are left out.
type Options struct {
	// MaxConns and MinConns bound the connections that are kept open; 20 and 5 where they are 0.
	MaxConns, MinConns int32
	// Timeout bounds every call, and in an archive every piece of a body; a minute where it is 0.
	Timeout time.Duration
	// SkipMigration leaves the schema as it is; one that is not up to date is then an error.
	SkipMigration bool
	// ApplicationName is how the connections are named in PostgreSQL's views; health-export where it is "".
	ApplicationName string
}

// Open connects to the database at a postgres:// URL, checks that it can be worked with, and brings its schema up to
// date. An error says what to do: problem.Invalid where the URL cannot be read, problem.Unavailable where the database
// cannot be reached or lacks something, problem.Conflict (code database_newer) where a newer version has written it.
//
// The catalogue decides which table a metric's samples are kept in, when the first one comes; nil stands for the one
// that is part of the program.
func Open(ctx context.Context, url string, metricCatalog *catalog.Catalog, options Options) (*Store, error) {
	if metricCatalog == nil {
		var err error
		if metricCatalog, err = catalog.Load(); err != nil {
			return nil, err
		}
	}
	config, err := poolConfig(url, options)
	if err != nil {
		return nil, err
	}
	if err := prepareDatabase(ctx, config.ConnConfig, options); err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open connection pool: %w", err)
	}
	s := &Store{pool: pool, catalog: metricCatalog, timeout: cmp.Or(options.Timeout, time.Minute)}
	s.begin = beginWithin(s.timeout)
	s.names = backend.NewDictionary[metric, int32](checkNames)
	s.partitions = newPartitions(s)
	return s, nil
}

// Ping returns nil when the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return s.read(ctx, "ping", func(ctx context.Context, conn querier) error {
		var users int
		return conn.QueryRow(ctx, `SELECT count(*) FROM (SELECT FROM users LIMIT 1) u`).Scan(&users)
	})
}

// Capabilities says in what PostgreSQL differs from the others.
func (s *Store) Capabilities() store.Capabilities {
	return store.Capabilities{Name: "postgres", SingleServer: false}
}

// Close waits for calls that are under way and closes the connections.
func (s *Store) Close() error {
	return s.lifecycle.Close(func() error {
		s.pool.Close()
		return nil
	})
}

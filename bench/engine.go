package main

import (
	"context"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/postgres"
	"github.com/health-export/health-export/internal/store/sqlite"
)

// engine is a kind of database: it creates databases, and has baselines that write and read them by its plainest means.
type engine interface {
	name() string
	// baselineName describes the baseline in a few words.
	baselineName() string
	// create creates an empty database with the product's schema. drop deletes it.
	create(ctx context.Context) (address string, drop func(), err error)
	// truncateSamples removes all samples, so that each round begins with the same tables.
	truncateSamples(ctx context.Context, address string) error
	// baseline reads the samples of a user in one grain, and returns a function that writes them concurrently for so
	// many other users into empty tables of the same database, by the plainest means of the engine, and returns the
	// cost.
	baseline(ctx context.Context, address string, user testUser, grain health.Grain) (write func(ctx context.Context, users int) (cost, error), err error)
	// importBaseline is baseline for the rows that an import of an export of the Health app has written.
	importBaseline(ctx context.Context, address string, user testUser) (func(ctx context.Context, users int) (cost, error), error)
	// processes returns the processor time of each process that serves the database.
	processes(ctx context.Context, address string) (map[int]time.Duration, error)
	// scan counts the averages of a user's heart rate in the database, the minimal cost of reading them.
	scan(ctx context.Context, address string, user testUser, times int) (took costs, err error)
	// size returns the bytes of the tables of samples and of their indexes.
	size(ctx context.Context, address string) (tables, indexes int64, err error)
	// analyze collects statistics, as is done regularly in a database in use.
	analyze(ctx context.Context, address string) error
	// walSince returns a function that returns what was written to the write-ahead log since. It is nil where that is
	// not known.
	walSince(ctx context.Context, address string) (since func(ctx context.Context) (*walUsage, error), err error)
	close()
}

// open opens the store at the address of a created database.
func open(ctx context.Context, address string) (store.Store, error) {
	if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
		return sqlite.Open(ctx, path, nil)
	}
	return postgres.Open(ctx, address, nil, postgres.Options{})
}

// The tables of samples, and those derived from them, which have the same names in every engine.
var (
	sampleTables  = []string{"heart_rate_metrics", "blood_pressure_metrics", "activity_metrics", "quantity_metrics"}
	derivedTables = []string{"metric_totals", "daily_summaries", "latest_values"}
)

// perTransaction is the number of rows that a baseline writes in one transaction.
const perTransaction = 10_000

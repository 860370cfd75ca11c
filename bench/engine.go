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

// engine is a kind of database: it makes new ones, and does by its plainest means what the product does on them.
type engine interface {
	name() string
	// baselineName says in a few words how bare writes.
	baselineName() string
	// create makes a database with the product's schema and nothing in it. drop lets it go.
	create(ctx context.Context) (address string, drop func(), err error)
	// truncateSamples takes all samples out of a database, so that each round begins with the same tables.
	truncateSamples(ctx context.Context, address string) error
	// baseline reads the samples of one grain that a database holds of a user, and returns a function that writes them there for so many
	// other users at once, in the plainest way there is and into empty tables, and says what that cost.
	baseline(ctx context.Context, address string, user testUser, grain health.Grain) (write func(ctx context.Context, users int) (cost, error), err error)
	// importBaseline is bare for what an import of an export of the Health app has left.
	importBaseline(ctx context.Context, address string, user testUser) (func(ctx context.Context, users int) (cost, error), error)
	// processes returns the processor time that each process has used that serves the database.
	processes(ctx context.Context, address string) (map[int]time.Duration, error)
	// scan counts the averages of a user's heart rate in the database, which is the least that reading them can cost.
	scan(ctx context.Context, address string, user testUser, times int) (took costs, err error)
	// size returns how many bytes the tables of samples take, and how many their indexes beside them.
	size(ctx context.Context, address string) (tables, indexes int64, err error)
	// analyze does what has long been done in a database in use: collecting statistics.
	analyze(ctx context.Context, address string) error
	// walSince returns a function that says how much was written to the write-ahead log since. It is nil where that cannot
	// be told.
	walSince(ctx context.Context, address string) (since func(ctx context.Context) (*walUsage, error), err error)
	close()
}

// open opens the store at an address that an engine has made.
func open(ctx context.Context, address string) (store.Store, error) {
	if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
		return sqlite.Open(ctx, path, nil)
	}
	return postgres.Open(ctx, address, nil, postgres.Options{})
}

// The tables of samples, and of what is kept in step with them, which have the same names in every engine.
var (
	sampleTables  = []string{"heart_rate_metrics", "blood_pressure_metrics", "activity_metrics", "quantity_metrics"}
	derivedTables = []string{"metric_totals", "daily_summaries", "latest_values"}
)

// perTransaction is how many rows the plainest way writes in a transaction.
const perTransaction = 10_000

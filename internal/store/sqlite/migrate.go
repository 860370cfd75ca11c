package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"

	"github.com/health-export/health-export/internal/store/backend"
)

//go:embed migrations/*.sql
var embedded embed.FS

// migrate brings the schema up to date: numbered steps, forward only, each in a transaction of its own.
func migrate(ctx context.Context, at location) error {
	connector, err := sqlite.NewConnector(at.dsn(false))
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)

	steps, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, steps,
		goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	for {
		current, target, err := provider.GetVersions(ctx)
		if err != nil {
			return translate(ctx, "read schema version", err)
		}
		if current > target {
			return backend.NewerDatabase(current, target)
		}
		if _, err = provider.Up(ctx); err == nil {
			return nil
		}
		// Another process may have taken the same step at the same time; then this one goes on from there.
		if now, versionErr := provider.GetDBVersion(ctx); versionErr != nil || now == current {
			return translate(ctx, "migrate", err)
		}
	}
}

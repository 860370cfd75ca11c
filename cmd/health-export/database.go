package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/postgres"
	"github.com/health-export/health-export/internal/store/sqlite"
)

// database is a store as the commands use it.
type database = store.Store

// openStore opens the configured store and brings its schema up to date, unless it is told not to.
func (s *settings) openStore(ctx context.Context, metricCatalog *catalog.Catalog) (database, error) {
	url := s.database
	switch {
	case url == "sqlite::memory:":
		return sqlite.OpenMemory(ctx, metricCatalog)
	case strings.HasPrefix(url, "sqlite:"):
		return sqlite.Open(ctx, sqlitePath(url), metricCatalog)
	case isPostgres(url):
		return postgres.Open(ctx, url, metricCatalog, postgres.Options{
			MaxConns: int32(s.maxConnections), MinConns: int32(s.minConnections), Timeout: s.databaseTimeout, SkipMigration: !s.migrate,
		})
	default:
		return nil, usageError{fmt.Errorf(
			"a database is named sqlite:/path/file.db, sqlite::memory: (one that is forgotten) or postgres://user:password@host/database, not %q", redactURL(url))}
	}
}

func sqlitePath(url string) string {
	return strings.TrimPrefix(strings.TrimPrefix(url, "sqlite:"), "//")
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// withStore opens the configured store for the time of one command.
func (p *program) withStore(ctx context.Context, do func(context.Context, database) error) (err error) {
	metricCatalog, err := catalog.Load()
	if err != nil {
		return err
	}
	db, err := p.settings.openStore(ctx, metricCatalog)
	if err != nil {
		return err
	}
	defer func() {
		if closing := db.Close(); err == nil {
			err = closing
		}
	}()
	return do(access.WithRequestInfo(ctx, access.RequestInfo{UserAgent: "command line"}), db)
}

// authenticator returns the keeper of keys for a command that makes or revokes them. answers is who has to be told of
// erasures; nil for a command that erases nothing.
func (p *program) authenticator(db database, invalidator cache.Invalidator) *access.Authenticator {
	return access.NewAuthenticator(db, db, access.AuthenticatorOptions{Now: time.Now, Invalidator: invalidator})
}

// importDirectory is the directory in which uploads wait: the configured one, or one beside the data.
func (s *settings) importDirectory() string {
	const folder = "imports"
	switch {
	case s.importDir != "":
		return s.importDir
	case strings.HasPrefix(s.database, "sqlite:") && s.database != "sqlite::memory:":
		return filepath.Join(filepath.Dir(sqlitePath(s.database)), folder)
	case s.environment["HOME"] == "" && s.environment["XDG_DATA_HOME"] == "", s.database == "sqlite::memory:":
		return filepath.Join(os.TempDir(), "health-export", folder) // nothing outlives this process, or there is no better place
	}
	return filepath.Join(dataDir(s.environment), folder)
}

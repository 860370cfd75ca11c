package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/postgres"
	"github.com/health-export/health-export/internal/store/sqlite"
)

// database is a store as the commands use it.
type database = store.Store

// openStore opens the configured store and brings its schema up to date, unless it is told not to.
func (c *settings) openStore(ctx context.Context, words *catalog.Catalog) (database, error) {
	url := c.database
	switch {
	case url == "sqlite::memory:":
		return sqlite.OpenMemory(ctx, words)
	case strings.HasPrefix(url, "sqlite:"):
		return sqlite.Open(ctx, sqlitePath(url), words)
	case isPostgres(url):
		return postgres.Open(ctx, url, words, postgres.Options{
			MaxConns: int32(c.maxConnections), MinConns: int32(c.minConnections), Timeout: c.databaseTimeout, SkipMigration: !c.migrate,
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
	words, err := catalog.Load()
	if err != nil {
		return err
	}
	db, err := p.settings.openStore(ctx, words)
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
func (p *program) authenticator(db database, answers access.Invalidator) *access.Authenticator {
	return access.NewAuthenticator(db, db, access.AuthenticatorOptions{Now: time.Now, Invalidator: answers})
}

// importsIn is the directory in which uploads wait: the configured one, or one beside the data.
func (c *settings) importsIn() string {
	const folder = "imports"
	switch {
	case c.importDir != "":
		return c.importDir
	case strings.HasPrefix(c.database, "sqlite:") && c.database != "sqlite::memory:":
		return filepath.Join(filepath.Dir(sqlitePath(c.database)), folder)
	case c.environment["HOME"] == "" && c.environment["XDG_DATA_HOME"] == "", c.database == "sqlite::memory:":
		return filepath.Join(os.TempDir(), "health-export", folder) // nothing outlives this process, or there is no better place
	}
	return filepath.Join(dataDir(c.environment), folder)
}

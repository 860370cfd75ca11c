package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/health-export/health-export/internal/access"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/sqlite"
)

// database is a store as the commands use it.
type database = store.Store

// openStore opens the store that a database URL names and brings its schema up to date.
func openStore(ctx context.Context, url string, words *catalog.Catalog) (database, error) {
	switch {
	case url == "sqlite::memory:":
		return sqlite.OpenMemory(ctx, words)
	case strings.HasPrefix(url, "sqlite:"):
		return sqlite.Open(ctx, strings.TrimPrefix(strings.TrimPrefix(url, "sqlite:"), "//"), words)
	default:
		return nil, usageError{fmt.Errorf("a database is named sqlite:/path/file.db or sqlite::memory: (for a database that is forgotten), not %q", redactURL(url))}
	}
}

// withStore opens the configured store for the time of one command.
func (p *program) withStore(ctx context.Context, do func(context.Context, database) error) (err error) {
	words, err := catalog.Load()
	if err != nil {
		return err
	}
	db, err := openStore(ctx, p.settings.database, words)
	if err != nil {
		return err
	}
	defer func() {
		if closing := db.Close(); err == nil {
			err = closing
		}
	}()
	return do(ctx, db)
}

// door returns the keeper of keys for a command that makes or revokes them.
func (p *program) door(db database) *access.Door {
	return access.NewDoor(db, db, cache.NewMemory(1<<20), access.DoorOptions{Now: time.Now})
}

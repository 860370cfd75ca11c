package postgres

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"
	"path"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/health-export/health-export/internal/store/backend"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations returns the steps as files, for tests that depend on the schema.
func Migrations() fs.FS { return embedded }

// Migration is one step of the schema.
type Migration struct {
	Number int64
	Name   string
	// AppliedAt is zero for a step that is pending.
	AppliedAt time.Time
}

// Migrate brings the schema of the database at a URL up to date: numbered steps, forward only, each in a transaction of
// its own. Of several servers that start at once one migrates and the others wait. It returns the steps that it has applied.
func Migrate(ctx context.Context, url string) (made []Migration, err error) {
	err = onSchema(ctx, url, func(conn *pgx.Conn, server server, s *schema) error {
		before, err := s.status(ctx)
		if err != nil {
			return err
		}
		if err := s.migrate(ctx, conn, server); err != nil {
			return err
		}
		after, err := s.status(ctx)
		for i, m := range after {
			if !m.AppliedAt.IsZero() && before[i].AppliedAt.IsZero() {
				made = append(made, m)
			}
		}
		return err
	})
	return made, err
}

// MigrationStatus returns all steps of this version of the program, in order.
func MigrationStatus(ctx context.Context, url string) (all []Migration, err error) {
	err = onSchema(ctx, url, func(_ *pgx.Conn, _ server, s *schema) error {
		all, err = s.status(ctx)
		return err
	})
	return all, err
}

func onSchema(ctx context.Context, url string, do func(conn *pgx.Conn, server server, s *schema) error) error {
	config, err := poolConfig(url, Options{})
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return unreachable(ctx, config.ConnConfig, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	server, err := inspect(ctx, conn)
	if err != nil {
		return translate(ctx, "inspect the database", err)
	}
	if err := server.usable(); err != nil {
		return err
	}
	s, err := newSchema(config.ConnConfig)
	if err != nil {
		return err
	}
	defer s.close()
	return do(conn, server, s)
}

// schema applies the steps. It has connections of its own.
type schema struct {
	db    *sql.DB
	steps *goose.Provider
}

func newSchema(config *pgx.ConnConfig) (*schema, error) {
	steps, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return nil, err
	}
	config = config.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // no description is cached that a step might change
	db := stdlib.OpenDB(*config)
	provider, err := goose.NewProvider(goose.DialectPostgres, db, steps,
		goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return &schema{db, provider}, nil
}

func (s *schema) close() { _ = s.db.Close() }

// pending reports whether there are steps to be applied. A database that a newer version has written is an error.
func (s *schema) pending(ctx context.Context) (bool, error) {
	current, target, err := s.versions(ctx)
	return current < target, err
}

func (s *schema) versions(ctx context.Context) (current, target int64, err error) {
	// goose would create its table of versions first, which a role that may only use the tables cannot do.
	var begun bool
	if err := s.db.QueryRowContext(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&begun); err != nil {
		return 0, 0, translate(ctx, "read schema version", err)
	}
	known := s.steps.ListSources()
	target = known[len(known)-1].Version
	if begun {
		if current, err = s.steps.GetDBVersion(ctx); err != nil {
			return 0, 0, translate(ctx, "read schema version", err)
		}
	}
	if current > target {
		return current, target, backend.NewerDatabase(current, target)
	}
	return current, target, nil
}

// migrationPause is how long an instance waits before it looks again whether another one has finished migrating.
const migrationPause = 200 * time.Millisecond

// migrate applies the steps that are pending, or waits until another instance has applied them.
func (s *schema) migrate(ctx context.Context, conn *pgx.Conn, server server) error {
	for {
		pending, err := s.pending(ctx)
		if err != nil || !pending {
			return err
		}
		if err := server.migratable(); err != nil {
			return err
		}
		made, err := s.migrateLocked(ctx, conn)
		if err != nil || made {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(migrationPause):
		}
	}
}

// migrateLocked applies the steps under a lock; made is false where another instance has the lock. It belongs to a
// transaction that stays open on the given connection meanwhile, and not to its session, so that it works through a pooler.
// It is not waited for in the server: through a pooler, those that wait would use up the connections that the one that has
// the lock needs.
func (s *schema) migrateLocked(ctx context.Context, conn *pgx.Conn) (made bool, err error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{
		BeginQuery: `BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`,
	})
	if err != nil {
		return false, translate(ctx, "take the migration lock", err)
	}
	defer rollback(ctx, tx) // there is nothing to commit
	if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1)`, migrationLock).Scan(&made); err != nil || !made {
		return false, translate(ctx, "take the migration lock", err)
	}
	if pending, err := s.pending(ctx); err != nil || !pending {
		return true, err
	}
	if err := s.addPostGIS(ctx); err != nil {
		return true, err
	}
	_, err = s.steps.Up(ctx)
	return true, translate(ctx, "migrate", err)
}

func (s *schema) status(ctx context.Context) (all []Migration, err error) {
	current, _, err := s.versions(ctx)
	if err != nil {
		return nil, err
	}
	if current == 0 { // not begun: goose would create its table
		for _, step := range s.steps.ListSources() {
			all = append(all, Migration{Number: step.Version, Name: path.Base(step.Path)})
		}
		return all, nil
	}
	states, err := s.steps.Status(ctx)
	if err != nil {
		return nil, translate(ctx, "read schema version", err)
	}
	for _, state := range states {
		all = append(all, Migration{Number: state.Source.Version, Name: path.Base(state.Source.Path), AppliedAt: state.AppliedAt})
	}
	return all, nil
}

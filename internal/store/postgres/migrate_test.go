package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store/postgres"
	"github.com/health-export/health-export/internal/testdb"
)

func TestMigrate(t *testing.T) {
	t.Parallel()
	address := testdb.EmptyPostgresURL(t)
	status := func(applied bool) int {
		t.Helper()
		all, err := postgres.MigrationStatus(t.Context(), address)
		if err != nil || len(all) == 0 || all[0].Name != "00001_initial.sql" || all[0].Number != 1 {
			t.Fatalf("status %v, error %v", all, err)
		}
		for _, m := range all {
			if m.AppliedAt.IsZero() == applied {
				t.Errorf("step %d was made at %v", m.Number, m.AppliedAt)
			}
		}
		return len(all)
	}
	steps := status(false)
	made, err := postgres.Migrate(t.Context(), address)
	if err != nil || len(made) != steps {
		t.Fatalf("made %v, error %v", made, err)
	}
	status(true)
	if made, err = postgres.Migrate(t.Context(), address); err != nil || len(made) != 0 {
		t.Errorf("the second time made %v, error %v", made, err)
	}
}

// Several instances may be started at the same time on a database that is empty.
func TestMigratedByManyAtOnce(t *testing.T) {
	t.Parallel()
	address := testdb.EmptyPostgresURL(t)
	var group errgroup.Group
	for range 6 {
		group.Go(func() error {
			s, err := postgres.Open(t.Context(), address, nil, postgres.Options{MaxConns: 2, MinConns: 1})
			if err != nil {
				return err
			}
			return errors.Join(s.Ping(t.Context()), s.Close())
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	migrations, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if versions := query[int64](t, address, `SELECT version_id FROM goose_db_version WHERE version_id > 0 ORDER BY id`); len(versions) != len(migrations) {
		t.Errorf("steps made: %v, of %d migrations", versions, len(migrations))
	}
}

// refuses checks that a database is not opened, with a sentence that says what to do and nothing secret.
func refuses(t *testing.T, address string, options postgres.Options, kind problem.Kind, code string, says ...string) {
	t.Helper()
	s, err := postgres.Open(t.Context(), address, nil, options)
	if err == nil {
		_ = s.Close()
		t.Fatalf("%s: opened", code)
	}
	var refusal *problem.Error
	if !errors.As(err, &refusal) || refusal.Code != code || !errors.Is(err, kind) {
		t.Fatalf("%s: %v", code, err)
	}
	for _, part := range says {
		if !strings.Contains(refusal.Message, part) {
			t.Errorf("%s: %q does not say %q", code, refusal.Message, part)
		}
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%s: the error has the password in it: %v", code, err)
	}
}

func TestUnusableDatabasesAreRefused(t *testing.T) {
	t.Parallel()
	refuses(t, "postgres://ada:s3cret@[::1/db", postgres.Options{}, problem.Invalid, "invalid_database_url", "postgres://user:password@host")
	refuses(t, "postgres://ada:s3cret@127.0.0.1:1/db", postgres.Options{}, problem.Unavailable, "database_unreachable", "127.0.0.1:1")

	address := testdb.PostgresURL(t)
	with := func(change func(*url.URL)) string {
		changed, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		change(changed)
		return changed.String()
	}
	refuses(t, with(func(u *url.URL) { u.Path = "/there_is_none" }), postgres.Options{},
		problem.Unavailable, "database_missing", "createdb there_is_none")
	refuses(t, with(func(u *url.URL) { u.User = url.UserPassword("nobody_of_this_name", "s3cret") }), postgres.Options{},
		problem.Unavailable, "database_refused_login", "nobody_of_this_name")

	exec(t, address, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	refuses(t, address, postgres.Options{}, problem.Conflict, "database_newer", "9999", "Install the newer version")
	if _, err := postgres.Migrate(t.Context(), address); !errors.Is(err, problem.Conflict) {
		t.Errorf("migrate a newer database: %v", err)
	}
	refuses(t, testdb.EmptyPostgresURL(t), postgres.Options{SkipMigration: true}, problem.Conflict, "database_older", "health-export migrate up")
}

// What a role may not do is said at the start, and not when it is needed.
func TestMissingRightsAreNamed(t *testing.T) {
	t.Parallel()
	address := testdb.EmptyPostgresURL(t)
	database := query[string](t, address, `SELECT current_database()`)[0]
	role := "role_of_" + database
	exec(t, address, `CREATE ROLE `+role+` LOGIN PASSWORD 's3cret'`)
	t.Cleanup(func() { dropRole(t, address, role) })
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	parsed.User = url.UserPassword(role, "s3cret")
	asRole := parsed.String()

	exec(t, address, `REVOKE CREATE ON SCHEMA public FROM PUBLIC`)
	refuses(t, asRole, postgres.Options{}, problem.Unavailable, "schema_right_missing", "GRANT CREATE ON SCHEMA public TO", role)
	if all, err := postgres.MigrationStatus(t.Context(), asRole); err != nil || len(all) == 0 {
		t.Errorf("looking at the steps needs no right to make them: %v, %v", all, err)
	}
	exec(t, address, `GRANT CREATE ON SCHEMA public TO `+role)
	refuses(t, asRole, postgres.Options{}, problem.Unavailable, "postgis_right_missing", "CREATE EXTENSION postgis")

	exec(t, address, `CREATE EXTENSION postgis`)
	s, err := postgres.Open(t.Context(), asRole, nil, postgres.Options{MaxConns: 2})
	if err != nil {
		t.Fatalf("with all rights: %v", err)
	}
	user := createUser(t, s)
	write(t, s, user, readings("step_count", march, 10)...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	exec(t, address, `ALTER TABLE raw_bodies OWNER TO CURRENT_USER`)
	exec(t, address, `GRANT ALL ON raw_bodies TO `+role)
	refuses(t, asRole, postgres.Options{}, problem.Unavailable, "owner_right_missing", "raw_bodies", role)
}

// dropRole runs when the test's own context has ended.
func dropRole(t *testing.T, address, role string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range []string{`DROP OWNED BY ` + role, `DROP ROLE ` + role} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

package testdb

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/postgres"
)

// environment names the variable with the address of a PostgreSQL server that tests may create databases in.
const environment = "TEST_DATABASE_URL"

// PostgresURL returns the address of a fresh database with an empty schema, which is dropped at the end of the test. The
// test is skipped where there is no PostgreSQL, unless CI=true.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return freshDatabase(t, template)
}

// EmptyPostgresURL returns the address of a fresh database that has nothing in it, as PostgresURL does.
func EmptyPostgresURL(t testing.TB) string {
	t.Helper()
	return freshDatabase(t, func() (string, error) { return "template0", nil })
}

func openPostgres(t *testing.T) (store.Store, error) {
	return postgres.Open(t.Context(), PostgresURL(t), nil, postgres.Options{MaxConns: 8, MinConns: 1, SkipMigration: true})
}

func freshDatabase(t testing.TB, template func() (string, error)) string {
	t.Helper()
	Service(t, environment)
	from, err := template()
	if err != nil {
		t.Fatalf("prepare a template database: %v", err)
	}
	name := "health_export_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if err := administer(t.Context(), `CREATE DATABASE `+name+` TEMPLATE `+from); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := administer(ctx, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Errorf("drop the database: %v", err)
		}
	})
	return addressOf(name)
}

// addressOf is the address of another database on the same server.
func addressOf(database string) string {
	address, err := url.Parse(os.Getenv(environment))
	if err != nil {
		return os.Getenv(environment)
	}
	address.Path = "/" + database
	return address.String()
}

// template returns the name of a database that has the schema and nothing else. It is made once for every state of the
// migrations, by whichever process comes first, and stays: copying it is much quicker than migrating.
var template = sync.OnceValues(func() (name string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	digest, err := digestOf(postgres.Migrations())
	if err != nil {
		return "", err
	}
	name = "health_export_template_" + digest
	conn, err := connect(ctx, os.Getenv(environment))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	// The lock belongs to a transaction, which another connection works beside: no database is created in one.
	tx, err := conn.Begin(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('health_export_template'))`); err != nil {
		return "", err
	}
	var exists bool
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = '`+name+`')`).Scan(&exists)
	if err != nil || exists {
		return name, err
	}
	unfinished := name + "_unfinished" // of a process that was ended in between, perhaps
	for _, span := range []func() error{
		func() error { return administer(ctx, `DROP DATABASE IF EXISTS `+unfinished) },
		func() error { return administer(ctx, `CREATE DATABASE `+unfinished+` TEMPLATE template0`) },
		func() error { return fill(ctx, addressOf(unfinished)) },
		func() error { return administer(ctx, `ALTER DATABASE `+unfinished+` RENAME TO `+name) },
	} {
		if err := span(); err != nil {
			return "", err
		}
	}
	return name, nil
})

// fill gives a database the schema. PostGIS brings the definitions of 8,500 reference systems, of which one is used: a
// copy is quicker without the others.
func fill(ctx context.Context, address string) error {
	if _, err := postgres.Migrate(ctx, address); err != nil {
		return err
	}
	conn, err := connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range []string{`DELETE FROM spatial_ref_sys WHERE srid <> 4326`, `VACUUM FULL spatial_ref_sys`} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func digestOf(files fs.FS) (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		fmt.Fprintf(hash, "%s %d\n%s", path, len(text), text)
		return err
	})
	return fmt.Sprintf("%x", hash.Sum(nil)[:8]), err
}

// connect prepares nothing on the server, so that the tests can be run through a pooler.
func connect(ctx context.Context, address string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return pgx.ConnectConfig(ctx, config)
}

// administer runs a statement in the database that the environment names.
func administer(ctx context.Context, statement string) error {
	conn, err := connect(ctx, os.Getenv(environment))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/health-export/health-export/internal/problem"
)

const (
	defaultMaxConns = 20
	defaultMinConns = 5
	// oldestServer is the first release that is supported, as server_version_num has it.
	oldestServer = 150000
)

// poolConfig returns the configuration of a URL. A pooler refuses unknown session parameters, so that only the application's
// name is sent when a connection is made: time limits are set in each transaction.
func poolConfig(url string, options Options) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil { // its text contains the URL with the password
		return nil, problem.New(problem.Invalid, "invalid_database_url",
			"The address of the database cannot be read. Write it as postgres://user:password@host:5432/name, "+
				"with %-escapes for special characters in the password.").In("database")
	}
	config.MaxConns = cmp.Or(options.MaxConns, defaultMaxConns)
	config.MinConns = min(cmp.Or(options.MinConns, defaultMinConns), config.MaxConns)
	config.MaxConnLifetime = time.Hour
	config.MaxConnLifetimeJitter = 10 * time.Minute
	config.HealthCheckPeriod = 15 * time.Second
	config.PingTimeout = 5 * time.Second

	conn := config.ConnConfig
	conn.ConnectTimeout = cmp.Or(conn.ConnectTimeout, 10*time.Second)
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = cmp.Or(options.ApplicationName, "health-export")
	}
	conn.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // the driver's default prepares by name
	conn.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler { return &canceller{conn: c} }
	return config, nil
}

// prepareDatabase checks what the database must have, and migrates it unless told not to, on a connection of its own.
func prepareDatabase(ctx context.Context, config *pgx.ConnConfig, options Options) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return unreachable(ctx, config, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	server, err := inspect(ctx, conn)
	if err != nil {
		return translate(ctx, "inspect the database", err)
	}
	if err := server.usable(); err != nil {
		return err
	}
	schema, err := newSchema(config)
	if err != nil {
		return err
	}
	defer schema.close()
	pending, err := schema.pending(ctx)
	if err != nil {
		return err
	}
	if pending {
		if options.SkipMigration {
			return problem.New(problem.Conflict, "database_older",
				"The schema of the database is not up to date. Run: health-export migrate up")
		}
		if err := schema.migrate(ctx, conn, server); err != nil {
			return err
		}
	}
	return checkOwner(ctx, conn, server)
}

// server describes a database before it is used.
type server struct {
	database, role, version    string
	versionNumber              int
	readOnly                   bool
	mayCreate                  bool
	postGIS, postGISCanBeAdded bool
}

func inspect(ctx context.Context, conn *pgx.Conn) (s server, err error) {
	err = conn.QueryRow(ctx, `
		SELECT current_database(), current_user, current_setting('server_version'),
			current_setting('server_version_num')::integer, pg_is_in_recovery(),
			coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
			EXISTS (SELECT FROM pg_extension WHERE extname = 'postgis'),
			EXISTS (SELECT FROM pg_available_extensions WHERE name = 'postgis')`).
		Scan(&s.database, &s.role, &s.version, &s.versionNumber, &s.readOnly, &s.mayCreate, &s.postGIS, &s.postGISCanBeAdded)
	return s, err
}

// usable returns what the database lacks for any use.
func (s server) usable() error {
	switch {
	case s.versionNumber < oldestServer:
		return unusable("database_too_old", fmt.Sprintf(
			"The database is PostgreSQL %s. Use version 15 or later.", s.version))
	case s.readOnly:
		return unusable("database_read_only",
			"The database is a replica that can only be read. Give the address of the primary.")
	case !s.postGIS && !s.postGISCanBeAdded:
		return unusable("postgis_missing",
			"PostGIS is not installed on the database server. Install it there (on Debian the package postgresql-"+
				fmt.Sprint(s.versionNumber/10000)+"-postgis-3), then start again.")
	}
	return nil
}

// migratable returns which right is missing to change the schema.
func (s server) migratable() error {
	if !s.mayCreate {
		return unusable("schema_right_missing", fmt.Sprintf(
			"The role %s may not create tables. As the owner of the database %s, run: GRANT CREATE ON SCHEMA public TO %s",
			s.role, s.database, pgx.Identifier{s.role}.Sanitize()))
	}
	return nil
}

// addPostGIS needs more rights than the rest of a migration.
func (s *schema) addPostGIS(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, `CREATE EXTENSION IF NOT EXISTS postgis`)
	if codeOf(err) == codeInsufficientPrivilege {
		return unusable("postgis_right_missing",
			"PostGIS has to be added to the database by a superuser. Run in it: CREATE EXTENSION postgis").Because(err)
	}
	return translate(ctx, "add PostGIS", err)
}

// checkOwner reports at the start, and not at the end of a month, that partitions cannot be created.
func checkOwner(ctx context.Context, conn *pgx.Conn, s server) error {
	var foreign []string
	err := conn.QueryRow(ctx, `
		SELECT coalesce(array_agg(c.relname::text ORDER BY c.relname), '{}') FROM pg_class c
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY ($1)
			AND NOT pg_has_role(c.relowner, 'USAGE')`, slices.Concat(archiveTables, auditTables, sampleTables)).Scan(&foreign)
	if err != nil {
		return translate(ctx, "look for the owner of the tables", err)
	}
	if len(foreign) > 0 {
		return unusable("owner_right_missing", fmt.Sprintf(
			"The role %s does not own the tables %s, and cannot create partitions of them. Connect as the role that "+
				"created them, or make %[1]s a member of that role (GRANT).", s.role, strings.Join(foreign, ", ")))
	}
	return nil
}

// unreachable explains why no connection could be made. The cause is only logged; it does not contain the password.
func unreachable(ctx context.Context, config *pgx.ConnConfig, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	where := fmt.Sprintf("%s:%d", config.Host, config.Port)
	cause := errors.Unwrap(err)
	switch code := codeOf(err); {
	case strings.HasPrefix(code, "28"):
		return unusable("database_refused_login", fmt.Sprintf(
			"The database at %s does not let %s in. Check the user and the password.", where, config.User)).Because(cause)
	case code == "3D000":
		return unusable("database_missing", fmt.Sprintf(
			"There is no database %s at %s. Create it: createdb %[1]s", config.Database, where)).Because(cause)
	case code == codeInsufficientPrivilege:
		return unusable("database_right_missing", fmt.Sprintf(
			"The role %s may not connect to the database %s. As its owner, run: GRANT CONNECT, TEMPORARY ON DATABASE %[2]s TO %[1]s",
			config.User, config.Database)).Because(cause)
	}
	return unusable("database_unreachable", fmt.Sprintf(
		"The database at %s cannot be reached. Check that it is running and that the address is right.", where)).Because(cause)
}

func unusable(code, message string) *problem.Error {
	return problem.New(problem.Unavailable, code, message)
}

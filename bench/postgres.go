package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/health-export/health-export/internal/store/postgres"
)

// postgresEngine creates databases on a PostgreSQL server, and uses no others there.
type postgresEngine struct {
	server        *url.URL
	admin         *pgx.Conn
	template      string // a database with the schema and its partitions, to be copied
	settings      string // the relevant ones, for the report
	canInspectWAL bool   // whether pg_walinspect is available
}

func newPostgres(ctx context.Context, address string) (_ *postgresEngine, err error) {
	e := &postgresEngine{template: databaseName()}
	if e.server, err = url.Parse(address); err != nil {
		return nil, fmt.Errorf("%s is not the address of a database", postgresVariable)
	}
	if e.admin, err = pgx.Connect(ctx, address); err != nil {
		return nil, err
	}
	if err := e.prepare(ctx); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func databaseName() string {
	return "health_export_bench_" + strings.ReplaceAll(uuid.NewString(), "-", "")
}

func (e *postgresEngine) addressOf(database string) string {
	address := *e.server
	address.Path = "/" + database
	return address.String()
}

// prepare creates the template.
func (e *postgresEngine) prepare(ctx context.Context) error {
	err := e.admin.QueryRow(ctx, `
		SELECT 'PostgreSQL ' || current_setting('server_version') || ': ' || string_agg(name || ' ' || current_setting(name), ', ' ORDER BY name)
		FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'max_wal_size', 'shared_buffers', 'synchronous_commit', 'wal_compression')`).
		Scan(&e.settings)
	if err != nil {
		return err
	}
	if _, err := e.admin.Exec(ctx, `CREATE DATABASE `+e.template+` TEMPLATE template0`); err != nil {
		return err
	}
	s, err := postgres.Open(ctx, e.addressOf(e.template), nil, postgres.Options{})
	if err != nil {
		return err
	}
	err = s.EnsurePartitions(ctx, time.Now())
	if closed := s.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, e.addressOf(e.template))
	if err != nil {
		return err
	}
	_, missing := conn.Exec(ctx, `CREATE EXTENSION pg_walinspect`) // a contrib module, for superusers only
	e.canInspectWAL = missing == nil
	return conn.Close(ctx)
}

func (e *postgresEngine) name() string         { return "PostgreSQL" }
func (e *postgresEngine) baselineName() string { return "binary COPY" }

func (e *postgresEngine) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e.drop(ctx, e.template)
	_ = e.admin.Close(ctx)
}

func (e *postgresEngine) drop(ctx context.Context, database string) {
	_, _ = e.admin.Exec(context.WithoutCancel(ctx), `DROP DATABASE IF EXISTS `+database+` WITH (FORCE)`)
}

func (e *postgresEngine) create(ctx context.Context) (address string, drop func(), err error) {
	name := databaseName()
	_, err = e.admin.Exec(ctx, `CREATE DATABASE `+name+` TEMPLATE `+e.template)
	return e.addressOf(name), func() { e.drop(ctx, name) }, err
}

// truncateSamples truncates the partitions that have rows, which makes their files as new, and makes a checkpoint, so
// that none occurs during a measurement.
func (e *postgresEngine) truncateSamples(ctx context.Context, address string) error {
	return e.on(ctx, address, func(conn *pgx.Conn) error {
		var filled []string
		err := conn.QueryRow(ctx, `
			SELECT coalesce(array_agg(part.relid::text), '{}') FROM unnest($1::text[]) name, pg_partition_tree(name::regclass) part
			WHERE part.isleaf AND pg_relation_size(part.relid) > 0`, sampleTables).Scan(&filled)
		if err != nil {
			return err
		}
		for _, statement := range []string{`TRUNCATE ` + strings.Join(append(filled, derivedTables...), ", "), `CHECKPOINT`} {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *postgresEngine) size(ctx context.Context, address string) (tables, indexes int64, err error) {
	err = e.on(ctx, address, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `
			SELECT sum(pg_relation_size(part.relid))::bigint, sum(pg_indexes_size(part.relid))::bigint
			FROM unnest($1::text[]) name, pg_partition_tree(name::regclass) part
			WHERE part.isleaf AND pg_relation_size(part.relid) > 0`, sampleTables).Scan(&tables, &indexes)
	})
	return tables, indexes, err
}

func (e *postgresEngine) analyze(ctx context.Context, address string) error {
	return e.on(ctx, address, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `VACUUM (ANALYZE)`)
		return err
	})
}

func (e *postgresEngine) on(ctx context.Context, address string, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return do(conn)
}

// walSince attributes records of the log to samples by the files of their tables and indexes.
func (e *postgresEngine) walSince(ctx context.Context, address string) (func(context.Context) (*walUsage, error), error) {
	if !e.canInspectWAL {
		return nil, nil
	}
	var before string
	err := e.admin.QueryRow(ctx, `SELECT pg_current_wal_insert_lsn()::text`).Scan(&before)
	return func(ctx context.Context) (*walUsage, error) {
		var l walUsage
		err := e.on(ctx, address, func(conn *pgx.Conn) error {
			return conn.QueryRow(ctx, `
				WITH samples AS (
					SELECT DISTINCT 'rel ' || r.tablespace || '/' || r.database || '/' || r.file || ' fork' AS file
					FROM (SELECT coalesce(nullif(c.reltablespace, 0), d.dattablespace) AS tablespace, d.oid AS database, pg_relation_filenode(c.oid) AS file
						FROM pg_class c, pg_database d
						WHERE d.datname = current_database() AND c.relname LIKE ANY ($2) AND pg_relation_filenode(c.oid) IS NOT NULL) r)
				SELECT coalesce(sum(w.record_length), 0)::bigint,
					coalesce(sum(w.record_length) FILTER (WHERE EXISTS (SELECT FROM samples s WHERE strpos(w.block_ref, s.file) > 0)), 0)::bigint
				FROM pg_get_wal_records_info($1::pg_lsn, pg_current_wal_flush_lsn()) w`,
				before, likeAny(sampleTables)).Scan(&l.total, &l.samples)
		})
		return &l, err
	}, err
}

func likeAny(names []string) (patterns []string) {
	for _, name := range names {
		patterns = append(patterns, strings.ReplaceAll(name, "_", `\_`)+"%")
	}
	return patterns
}

// processes returns those of the connections to the database and the WAL writer, which must run on this machine.
func (e *postgresEngine) processes(ctx context.Context, address string) (map[int]time.Duration, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, err
	}
	rows, err := e.admin.Query(ctx, `SELECT pid FROM pg_stat_activity WHERE datname = $1 OR backend_type = 'walwriter'`, config.Database)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[int])
	used := map[int]time.Duration{}
	for _, process := range list {
		used[process] = usedBy(process)
	}
	return used, err
}

func (e *postgresEngine) scan(ctx context.Context, address string, user testUser, times int) (took costs, err error) {
	err = e.on(ctx, address, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, `SET max_parallel_workers_per_gather = 0; SET jit = off`); err != nil {
			return err
		}
		for range times {
			once, err := measure(ctx, e, address, func() error {
				var count int
				return conn.QueryRow(ctx, `SELECT count(average) FROM heart_rate_metrics
					WHERE user_id = $1 AND metric_id = (SELECT id FROM metric_names WHERE name = 'heart_rate')`, user.ID).Scan(&count)
			})
			if err != nil {
				return err
			}
			took = append(took, once)
		}
		return nil
	})
	return took, err
}

package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The tables that are partitioned by time.
var (
	archiveTables = []string{"raw_ingestions", "raw_bodies"}
	auditTables   = []string{"audit_log"}
	sampleTables  = []string{heartRates.Name, bloodPressures.Name, activities.Name, quantities.Name}
)

// partitions caches which partitions exist, and creates those that are missing: outside of the transaction that writes,
// because that would block other writers, and one server at a time.
type partitions struct {
	store *Store

	mu      sync.RWMutex
	covered map[string][]span // by table, in order
}

func newPartitions(s *Store) *partitions {
	return &partitions{store: s, covered: map[string][]span{}}
}

// EnsurePartitions creates the partitions that will be needed soon: for samples those of the last months too, so that a
// first upload does not wait for them. A job calls it once a day, and at the start of the server. A partition that is
// missing all the same is created when it is needed.
func (s *Store) EnsurePartitions(ctx context.Context, now time.Time) error {
	leave, err := s.lifecycle.Enter()
	if err != nil {
		return err
	}
	defer leave()
	ahead := months(now, 0, monthsAhead)
	err = s.partitions.cover(ctx, slices.Concat(archiveTables, auditTables), ahead...)
	if err == nil {
		err = s.partitions.cover(ctx, sampleTables, append(months(now, -monthsBack, -1), ahead...)...)
	}
	return translate(ctx, "create partitions", err)
}

// cover makes sure that each of the tables has a partition for each of the times.
func (p *partitions) cover(ctx context.Context, tables []string, times ...time.Time) error {
	for _, table := range tables {
		missing := p.missing(table, times)
		if len(missing) == 0 {
			continue
		}
		if err := p.create(ctx, table, missing); err != nil {
			return err
		}
	}
	return nil
}

// missing returns the times for which no partition is cached.
func (p *partitions) missing(table string, times []time.Time) []time.Time {
	p.mu.RLock()
	defer p.mu.RUnlock()
	spans := p.covered[table]
	return slices.DeleteFunc(slices.Clone(times), func(t time.Time) bool { return covers(spans, t) })
}

// spans returns the cached partitions of a table, in order.
func (p *partitions) spans(table string) []span {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.covered[table]
}

// invalidate removes tables from the cache: a partition was dropped.
func (p *partitions) invalidate(tables []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, table := range tables {
		delete(p.covered, table)
	}
}

// create creates the partitions that are missing, each in a transaction of its own: attaching one blocks no reader or
// writer, but its lock blocks other servers that create partitions.
func (p *partitions) create(ctx context.Context, table string, times []time.Time) error {
	for {
		var existing []span
		complete := false
		err := p.store.changePartitions(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			if existing, err = readPartitions(ctx, tx, table); err != nil {
				return err
			}
			i := slices.IndexFunc(times, func(t time.Time) bool { return !covers(existing, t) })
			if complete = i < 0; complete {
				return nil
			}
			next := spanFor(times[i], time.Now(), existing)
			if err := attach(ctx, tx, table, next); err != nil {
				return err
			}
			existing = insertSpan(existing, next)
			return nil
		})
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.covered[table] = existing
		p.mu.Unlock()
		if complete {
			return nil
		}
	}
}

// readPartitions reads the bounds of a table's partitions. PostgreSQL stores them as an expression, which it prints, and
// parses, with the time zone and the date style of the session.
func readPartitions(ctx context.Context, conn querier, table string) ([]span, error) {
	return list(ctx, conn, scanSpan, `
		SELECT c.relname::text, (regexp_match(b.bound, 'FROM \(''([^'']+)''\)'))[1]::timestamptz,
			(regexp_match(b.bound, 'TO \(''([^'']+)''\)'))[1]::timestamptz
		FROM pg_inherits i
		JOIN pg_class c ON c.oid = i.inhrelid
		CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS bound) b
		WHERE i.inhparent = to_regclass($1)
		ORDER BY 2 NULLS FIRST`, table)
}

func scanSpan(row pgx.Row) (s span, err error) {
	var from, to *time.Time
	err = row.Scan(&s.partition, &from, &to)
	s.from, s.to = minTime, maxTime
	if from != nil {
		s.from = *from
	}
	if to != nil {
		s.to = *to
	}
	return s, err
}

// attach creates one partition: first the table, then it is attached, which takes no lock that a reader or writer would wait
// for.
func attach(ctx context.Context, tx pgx.Tx, table string, s span) error {
	name := pgx.Identifier{table + "_" + s.name()}.Sanitize()
	parent := pgx.Identifier{table}.Sanitize()
	if _, err := tx.Exec(ctx, fmt.Sprintf(`CREATE TABLE %s (LIKE %s INCLUDING ALL)`, name, parent)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)`,
		parent, name, s.lower(), s.upper()))
	return err
}

// History names tables whose old partitions may be dropped.
type History string

// The histories: what was received with its bodies, and the audit log.
const (
	ArchiveHistory History = "archive"
	AuditHistory   History = "audit"
)

// DropPartitionsBefore drops the partitions of a history that end at t or before, and returns how many. A month of the
// archive in which an ingestion is unfinished stays. What was received in a month that is dropped can neither be shown nor
// replayed any more; what was stored from it stays.
func (s *Store) DropPartitionsBefore(ctx context.Context, history History, t time.Time) (dropped int, err error) {
	tables := archiveTables
	if history == AuditHistory {
		tables = auditTables
	}
	leave, err := s.lifecycle.Enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	defer s.partitions.invalidate(tables)
	err = s.changePartitions(ctx, func(ctx context.Context, tx pgx.Tx) error {
		dropped = 0
		until, err := t, error(nil)
		if history == ArchiveHistory {
			if until, err = beforeUnfinished(ctx, tx, t); err != nil {
				return err
			}
		}
		for _, table := range tables {
			n, err := dropBefore(ctx, tx, table, until)
			if err != nil {
				return err
			}
			dropped += n
		}
		return nil
	})
	return dropped, translate(ctx, "drop partitions", err)
}

// beforeUnfinished returns t, or when the oldest unfinished ingestion was received if that is earlier. It locks the table, so
// that no other becomes unfinished until the transaction ends.
func beforeUnfinished(ctx context.Context, tx pgx.Tx, t time.Time) (time.Time, error) {
	if _, err := tx.Exec(ctx, `LOCK TABLE raw_ingestions IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return t, err
	}
	var oldest *time.Time
	err := tx.QueryRow(ctx, `SELECT min(received_at) FROM raw_ingestions WHERE status = 'accepted'`).Scan(&oldest)
	if err == nil && oldest != nil && oldest.Before(t) {
		t = *oldest
	}
	return t, err
}

func dropBefore(ctx context.Context, tx pgx.Tx, table string, t time.Time) (dropped int, err error) {
	spans, err := readPartitions(ctx, tx, table)
	if err != nil {
		return 0, err
	}
	for _, s := range spans {
		if s.to.After(t) {
			break
		}
		if _, err := tx.Exec(ctx, `DROP TABLE `+pgx.Identifier{s.partition}.Sanitize()); err != nil {
			return 0, err
		}
		dropped++
	}
	return dropped, nil
}

// changePartitions runs a change of partitions in a transaction, one server at a time. It waits for a lock for a short time
// only and then tries again, so that readers and writers do not queue up behind it.
func (s *Store) changePartitions(ctx context.Context, change func(ctx context.Context, tx pgx.Tx) error) (err error) {
	ctx, done := s.calls.Start(ctx, "change partitions")
	defer func() { done(err) }()
	begin := s.begin + ` SET LOCAL lock_timeout = 2000;` + sequentialShards + lockStatement(partitionLock)
	for attempt := 1; ; attempt++ {
		err := retry(ctx, func() error {
			limited, cancel := context.WithTimeout(ctx, s.timeout)
			defer cancel()
			conn, err := s.acquire(limited)
			if err != nil {
				return err
			}
			defer conn.Release()
			return transact(limited, conn, begin, change)
		})
		if codeOf(err) != codeLockNotAvailable || attempt == maxAttempts {
			return err
		}
	}
}

// isPartitionMissing reports whether there is no partition for a row. (A row that violates a CHECK has the same code, with
// the name of the constraint.)
func isPartitionMissing(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == codeCheckViolation && e.ConstraintName == ""
}

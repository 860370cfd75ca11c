package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/health-export/health-export/internal/health"
)

// tuple is a row of a table in the format of a binary COPY. Its first column is the user.
type tuple struct {
	table string
	bytes []byte
}

// baseline writes rows that were encoded beforehand: in transactions of 10,000 rows, and in one of all. The faster one
// counts.
func (e *postgresEngine) baseline(ctx context.Context, address string, user testUser, grain health.Grain) (func(context.Context, int) (cost, error), error) {
	var from []selection
	for _, table := range sampleTables {
		from = append(from, selection{table, fmt.Sprintf("grain = %d", grain), sampleOrder})
	}
	return e.baselineOf(ctx, address, user, from)
}

// selection is rows of a table in the order of its primary key, of which user_id is the first column.
type selection struct{ table, where, order string }

const sampleOrder = "metric_id, grain, recorded_at, ended_at, key_source"

// imported are the tables other than those of samples that an import of the Health app's export fills.
var imported = []selection{
	{"sleep_segments", "true", "started_at, ended_at, source, stage"},
	{"workouts", "true", "id"},
	{"daily_summaries", "true", "metric_id, date"},
}

// importBaseline is baseline for all rows of an import.
func (e *postgresEngine) importBaseline(ctx context.Context, address string, user testUser) (func(context.Context, int) (cost, error), error) {
	var from []selection
	for _, table := range sampleTables {
		from = append(from, selection{table, "true", sampleOrder})
	}
	return e.baselineOf(ctx, address, user, append(from, imported...))
}

func (e *postgresEngine) baselineOf(ctx context.Context, address string, user testUser, from []selection) (func(context.Context, int) (cost, error), error) {
	rows, err := e.rowsOf(ctx, address, user, from)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, users int) (cost, error) {
		var fastest cost
		for _, size := range []int{perTransaction, len(rows)} {
			if err := e.truncateTables(ctx, address, from[len(sampleTables):]); err != nil {
				return cost{}, err
			}
			took, err := e.copy(ctx, address, rows, size, users)
			if err != nil {
				return cost{}, err
			}
			if fastest.wall == 0 || took.wall < fastest.wall {
				fastest = took
			}
			if size == len(rows) && len(rows) <= perTransaction {
				break
			}
		}
		return fastest, nil
	}, nil
}

func (e *postgresEngine) truncateTables(ctx context.Context, address string, tables []selection) error {
	return e.on(ctx, address, func(conn *pgx.Conn) error {
		for _, s := range tables {
			if _, err := conn.Exec(ctx, `TRUNCATE `+s.table); err != nil {
				return err
			}
		}
		return nil
	})
}

// rowsOf reads rows of a user.
func (e *postgresEngine) rowsOf(ctx context.Context, address string, user testUser, from []selection) (rows []tuple, err error) {
	err = e.on(ctx, address, func(conn *pgx.Conn) error {
		for _, s := range from {
			var stream bytes.Buffer
			_, err := conn.PgConn().CopyTo(ctx, &stream, fmt.Sprintf(`COPY (SELECT * FROM %s WHERE user_id = '%s' AND %s
				ORDER BY user_id, %s) TO STDOUT (FORMAT binary)`, s.table, user.ID, s.where, s.order))
			if err != nil {
				return err
			}
			for _, row := range tuplesOf(stream.Bytes()) {
				rows = append(rows, tuple{s.table, row})
			}
		}
		return nil
	})
	return rows, err
}

const (
	copyHeader  = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	copyTrailer = "\xff\xff"
	userAt      = 2 + 4 // after the number of columns and the length of the first
)

// tuplesOf splits the stream of a binary COPY into its rows.
func tuplesOf(stream []byte) (tuples [][]byte) {
	for stream = stream[len(copyHeader):]; !bytes.Equal(stream, []byte(copyTrailer)); {
		end := 2
		for range binary.BigEndian.Uint16(stream) {
			length := int32(binary.BigEndian.Uint32(stream[end:]))
			end += 4 + int(max(length, 0))
		}
		tuples = append(tuples, stream[:end])
		stream = stream[end:]
	}
	return tuples
}

// copyWriter writes the rows of one user: transactions of one COPY per table.
type copyWriter struct {
	conn         *pgx.Conn
	transactions [][]tuple // each tuple is a stream of rows
}

// copy writes the rows into empty tables, for so many users concurrently, each on a connection of its own.
func (e *postgresEngine) copy(ctx context.Context, address string, rows []tuple, size, users int) (_ cost, err error) {
	if err := e.truncateSamples(ctx, address); err != nil {
		return cost{}, err
	}
	all := make([]copyWriter, users)
	for i := range all {
		if all[i].conn, err = pgx.Connect(ctx, address); err != nil {
			return cost{}, err
		}
		defer func() { _ = all[i].conn.Close(context.WithoutCancel(ctx)) }()
		all[i].transactions = transactionsOf(rows, size, uuid.New())
		if err := all[i].warmUp(ctx, rows); err != nil {
			return cost{}, err
		}
	}
	return measure(ctx, e, address, func() error {
		group, ctx := errgroup.WithContext(ctx)
		for i := range all {
			group.Go(func() error { return all[i].run(ctx, len(rows)) })
		}
		return group.Wait()
	})
}

// transactionsOf groups rows into transactions, and those into one stream per table.
func transactionsOf(rows []tuple, size int, user uuid.UUID) (transactions [][]tuple) {
	for len(rows) > 0 {
		some := rows[:min(size, len(rows))]
		rows = rows[len(some):]
		var streams []tuple
		for i, row := range some {
			if i == 0 || row.table != some[i-1].table {
				streams = append(streams, tuple{row.table, []byte(copyHeader)})
			}
			stream := &streams[len(streams)-1].bytes
			at := len(*stream) + userAt
			*stream = append(*stream, row.bytes...)
			copy((*stream)[at:], user[:])
		}
		for i := range streams {
			streams[i].bytes = append(streams[i].bytes, copyTrailer...)
		}
		transactions = append(transactions, streams)
	}
	return transactions
}

// warmUp loads the catalogue entries of the tables into the connection: it writes a row of each and rolls back.
func (c *copyWriter) warmUp(ctx context.Context, rows []tuple) error {
	tx, err := c.conn.Begin(ctx)
	if err != nil {
		return err
	}
	for i, row := range rows {
		if i == 0 || row.table != rows[i-1].table {
			if _, err := c.stream(ctx, tuple{row.table, slices.Concat([]byte(copyHeader), row.bytes, []byte(copyTrailer))}); err != nil {
				return err
			}
		}
	}
	return tx.Rollback(ctx)
}

func (c *copyWriter) run(ctx context.Context, want int) error {
	written := int64(0)
	for _, streams := range c.transactions {
		tx, err := c.conn.Begin(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
		for _, s := range streams {
			n, err := c.stream(ctx, s)
			if err != nil {
				return err
			}
			written += n
		}
		if err := tx.Commit(ctx); err != nil {
			return err
		}
	}
	if written != int64(want) {
		return fmt.Errorf("COPY wrote %d rows, want %d", written, want)
	}
	return nil
}

func (c *copyWriter) stream(ctx context.Context, s tuple) (int64, error) {
	tag, err := c.conn.PgConn().CopyFrom(ctx, bytes.NewReader(s.bytes), `COPY `+s.table+` FROM STDIN (FORMAT binary)`)
	return tag.RowsAffected(), err
}

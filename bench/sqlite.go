package main

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/health-export/health-export/internal/health"
)

// sqliteEngine creates SQLite databases in a folder of its own.
type sqliteEngine struct{ folder string }

func newSQLite() (*sqliteEngine, error) {
	folder, err := os.MkdirTemp("", "health-export-bench")
	return &sqliteEngine{folder}, err
}

func (e *sqliteEngine) name() string         { return "SQLite" }
func (e *sqliteEngine) baselineName() string { return "prepared INSERT of 100 rows" }
func (e *sqliteEngine) close()               { _ = os.RemoveAll(e.folder) }

func (e *sqliteEngine) create(ctx context.Context) (address string, drop func(), err error) {
	path := filepath.Join(e.folder, uuid.NewString()+".db")
	address = "sqlite:" + path
	drop = func() {
		for _, end := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(path + end)
		}
	}
	s, err := open(ctx, address)
	if err == nil {
		err = s.Close()
	}
	return address, drop, err
}

func (e *sqliteEngine) truncateSamples(ctx context.Context, address string) error {
	db, err := e.connect(address)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, table := range slices.Concat(sampleTables, derivedTables) {
		if _, err := db.ExecContext(ctx, `DELETE FROM `+table); err != nil {
			return err
		}
	}
	_, err = db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return err
}

// size returns no indexes: a table is stored in the order of its primary key.
func (e *sqliteEngine) size(ctx context.Context, address string) (tables, indexes int64, err error) {
	db, err := e.connect(address)
	if err != nil {
		return 0, 0, err
	}
	defer db.Close()
	names := "'" + strings.Join(sampleTables, "', '") + "'"
	err = db.QueryRowContext(ctx, `SELECT sum(pgsize) FROM dbstat WHERE name IN (`+names+`)`).Scan(&tables)
	return tables, 0, err
}

func (e *sqliteEngine) analyze(context.Context, string) error { return nil }

func (e *sqliteEngine) walSince(context.Context, string) (func(context.Context) (*walUsage, error), error) {
	return nil, nil
}

// connect opens one connection with the settings of the product's writer.
func (e *sqliteEngine) connect(address string) (*sql.DB, error) {
	path := strings.TrimPrefix(address, "sqlite:")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-8192)")
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// sqliteRows are rows of one table. The first column is the user.
type sqliteRows struct {
	table   string
	columns int
	rows    [][]any
}

// baseline writes through a single connection, because SQLite has one writer.
func (e *sqliteEngine) baseline(ctx context.Context, address string, user testUser, grain health.Grain) (func(context.Context, int) (cost, error), error) {
	tables, err := e.rowsOf(ctx, address, user, grain)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, users int) (cost, error) {
		if err := e.truncateSamples(ctx, address); err != nil {
			return cost{}, err
		}
		db, err := e.connect(address)
		if err != nil {
			return cost{}, err
		}
		defer db.Close()
		return measure(ctx, e, address, func() error {
			for user := range users {
				for _, t := range tables {
					if err := t.insert(ctx, db, int64(user+1)); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}, nil
}

// importBaseline writes the raw samples only.
func (e *sqliteEngine) importBaseline(ctx context.Context, address string, user testUser) (func(context.Context, int) (cost, error), error) {
	return e.baseline(ctx, address, user, health.GrainRaw)
}

// processes returns none: SQLite runs in this process.
func (e *sqliteEngine) processes(context.Context, string) (map[int]time.Duration, error) {
	return nil, nil
}

// rowsOf reads the samples of a user, in the order of the primary key.
func (e *sqliteEngine) rowsOf(ctx context.Context, address string, user testUser, grain health.Grain) (tables []*sqliteRows, err error) {
	db, err := e.connect(address)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for _, name := range sampleTables {
		t := &sqliteRows{table: name}
		if err := t.read(ctx, db, user, grain); err != nil {
			return nil, err
		}
		if len(t.rows) > 0 {
			tables = append(tables, t)
		}
	}
	return tables, nil
}

func (t *sqliteRows) read(ctx context.Context, db *sql.DB, user testUser, grain health.Grain) error {
	found, err := db.QueryContext(ctx, `SELECT * FROM `+t.table+` WHERE user_id = (SELECT id FROM users WHERE uuid = ?) AND grain = ?
		ORDER BY user_id, metric_id, key_time`, user.ID[:], grain)
	if err != nil {
		return err
	}
	defer found.Close()
	names, err := found.Columns()
	if err != nil {
		return err
	}
	t.columns = len(names)
	for found.Next() {
		row, targets := make([]any, len(names)), make([]any, len(names))
		for i := range row {
			targets[i] = &row[i]
		}
		if err := found.Scan(targets...); err != nil {
			return err
		}
		t.rows = append(t.rows, row)
	}
	return found.Err()
}

// insert writes the rows for another user.
func (t *sqliteRows) insert(ctx context.Context, db *sql.DB, user int64) error {
	const perStatement = 100
	for rows := t.rows; len(rows) > 0; {
		some := rows[:min(perTransaction, len(rows))]
		rows = rows[len(some):]
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		whole := len(some) / perStatement * perStatement
		if err := t.insertWith(ctx, tx, perStatement, some[:whole], user); err != nil {
			return err
		}
		if err := t.insertWith(ctx, tx, len(some)-whole, some[whole:], user); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// insertWith writes perStatement rows with each statement.
func (t *sqliteRows) insertWith(ctx context.Context, tx *sql.Tx, perStatement int, rows [][]any, user int64) error {
	if len(rows) == 0 {
		return nil
	}
	row := "(?" + strings.Repeat(",?", t.columns-1) + ")"
	statement, err := tx.PrepareContext(ctx, "INSERT INTO "+t.table+" VALUES "+row+strings.Repeat(","+row, perStatement-1))
	if err != nil {
		return err
	}
	defer statement.Close()
	args := make([]any, 0, perStatement*t.columns)
	for ; len(rows) > 0; rows = rows[perStatement:] {
		args = args[:0]
		for _, row := range rows[:perStatement] {
			at := len(args)
			args = append(args, row...)
			args[at] = user
		}
		if _, err := statement.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

func (e *sqliteEngine) scan(ctx context.Context, address string, user testUser, times int) (took costs, err error) {
	db, err := e.connect(address)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for range times {
		once, err := measure(ctx, e, address, func() error {
			var count int
			return db.QueryRowContext(ctx, `SELECT count(average) FROM heart_rate_metrics
				WHERE user_id = (SELECT id FROM users WHERE uuid = ?)
					AND metric_id = (SELECT id FROM metric_names WHERE name = 'heart_rate')`, user.ID[:]).Scan(&count)
		})
		if err != nil {
			return nil, err
		}
		took = append(took, once)
	}
	return took, nil
}

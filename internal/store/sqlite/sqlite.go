// Package sqlite implements package store in SQLite: in a file, or in memory with the same engine.
//
// One connection writes, so that writers of this process wait for each other in Go and not for the file's lock; others read
// at the same time. Other processes may use the same file: every write begins by waiting for SQLite's write lock.
package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/store/backend"
)

// busyTimeout is how long a call waits for another process's write. A batch of samples takes tens of milliseconds, a
// large body a second or two.
const busyTimeout = 20 * time.Second

// Store is a SQLite database. It is safe for concurrent use.
type Store struct {
	writer *sql.DB // one connection
	reader *sql.DB
	// anchor keeps a database in memory, which exists as long as a connection to it is open.
	anchor *sql.Conn

	catalog *catalog.Catalog
	names   *backend.Dictionary[metric, int64]
	calls   backend.Calls
	users   sync.Map // user's uuid.UUID → its int64 id in this database, for reading

	externalWrites externalWrites
	lifecycle      backend.Lifecycle
}

var _ store.Store = (*Store)(nil)

// Open opens the database in the file at path and brings its schema up to date. A file that does not exist is created,
// readable by its owner only, and so is the folder it is in. The error of a database that a newer version has written
// says so (problem.Conflict, code database_newer).
//
// The catalogue decides which table a metric's samples are kept in, when the first one comes; nil stands for the one
// that is part of the program.
func Open(ctx context.Context, path string, metricCatalog *catalog.Catalog) (*Store, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	if err := createPrivately(absolute); err != nil {
		return nil, problem.New(problem.Unavailable, "database_not_opened",
			"The database "+path+" cannot be opened. Check that its folder exists and may be written to.").Because(err)
	}
	return open(ctx, location{path: absolute}, metricCatalog)
}

// OpenMemory opens a fresh, empty database in memory, as Open does one in a file. It is gone when the store is closed.
func OpenMemory(ctx context.Context, metricCatalog *catalog.Catalog) (*Store, error) {
	return open(ctx, location{path: "/" + uuid.NewString(), memory: true}, metricCatalog)
}

// createPrivately creates an empty file if there is none. SQLite gives the files it puts beside it the same permissions.
func createPrivately(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// #nosec G304 -- the operator names the database
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

func open(ctx context.Context, at location, metricCatalog *catalog.Catalog) (_ *Store, err error) {
	if metricCatalog == nil {
		if metricCatalog, err = catalog.Load(); err != nil {
			return nil, err
		}
	}
	write, err := newConnector(at.dsn(false))
	if err != nil {
		return nil, err
	}
	read, err := newConnector(at.dsn(true))
	if err != nil {
		return nil, err
	}
	s := &Store{
		writer:  sql.OpenDB(write),
		reader:  sql.OpenDB(read),
		catalog: metricCatalog,
	}
	s.names = backend.NewDictionary[metric, int64](nil)
	s.writer.SetMaxOpenConns(1)
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	s.reader.SetMaxOpenConns(readers)
	s.reader.SetMaxIdleConns(readers)

	if err := s.start(ctx, at); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) start(ctx context.Context, at location) error {
	if at.memory {
		var err error
		if s.anchor, err = s.reader.Conn(ctx); err != nil {
			return translate(ctx, "open database", err)
		}
	}
	return migrate(ctx, at)
}

// location is where a database is: a file, or a name in the memory of this process.
type location struct {
	path   string
	memory bool
}

// dsn returns the data source name. (A bare ":memory:" would be a database for each connection, and a shared cache locks
// whole tables; the memdb file system of SQLite does neither.)
func (l location) dsn(readOnly bool) string {
	path := filepath.ToSlash(l.path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	settings := url.Values{
		"_busy_timeout": {strconv.FormatInt(busyTimeout.Milliseconds(), 10)},
	}
	switch {
	case readOnly:
		settings.Set("_query_only", "1")
		settings.Add("_pragma", "cache_size(-4096)") // KiB
	default:
		// Else a transaction that reads first and then writes could fail because its snapshot is outdated.
		settings.Set("_txlock", "immediate")
		// KiB. Twice as much made a body of 200 MB cost 16 MiB more, and saved no time.
		settings.Add("_pragma", "cache_size(-8192)")
	}
	if l.memory {
		settings.Set("vfs", "memdb")
	} else {
		settings.Set("_journal_mode", "WAL")
		// FULL and not NORMAL: what was acknowledged must survive a power failure.
		settings.Set("_synchronous", "FULL")
		// A large body grows the log; truncate it afterwards.
		settings.Add("_pragma", "journal_size_limit("+strconv.Itoa(64<<20)+")")
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings.Encode()
}

// Ping returns nil when the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return s.read(ctx, "ping", func(tx *sql.Tx) error {
		var users int
		return tx.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM users LIMIT 1)`).Scan(&users)
	})
}

// Capabilities says in what SQLite differs from the others.
func (s *Store) Capabilities() store.Capabilities {
	return store.Capabilities{Name: "sqlite", SingleServer: true}
}

// Close waits for calls that are under way and closes the connections.
func (s *Store) Close() error {
	return s.lifecycle.Close(func() error {
		if s.anchor != nil {
			_ = s.anchor.Close()
		}
		err := s.reader.Close()
		if writerErr := s.writer.Close(); err == nil {
			err = writerErr
		}
		return err
	})
}

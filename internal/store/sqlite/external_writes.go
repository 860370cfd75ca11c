package sqlite

import (
	"context"
	"database/sql/driver"
	"sync"
)

// externalWrites is the state of WrittenExternally.
type externalWrites struct {
	mu      sync.Mutex
	conn    driver.Conn // the version is only comparable on the same one
	version int64
}

// WrittenExternally reports whether another process may have written to the database since the last call. The first call
// returns true. It does not access the disk but waits for a write of this process that is under way.
func (s *Store) WrittenExternally(ctx context.Context) (written bool, err error) {
	leave, err := s.lifecycle.Enter()
	if err != nil {
		return false, err
	}
	defer leave()
	const operation = "ask who has written"
	// data_version of a connection changes at every commit on another one. All commits of this process are made on this
	// connection.
	pooled, err := s.writer.Conn(ctx)
	if err != nil {
		return false, translate(ctx, operation, err)
	}
	defer func() { _ = pooled.Close() }()
	var version int64
	if err := pooled.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&version); err != nil {
		return false, translate(ctx, operation, err)
	}
	err = pooled.Raw(func(conn any) error {
		written = s.externalWrites.changed(conn.(driver.Conn), version)
		return nil
	})
	return written, translate(ctx, operation, err)
}

// changed stores a version, and reports whether it differs from the stored one.
func (e *externalWrites) changed(conn driver.Conn, version int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	changed := e.conn != conn || e.version != version
	e.conn, e.version = conn, version
	return changed
}

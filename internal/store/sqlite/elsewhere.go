package sqlite

import (
	"context"
	"database/sql/driver"
	"sync"
)

// elsewhere is what WrittenElsewhere saw last.
type elsewhere struct {
	mu      sync.Mutex
	conn    driver.Conn // the number means nothing on another one
	version int64
}

// WrittenElsewhere reports whether another process may have written to the database since the last call. The first call
// says true, since nothing is known of what was before. It costs no access to the disk but waits for a write of this
// process that is under way.
func (s *Store) WrittenElsewhere(ctx context.Context) (written bool, err error) {
	leave, err := s.enter()
	if err != nil {
		return false, err
	}
	defer leave()
	const doing = "ask who has written"
	// SQLite changes this number of a connection at every commit that was made on another one: all of this process are
	// made on the one that is asked.
	pooled, err := s.writer.Conn(ctx)
	if err != nil {
		return false, translate(ctx, doing, err)
	}
	defer func() { _ = pooled.Close() }()
	var version int64
	if err := pooled.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&version); err != nil {
		return false, translate(ctx, doing, err)
	}
	err = pooled.Raw(func(conn any) error {
		written = s.elsewhere.changed(conn.(driver.Conn), version)
		return nil
	})
	return written, translate(ctx, doing, err)
}

// changed takes note of a number, and reports whether it is another one.
func (e *elsewhere) changed(conn driver.Conn, version int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	changed := e.conn != conn || e.version != version
	e.conn, e.version = conn, version
	return changed
}

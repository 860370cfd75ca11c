package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"

	"modernc.org/sqlite"
)

// maxPrepared bounds the prepared statements of one connection. The store has fewer texts than that; the bound is there
// because some are built from parts.
const maxPrepared = 200

// connector opens connections that cache their prepared statements, so that plain queries through database/sql are parsed
// once per connection and not at every call.
type connector struct{ driver.Connector }

func newConnector(dsn string) (driver.Connector, error) {
	base, err := sqlite.NewConnector(dsn)
	return connector{base}, err
}

// Connect opens a connection.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := opened.(driverConn)
	if !ok {
		_ = opened.Close()
		return nil, fmt.Errorf("the SQLite driver's connection (%T) lacks a method that is needed", opened)
	}
	return &connection{driverConn: conn, prepared: map[string]*statement{}}, nil
}

// driverConn are the methods of the driver's connection that database/sql uses; a wrapper without one of them would silently
// change its behaviour.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// connection is used by one goroutine at a time, which database/sql ensures.
type connection struct {
	driverConn
	prepared map[string]*statement
}

type statement struct {
	driverStmt
	reading bool // its rows are being read, so it cannot be run again yet
}

type driverStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// ExecContext runs a statement that returns no rows.
func (c *connection) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.statement(ctx, text)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return c.driverConn.ExecContext(ctx, text, args)
	}
	return s.ExecContext(ctx, args)
}

// QueryContext runs a statement that returns rows.
func (c *connection) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, text)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return c.driverConn.QueryContext(ctx, text, args)
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.reading = true
	return &statementRows{rows, s}, nil
}

// statement returns the prepared statement of a text, or nil where it is in use or the cache is full.
func (c *connection) statement(ctx context.Context, text string) (*statement, error) {
	if s, ok := c.prepared[text]; ok {
		if s.reading {
			return nil, nil
		}
		return s, nil
	}
	if len(c.prepared) >= maxPrepared {
		return nil, nil
	}
	opened, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s := &statement{driverStmt: opened.(driverStmt)}
	c.prepared[text] = s
	return s, nil
}

// Close closes the statements and the connection.
func (c *connection) Close() error {
	for _, s := range c.prepared {
		_ = s.Close() // repeats the error of the statement's last run, which was reported then
	}
	clear(c.prepared)
	return c.driverConn.Close()
}

type statementRows struct {
	driver.Rows
	of *statement
}

// Close allows the statement to be run again.
func (r *statementRows) Close() error {
	r.of.reading = false
	return r.Rows.Close()
}

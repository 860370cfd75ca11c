package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// cancelTimeout is how long a server has to answer that it has given up a call.
	cancelTimeout = 5 * time.Second
	// cancelDelay is how long a request to give up may take from the moment it was accepted until it takes effect. A
	// connection that was used again earlier might lose its next query.
	cancelDelay = 100 * time.Millisecond
)

// canceller ends a call in the server too when its context ends: closing the connection is not noticed by a query that
// runs, or waits for a lock.
//
// It differs from the driver's own in that it always lets the request be answered. pgbouncer 1.18, which Debian 12 has,
// ends itself when the connection of a request is closed before.
type canceller struct {
	conn *pgconn.PgConn
	done chan struct{}
}

// HandleCancel is called when the context has ended while a call is under way.
func (c *canceller) HandleCancel(context.Context) {
	_ = c.conn.Conn().SetDeadline(time.Now().Add(cancelTimeout)) // for a server that does not answer
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout)
		defer cancel()
		if c.conn.CancelRequest(ctx) == nil {
			time.Sleep(cancelDelay)
		}
	}()
}

// HandleUnwatchAfterCancel is called when that call has returned.
func (c *canceller) HandleUnwatchAfterCancel() {
	<-c.done
	_ = c.conn.Conn().SetDeadline(time.Time{})
}

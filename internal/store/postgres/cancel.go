package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// cancelTimeout bounds a request to cancel a query.
	cancelTimeout = 5 * time.Second
	// cancelDelay is how long a request to cancel may take to have its effect after it was accepted. On a connection that was
	// used again earlier it might cancel the next query.
	cancelDelay = 100 * time.Millisecond
)

// canceller cancels a query in the server when the context of its call ends: a query that runs or waits for a lock does not
// notice that its connection is closed.
//
// It differs from the driver's own in that it always waits for the response to the request. pgbouncer 1.18, which Debian 12
// has, crashes when the connection of a request is closed before.
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

package server

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/health-export/health-export/internal/problem"
)

// Drain tells a handler that its server will stop soon, so that no request fails because of that. From then on /ready is
// 503, every answer asks for its connection to be closed, and everything is answered as before: a balancer that asks
// /ready, or whose connections end one after the other, has gone elsewhere when the server stops to listen. Bodies that
// are still coming shortly before the end are refused with an answer. The zero value is a server that goes on. It is safe
// for concurrent use.
type Drain struct{ deadline atomic.Pointer[time.Time] }

// responseTime is how long before the end a body is refused: long enough for the answer to reach its client.
const responseTime = 2 * time.Second

// Announce says that the server will stop, and when it will cut off requests that are still under way.
func (d *Drain) Announce(end time.Time) { d.deadline.Store(&end) }

func (d *Drain) announced() bool { return d != nil && d.deadline.Load() != nil }

// limitDeadline returns the earlier of until and the moment after which no body is waited for any more.
func (d *Drain) limitDeadline(until time.Time) time.Time {
	if !d.announced() {
		return until
	}
	if last := d.deadline.Load().Add(-responseTime); last.Before(until) {
		return last
	}
	return until
}

// closeConnection asks for the connection of an answer to be closed once the server stops.
func (d *Drain) closeConnection(header http.Header) {
	if d.announced() {
		header.Set("Connection", "close")
	}
}

func errStopping() error {
	return problem.New(problem.Unavailable, "stopping", "The server is stopping. Send the request again in a moment.").After(5 * time.Second)
}

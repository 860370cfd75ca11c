package server

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/health-export/health-export/internal/problem"
)

// Drain makes a handler prepare for the stop of its server, so that no request fails. After Announce /ready is 503 and
// every response asks for its connection to be closed, but requests are answered as before: a load balancer that polls
// /ready, or whose connections end one by one, has moved to other servers before this one stops listening. Bodies that
// are still arriving shortly before the deadline are refused with a response. The zero value has announced nothing. It is
// safe for concurrent use.
type Drain struct{ deadline atomic.Pointer[time.Time] }

// responseTime is how long before the deadline a body is refused: long enough for the response to reach its client.
const responseTime = 2 * time.Second

// Announce reports that the server will stop, and the time at which it aborts requests that are still running.
func (d *Drain) Announce(end time.Time) { d.deadline.Store(&end) }

func (d *Drain) announced() bool { return d != nil && d.deadline.Load() != nil }

// limitDeadline returns the earlier of until and the time after which no body is read any more.
func (d *Drain) limitDeadline(until time.Time) time.Time {
	if !d.announced() {
		return until
	}
	if last := d.deadline.Load().Add(-responseTime); last.Before(until) {
		return last
	}
	return until
}

// closeConnection asks for the connection of a response to be closed once a stop is announced.
func (d *Drain) closeConnection(header http.Header) {
	if d.announced() {
		header.Set("Connection", "close")
	}
}

func errStopping() error {
	return problem.New(problem.Unavailable, "stopping", "The server is stopping. Send the request again in a moment.").After(5 * time.Second)
}

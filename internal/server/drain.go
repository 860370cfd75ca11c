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
type Drain struct{ end atomic.Pointer[time.Time] }

// toAnswer is how long before the end a body is refused: long enough for the answer to reach its client.
const toAnswer = 2 * time.Second

// Announce says that the server will stop, and when it will cut off requests that are still under way.
func (s *Drain) Announce(end time.Time) { s.end.Store(&end) }

func (s *Drain) announced() bool { return s != nil && s.end.Load() != nil }

// limit returns the earlier of until and the moment after which no body is waited for any more.
func (s *Drain) limit(until time.Time) time.Time {
	if !s.announced() {
		return until
	}
	if last := s.end.Load().Add(-toAnswer); last.Before(until) {
		return last
	}
	return until
}

// close asks for the connection of an answer to be closed once the server stops.
func (s *Drain) close(header http.Header) {
	if s.announced() {
		header.Set("Connection", "close")
	}
}

func draining() error {
	return problem.New(problem.Unavailable, "stopping", "The server is stopping. Send the request again in a moment.").After(5 * time.Second)
}

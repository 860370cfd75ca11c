package server

import (
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/health-export/health-export/internal/problem"
)

// A phone on a slow line may take long, but bytes must arrive: this refuses clients that hold connections open to exhaust
// the server, where a limit for the whole request would refuse the phone.
const (
	// rateGrace is how long a client may send or take nothing at first, and how far it may be behind at any time.
	rateGrace = 30 * time.Second
	// minRate is how many bytes a second must arrive, or be taken, on average, after the grace.
	minRate = 1 << 10
	// maxSilence is how long a client may send nothing, however fast it was before.
	maxSilence = time.Minute
	// responseBuffer is how much of a response net/http buffers until the handler returns: writing so little does not
	// block.
	responseBuffer = 2 << 10
	// deadlineSlack is by how much a deadline may be off: most reads then need no new one, which would cost more than the
	// read.
	deadlineSlack = time.Second
)

// slowClient sets the deadlines of one request. Only time in which the server waits for the client counts. Connections
// without deadlines have none.
type slowClient struct {
	controller   http.ResponseController
	drain        *Drain
	readStart    time.Time     // when the current read began
	readTime     time.Duration // spent in all reads before
	readDeadline time.Time     // the current one; zero: none
	written      int64         // bytes of the response
}

// beforeRead sets the deadline of the next read, after bytes have been read.
func (c *slowClient) beforeRead(bytes int64) {
	c.readStart = time.Now()
	allowed := rateGrace + time.Duration(bytes)*time.Second/minRate - c.readTime
	until := c.drain.limitDeadline(c.readStart.Add(min(allowed, maxSilence)))
	if until.Sub(c.readDeadline).Abs() >= deadlineSlack {
		c.readDeadline = until
		_ = c.controller.SetReadDeadline(until)
	}
}

// afterRead returns the error of a read, or that of a client that was too slow. It clears the deadline at the end of the
// body, because net/http goes on reading from the connection.
func (c *slowClient) afterRead(err error) error {
	c.readTime += time.Since(c.readStart)
	if err == nil {
		return nil
	}
	c.readDeadline = time.Time{}
	_ = c.controller.SetReadDeadline(time.Time{})
	switch {
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case c.drain.announced():
		return errStopping()
	default:
		return &httpError{
			err: problem.New(problem.Invalid, "too_slow",
				"The body came too slowly. Send it again over a better line, or in smaller parts.").Because(err),
			status: http.StatusRequestTimeout,
			header: http.Header{"Connection": {"close"}},
		}
	}
}

func (c *slowClient) beforeWrite(bytes int) {
	if c.written += int64(bytes); c.written <= responseBuffer {
		return // finishWrite limits it
	}
	_ = c.controller.SetWriteDeadline(time.Now().Add(rateGrace + time.Duration(bytes)*time.Second/minRate))
}

// afterWrite clears the deadline until the next write: the handler may take its time.
func (c *slowClient) afterWrite() {
	if c.written > responseBuffer {
		_ = c.controller.SetWriteDeadline(time.Time{})
	}
}

// finishWrite limits the sending of what is still buffered.
func (c *slowClient) finishWrite() { _ = c.controller.SetWriteDeadline(time.Now().Add(rateGrace)) }

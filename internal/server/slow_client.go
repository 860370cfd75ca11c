package server

import (
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/health-export/health-export/internal/problem"
)

// A phone on a bad line may take long, but something must come: this keeps out clients that hold connections open to
// wear the server down, where a time limit for the whole would keep out the phone.
const (
	// rateGrace is how long a client may be silent at first, and how much it may be behind at any time.
	rateGrace = 30 * time.Second
	// minRate is how many bytes a second must come, or be taken, on average, after the grace.
	minRate = 1 << 10
	// maxSilence is how long a client may be silent, however quick it was before.
	maxSilence = time.Minute
	// responseBuffer is how much of an answer net/http keeps back until the handler is done: writing so little waits for nobody.
	responseBuffer = 2 << 10
	// deadlineSlack is by how much a deadline may be off: most reads then need no new one, which costs more than the read.
	deadlineSlack = time.Second
)

// slowClient sets the deadlines of one request. Only time in which the server waits for the client counts. Where the
// connection knows no deadlines there are none.
type slowClient struct {
	controller   http.ResponseController
	drain        *Drain
	readStart    time.Time     // when the read that is under way began
	readTime     time.Duration // for the body, in all reads before
	readDeadline time.Time     // the deadline of reading that is in force; zero: none
	written      int64         // of the answer
}

// beforeRead allows the next read as much time as is left, after so many bytes.
func (c *slowClient) beforeRead(bytes int64) {
	c.readStart = time.Now()
	allowed := rateGrace + time.Duration(bytes)*time.Second/minRate - c.readTime
	until := c.drain.limitDeadline(c.readStart.Add(min(allowed, maxSilence)))
	if until.Sub(c.readDeadline).Abs() >= deadlineSlack {
		c.readDeadline = until
		_ = c.controller.SetReadDeadline(until)
	}
}

// afterRead returns the error of a read, or says that the client was too slow. The deadline is taken away at the end of
// the body: the server goes on watching the connection.
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
		return // atEnd bounds it
	}
	_ = c.controller.SetWriteDeadline(time.Now().Add(rateGrace + time.Duration(bytes)*time.Second/minRate))
}

// afterWrite lets the handler take its time until the next write.
func (c *slowClient) afterWrite() {
	if c.written > responseBuffer {
		_ = c.controller.SetWriteDeadline(time.Time{})
	}
}

// finishWrite bounds the sending of what is still in a buffer.
func (c *slowClient) finishWrite() { _ = c.controller.SetWriteDeadline(time.Now().Add(rateGrace)) }

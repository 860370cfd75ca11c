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
	// maxPause is how long a client may be silent, however quick it was before.
	maxPause = time.Minute
	// buffered is how much of an answer net/http keeps back until the handler is done: writing so little waits for nobody.
	buffered = 2 << 10
	// slack is by how much a deadline may be off: most reads then need no new one, which costs more than the read.
	slack = time.Second
)

// slowClient sets the deadlines of one request. Only time in which the server waits for the client counts. Where the
// connection knows no deadlines there are none.
type slowClient struct {
	control http.ResponseController
	stop    *Drain
	reading time.Time     // when the read that is under way began
	waited  time.Duration // for the body, in all reads before
	until   time.Time     // the deadline of reading that is in force; zero: none
	written int64         // of the answer
}

// beforeRead allows the next read as much time as is left, after so many bytes.
func (p *slowClient) beforeRead(bytes int64) {
	p.reading = time.Now()
	allowed := rateGrace + time.Duration(bytes)*time.Second/minRate - p.waited
	until := p.stop.limit(p.reading.Add(min(allowed, maxPause)))
	if until.Sub(p.until).Abs() >= slack {
		p.until = until
		_ = p.control.SetReadDeadline(until)
	}
}

// afterRead returns the error of a read, or says that the client was too slow. The deadline is taken away at the end of
// the body: the server goes on watching the connection.
func (p *slowClient) afterRead(err error) error {
	p.waited += time.Since(p.reading)
	if err == nil {
		return nil
	}
	p.until = time.Time{}
	_ = p.control.SetReadDeadline(time.Time{})
	switch {
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case p.stop.announced():
		return draining()
	default:
		return &failure{
			err: problem.New(problem.Invalid, "too_slow",
				"The body came too slowly. Send it again over a better line, or in smaller parts.").Because(err),
			status: http.StatusRequestTimeout,
			header: http.Header{"Connection": {"close"}},
		}
	}
}

func (p *slowClient) beforeWrite(bytes int) {
	if p.written += int64(bytes); p.written <= buffered {
		return // atEnd bounds it
	}
	_ = p.control.SetWriteDeadline(time.Now().Add(rateGrace + time.Duration(bytes)*time.Second/minRate))
}

// afterWrite lets the handler take its time until the next write.
func (p *slowClient) afterWrite() {
	if p.written > buffered {
		_ = p.control.SetWriteDeadline(time.Time{})
	}
}

// atEnd bounds the sending of what is still in a buffer.
func (p *slowClient) atEnd() { _ = p.control.SetWriteDeadline(time.Now().Add(rateGrace)) }

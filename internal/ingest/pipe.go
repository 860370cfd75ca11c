package ingest

import (
	"context"
	"io"
	"time"
)

// pipe carries chunks of elements from one goroutine, the producer, to another, the consumer. It is bounded: the producer
// fills a few chunks, which the consumer returns to it when it has used them. Chunks are made when they are first needed.
type pipe[T any] struct {
	ctx    context.Context // ends when the consumer needs no more, or the producer gives up
	cancel context.CancelFunc
	// full and empty hold all chunks that there are, so sending never blocks.
	full, empty chan []T
	size        int   // of a chunk
	unmade      int   // chunks that may still be made; the producer's
	err         error // of the producer; set before full is closed
	current     []T   // the consumer's
}

func newPipe[T any](ctx context.Context, chunks, size int) *pipe[T] {
	p := &pipe[T]{full: make(chan []T, chunks), empty: make(chan []T, chunks), size: size, unmade: chunks}
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p
}

// start runs the producer on a goroutine of its own and ends the pipe with its error. A panic is such an error.
func (p *pipe[T]) start(produce func() error) {
	go func() {
		var err error
		defer func() { p.end(err) }()
		defer recoverAs(&err)
		err = produce()
	}()
}

// free returns an empty chunk for the producer to fill, if there is one.
func (p *pipe[T]) free() (chunk []T, ok bool) {
	select {
	case chunk := <-p.empty:
		return chunk, true
	default:
	}
	if p.unmade == 0 {
		return nil, false
	}
	p.unmade--
	return make([]T, 0, p.size), true
}

// wait is free, but waits until the consumer returns a chunk, the timeout is over, or the pipe is cancelled.
func (p *pipe[T]) wait(timeout <-chan time.Time) (chunk []T, ok bool) {
	if p.ctx.Err() != nil {
		return nil, false
	}
	if chunk, ok := p.free(); ok {
		return chunk, true
	}
	select {
	case chunk := <-p.empty:
		return chunk, true
	case <-timeout:
	case <-p.ctx.Done():
	}
	return nil, false
}

// send passes a chunk to the consumer.
func (p *pipe[T]) send(chunk []T) { p.full <- chunk }

// end ends the pipe from the producer's side. When the consumer has received all chunks, next returns err, or io.EOF if it
// is nil.
func (p *pipe[T]) end(err error) {
	p.err = err
	close(p.full)
}

// next returns the previous chunk to the producer, waits for the next one, and returns it. It is the consumer's until the
// next call.
func (p *pipe[T]) next() ([]T, error) {
	if p.current != nil {
		p.empty <- p.current[:0]
		p.current = nil
	}
	select {
	case chunk, open := <-p.full:
		if open {
			p.current = chunk
			return chunk, nil
		}
		if p.err != nil {
			return nil, p.err
		}
		return nil, io.EOF
	case <-p.ctx.Done():
		return nil, p.ctx.Err()
	}
}

// stop cancels the pipe from the consumer's side and waits until the producer has ended it.
func (p *pipe[T]) stop() {
	p.cancel()
	for range p.full {
	}
}

// pipeReader reads the bytes of a pipe.
type pipeReader struct {
	pipe   *pipe[byte]
	unread []byte // of the current chunk
	err    error
}

func (r *pipeReader) Read(p []byte) (int, error) {
	for len(r.unread) == 0 {
		if r.err == nil {
			r.unread, r.err = r.pipe.next()
		}
		if r.err != nil {
			return 0, r.err
		}
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}

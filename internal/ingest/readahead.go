package ingest

import "io"

// Reading ahead holds so many blocks of that size.
const (
	aheadBlock  = 128 << 10
	aheadBlocks = 4
)

// block is what one reading brought.
type block struct {
	bytes []byte
	err   error
}

// readingAhead reads in a goroutine of its own, a few blocks ahead of its reader. Close ends the goroutine.
type readingAhead struct {
	from   io.ReadCloser
	full   chan block
	empty  chan []byte
	closed chan struct{}

	current block  // its bytes go back when they have been read
	unread  []byte // of current
}

// readAhead begins to read from a file at once. What it returns closes the file.
func readAhead(from io.ReadCloser) io.ReadCloser {
	r := &readingAhead{
		from: from, full: make(chan block, aheadBlocks), empty: make(chan []byte, aheadBlocks), closed: make(chan struct{}),
	}
	for range aheadBlocks {
		r.empty <- make([]byte, aheadBlock)
	}
	go r.run()
	return r
}

func (r *readingAhead) run() {
	defer close(r.full)
	for {
		var b block
		select {
		case b.bytes = <-r.empty:
		case <-r.closed:
			return
		}
		b.bytes, b.err = fill(r.from, b.bytes)
		r.full <- b // there is room: no more blocks exist than it holds
		if b.err != nil {
			return
		}
	}
}

// fill reads a whole block, or what there is before an error.
func fill(from io.Reader, buffer []byte) (read []byte, err error) {
	defer recoverAs(&err)
	n := 0
	for n < len(buffer) && err == nil {
		var m int
		m, err = from.Read(buffer[n:])
		n += m
		read = buffer[:n]
	}
	return read, err
}

// Read is io.Reader.
func (r *readingAhead) Read(p []byte) (int, error) {
	for len(r.unread) == 0 {
		if r.current.err != nil {
			return 0, r.current.err
		}
		if r.current.bytes != nil {
			r.empty <- r.current.bytes[:aheadBlock]
		}
		r.current = <-r.full
		r.unread = r.current.bytes
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}

// Close is io.Closer. Nothing may be read after it.
func (r *readingAhead) Close() error {
	close(r.closed)
	for range r.full { // until the goroutine has ended: the file must not be closed under it
	}
	return r.from.Close()
}

package backend

import (
	"errors"
	"io"
)

// chunkSize is how many bytes of a body are in memory at a time.
const chunkSize = 1 << 20

// WriteChunks reads a body to its end and calls write for each chunk of it, which is valid during the call. An error of the
// reader is passed to readError, which may wrap it.
func WriteChunks(body io.Reader, readError func(error) error, write func(index int, chunk []byte) error) (size int64, err error) {
	chunk := make([]byte, chunkSize)
	for index := 0; ; index++ {
		n, err := io.ReadFull(body, chunk)
		if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, readError(err)
		}
		if n == 0 {
			return size, nil
		}
		if err := write(index, chunk[:n]); err != nil {
			return 0, err
		}
		size += int64(n)
	}
}

// ReadChunks reads a body of the given size that is stored in chunks. chunk returns one by its index; it is called when it
// is needed.
func ReadChunks(size int64, chunk func(index int) ([]byte, error)) io.ReadCloser {
	return &chunkReader{chunk: chunk, left: size}
}

type chunkReader struct {
	chunk  func(int) ([]byte, error)
	next   int
	unread []byte // of the present chunk
	left   int64  // in the chunks that follow
}

// Read reads on in the present chunk, or fetches the next one.
func (r *chunkReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.unread) == 0 {
		if r.left <= 0 {
			return 0, io.EOF
		}
		chunk, err := r.chunk(r.next)
		if err != nil {
			return 0, err
		}
		r.unread, r.next, r.left = chunk, r.next+1, r.left-int64(len(chunk))
	}
	n := copy(p, r.unread)
	r.unread = r.unread[n:]
	return n, nil
}

// Close ends the reading.
func (r *chunkReader) Close() error {
	r.unread, r.left = nil, 0
	return nil
}

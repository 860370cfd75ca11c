package backend

import "io"

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

package backend

import "io"

// ReadChunks reads a body of the given size that is kept in pieces. piece returns one of them, counted from 0; it is asked
// for when it is needed.
func ReadChunks(size int64, piece func(number int) ([]byte, error)) io.ReadCloser {
	return &chunkReader{piece: piece, left: size}
}

type chunkReader struct {
	piece  func(int) ([]byte, error)
	next   int
	unread []byte // of the present piece
	left   int64  // in the pieces that follow
}

// Read reads on in the present piece, or fetches the next one.
func (r *chunkReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.unread) == 0 {
		if r.left <= 0 {
			return 0, io.EOF
		}
		piece, err := r.piece(r.next)
		if err != nil {
			return 0, err
		}
		r.unread, r.next, r.left = piece, r.next+1, r.left-int64(len(piece))
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

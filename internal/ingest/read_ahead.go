package ingest

import (
	"context"
	"errors"
	"io"
)

// Reading ahead holds so many chunks of that size.
const (
	readAheadChunks = 4
	readAheadSize   = 128 << 10
)

// readAhead reads a file on a goroutine of its own, a few chunks ahead of its reader, beginning at once. Closing what it
// returns ends the goroutine and closes the file.
func readAhead(file io.ReadCloser) io.ReadCloser {
	p := newPipe[byte](context.Background(), readAheadChunks, readAheadSize)
	p.start(func() error {
		for {
			chunk, ok := p.wait(nil)
			if !ok {
				return nil
			}
			chunk, err := fill(file, chunk[:cap(chunk)])
			p.send(chunk)
			if err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
		}
	})
	return &aheadReader{pipeReader{pipe: p}, file}
}

// fill reads a whole buffer, or what there is before an error.
func fill(from io.Reader, buffer []byte) (read []byte, err error) {
	n := 0
	for n < len(buffer) && err == nil {
		var m int
		m, err = from.Read(buffer[n:])
		n += m
	}
	return buffer[:n], err
}

type aheadReader struct {
	pipeReader
	file io.Closer
}

// Close is io.Closer. Nothing may be read after it.
func (r *aheadReader) Close() error {
	r.pipe.stop() // the file must not be closed while it is read
	return r.file.Close()
}

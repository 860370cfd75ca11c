package ingest

import (
	"context"
	"io"

	"github.com/health-export/health-export/internal/health"
)

// ahead decodes a body while it is still arriving, beside its compression for the archive. Nothing that comes of it is
// written before the archive has the body; it only saves reading the body twice.
type ahead struct {
	pipe   *io.PipeWriter
	result chan *decoded
}

// decodeAhead begins to decode a body that will be written to the value it returns. It returns nil where as many bodies
// are being decoded this way as may be processed at once: the body is then decoded from the archive.
func (s *Service) decodeAhead(ingestion *health.Ingestion, user health.User) *ahead {
	select {
	case s.places <- struct{}{}:
	default:
		return nil
	}
	reader, writer := io.Pipe()
	a := &ahead{pipe: writer, result: make(chan *decoded, 1)}
	of := *ingestion
	go func() {
		defer func() { <-s.places }()
		d := s.decode(s.ctx, &of, user, reader)
		reader.Close()
		a.result <- d
	}()
	return a
}

// Write hands on a part of the body. It never fails: a decoder that has given up needs no more of it.
func (a *ahead) Write(p []byte) (int, error) {
	_, _ = a.pipe.Write(p)
	return len(p), nil
}

// finish says that the body has arrived and returns what became of it.
func (a *ahead) finish() *decoded {
	a.pipe.Close()
	return <-a.result
}

// abandon ends decoding of a body that did not arrive.
func (a *ahead) abandon() {
	a.pipe.CloseWithError(context.Canceled)
	(<-a.result).close()
}

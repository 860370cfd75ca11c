package ingest

import (
	"context"
	"io"

	"github.com/health-export/health-export/internal/health"
)

// ahead decodes a body while it is still arriving, beside its compression for the archive. Nothing that comes of it is
// written before the archive has the body; it only saves reading the body twice. A nil ahead does nothing: the body is
// then decoded from the archive.
type ahead struct {
	pipe   *io.PipeWriter
	result chan *decoded
}

// decodeAhead begins to decode the body that will be written to what it returns: nil where as many bodies are being
// decoded this way as may be processed at once.
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
	if a != nil {
		_, _ = a.pipe.Write(p)
	}
	return len(p), nil
}

// arrived says that the body has been written to its end.
func (a *ahead) arrived() {
	if a != nil {
		a.pipe.Close()
	}
}

// finish returns what was decoded of a body that has arrived; nil where nothing was.
func (a *ahead) finish() *decoded {
	if a == nil {
		return nil
	}
	return <-a.result
}

// abandon ends the decoding of a body that did not arrive or could not be kept.
func (a *ahead) abandon() {
	if a != nil {
		a.pipe.CloseWithError(context.Canceled)
		(<-a.result).close()
	}
}

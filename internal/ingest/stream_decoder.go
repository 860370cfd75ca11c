package ingest

import (
	"context"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/tracing"
)

// maxStall is how long decoding may hold up a body that is being received, in all. After that it is given up: the sender
// must not wait for what can be done later from the archive.
const maxStall = 2 * time.Second

// A streamDecoder holds so many chunks of that size of the body.
const (
	streamChunks    = 18
	streamChunkSize = 64 << 10
)

// streamDecoder decodes a body while it is received, on a goroutine of its own, so that it need not be read from the
// archive. What it decodes is not written before the body is archived. A nil streamDecoder does nothing: the body is then
// decoded from the archive.
type streamDecoder struct {
	pipe    *pipe[byte]
	stalled time.Duration // so far
	behind  bool          // given up
	result  chan *decodedBody
}

// decodeStream begins to decode the body that is written to what it returns: nil where as many bodies are being decoded
// this way as may be processed at once.
func (s *Service) decodeStream(ctx context.Context, ingestion *health.Ingestion, user account.User) *streamDecoder {
	select {
	case s.decodeSlots <- struct{}{}:
	default:
		return nil
	}
	d := &streamDecoder{
		pipe:   newPipe[byte](tracing.Detach(s.ctx, ctx), streamChunks, streamChunkSize),
		result: make(chan *decodedBody, 1),
	}
	of := *ingestion
	go func() {
		defer func() { <-s.decodeSlots }()
		decoded := s.decode(d.pipe.ctx, &of, user, &pipeReader{pipe: d.pipe})
		d.pipe.cancel() // a decoder that has ended needs no more of the body
		d.result <- decoded
	}()
	return d
}

// Write passes a part of the body to the decoder. It never fails.
func (d *streamDecoder) Write(p []byte) (int, error) {
	n := len(p)
	for d != nil && !d.behind && len(p) > 0 {
		chunk, ok := d.chunk()
		if !ok {
			break
		}
		part := min(len(p), streamChunkSize)
		d.pipe.send(append(chunk, p[:part]...))
		p = p[part:]
	}
	return n, nil
}

func (d *streamDecoder) chunk() (chunk []byte, ok bool) {
	if chunk, ok := d.pipe.free(); ok {
		return chunk, true
	}
	begun := time.Now()
	timer := time.NewTimer(maxStall - d.stalled)
	defer timer.Stop()
	chunk, ok = d.pipe.wait(timer.C)
	d.stalled += time.Since(begun)
	if !ok && d.pipe.ctx.Err() == nil {
		d.behind = true
		d.pipe.cancel()
	}
	return chunk, ok
}

// received is called when the body has been written to its end.
func (d *streamDecoder) received() {
	if d != nil {
		d.pipe.end(nil)
	}
}

// finish waits for the result of decoding a body that was received; nil where there is none.
func (d *streamDecoder) finish() *decodedBody {
	if d == nil {
		return nil
	}
	if d.behind {
		d.abandon()
		return nil
	}
	return <-d.result
}

// abandon ends the decoding of a body that was not received or archived, or came faster than it can be decoded.
func (d *streamDecoder) abandon() {
	if d != nil {
		d.pipe.cancel()
		(<-d.result).Close()
	}
}

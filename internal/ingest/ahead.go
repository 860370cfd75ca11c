package ingest

import (
	"context"
	"io"
	"time"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/tracing"
)

// Decoding ahead may hold up a body that is arriving for this long in all. After that it is given up: whoever sends must
// not wait for what can be done later from the archive.
const patience = 2 * time.Second

// piece is how much of a body is handed on at a time, and pieces how many of them may wait.
const (
	piece  = 64 << 10
	pieces = 16
)

// ahead decodes a body while it is still arriving, beside its compression for the archive. Nothing that comes of it is
// written before the archive has the body; it only saves reading the body twice. A nil ahead does nothing: the body is
// then decoded from the archive.
type ahead struct {
	arriving chan []byte
	empty    chan []byte   // pieces to be used again
	left     time.Duration // of the patience
	cancel   context.CancelFunc
	behind   bool // given up
	result   chan *decodedBody
}

// decodeAhead begins to decode the body that will be written to what it returns: nil where as many bodies are being
// decoded this way as may be processed at once.
func (s *Service) decodeAhead(ctx context.Context, ingestion *health.Ingestion, user account.User) *ahead {
	select {
	case s.decodeSlots <- struct{}{}:
	default:
		return nil
	}
	ctx, cancel := context.WithCancel(tracing.Detach(s.ctx, ctx))
	a := &ahead{
		arriving: make(chan []byte, pieces), empty: make(chan []byte, pieces+2), left: patience,
		cancel: cancel, result: make(chan *decodedBody, 1),
	}
	of := *ingestion
	go func() {
		defer func() { <-s.decodeSlots }()
		a.result <- s.decode(ctx, &of, user, &arrival{ctx: ctx, from: a})
	}()
	return a
}

// Write hands on a part of the body. It never fails: a decoder that has ended needs no more of it.
func (a *ahead) Write(p []byte) (int, error) {
	n := len(p)
	for a != nil && !a.behind && len(p) > 0 {
		part := min(len(p), piece)
		a.hand(append(a.emptyPiece(), p[:part]...))
		p = p[part:]
	}
	return n, nil
}

func (a *ahead) emptyPiece() []byte {
	select {
	case b := <-a.empty:
		return b[:0]
	default:
		return make([]byte, 0, piece)
	}
}

func (a *ahead) hand(b []byte) {
	select {
	case a.arriving <- b:
		return
	default:
	}
	begun := time.Now()
	timer := time.NewTimer(a.left)
	defer timer.Stop()
	select {
	case a.arriving <- b:
		a.left -= time.Since(begun)
	case <-timer.C:
		a.behind = true
		a.cancel()
	}
}

// arrived says that the body has been written to its end.
func (a *ahead) arrived() {
	if a != nil {
		close(a.arriving)
	}
}

// finish returns what was decoded of a body that has arrived; nil where nothing was.
func (a *ahead) finish() *decodedBody {
	if a == nil {
		return nil
	}
	if a.behind {
		a.abandon()
		return nil
	}
	defer a.cancel()
	return <-a.result
}

// abandon ends the decoding of a body that did not arrive, could not be kept, or came faster than it can be decoded.
func (a *ahead) abandon() {
	if a != nil {
		a.cancel()
		(<-a.result).close()
	}
}

// arrival reads what is handed to an ahead.
type arrival struct {
	ctx     context.Context
	from    *ahead
	piece   []byte // what is left of the piece being read
	current []byte // the whole of it
}

func (r *arrival) Read(p []byte) (int, error) {
	for len(r.piece) == 0 {
		if r.current != nil {
			select {
			case r.from.empty <- r.current:
			default:
			}
			r.current = nil
		}
		select {
		case b, open := <-r.from.arriving:
			if !open {
				return 0, io.EOF
			}
			r.piece, r.current = b, b
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
	n := copy(p, r.piece)
	r.piece = r.piece[n:]
	return n, nil
}

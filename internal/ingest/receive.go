package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/spool"
	"github.com/health-export/health-export/internal/tracing"
)

// Request is one body and what is known about it.
type Request struct {
	User account.User
	// KeyID is the API key that brought the body; "" for an import from the command line.
	KeyID string
	Body  io.Reader
	// ContentEncoding is the HTTP header of that name: "", identity, gzip, zstd or br.
	ContentEncoding string
	// Headers of the request, with lower-case names. Those that describe the body are stored, others are not.
	Headers map[string]string
	// Async asks not to wait for processing.
	Async bool
}

// Receive archives the body and processes it. When it returns without an error the body is durable. It waits for
// processing up to Limits.Wait; an ingestion that is still StatusAccepted then goes on in the background, also when
// ctx has ended.
//
// Errors: TooLarge, Invalid (empty, cut off, broken encoding), Unavailable (no room, or stopping); nothing is kept of
// the body then.
func (s *Service) Receive(ctx context.Context, r Request) (health.Ingestion, error) {
	s.metrics.received()
	ingestion, err := s.receive(ctx, r)
	if err != nil {
		s.metrics.refused(err)
	}
	return ingestion, err
}

func (s *Service) receive(ctx context.Context, r Request) (health.Ingestion, error) {
	end, err := s.begin()
	if err != nil {
		return health.Ingestion{}, err
	}
	ingestion, decoded, err := s.archive(ctx, r)
	if err != nil {
		end()
		return health.Ingestion{}, err
	}
	result := s.start(auditSource{ctx, account.ActionIngest}, ingestion, r.User, decoded, end)
	if r.Async {
		return ingestion, nil
	}
	return s.await(ctx, ingestion, result), nil
}

// await returns the result of processing, or the ingestion as it is when Limits.Wait is over or ctx ends.
func (s *Service) await(ctx context.Context, ingestion health.Ingestion, result <-chan health.Ingestion) health.Ingestion {
	timer := time.NewTimer(s.limits.Wait)
	defer timer.Stop()
	select {
	case finished := <-result:
		return finished
	case <-timer.C:
	case <-ctx.Done():
	}
	return ingestion
}

// archive streams the body, compressed, into a spool and from there into the archive: a slow phone must not hold a
// database transaction open. It returns what has been decoded of the body meanwhile, or nil.
func (s *Service) archive(ctx context.Context, r Request) (health.Ingestion, *decodedBody, error) {
	ingestion, err := s.newIngestion(ctx, r.User, r.KeyID, r.Headers)
	if err != nil {
		return health.Ingestion{}, nil, err
	}
	spooled := spool.New(s.limits.TempDir)
	defer spooled.Close()
	decoder := s.decodeStream(ctx, &ingestion, r.User)
	_, span := tracing.Start(ctx, "receive body")
	err = s.spoolBody(&ingestion, r, spooled, decoder)
	span.End(err)
	if err == nil {
		decoder.received()
		// A phone that hangs up now must not undo the archiving.
		put, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = s.put(put, ingestion, spooled, lease)
	}
	if err != nil {
		decoder.abandon()
		s.forget(ctx, &ingestion)
		return health.Ingestion{}, nil, err
	}
	return ingestion, decoder.finish(), nil
}

// put archives a body and claims its ingestion for a time.
func (s *Service) put(ctx context.Context, ingestion health.Ingestion, spooled *spool.Spool, claim time.Duration) error {
	stored, err := spooled.Reader()
	if err != nil {
		return err
	}
	return s.store.Put(ctx, ingestion, stored, s.owner, s.now().Add(claim))
}

// spoolBody reads the body to its end into w, compressed, and into decoder as it is.
func (s *Service) spoolBody(ingestion *health.Ingestion, r Request, w *spool.Spool, decoder *streamDecoder) error {
	err := readBody(ingestion, r, s.limits.MaxBody, func(body io.Reader) error {
		return compress(w, io.TeeReader(body, decoder))
	})
	if err != nil {
		return err
	}
	if ingestion.Size == 0 {
		return problem.New(problem.Invalid, "empty_body",
			"The body is empty. Send the JSON that the app exports; with curl, use --data-binary @file.json.")
	}
	ingestion.StoredSize = w.Size()
	return nil
}

// readBody undoes the Content-Encoding of a body, which read reads to its end, and sets the sizes and the digest of the
// ingestion. Neither form of the body may be larger than limit.
func readBody(ingestion *health.Ingestion, r Request, limit int64, read func(io.Reader) error) error {
	wire := &countingReader{reader: r.Body, limit: limit}
	plain, err := undoEncoding(wire, r.ContentEncoding)
	if err != nil {
		return err
	}
	defer plain.Close()
	body := &countingReader{reader: plain, limit: limit}
	digest := sha256.New()
	if err := read(io.TeeReader(body, digest)); err != nil {
		return readProblem(err)
	}
	ingestion.Size, ingestion.WireSize = body.count, wire.count
	ingestion.SHA256 = [sha256.Size]byte(digest.Sum(nil))
	return nil
}

// readProblem returns the problem that a failure to read or to spool a body is for the sender.
func readProblem(err error) error {
	var known *problem.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, spool.ErrDisk):
		return problem.New(problem.Unavailable, "no_room",
			"There is no room to keep the body. Free disk space on the server, then send it again.").Because(err)
	case errors.Is(err, errEncoding):
		return problem.New(problem.Invalid, "broken_encoding",
			"The body does not match its Content-Encoding. Send it uncompressed, or name the compression that was used.").Because(err)
	default:
		return problem.New(problem.Invalid, "incomplete_body",
			"The body broke off before its end. Send it again.").Because(err)
	}
}

// compress writes what body holds to w with zstd at its fastest: 12 % of the size for 4 ms a megabyte.
func compress(w io.Writer, body io.Reader) error {
	encoder, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(1<<20))
	if err != nil {
		return err
	}
	if _, err := io.Copy(encoder, body); err != nil {
		encoder.Close()
		return err
	}
	return encoder.Close()
}

// Replay processes an archived body again and waits for it as Receive does. It does not replace what later bodies state.
// NotFound: as Raw; Conflict: it is being processed.
func (s *Service) Replay(ctx context.Context, user account.User, id uuid.UUID) (health.Ingestion, error) {
	end, err := s.begin()
	if err != nil {
		return health.Ingestion{}, err
	}
	if err := s.checkKept(ctx, user.ID, id); err != nil {
		end()
		return health.Ingestion{}, err
	}
	ingestion, err := s.store.Reopen(ctx, user.ID, id, s.owner, s.now().Add(lease))
	if err != nil {
		end()
		return health.Ingestion{}, err
	}
	return s.await(ctx, ingestion, s.start(auditSource{ctx, account.ActionReplay}, ingestion, user, nil, end)), nil
}

package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/format"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/tracing"
)

// Import takes in a file that may be far larger than a body: it waits in a directory until it has been processed, and is
// archived only if that is asked for. When Import returns without an error the file is durable, and is being processed
// in the background, also when ctx has ended.
//
// Errors: TooLarge, Invalid and Unrecognised (empty, cut off, nothing that could be imported), Unavailable (no room, no
// directory, or stopping); nothing is kept of the file then.
func (s *Service) Import(ctx context.Context, r Request, keep bool) (health.Ingestion, error) {
	s.metrics.received()
	ingestion, err := s.receiveImport(ctx, r, keep)
	if err != nil {
		s.metrics.refused(err)
	}
	return ingestion, err
}

func (s *Service) receiveImport(ctx context.Context, r Request, keep bool) (_ health.Ingestion, err error) {
	if s.uploads.dir == "" {
		return health.Ingestion{}, problem.New(problem.Unavailable, "no_import_directory",
			"This server takes no imports: it has no directory for them. Name one in import.dir.")
	}
	end, err := s.begin()
	if err != nil {
		return health.Ingestion{}, err
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	ingestion, err := s.newIngestion(r.User, r.KeyID, r.Headers)
	if err != nil {
		return ingestion, err
	}
	ingestion.ImportDir = s.uploads.name
	if err := s.receiveUpload(&ingestion, r); err != nil {
		return ingestion, err
	}
	file, err := s.uploads.open(&ingestion)
	if err == nil {
		defer file.Close()
		err = s.recordImport(context.WithoutCancel(ctx), &ingestion, file, keep)
	}
	if err != nil {
		s.uploads.remove(&ingestion)
		return ingestion, err
	}
	s.start(auditSource{ctx, account.ActionImport}, ingestion, r.User, nil, end)
	return ingestion, nil
}

// receiveUpload brings the body of a request into the directory and notes its sizes and its digest.
func (s *Service) receiveUpload(ingestion *health.Ingestion, r Request) error {
	wire := &countingReader{reader: r.Body, limit: s.limits.MaxImport}
	plain, err := undoEncoding(wire, r.ContentEncoding)
	if err != nil {
		return err
	}
	defer plain.Close()
	body := &countingReader{reader: plain, limit: s.limits.MaxImport}
	digest := sha256.New()
	if err := s.uploads.receive(ingestion, io.TeeReader(body, digest)); err != nil {
		return s.readingFailed(err)
	}
	ingestion.Size, ingestion.WireSize = body.count, wire.count
	ingestion.SHA256 = [32]byte(digest.Sum(nil))
	return nil
}

// recordImport makes an ingestion of a file, claimed by this process, if it is something that can be imported at all.
func (s *Service) recordImport(ctx context.Context, ingestion *health.Ingestion, file *os.File, keep bool) error {
	if ingestion.Size == 0 {
		return problem.New(problem.Invalid, "empty_body", "The file is empty. Send the export.zip that the Health app makes.")
	}
	if err := s.recognise(file, ingestion.Size); err != nil {
		return err
	}
	claimed := lease
	body := newSpool(s.limits.TempDir)
	defer body.Close()
	if keep {
		digest := sha256.New()
		if err := compress(body, io.TeeReader(io.NewSectionReader(file, 0, ingestion.Size), digest)); err != nil {
			return s.readingFailed(err)
		}
		ingestion.SHA256 = [sha256.Size]byte(digest.Sum(nil))
		claimed += time.Duration(body.Size()>>20) * time.Second // the claim must last until all of it is archived
	}
	ingestion.StoredSize = body.Size()
	stored, err := body.Reader()
	if err != nil {
		return err
	}
	return s.store.Put(ctx, *ingestion, stored, s.owner, s.now().Add(claimed))
}

// recognise looks at a file as far as its directory or its first bytes tell what it is.
func (s *Service) recognise(file io.ReaderAt, size int64) error {
	head, err := headOf(file)
	if err != nil {
		return err
	}
	if !format.IsArchive(head) {
		_, err = s.formats(head)
		return err
	}
	archive, err := format.OpenArchive(file, size)
	if err == nil {
		_, err = format.DetectArchive(archive)
	}
	return err
}

func headOf(file io.ReaderAt) ([]byte, error) {
	head := make([]byte, format.DetectSize)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return head[:n], nil
}

// newIngestion returns the ingestion of something that arrives now.
func (s *Service) newIngestion(user account.User, keyID string, headers map[string]string) (health.Ingestion, error) {
	id, err := uuid.NewV7()
	return health.Ingestion{
		ID: id, UserID: user.ID, KeyID: keyID, ReceivedAt: s.now().UTC().Truncate(time.Microsecond), Headers: keepHeaders(headers),
		Status: health.StatusAccepted, Attempts: 1,
	}, err
}

// FileRequest is a file of somebody who has access to the store itself.
type FileRequest struct {
	// ID is the ingestion's, for Progress; zero for a new one.
	ID   uuid.UUID
	User account.User
	File *os.File
	// Keep archives the file.
	Keep bool
}

// ImportFile imports a file where it is, and returns when it has been processed. When ctx ends before that, what is
// stored stays, the ingestion is marked as failed, and the same call begins anew, finding unchanged what was stored.
//
// Errors: as Import, and that of ctx.
func (s *Service) ImportFile(ctx context.Context, r FileRequest) (health.Ingestion, error) {
	end, err := s.begin()
	if err != nil {
		return health.Ingestion{}, err
	}
	defer end()
	s.metrics.received()
	ingestion, err := s.newIngestion(r.User, "", nil)
	if err != nil {
		return ingestion, err
	}
	if r.ID != uuid.Nil {
		ingestion.ID = r.ID
	}
	m := &meter{}
	s.meters.Store(ingestion.ID, m)
	defer s.meters.Delete(ingestion.ID)
	info, err := r.File.Stat()
	if err != nil {
		return ingestion, err
	}
	ingestion.Size, ingestion.WireSize = info.Size(), info.Size()
	if err := s.recordImport(ctx, &ingestion, r.File, r.Keep); err != nil {
		return ingestion, err
	}
	return s.processFile(ctx, ingestion, r, m)
}

// digestOf computes the digest of a file that has none yet, while other work is done. The function that it returns waits for
// that and sets it.
func digestOf(ctx context.Context, ingestion *health.Ingestion, file io.ReaderAt) (wait func() error) {
	if ingestion.SHA256 != [sha256.Size]byte{} {
		return func() error { return nil }
	}
	digest, done := sha256.New(), make(chan error, 1)
	content := &untilDone{ctx, io.NewSectionReader(file, 0, ingestion.Size)}
	go func() {
		_, err := io.Copy(digest, content)
		done <- err
	}()
	return func() error {
		err := <-done
		if err == nil {
			ingestion.SHA256 = [sha256.Size]byte(digest.Sum(nil))
		}
		return err
	}
}

func (s *Service) processFile(ctx context.Context, ingestion health.Ingestion, r FileRequest, m *meter) (health.Ingestion, error) {
	held, release := s.renewClaim(ctx, ingestion.ID)
	digest := digestOf(held, &ingestion, r.File)
	d := s.decodeFile(held, &ingestion, r.User, r.File, m)
	defer d.close()
	err := digest()
	finished := ingestion
	switch {
	case d.failed():
		err = d.err
	case err == nil:
		finished, err = s.process(held, ingestion, r.User, d)
	}
	release()
	finished.Duration = s.now().Sub(ingestion.ReceivedAt).Round(time.Microsecond)
	if err != nil {
		finished = ingestion
		finished.Status, finished.FailureCode, finished.Failure = health.StatusFailed, interrupted.Code, interrupted.Message
		finished.FinishedAt = s.now()
	}
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = errors.Join(err, s.store.Finish(recording, finished, s.owner, auditSource{ctx, account.ActionImport}.entry(&finished)))
	if err == nil {
		s.metrics.finished(ctx, &finished)
	}
	return finished, err
}

// interrupted is what is recorded of an import whose file cannot be reached any more.
var interrupted = problem.New(problem.Invalid, "interrupted",
	"The import was interrupted. Import the same file again: what is stored already stays, and is counted as unchanged.")

// decodeFile decodes a file that can be read from anywhere.
func (s *Service) decodeFile(ctx context.Context, ingestion *health.Ingestion, user account.User, file io.ReaderAt, m *meter) *decodedBody {
	d := s.newDecoded(ingestion)
	ctx, span := tracing.Start(ctx, "decode body")
	defer d.endSpan(span)
	m.begin(PhaseReading, ingestion.Size)
	m.decoded.Store(d)
	d.err = d.readFile(ctx, s.formats, user, file, ingestion.Size, m)
	m.begin(PhaseWriting, m.size.Load())
	m.read.Store(m.size.Load())
	return d
}

func (d *decodedBody) readFile(ctx context.Context, detect func([]byte) (format.Format, error), user account.User, file io.ReaderAt, size int64, m *meter) (err error) {
	defer recoverAs(&err)
	head, err := headOf(file)
	if err != nil {
		return err
	}
	if format.IsArchive(head) {
		return d.readArchive(ctx, user, file, size, func(a *format.Archive) { m.archive.Store(a) })
	}
	language, err := detect(head)
	if err != nil {
		return asBodyError(err)
	}
	return d.takeFile(ctx, user, &language, func(o format.Options) iter.Seq2[health.Record, error] {
		return language.Decode(m.reader(io.NewSectionReader(file, 0, size)), o)
	})
}

// decodeWaiting decodes an upload. One whose file somebody has removed from this directory is lost.
func (s *Service) decodeWaiting(ctx context.Context, ingestion *health.Ingestion, user account.User) (*decodedBody, error) {
	file, err := s.uploads.open(ingestion)
	if errors.Is(err, fs.ErrNotExist) {
		return s.lostBody(ingestion), nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSpoolFull, err)
	}
	defer file.Close()
	m := &meter{}
	s.meters.Store(ingestion.ID, m)
	return s.decodeFile(ctx, ingestion, user, file, m), nil
}

// lostBody is what is decoded of an ingestion whose body is gone.
func (s *Service) lostBody(ingestion *health.Ingestion) *decodedBody {
	d := s.newDecoded(ingestion)
	d.err = &bodyError{interrupted}
	return d
}

// untilDone is a reader that ends with its context.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r *untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

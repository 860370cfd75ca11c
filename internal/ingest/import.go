package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/format"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/spool"
)

// Import receives a file that may be far larger than a body: it is in the import directory until it has been processed, and
// is archived only if keep is set. When Import returns without an error the file is durable, and is being processed in the
// background, also when ctx has ended.
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
	if err := s.uploads.Available(); err != nil {
		return health.Ingestion{}, err
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
	ingestion, err := s.newIngestion(ctx, r.User, r.KeyID, r.Headers)
	if err != nil {
		return ingestion, err
	}
	defer func() {
		if err != nil {
			s.forget(ctx, &ingestion)
		}
	}()
	ingestion.ImportDir = s.uploads.Name()
	if err := s.receiveUpload(&ingestion, r); err != nil {
		return ingestion, err
	}
	file, err := s.uploads.Open(ingestion.UserID, ingestion.ID)
	if err == nil {
		defer file.Close()
		err = s.recordImport(context.WithoutCancel(ctx), &ingestion, file, keep)
	}
	if err != nil {
		s.uploads.Remove(ingestion.UserID, ingestion.ID)
		return ingestion, err
	}
	s.start(auditSource{ctx, account.ActionImport}, ingestion, r.User, nil, end)
	return ingestion, nil
}

// receiveUpload receives the body of a request into the import directory.
func (s *Service) receiveUpload(ingestion *health.Ingestion, r Request) error {
	return readBody(ingestion, r, s.limits.MaxImport, func(body io.Reader) error {
		return s.uploads.Receive(ingestion.UserID, ingestion.ID, body)
	})
}

// recordImport records the ingestion of a file, claimed by this process, if the file can be imported at all. It archives the
// file if it is to be kept.
func (s *Service) recordImport(ctx context.Context, ingestion *health.Ingestion, file *os.File, keep bool) error {
	if ingestion.Size == 0 {
		return problem.New(problem.Invalid, "empty_body", "The file is empty. Send the export.zip that the Health app makes.")
	}
	if err := s.recognise(file, ingestion.Size); err != nil {
		return err
	}
	claim := lease
	body := spool.New(s.limits.TempDir)
	defer body.Close()
	if keep {
		digest := sha256.New()
		if err := compress(body, io.TeeReader(io.NewSectionReader(file, 0, ingestion.Size), digest)); err != nil {
			return readProblem(err)
		}
		ingestion.SHA256 = [sha256.Size]byte(digest.Sum(nil))
		claim += time.Duration(body.Size()>>20) * time.Second // it must last until all of the file is archived
	}
	ingestion.StoredSize = body.Size()
	return s.put(ctx, *ingestion, body, claim)
}

// recognise returns an error unless the format of a file is known, by its first bytes or its directory.
func (s *Service) recognise(file io.ReaderAt, size int64) error {
	head, err := headOf(file)
	if err != nil {
		return err
	}
	if !format.IsArchive(head) {
		_, err = s.detect(head)
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

// newIngestion returns the ingestion of a body that begins to arrive now. Its order is taken: a body that is not stored in
// the end has to be forgotten.
func (s *Service) newIngestion(
	ctx context.Context, user account.User, keyID string, headers map[string]string,
) (health.Ingestion, error) {
	received := s.now().UTC().Truncate(time.Microsecond)
	order, err := s.store.NextOrder(ctx, user.ID, received)
	return health.Ingestion{
		ID: health.NewIngestionID(order), UserID: user.ID, KeyID: keyID, ReceivedAt: received, Order: order,
		Headers: keepHeaders(headers), Status: health.StatusAccepted, Attempts: 1,
	}, err
}

// forget gives up the order of a body that did not arrive. Where that fails, nothing is lost.
func (s *Service) forget(ctx context.Context, ingestion *health.Ingestion) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = s.store.ForgetOrder(ctx, ingestion.UserID, ingestion.Order)
}

// FileRequest is a file to be imported by a process that has access to the store.
type FileRequest struct {
	// Begun, if not nil, is called with the id of the ingestion, for Progress.
	Begun func(id uuid.UUID)
	User  account.User
	File  *os.File
	// Keep archives the file.
	Keep bool
}

// ImportFile imports a file where it is, and returns when it has been processed. When ctx ends before that, what is
// stored stays, and the ingestion is marked as failed; the same file can be imported again.
//
// Errors: as Import, and that of ctx.
func (s *Service) ImportFile(ctx context.Context, r FileRequest) (health.Ingestion, error) {
	end, err := s.begin()
	if err != nil {
		return health.Ingestion{}, err
	}
	defer end()
	s.metrics.received()
	ingestion, err := s.newIngestion(ctx, r.User, "", FileHeaders(filepath.Base(r.File.Name())))
	if err != nil {
		return ingestion, err
	}
	m := &meter{}
	s.meters.Store(ingestion.ID, m)
	defer s.meters.Delete(ingestion.ID)
	if r.Begun != nil {
		r.Begun(ingestion.ID)
	}
	info, err := r.File.Stat()
	if err != nil {
		s.forget(ctx, &ingestion)
		return ingestion, err
	}
	ingestion.Size, ingestion.WireSize = info.Size(), info.Size()
	if err := s.recordImport(ctx, &ingestion, r.File, r.Keep); err != nil {
		s.forget(ctx, &ingestion)
		return ingestion, err
	}
	return s.processFile(ctx, ingestion, r, m)
}

// digestOf computes the digest of a file that has none yet concurrently. The function that it returns waits for the digest
// and sets it.
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
	claimed, release := s.renewClaim(ctx, ingestion.ID)
	digest := digestOf(claimed, &ingestion, r.File)
	d := s.decodeFile(claimed, &ingestion, r.User, r.File, m)
	defer d.Close()
	err := digest()
	finished := ingestion
	switch {
	case d.failed():
		err = d.err
	case err == nil:
		finished, err = s.process(claimed, ingestion, r.User, d)
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

// interrupted is the failure of an import whose file cannot be reached any more.
var interrupted = problem.New(problem.Invalid, "interrupted",
	"The import was interrupted. Import the same file again: what is stored already stays, and is counted as unchanged.")

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

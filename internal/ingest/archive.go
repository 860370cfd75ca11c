package ingest

import (
	"context"
	"io"
	"iter"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
)

// Archive returns bodies as they were received. It is safe for concurrent use.
type Archive struct {
	store store.Archive
}

// NewArchive returns an archive over a store.
func NewArchive(stored store.Archive) Archive { return Archive{stored} }

// Ingestions yields all archived ingestions of a user, newest first.
func (a Archive) Ingestions(ctx context.Context, user uuid.UUID) iter.Seq2[health.Ingestion, error] {
	return store.AllIngestions(ctx, a.store, user, store.IngestionQuery{Limit: pageSize})
}

// errNotKept is the error of reading the body of an import that was not to be kept.
var errNotKept = problem.New(problem.NotFound, "body_not_kept",
	"The file of this import was not kept. Import it again, and ask for it to be kept if you want it in the archive.")

// checkKept returns an error unless there is such an ingestion with a body in the archive.
func (a Archive) checkKept(ctx context.Context, user, id uuid.UUID) error {
	ingestion, err := a.store.Ingestion(ctx, user, id)
	if err == nil && ingestion.StoredSize == 0 {
		return errNotKept
	}
	return err
}

// Raw returns the body of an ingestion as it was after its Content-Encoding was undone; the caller closes it. NotFound:
// there is no such ingestion, or its body was not kept.
func (a Archive) Raw(ctx context.Context, user, id uuid.UUID) (io.ReadCloser, error) {
	if err := a.checkKept(ctx, user, id); err != nil {
		return nil, err
	}
	stored, err := a.store.Body(ctx, user, id)
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(stored, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		stored.Close()
		return nil, err
	}
	return &archivedBody{Decoder: decoder, stored: stored}, nil
}

type archivedBody struct {
	*zstd.Decoder
	stored io.Closer
}

func (b *archivedBody) Close() error {
	b.Decoder.Close()
	return b.stored.Close()
}

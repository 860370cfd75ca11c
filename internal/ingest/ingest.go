// Package ingest receives bodies and processes them: a body is archived or put into the import directory, claimed, decoded,
// assembled, and written in batches, and a report accounts for every element of it. It also replays archived bodies, and
// verifies that the store holds what they hold.
package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/assemble"
	"github.com/health-export/health-export/internal/cache"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/format"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/spool"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/upload"
)

// Store is what ingest needs of the store.
type Store interface {
	store.Users
	store.Archive
	store.Inbox
	store.Writer
	store.WorkoutReader
}

// Limits bound what one body may cost. The zero value of a field means its default.
type Limits struct {
	// MaxBody is the most bytes a body may have, before and after its Content-Encoding is undone. Default 200 MiB.
	MaxBody int64
	// Wait is how long Receive waits for processing before it answers that the body is accepted. Default 20 s: the app
	// runs in the background of a phone and is not given much more.
	Wait time.Duration
	// Concurrency is how many bodies are processed at once. Default: the number of CPUs, at least 2.
	Concurrency int
	// TempDir is for what does not fit in memory while a body is processed. Default: the system's.
	TempDir string
	// ImportDir is where uploads to be imported are kept until they have been processed. It must survive a restart; with ""
	// there are no imports.
	ImportDir string
	// MaxImport is the most bytes an upload to be imported may have. Default 16 GiB.
	MaxImport int64
}

func (l Limits) withDefaults() Limits {
	if l.MaxBody == 0 {
		l.MaxBody = 200 << 20
	}
	if l.MaxImport == 0 {
		l.MaxImport = 16 << 30
	}
	if l.Wait == 0 {
		l.Wait = 20 * time.Second
	}
	if l.Concurrency == 0 {
		l.Concurrency = max(2, runtime.NumCPU())
	}
	return l
}

// Config is what New needs. Now defaults to time.Now, Logger to slog.Default; Invalidator and Registerer may be nil.
type Config struct {
	Store       Store
	Invalidator cache.Invalidator
	Catalog     *catalog.Catalog
	Limits      Limits
	Now         func() time.Time
	Logger      *slog.Logger
	Registerer  prometheus.Registerer
}

// detectFunc returns the format of a body that begins with head.
type detectFunc func(head []byte) (format.Format, error)

// Service receives bodies and processes them. It is safe for concurrent use.
type Service struct {
	Archive

	store       Store
	invalidator cache.Invalidator
	limits      Limits
	now         func() time.Time
	logger      *slog.Logger
	metrics     *metrics
	assembler   *assemble.Assembler
	detect      detectFunc
	owner       string // names this process in claims

	slots       chan struct{} // one per body being processed
	decodeSlots chan struct{} // one per body being decoded while it is received
	users       userLocks
	importSlot  chan struct{} // one import at a time: several at once would compete for the disk

	archiveSource, uploadSource bodySource

	uploads   upload.Dir
	sweepOnce sync.Once
	meters    sync.Map // of imports under way: uuid.UUID to *meter
	// importCtx ends when the service begins to stop: an import takes longer than a stop may, and is resumed at the next start.
	importCtx   context.Context
	stopImports context.CancelFunc
	ctx         context.Context // ends when what is under way must be given up
	cancel      context.CancelFunc

	mu      sync.Mutex
	stopped bool
	working sync.WaitGroup
}

// New returns a service that is ready to receive.
func New(c Config) (*Service, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	limits := c.Limits.withDefaults()
	probe, err := spool.TempFile(limits.TempDir)
	if err != nil {
		return nil, problem.New(problem.Unavailable, "no_temporary_directory",
			"The directory for temporary files cannot be written to. Create it, or name another one in ingest.temp_dir.").Because(err)
	}
	if err := spool.RemoveTemp(probe); err != nil {
		return nil, err
	}
	uploads, err := upload.Open(limits.ImportDir)
	if err != nil {
		return nil, err
	}
	assembler, err := assemble.New(c.Catalog, format.WorkoutUnits, limits.TempDir)
	if err != nil {
		return nil, err
	}
	s := &Service{
		Archive: NewArchive(c.Store), store: c.Store, invalidator: cache.OrNop(c.Invalidator), limits: limits, now: c.Now, logger: c.Logger,
		metrics: newMetrics(c.Registerer), assembler: assembler, detect: format.Detect, owner: uuid.NewString(), uploads: uploads,
		slots: make(chan struct{}, limits.Concurrency), decodeSlots: make(chan struct{}, limits.Concurrency),
		importSlot: make(chan struct{}, 1),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.importCtx, s.stopImports = context.WithCancel(s.ctx)
	s.archiveSource, s.uploadSource = s.newArchiveSource(), s.newUploadSource()
	return s, nil
}

// Stop accepts no more bodies, leaves imports for the next start, and waits for all other processing. When ctx ends first,
// that is given up: the bodies are in the archive and are resumed at the next start.
func (s *Service) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.stopImports()

	done := make(chan struct{})
	go func() {
		s.working.Wait()
		close(done)
	}()
	select {
	case <-done:
		s.cancel()
		return nil
	case <-ctx.Done():
		s.cancel()
		<-done
		return fmt.Errorf("stop ingest: gave up work under way, it goes on at the next start: %w", ctx.Err())
	}
}

// begin registers the work on one body; the caller calls end when it is over.
func (s *Service) begin() (end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, problem.New(problem.Unavailable, "stopping", "The server is stopping. Send the body again in a minute.")
	}
	s.working.Add(1)
	return s.working.Done, nil
}

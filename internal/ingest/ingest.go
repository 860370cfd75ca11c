// Package ingest is the way in: a body is archived, then decoded, normalised, sorted, and written in batches, and a
// report says what became of every element of it.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/catalog"
	"github.com/health-export/health-export/internal/format"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
	"github.com/health-export/health-export/internal/store"
	"github.com/health-export/health-export/internal/tracing"
)

// Store is what ingest needs of the store.
type Store interface {
	store.Users
	store.Archive
	store.Inbox
	store.Writer
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
	// TempDir holds what does not fit in memory while a body is processed. Default: the system's.
	TempDir string
	// ImportDir is where uploads to be imported wait until they have been processed. It must outlive a restart; "" takes
	// none.
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

// Config is what New needs. Now defaults to time.Now, Logger to slog.Default; ResponseCache and Registerer may be nil.
type Config struct {
	Store       Store
	Invalidator Invalidator
	Catalog     *catalog.Catalog
	Limits      Limits
	Now         func() time.Time
	Logger      *slog.Logger
	Registerer  prometheus.Registerer
}

// Service receives bodies and processes them. It is safe for concurrent use.
type Service struct {
	Archive

	store       Store
	invalidator Invalidator
	limits      Limits
	now         func() time.Time
	logger      *slog.Logger
	metrics     *metrics
	words       *Resolver
	formats     func(head []byte) (format.Format, error)
	owner       string // names this process in claims

	slots       chan struct{} // one per body being processed
	decodeSlots chan struct{} // one per body being decoded while it arrives
	users       userLocks
	// buffers are those of bodies that are done with.
	buffers buffers
	// importSlot has room for one import: several at once would only take the disk from each other.
	importSlot chan struct{}
	// importCtx ends when the service begins to stop: an import takes longer than a stop may, and goes on at the next start.
	importCtx   context.Context
	stopImports context.CancelFunc
	uploads     uploadDir
	swept       sync.Once
	meters      sync.Map        // of imports under way: uuid.UUID to *meter
	ctx         context.Context // ends when work under way must be given up
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
	words, err := NewResolver(c.Catalog)
	if err != nil {
		return nil, err
	}
	limits := c.Limits.withDefaults()
	probe, err := tempFile(limits.TempDir)
	if err != nil {
		return nil, problem.New(problem.Unavailable, "no_temporary_directory",
			"The directory for temporary files cannot be written to. Create it, or name another one in ingest.temp_dir.").Because(err)
	}
	if err := removeTemp(probe); err != nil {
		return nil, err
	}
	imports, err := openUploadDir(limits.ImportDir)
	if err != nil {
		return nil, err
	}
	s := &Service{
		Archive: NewArchive(c.Store), store: c.Store, invalidator: c.Invalidator, uploads: imports, importSlot: make(chan struct{}, 1), limits: limits, now: c.Now, logger: c.Logger,
		metrics: newMetrics(c.Registerer), words: words, formats: format.Detect,
		owner: uuid.NewString(), slots: make(chan struct{}, limits.Concurrency),
		decodeSlots: make(chan struct{}, limits.Concurrency),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.importCtx, s.stopImports = context.WithCancel(s.ctx)
	return s, nil
}

// Stop takes no new work, leaves uploads that are being imported for the next start, waits for what else is under way, and gives it up when ctx ends: the body is in the archive, and
// the next start takes it up again.
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

// begin registers one piece of work; the caller calls end when it is over.
func (s *Service) begin() (end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, problem.New(problem.Unavailable, "stopping", "The server is stopping. Send the body again in a minute.")
	}
	s.working.Add(1)
	return s.working.Done, nil
}

// start processes a claimed ingestion in the background and returns a channel that yields the result, once. decoded is
// what is known of the body already, or nil.
func (s *Service) start(
	by auditSource, ingestion health.Ingestion, user account.User, decoded *decodedBody, end func(),
) <-chan health.Ingestion {
	result := make(chan health.Ingestion, 1)
	go func() {
		defer end()
		if decoded != nil {
			defer decoded.close()
		}
		result <- s.processClaimed(by, ingestion, user, decoded)
	}()
	return result
}

// processClaimed processes a claimed ingestion when its turn comes: one body of a user at a time, and no more bodies at once
// than there are slots. It returns the ingestion as it stands afterwards, still accepted if it has to be tried again.
func (s *Service) processClaimed(by auditSource, ingestion health.Ingestion, user account.User, decoded *decodedBody) health.Ingestion {
	var err error
	whole := s.ctx
	if ingestion.ImportDir != "" {
		whole = s.importCtx
	}
	whole, span := tracing.Start(tracing.Detach(whole, by.ctx), "process body")
	defer func() { span.End(err) }()
	ctx, held := s.renewClaim(whole, ingestion.ID)
	defer held()

	slots := s.slots
	if ingestion.ImportDir != "" {
		// An import takes minutes, and what later bodies say wins whatever the order: they need not wait for it.
		slots = s.importSlot
		defer s.meters.Delete(ingestion.ID)
	} else {
		unlock := s.users.lock(ingestion.UserID)
		defer unlock()
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		if whole.Err() != nil {
			s.postpone(by, ingestion, whole.Err())
		}
		return ingestion
	}

	var finished health.Ingestion
	finished, err = s.process(ctx, ingestion, user, decoded)
	if err == nil {
		err = s.store.Finish(ctx, finished, s.owner, by.entry(&finished))
	}
	if isErased(err) {
		s.logger.InfoContext(ctx, "ingestion given up: the data of its user was erased", "ingestion", ingestion.ID)
		if ingestion.ImportDir != "" {
			s.uploads.remove(&ingestion)
		}
		return ingestion
	}
	if err != nil {
		s.postpone(by, ingestion, err)
		return ingestion
	}
	if ingestion.ImportDir != "" {
		s.uploads.remove(&ingestion)
	}
	s.metrics.finished(ctx, &finished)
	s.logFinished(ctx, &finished)
	return finished
}

// logFinished says what became of a body. Most are also in the line about the request that brought them, imports never.
func (s *Service) logFinished(ctx context.Context, i *health.Ingestion) {
	level := slog.LevelDebug
	if i.ImportDir != "" {
		level = slog.LevelInfo
	}
	s.logger.Log(ctx, level, "ingestion finished", "ingestion", i.ID, "user", i.UserID, "outcome", i.Status,
		"format", i.Format, "attempt", i.Attempts, "duration", i.Duration)
}

// maxAttempts is how often a body is tried that fails for a reason of ours before it is marked as failed. It stays in
// the archive and can be replayed.
const maxAttempts = 20

// postpone gives the claim back so that the ingestion is tried again, later each time, or marks it as failed.
func (s *Service) postpone(by auditSource, ingestion health.Ingestion, cause error) {
	ctx, cancel := context.WithTimeout(tracing.Detach(context.WithoutCancel(s.ctx), by.ctx), 5*time.Second)
	defer cancel()
	stopping := s.ctx.Err() != nil || ingestion.ImportDir != "" && s.importCtx.Err() != nil
	if !stopping {
		s.metrics.postponed()
		s.logger.ErrorContext(ctx, "ingestion postponed", "ingestion", ingestion.ID, "user", ingestion.UserID,
			"attempt", ingestion.Attempts, "err", cause)
	}
	if ingestion.Attempts >= maxAttempts && !errors.Is(cause, problem.Unavailable) && !stopping {
		ingestion.Status, ingestion.FailureCode = health.StatusFailed, "processing_failed"
		ingestion.Failure = "The body could not be processed because of a fault in the server. It is kept in the archive: replay it after an upgrade."
		ingestion.FinishedAt = s.now()
		if s.store.Finish(ctx, ingestion, s.owner, by.entry(&ingestion)) == nil {
			if ingestion.ImportDir != "" {
				s.uploads.remove(&ingestion)
			}
			return
		}
	}
	wait := min(time.Duration(ingestion.Attempts)*5*time.Second, 5*time.Minute)
	if stopping {
		wait = 0
	}
	// Where even this fails the claim lapses by itself.
	_ = s.store.Release(ctx, ingestion.ID, s.owner, s.now().Add(wait))
}

// userLocks lets one body of a user be processed at a time.
type userLocks struct {
	mu    sync.Mutex
	locks map[uuid.UUID]*userLock
}

type userLock struct {
	sync.Mutex
	waiting int
}

func (l *userLocks) lock(user uuid.UUID) (unlock func()) {
	l.mu.Lock()
	if l.locks == nil {
		l.locks = map[uuid.UUID]*userLock{}
	}
	lock, ok := l.locks[user]
	if !ok {
		lock = &userLock{}
		l.locks[user] = lock
	}
	lock.waiting++
	l.mu.Unlock()

	lock.Lock()
	return func() {
		lock.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if lock.waiting--; lock.waiting == 0 {
			delete(l.locks, user)
		}
	}
}

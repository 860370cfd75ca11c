package ingest

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/account"
	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/spool"
)

// bodySource is a place where bodies are kept until they have been processed, the archive or the import directory, with
// what depends on it: an import takes minutes.
type bodySource struct {
	// ctx ends when processing is to be given up.
	ctx context.Context
	// action is that of the audit log for an ingestion that a job resumes. background is set where the job does not wait.
	action     account.Action
	background bool
	// level is that of the log line about a finished ingestion.
	level slog.Level
	// acquire waits until an ingestion may be processed; ok is false when ctx has ended before that.
	acquire func(ctx context.Context, ingestion *health.Ingestion) (release func(), ok bool)
	// decode decodes the body where it is.
	decode func(ctx context.Context, ingestion *health.Ingestion, user account.User) (*decodedBody, error)
	// remove deletes what is kept only until the ingestion is finished.
	remove func(ingestion *health.Ingestion)
}

// sourceOf returns the source of an accepted ingestion's body.
func (s *Service) sourceOf(ingestion *health.Ingestion) *bodySource {
	if ingestion.ImportDir != "" {
		return &s.uploadSource
	}
	return &s.archiveSource
}

func (s *Service) newArchiveSource() bodySource {
	return bodySource{
		ctx: s.ctx, action: account.ActionIngest, level: slog.LevelDebug, // most are also in the log line of their request
		acquire: s.acquireForUser, decode: s.decodeArchived, remove: func(*health.Ingestion) {},
	}
}

func (s *Service) newUploadSource() bodySource {
	return bodySource{
		ctx: s.importCtx, action: account.ActionImport, background: true, level: slog.LevelInfo,
		acquire: s.acquireForImport, decode: s.decodeUpload,
		remove: func(i *health.Ingestion) { s.uploads.Remove(i.UserID, i.ID) },
	}
}

// acquireForUser waits until no other body of the user is being processed, and fewer bodies than there are slots.
func (s *Service) acquireForUser(ctx context.Context, ingestion *health.Ingestion) (release func(), ok bool) {
	unlock := s.users.lock(ingestion.UserID)
	select {
	case s.slots <- struct{}{}:
		return func() {
			<-s.slots
			unlock()
		}, true
	case <-ctx.Done():
		unlock()
		return nil, false
	}
}

// acquireForImport waits until no other import is being processed. Other bodies of the user may be processed at the same
// time: what a later body states replaces what an earlier one does in any order.
func (s *Service) acquireForImport(ctx context.Context, ingestion *health.Ingestion) (release func(), ok bool) {
	select {
	case s.importSlot <- struct{}{}:
		return func() {
			<-s.importSlot
			s.meters.Delete(ingestion.ID)
		}, true
	case <-ctx.Done():
		return nil, false
	}
}

// decodeArchived decodes a body from the archive. That of an import that was not kept is lost.
func (s *Service) decodeArchived(ctx context.Context, ingestion *health.Ingestion, user account.User) (*decodedBody, error) {
	if ingestion.StoredSize == 0 {
		return s.lostBody(ingestion), nil
	}
	body, err := s.Raw(ctx, user.ID, ingestion.ID)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return s.decode(ctx, ingestion, user, body), nil
}

// decodeUpload decodes a body from the import directory. One whose file was deleted is lost.
func (s *Service) decodeUpload(ctx context.Context, ingestion *health.Ingestion, user account.User) (*decodedBody, error) {
	file, err := s.uploads.Open(ingestion.UserID, ingestion.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return s.lostBody(ingestion), nil
	}
	if err != nil {
		return nil, spool.DiskError(err)
	}
	defer file.Close()
	m := &meter{}
	s.meters.Store(ingestion.ID, m)
	return s.decodeFile(ctx, ingestion, user, file, m), nil
}

// lostBody returns the result of decoding a body that cannot be reached any more.
func (s *Service) lostBody(ingestion *health.Ingestion) *decodedBody {
	d := s.newDecodedBody(ingestion)
	d.err = &bodyError{interrupted}
	return d
}

// userLocks has a lock per user: one body of a user is processed at a time.
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

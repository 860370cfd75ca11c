package ingest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/health-export/health-export/internal/health"
	"github.com/health-export/health-export/internal/problem"
)

// uploadDir is the directory in which uploads wait, as files, until they have been processed. It has a name of its own, so
// that of several servers the one that has the file takes up the work.
type uploadDir struct {
	dir  string
	name string
}

// nameFile holds the name of the directory.
const nameFile = "name"

// openUploadDir opens the directory, and makes it where there is none. "" stands for no directory.
func openUploadDir(dir string) (uploadDir, error) {
	if dir == "" {
		return uploadDir{}, nil
	}
	w := uploadDir{dir: dir}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = w.loadName()
	}
	if err != nil {
		return uploadDir{}, problem.New(problem.Unavailable, "no_import_directory",
			"The directory for uploads cannot be written to. Create it, or name another one in import.dir.").Because(err)
	}
	return w, nil
}

// loadName reads the name or gives the directory one. Of two processes that do so at once the first one's counts.
func (w *uploadDir) loadName() error {
	path := filepath.Join(w.dir, nameFile)
	fresh, err := os.CreateTemp(w.dir, nameFile+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(fresh.Name())
	_, err = fresh.WriteString(uuid.NewString())
	if err := errors.Join(err, fresh.Sync(), fresh.Close()); err != nil {
		return err
	}
	if err := os.Link(fresh.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := syncDir(w.dir); err != nil {
		return err
	}
	name, err := os.ReadFile(path) // #nosec G304 -- whoever starts the server names the directory
	if err == nil && len(name) == 0 {
		err = fmt.Errorf("%s is empty", path)
	}
	w.name = string(name)
	return err
}

func (w *uploadDir) path(i *health.Ingestion) string {
	return filepath.Join(w.dir, i.UserID.String()+"_"+i.ID.String())
}

// partial is the end of the name of a file that is still arriving.
const partial = ".part"

// receive writes a body to its end into the file of an ingestion. When it returns nil the file is durable.
func (w *uploadDir) receive(i *health.Ingestion, body io.Reader) (err error) {
	path := w.path(i)
	file, err := os.OpenFile(path+partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- the ids of user and ingestion in the server's directory
	if err != nil {
		return fmt.Errorf("%w: %w", errSpoolFull, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path + partial)
		}
	}()
	if _, err := io.Copy(diskWriter{file}, body); err != nil {
		return errors.Join(err, file.Close())
	}
	err = errors.Join(file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(path+partial, path)
	}
	if err == nil {
		err = syncDir(w.dir)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errSpoolFull, err)
	}
	return nil
}

// open opens the file of an ingestion.
func (w *uploadDir) open(i *health.Ingestion) (*os.File, error) { return os.Open(w.path(i)) }

// remove lets the file of an ingestion go.
func (w *uploadDir) remove(i *health.Ingestion) { _ = os.Remove(w.path(i)) }

// abandoned is how long a file that nobody is writing to, or that belongs to no unfinished ingestion, is left alone: its
// ingestion may be about to be recorded.
const abandoned = 24 * time.Hour

// sweep removes what a crash has left behind: uploads that broke off, and files whose ingestion was never recorded or is
// finished, as unfinished tells.
func (w *uploadDir) sweep(now time.Time, unfinished func(user, id uuid.UUID) bool) {
	if w.dir == "" {
		return
	}
	entries, _ := os.ReadDir(w.dir)
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || entry.Name() == nameFile || now.Sub(info.ModTime()) < abandoned {
			continue
		}
		userText, idText, _ := strings.Cut(strings.TrimSuffix(entry.Name(), partial), "_")
		user, errUser := uuid.Parse(userText)
		id, errID := uuid.Parse(idText)
		if errUser != nil || errID != nil || !strings.HasSuffix(entry.Name(), partial) && unfinished(user, id) {
			continue
		}
		_ = os.Remove(filepath.Join(w.dir, entry.Name()))
	}
}

// diskWriter marks the errors of writing, so that they are told apart from those of whoever sends.
type diskWriter struct{ io.Writer }

func (f diskWriter) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", errSpoolFull, err)
	}
	return n, err
}

// syncDir makes new names in a directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path) // #nosec G304 -- whoever starts the server names the directory
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, fs.ErrInvalid) || errors.Is(err, fs.ErrPermission) { // systems that cannot sync a directory
		err = nil
	}
	return errors.Join(err, dir.Close())
}
